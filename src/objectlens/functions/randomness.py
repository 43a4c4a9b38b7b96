"""Random generators of a handler's module, after a fork: what was seeded begins as seeded, what was not differs.

A module that seeds a generator gets the same numbers in every environment, as in processes of their own. One that makes
a generator without a seed gets others in each. What a generator was seeded with cannot be seen in it, so seeding is
watched while the module is imported: that of `random`, and the seeds that NumPy draws (`SystemRandom`). It imports
nothing of objectlens, because it runs beside user code.
"""

from __future__ import annotations

import gc
import random
import sys
import weakref
from typing import Any

_MODULE: Any = random
_MODULES: dict[str, Any] = sys.modules
_GLOBAL = random.seed.__self__  # type: ignore[attr-defined]
_KINDS = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")


class Randomness:
    """What has to be renewed in each fork: `watch`, import the module, `settle`, and `renew` in the forks."""

    def __init__(self) -> None:
        self._seeded: dict[int, tuple[Any, bool]] = {}
        self._drawn: set[int] = set()
        self._state: Any = None
        self._unseeded: list[Any] = []
        self._bits: list[Any] = []
        self._watching = False
        self._seed, self._draw = random.Random.seed, random.SystemRandom.getrandbits

    def watch(self) -> None:
        """Begin to take note of seeds."""
        self._watching = True
        plain, draw = self._seed, self._draw

        def seed(self_: Any, a: Any = None, version: int = 2) -> None:
            plain(self_, a, version)
            if self._watching:
                self._seeded[id(self_)] = weakref.ref(self_), a is not None

        def getrandbits(self_: Any, k: int) -> int:
            drawn = draw(self_, k)
            if self._watching:
                self._drawn.add(drawn)
            return drawn

        self._put(seed, getrandbits)

    def settle(self) -> None:
        """Take no more note, and keep what the forks need."""
        self._watching = False
        self._put(self._seed, self._draw)
        ours = self._seeded.pop(id(_GLOBAL), None)
        self._state = random.getstate() if ours is not None and ours[1] else None
        self._unseeded = [ref for ref, seeded in self._seeded.values() if not seeded]
        self._bits = self._find_bits()
        self._seeded.clear()
        self._drawn.clear()

    def renew(self) -> None:
        """Make this fork's numbers its own. Python itself seeds the functions of `random` anew in every fork."""
        if self._state is not None:
            random.setstate(self._state)
        for generator in filter(None, (ref() for ref in self._unseeded)):
            generator.seed()
        for bits in self._bits:
            bits.state = type(bits)().state

    def _put(self, seed: Any, getrandbits: Any) -> None:
        _MODULE.Random.seed = seed
        _MODULE.seed = _GLOBAL.seed
        _MODULE.SystemRandom.getrandbits = getrandbits
        if secrets := _MODULES.get("secrets"):
            secrets.randbits = secrets.SystemRandom().getrandbits  # where NumPy takes it from

    def _find_bits(self) -> list[Any]:
        """Return NumPy's bit generators that were not seeded: those whose seed was drawn."""
        numpy = _MODULES.get("numpy.random")
        kinds = {kind for name in _KINDS if (kind := getattr(numpy, name, None)) is not None}
        found = (one for one in gc.get_objects() if type(one) in kinds) if kinds else ()
        return [one for one in found if self._was_drawn(one)]

    def _was_drawn(self, bits: Any) -> bool:
        # A generator of the old kind that was seeded with a number has no sequence of seeds any more.
        sequence = getattr(bits, "seed_seq", None) or getattr(bits, "_seed_seq", None)
        entropy = getattr(sequence, "entropy", None)
        return isinstance(entropy, int) and entropy in self._drawn


CHANCE = Randomness()
"""That of this process."""
