"""What a derived object depends on, and the names that follow from it. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Source:
    """One version of one object. `etag` without quotes, `size` in bytes, `state` as `stores.Stat.state` gives it."""

    bucket: str
    key: str
    etag: str
    size: int
    modified: datetime
    state: str
    version_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Maker:
    """What makes derived objects: a function behind an access point.

    `access_point` and `function` are ARNs, the latter with the version, `$LATEST` included. `digest` (hexadecimal)
    changes whenever the code changes or whatever of its configuration can change its results: environment, layers,
    handler, runtime, the access point's payload; not memory or time. `since` is when the newest of these came to be.
    """

    access_point: str
    function: str
    digest: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """What is made of `source` by `maker` with `arguments`, which are canonical: equal ones are equal text.

    `id` is its name, 64 hexadecimal digits: equal only if all that it depends on is equal.

    `etag` is the strong ETag, without quotes, known before anything is made. It is shaped like that of an upload of one
    part: clients take bare 32 digits for the MD5 of the bytes, and compare.

    `modified` is since when this has been what the address answers: the newer of the times of source and function.
    """

    source: Source
    maker: Maker
    arguments: str = "{}"
    id: str = field(init=False, compare=False)
    etag: str = field(init=False, compare=False)
    modified: datetime = field(init=False, compare=False)

    def __post_init__(self) -> None:
        source, maker = self.source, self.maker
        parts = (
            source.bucket,
            source.key,
            source.state,
            source.version_id or "",
            maker.access_point,
            maker.function,
            maker.digest,
            self.arguments,
        )
        # What Python writes of texts keeps apart what plain joining could run together, and takes no time.
        name = hashlib.sha256(ascii(parts).encode()).hexdigest()
        object.__setattr__(self, "id", name)
        object.__setattr__(self, "etag", f"{name[:32]}-1")
        object.__setattr__(self, "modified", max(source.modified, maker.since).replace(microsecond=0))
