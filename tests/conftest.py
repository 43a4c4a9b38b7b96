"""What every test needs, whichever process it runs in."""

from __future__ import annotations

import signal

# pytest-xdist's processes ignore Ctrl-C, and what they start would inherit that: programs under test would not hear it.
signal.signal(signal.SIGINT, signal.default_int_handler)
