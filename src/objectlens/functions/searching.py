"""Where a Python handler's imports are looked for: its own files, its layers, then what the runtime has.

As on Lambda, whose path begins with `/var/task`, `/opt/python/lib/python3.X/site-packages`, `/opt/python`. It runs
inside the function's process, beside user code, and imports nothing of objectlens.
"""

from __future__ import annotations

import os
import sys

LAYERS = "OBJECTLENS_LAYERS"


def put_first() -> None:
    """Put the function's own files and its layers before everything else."""
    places = [os.environ["LAMBDA_TASK_ROOT"]]
    layers = os.environ.get(LAYERS)
    if layers:
        packages = f"python/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
        places += [f"{layers}/{packages}", f"{layers}/python"]
    sys.path[:0] = places
