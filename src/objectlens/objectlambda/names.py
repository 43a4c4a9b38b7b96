"""The names of derived objects: made of the present state of a source, and kept as long as it stays the same."""

from __future__ import annotations

from objectlens.cache import Derived, Maker, Source
from objectlens.stores import NULL, Stat

_MOST = 4096


class Names:
    """Gives derived objects their names; the last ones are remembered.

    A store gives the same `Stat` out as long as an object does not change, and the catalog the same maker: what both
    are, and not only like, has the same name.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._known: dict[tuple[str, str, str, str], tuple[Stat, Maker, Derived]] = {}

    def of(self, bucket: str, stat: Stat, maker: Maker, arguments: str) -> Derived:
        """Return what is made of an object in a bucket, in the state that `stat` describes."""
        place = (maker.access_point, bucket, stat.key, arguments)
        known = self._known.get(place)
        if known is not None and known[0] is stat and known[1] is maker:
            return known[2]
        derived = Derived(source=_source_of(bucket, stat), maker=maker, arguments=arguments)
        if known is None and len(self._known) >= self._most:
            del self._known[next(iter(self._known))]
        self._known[place] = stat, maker, derived
        return derived


def _source_of(bucket: str, stat: Stat) -> Source:
    return Source(
        bucket=bucket,
        key=stat.key,
        etag=stat.etag,
        size=stat.size,
        modified=stat.modified,
        state=stat.state(),
        version_id=None if stat.version == NULL else stat.version,
    )
