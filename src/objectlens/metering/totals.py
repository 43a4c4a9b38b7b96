"""What was used since the server started, for those who watch counters grow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from objectlens.metering.rows import OTHER, Key, Sums


class Label(NamedTuple):
    """What totals are told apart by: names, without callers and jobs, of which there are too many."""

    function: str
    version: str
    access_point: str
    runtime: str
    cold: str
    cache: str


class Totals:
    """The sums so far, of at most `most` labels and `(other)`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._sums: dict[Label, Sums] = {}

    def add(self, key: Key, sums: Sums) -> None:
        """Add what was used."""
        label = _label(key)
        if label not in self._sums and len(self._sums) >= self._most:
            label = Label(OTHER, OTHER, OTHER, OTHER, "false", OTHER)
        self._sums.setdefault(label, Sums()).add(sums)

    def with_more(self, more: Iterable[tuple[Key, Sums]]) -> dict[Label, Sums]:
        """Return the sums so far and further ones, in the order of their labels."""
        copy = Totals(self._most)
        for label, sums in self._sums.items():
            copy._sums.setdefault(label, Sums()).add(sums)
        for key, sums in more:
            copy.add(key, sums)
        return dict(sorted(copy._sums.items()))


def _label(key: Key) -> Label:
    return Label(
        str(key.function).rpartition(":")[2],
        str(key.version),
        str(key.access_point).rpartition("/")[2],
        str(key.runtime),
        "true" if key.cold else "false",
        str(key.cache),
    )
