"""Requests to one bucket of S3, each in a thread, and what is known of the server that answers them."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from objectlens.stores.remote import oddkeys
from objectlens.stores.remote.faults import code_of, told
from objectlens.stores.remote.listing import RawPage
from objectlens.stores.remote.location import Location
from objectlens.stores.remote.s3_client import S3Client
from objectlens.stores.remote.s3_facts import bare, entry_of

# Servers whose keys are texts and no paths, by what they call themselves: these keep every key to the letter or refuse
# it. One that we do not know may rewrite keys.
_EXACT: Final = ("AmazonS3", "Ceph", "MinIO", "UploadServer", "cloudflare", "objectlens")
# This one sorts folder by folder, and starts after a key in that order.
_BY_FOLDER: Final = "SeaweedFS"


@dataclass(frozen=True, slots=True)
class Manners:
    """What a server does with keys. `encoded`: it rewrites odd ones; `by_folder`: it does not sort by bytes."""

    encoded: bool
    by_folder: bool

    def place(self, key: str) -> str:
        """Return the name under which the server keeps a key."""
        return oddkeys.place_of(key) if self.encoded else oddkeys.plain(key)

    def marks_folder(self, key: str) -> bool:
        """Tell whether a key is kept under another name only for its last slash, with which others may have made it."""
        return self.encoded and not oddkeys.is_odd(key.removesuffix("/"))


class Calls:
    """One bucket."""

    def __init__(self, location: Location, executor: Executor, connections: int) -> None:
        self.location = location
        self._executor = executor
        self._client = S3Client(location, connections)
        self._manners: Manners | None = None
        if location.endpoint is None:
            self._manners = Manners(location.options.get("keys") == "encoded", by_folder=False)

    async def call(self, operation: str, doing: str = "", **arguments: Any) -> dict[str, Any]:
        """Send one request; raises our errors."""
        with told(doing or operation, self.location.shown):
            return await self.attempt(operation, **arguments)

    async def attempt(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Send one request; raises botocore's errors."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self.send, operation, arguments)

    def send(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Send one request from the calling thread; raises botocore's errors."""
        found: dict[str, Any] = getattr(self._client.get(), operation)(Bucket=self.location.bucket, **arguments)
        return found

    async def manners(self) -> Manners:
        """Find out, once, what the server does with keys."""
        if self._manners is None:
            server = await self._server()
            keys = self.location.options.get("keys")
            encoded = keys == "encoded" if keys else not server.startswith(_EXACT)
            self._manners = Manners(encoded, by_folder=server.startswith(_BY_FOLDER))
        return self._manners

    async def named(self, key: str) -> dict[str, str]:
        """Return the argument that addresses an object."""
        return {"Key": self.location.prefix + (await self.manners()).place(key)}

    async def page(
        self, prefix: str, delimiter: str, after: str, limit: int = 1000, token: str | None = None
    ) -> RawPage:
        """Return one page of names, without the bucket's prefix."""
        base = self.location.prefix
        more = {"ContinuationToken": token} if token else {"StartAfter": base + after} if after else {}
        answer = await self.call(
            "list_objects_v2", f"list {prefix!r}", Prefix=base + prefix, Delimiter=delimiter, MaxKeys=limit, **more
        )
        cut = len(base)
        return RawPage(
            # SeaweedFS lists folders that nobody made as keys without an ETag.
            tuple(
                entry_of(one["Key"][cut:], one)
                for one in answer.get("Contents", ())
                if len(one["Key"]) > cut and bare(one.get("ETag", "-"))
            ),
            tuple(one["Prefix"][cut:] for one in answer.get("CommonPrefixes", ())),
            answer.get("NextContinuationToken") if answer.get("IsTruncated") else None,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    async def _server(self) -> str:
        answer = await self.call("list_objects_v2", "list", MaxKeys=1, Prefix=self.location.prefix)
        return str(answer["ResponseMetadata"]["HTTPHeaders"].get("server", ""))


def is_missing(error: ClientError) -> bool:
    """Tell whether an answer says that there is no such object, or a delete marker; not that there is no bucket."""
    return code_of(error) in {"NoSuchKey", "404", "NoSuchVersion", "MethodNotAllowed", "405"}


def is_unmet(error: ClientError) -> bool:
    """Tell whether a condition of ours did not hold."""
    with suppress(KeyError):
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in {409, 412}:
            return code_of(error) in {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
    return False
