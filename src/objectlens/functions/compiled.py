"""The modules that run inside functions' processes, compiled for the server's own Python.

Where this package lies, Python may not write what it has compiled, least of all from inside a sandbox, and a script
that is started is never kept: each template would compile all of them, which takes a tenth of what its imports take.
"""

from __future__ import annotations

import logging
import py_compile
from pathlib import Path

_LOGGER = logging.getLogger(__name__)
_HERE = Path(__file__).parent

FOLDER = "compiled"
MODULES = (
    "accelerate",
    "collecting",
    "confine",
    "fetching",
    "handover",
    "labels",
    "mold",
    "polling",
    "private_tmp",
    "randomness",
    "searching",
    "spare",
    "wire",
    "writing",
)
"""The script of a template, `mold`, and what lies beside it for that or `accelerate` to load."""


def compile_modules(folder: Path) -> Path | None:
    """Compile them into `FOLDER` of a folder; returns that, None when it could not be written."""
    compiled = folder / FOLDER
    try:
        compiled.mkdir(parents=True, exist_ok=True)
        for name in MODULES:
            source = str(_HERE / f"{name}.py")
            py_compile.compile(source, str(compiled / f"{name}.pyc"), dfile=source, doraise=True)
    except (OSError, py_compile.PyCompileError) as error:
        _LOGGER.warning("what runs inside functions is compiled again by each template: %s", error)
        return None
    return compiled
