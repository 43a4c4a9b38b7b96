"""What is kept of a derived object beside its bytes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What a function answered before the bytes: a status below 300 and headers, `x-amz-meta-*` among them.

    Without those that are the gateway's to say: ETag, Last-Modified, Content-Length, checksums.
    """

    status: int = 200
    headers: Pairs = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One derived object that is kept: its head, its bytes' size and checksum, and where it comes from.

    `id` and `etag` are those of `Derived`; `size` is in bytes, `crc` the base64 CRC64NVME of the bytes, `duration_ms`
    what making it took. `bucket`, `key` and `source_etag` name the source; `access_point` and `function` are ARNs.
    """

    id: str
    etag: str
    head: Head
    size: int
    crc: str
    created: datetime
    duration_ms: int
    bucket: str
    key: str
    source_etag: str
    access_point: str
    function: str
    digest: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which entries: those that match all that is set. All None selects everything.

    `access_point` is an ARN; `prefix` begins the source's key; `function` is an ARN with or without a version.
    """

    access_point: str | None = None
    bucket: str | None = None
    prefix: str | None = None
    function: str | None = None
