"""Python's collector of garbage while a handler is imported: it rests, and the handler's module does not notice.

What is imported is not garbage, and looking for some takes a tenth of the time. A module that turns the collector off,
or on again, for itself has it so when the import has ended. This runs inside the function's process, beside user code,
and imports nothing of objectlens.
"""

from __future__ import annotations

import gc
from collections.abc import Callable

_NAMES = ("enable", "disable", "isenabled")


def rest() -> Callable[[], None]:
    """Have the collector rest; returns what ends that."""
    own = {name: getattr(gc, name) for name in _NAMES}
    wanted, resting = [gc.isenabled()], [True]

    # Somebody may keep one of these for later: then they do what they are named for.
    def enable() -> None:
        wanted[0] = True
        if not resting[0]:
            own["enable"]()

    def disable() -> None:
        wanted[0] = False
        own["disable"]()

    def isenabled() -> bool:
        return wanted[0] if resting[0] else bool(own["isenabled"]())

    def end() -> None:
        resting[0] = False
        for name in _NAMES:
            setattr(gc, name, own[name])
        if wanted[0]:
            gc.enable()

    own["disable"]()
    gc.enable, gc.disable, gc.isenabled = enable, disable, isenabled
    return end
