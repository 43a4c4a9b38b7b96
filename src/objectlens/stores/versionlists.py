"""Pages of versions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from objectlens.stores import places, sidecars
from objectlens.stores.faults import translated
from objectlens.stores.history import Held, History, Seen
from objectlens.stores.protocols import Stat, Version, VersionListing
from objectlens.stores.spans import Span
from objectlens.stores.walks import found_versions

VersionsOf = Callable[[str], Sequence[Version]]
"""Returns a key's versions, the newest first."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which page is asked for; see `Versions.versions`."""

    prefix: str
    delimiter: str
    after: str
    after_version: str
    limit: int

    @property
    def span(self) -> Span:
        """Return the keys that it is about, without that of `after_version`."""
        return Span.of(self.prefix, self.delimiter, self.after)

    @property
    def begun(self) -> str | None:
        """Return the key of which the page before has shown some versions."""
        span, raw = self.span, self.after.encode()
        if self.after_version and raw.startswith(span.prefix) and span.rolled(raw) is None:
            return self.after
        return None


def listed(history: History, asked: Asked) -> VersionListing:
    """Return one page of a folder's versions."""
    files = history.files
    with translated("list", asked.prefix):
        os.stat(files.root)
        found = found_versions(files.root, asked.span, files.scans)
        names = ((one.name.decode(), one.where is None) for one in found)
        return page_of_versions(asked, names, lambda key: _versions(history, key))


def page_of_versions(asked: Asked, names: Iterable[tuple[str, bool]], versions: VersionsOf) -> VersionListing:
    """Make one page of names in order, each with whether it is a common prefix; `versions` tells those of a key."""
    entries: list[Version] = []
    prefixes: list[str] = []
    last: Version | str | None = None
    for one in _each(asked, names, versions):
        if len(entries) + len(prefixes) >= asked.limit:
            return _cut(entries, prefixes, last)
        if isinstance(one, str):
            prefixes.append(one)
        else:
            entries.append(one)
        last = one
    return VersionListing(versions=tuple(entries), prefixes=tuple(prefixes))


def described(stat: Stat, *, latest: bool) -> Version:
    """Return a version that has bytes as a listing shows it."""
    return Version(
        key=stat.key, version=stat.version, latest=latest, modified=stat.modified, size=stat.size, etag=stat.etag
    )


def _each(asked: Asked, names: Iterable[tuple[str, bool]], versions: VersionsOf) -> Iterator[Version | str]:
    if asked.begun is not None:
        yield from _older(versions(asked.begun), asked.after_version)
    for name, is_prefix in names:
        if is_prefix:
            yield name
        else:
            yield from versions(name)


def _older(versions: Sequence[Version], version: str) -> Sequence[Version]:
    for at, one in enumerate(versions):
        if one.version == version:
            return versions[at + 1 :]
    return versions


def _cut(entries: list[Version], prefixes: list[str], last: Version | str | None) -> VersionListing:
    return VersionListing(
        versions=tuple(entries),
        prefixes=tuple(prefixes),
        truncated=last is not None,
        next_after=last.key if isinstance(last, Version) else last,
        next_version=last.version if isinstance(last, Version) else None,
    )


def _versions(history: History, key: str) -> Sequence[Version]:
    seen = history.seen(key)
    current = () if seen.current is None else (described(seen.current.stat, latest=True),)
    older = (_held(history, key, seen, one) for one in seen.older)
    return (*current, *filter(None, older))


def _held(history: History, key: str, seen: Seen, held: Held) -> Version | None:
    state = places.look(history.files.root, history.place(key, held))
    if state is None:
        # Removed since.
        return None
    if held.marker:
        latest = held == seen.marker
        return Version(key=key, version=held.version, latest=latest, modified=sidecars.modified(state), marker=True)
    beside = sidecars.read(history.files.meta, state) or sidecars.foreign(key, state)
    return Version(
        key=key,
        version=held.version,
        latest=False,
        modified=sidecars.modified(state),
        size=state.st_size,
        etag=beside.etag,
    )
