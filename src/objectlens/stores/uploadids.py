"""Names of multipart uploads: the time of beginning, then chance, so that they sort by time and cannot be guessed."""

from __future__ import annotations

import re
import secrets

from objectlens.clock import Clock

_SHAPE = re.compile(r"[0-9a-f]{32}")


def new_upload_id(clock: Clock) -> str:
    """Return 32 hexadecimal digits: 14 of microseconds since 1970, 18 of chance."""
    micros = int(clock.now().timestamp() * 1_000_000)
    return f"{micros:014x}{secrets.token_hex(9)}"


def is_upload_id(text: str) -> bool:
    """Tell whether a text may be one of ours."""
    return _SHAPE.fullmatch(text) is not None
