"""What is kept of a derived object beside its bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from objectlens.cache.key import Derived

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What a function answered beside the bytes, without what is the gateway's to say: ETag, dates, length, checksums.

    `system` are the headers that S3 keeps with an object, by canonical name; `metadata` goes without `x-amz-meta-`;
    `extra` are the others.
    """

    system: Pairs = ()
    metadata: Pairs = ()
    extra: Pairs = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One derived object that is kept: its head, its bytes' size and checksum, and where it comes from.

    `id` and `etag` are those of `Derived`; `size` is in bytes, `crc32` the base64 CRC-32 of the bytes, `duration_ms`
    what making it took. `bucket`, `key` and `source_etag` name the source; `access_point` and `function` are ARNs, the
    latter with the version.
    """

    id: str
    etag: str
    head: Head = field(default_factory=Head)
    size: int
    crc32: str
    created: datetime
    duration_ms: int
    bucket: str
    key: str
    source_etag: str
    access_point: str
    function: str
    digest: str
    arguments: str
    _told: tuple[datetime, Pairs] | None = field(default=None, init=False, repr=False, compare=False)

    def told(self, modified: datetime, make: Callable[[], Pairs]) -> Pairs:
        """Return the headers that `make` makes of this entry, made once as long as `Last-Modified` is the same."""
        told = self._told
        if told is None or told[0] != modified:
            told = modified, make()
            object.__setattr__(self, "_told", told)
        return told[1]

    @classmethod
    def of(cls, derived: Derived, head: Head, *, size: int, crc32: str, created: datetime, duration_ms: int) -> Entry:
        """Return the entry of a derived object that was made."""
        source, maker = derived.source, derived.maker
        return cls(
            id=derived.id,
            etag=derived.etag,
            head=head,
            size=size,
            crc32=crc32,
            created=created,
            duration_ms=duration_ms,
            bucket=source.bucket,
            key=source.key,
            source_etag=source.etag,
            access_point=maker.access_point,
            function=maker.function,
            digest=maker.digest,
            arguments=derived.arguments,
        )

    def to_json(self) -> bytes:
        """Return the entry as it is written behind its bytes."""
        said = {**asdict(self), "created": self.created.timestamp()}
        del said["_told"]
        return json.dumps(said, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Entry:
        """Read what `to_json` wrote; raises `ValueError`, `KeyError` or `TypeError` when it is something else."""
        said: dict[str, Any] = json.loads(text)
        head = Head(**{name: tuple((str(one), str(other)) for one, other in said["head"][name]) for name in _HEAD})
        return cls(**{**said, "head": head, "created": datetime.fromtimestamp(said["created"], UTC)})


_HEAD = ("system", "metadata", "extra")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which entries: those that match all that is set. Nothing set selects everything.

    `access_point` is an ARN; `prefix` begins the source's key; `function` is an ARN with or without a version.
    """

    access_point: str | None = None
    bucket: str | None = None
    prefix: str | None = None
    function: str | None = None

    def takes(self, derived: Derived) -> bool:
        """Tell whether a derived object, kept or not, is one of these."""
        source, maker = derived.source, derived.maker
        return (
            self.access_point in {None, maker.access_point}
            and self.bucket in {None, source.bucket}
            and source.key.startswith(self.prefix or "")
            and (self.function is None or f"{maker.function}:".startswith(f"{self.function}:"))
        )
