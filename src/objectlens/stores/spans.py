"""Which keys a listing is about: prefix, delimiter and the place to go on after, all in UTF-8 bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from objectlens.stores.protocols import Entry, Listing

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Span:
    """The keys that begin with `prefix` and come after `after`, rolled up at `delimiter`.

    When `after` is itself a common prefix, everything under it was told already and is left out.
    """

    prefix: bytes
    delimiter: bytes
    after: bytes
    after_is_rolled: bool

    @classmethod
    def of(cls, prefix: str, delimiter: str, after: str) -> Span:
        """Build a span from text."""
        start, mark, last = prefix.encode(), delimiter.encode(), after.encode()
        return cls(start, mark, last, bool(last) and _rolled(last, start, mark) == last)

    def rolled(self, name: bytes) -> bytes | None:
        """Return the common prefix that stands for `name`, None when it stands for itself."""
        return _rolled(name, self.prefix, self.delimiter)

    def holds(self, key: bytes) -> bool:
        """Tell whether a key belongs to the span."""
        return key > self.after and key.startswith(self.prefix) and not self._told(key)

    def may_hold(self, start: bytes) -> bool:
        """Tell whether a key that begins with `start` may belong to the span."""
        if not (start.startswith(self.prefix) or self.prefix.startswith(start)):
            return False
        return (start > self.after or self.after.startswith(start)) and not self._told(start)

    def ends_before(self, name: bytes) -> bool:
        """Tell whether neither `name` nor anything after it belongs to the span."""
        return name[: len(self.prefix)] > self.prefix

    def _told(self, name: bytes) -> bool:
        return self.after_is_rolled and name.startswith(self.after)


def _rolled(name: bytes, prefix: bytes, delimiter: bytes) -> bytes | None:
    if not delimiter or not name.startswith(prefix):
        return None
    at = name.find(delimiter, len(prefix))
    return None if at < 0 else name[: at + len(delimiter)]


@dataclass(frozen=True, slots=True)
class Found:
    """One thing met on a walk: a key with where it is kept, or a common prefix with nothing."""

    name: bytes
    where: object = None


def page(found: Iterable[Found], limit: int, describe: Callable[[Found], Entry | None]) -> Listing:
    """Make one page of what a walk yields in order; `describe` may return None for what is gone by now."""
    entries: list[Entry] = []
    prefixes: list[str] = []
    last: bytes | None = None
    for one in found:
        if one.name == last:
            continue
        if len(entries) + len(prefixes) >= limit:
            return Listing(
                entries=tuple(entries),
                prefixes=tuple(prefixes),
                truncated=last is not None,
                next_after=last.decode() if last is not None else None,
            )
        if one.where is None:
            prefixes.append(one.name.decode())
        else:
            entry = describe(one)
            if entry is None:
                continue
            entries.append(entry)
        last = one.name
    return Listing(entries=tuple(entries), prefixes=tuple(prefixes))
