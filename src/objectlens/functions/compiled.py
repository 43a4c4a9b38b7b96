"""The modules that run inside functions' processes, compiled for the server's own Python.

Where this package lies, Python may not write what it has compiled, least of all from inside a sandbox, and a script
that is started is never kept: each template would compile all of them, which takes a tenth of what its imports take.
"""

from __future__ import annotations

import logging
import py_compile
import shutil
from pathlib import Path

_LOGGER = logging.getLogger(__name__)
_HERE = Path(__file__).parent

FOLDER = "compiled"
# A room of its own, which native transforms use as well.
_AREA = _HERE.parent / "area"
_LIBRARY = _AREA / "area.so"

MODULES = (
    "accelerate",
    "area",
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
            source = str(_AREA / "__init__.py" if name == "area" else _HERE / f"{name}.py")
            py_compile.compile(source, str(compiled / f"{name}.pyc"), dfile=source, doraise=True)
        if _LIBRARY.is_file():
            # Under its name it is never half there, nor changed under a process that has it open.
            Path(shutil.copy(_LIBRARY, compiled / f"{_LIBRARY.name}.new")).replace(compiled / _LIBRARY.name)
        else:
            # An older version's, which may have been wrong.
            (compiled / _LIBRARY.name).unlink(missing_ok=True)
    except (OSError, py_compile.PyCompileError) as error:
        _LOGGER.warning("what runs inside functions is compiled again by each template: %s", error)
        return None
    return compiled
