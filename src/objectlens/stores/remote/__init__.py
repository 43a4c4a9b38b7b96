"""Buckets elsewhere, as stores: on S3 and what speaks like it, on Google Cloud Storage, on Azure.

What flows through: the URL of a bucket comes in, a store comes out, which asks the service for everything and keeps
nothing here. From the bottom: `location` reads URLs, `faults` has the words for what services refuse, `oddkeys` and
`listing` make keys and their order what S3 says they are, `spool` holds bodies on their way. `s3…` is the store that
speaks S3; `blobs…` is the one for services that do not, over obstore.
"""

from __future__ import annotations

from concurrent.futures import Executor
from pathlib import Path
from typing import Protocol

from objectlens.clock import Clock
from objectlens.stores.protocols import Far, Store
from objectlens.stores.remote.blobs import BlobStore
from objectlens.stores.remote.location import Location, UnknownStore, is_remote
from objectlens.stores.remote.s3 import S3Store

__all__ = ["RemoteStore", "UnknownStore", "is_remote", "open_remote"]


class RemoteStore(Store, Far, Protocol):
    """A store elsewhere."""

    async def check(self) -> None:
        """List the bucket, once, writing nothing; raises `StoreUnavailable` that says what was tried."""
        ...


def open_remote(url: str, executor: Executor, folder: Path, *, connections: int, clock: Clock) -> RemoteStore:
    """Return the store behind a URL; raises `UnknownStore`.

    `executor` sends, at most `connections` requests at a time; in `folder` bodies wait on their way.
    """
    location = Location.parse(url)
    if location.service == "s3":
        return S3Store(location, executor, folder, connections=connections, clock=clock)
    return BlobStore(location, executor, folder, clock=clock)
