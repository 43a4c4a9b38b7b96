"""What a derived object depends on, and the names that follow from it. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property


@dataclass(frozen=True, kw_only=True)
class Source:
    """One version of one object. `etag` without quotes, `size` in bytes, `state` as `stores.state_of` gives it."""

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


@dataclass(frozen=True, kw_only=True)
class Derived:
    """What is made of `source` by `maker` with `arguments`, which are canonical: equal ones are equal text."""

    source: Source
    maker: Maker
    arguments: str = "{}"

    @cached_property
    def id(self) -> str:
        """The name of the derived object, 64 hexadecimal digits: equal only if all that it depends on is equal."""
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
        # JSON keeps apart what plain joining could run together.
        return hashlib.sha256(json.dumps(parts, ensure_ascii=True).encode()).hexdigest()

    @cached_property
    def etag(self) -> str:
        """The strong ETag, without quotes, known before anything is made.

        It is shaped like that of an upload of one part: clients take bare 32 digits for the MD5 of the bytes, and
        compare.
        """
        return f"{self.id[:32]}-1"

    @property
    def modified(self) -> datetime:
        """The time since when this has been what the address answers: that of the newer of source and function."""
        return max(self.source.modified, self.maker.since).replace(microsecond=0)
