"""What the operations of this room are given, and the few things that all of them do with it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

from objectlens import errors
from objectlens.access.values import Caller
from objectlens.call import Call
from objectlens.catalog import Catalog, NotFound
from objectlens.catalog.entities import Bucket, Resource
from objectlens.clock import Clock
from objectlens.http import Headers, HttpRequest, HttpResponse
from objectlens.s3.outputs import Owner
from objectlens.s3.xml import CONTENT_TYPE
from objectlens.stores import (
    NULL,
    Keeping,
    KeyNotFound,
    OneVersion,
    ReadsVersions,
    Store,
    StoreDenied,
    StoreFull,
    StoreLacks,
    StoreOpener,
    StoreUnavailable,
    StoreUnreachable,
    UploadNotFound,
    Versions,
)

_VERSION = re.compile(r"[A-Za-z0-9._+/=-]{32,1024}")


class Authorizer(Protocol):
    """What this room asks of access."""

    async def authenticate_form(self, form: Mapping[str, str]) -> Caller | None:
        """Return who signed the policy of a browser's form, None when nobody did."""
        ...

    async def authorize(
        self,
        caller: Caller,
        action: str,
        resource: Resource | str,
        *,
        key: str | None = None,
        context: Mapping[str, str | tuple[str, ...]] | None = None,
        http: HttpRequest | None = None,
    ) -> None:
        """Return when the caller may do it; raises `AccessDenied`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Objects:
    """The rooms below. `account` owns what is made here, in `region` unless the request says another.

    `acls` lets new buckets have ACLs.
    """

    catalog: Catalog
    opener: StoreOpener
    access: Authorizer
    clock: Clock
    account: str
    region: str
    acls: bool = False

    def store(self, bucket: Bucket) -> Store:
        """Return the store behind a bucket, in the manner that the bucket's versioning asks for."""
        return self.opener.open(bucket.name, bucket.store) if bucket.versioning is None else self.keeping(bucket)

    def keeping(self, bucket: Bucket) -> Keeping:
        """Return the store behind a bucket that keeps versions."""
        return self._versions(bucket).keeping(ids=bucket.versioning == "Enabled")

    def at(self, bucket: Bucket, version: str | None) -> Store | OneVersion:
        """Return the store behind a bucket as it is at a version, None being what is current."""
        if version is None or (version == NULL and bucket.versioning is None):
            return self.store(bucket)
        return self.version(bucket, version)

    def version(self, bucket: Bucket, version: str) -> OneVersion:
        """Return the store behind a bucket as it is at a version; raises `InvalidArgument` for what is no id.

        S3 tells an id that it could have made, but did not, from a text that is none.
        """
        if version != NULL and not _VERSION.fullmatch(version):
            raise errors.InvalidArgument(
                "Invalid version id specified", ArgumentName="versionId", ArgumentValue=version
            )
        store = self.opener.open(bucket.name, bucket.store)
        return store.at(version) if isinstance(store, ReadsVersions) else self._versions(bucket).at(version)

    def _versions(self, bucket: Bucket) -> Versions:
        store = self.opener.open(bucket.name, bucket.store)
        if not isinstance(store, Versions):
            raise errors.NotImplemented("The store behind this bucket does not serve versions.")
        return store


Handler = Callable[[Objects, Call], Awaitable[HttpResponse]]


def bucket_of(call: Call) -> Bucket:
    """Return the bucket behind a call."""
    if call.bucket is None:
        raise errors.NoSuchBucket(BucketName=call.address.name or "")
    return call.bucket


def resource_of(call: Call) -> Resource:
    """Return what a call's address names: a bucket, or an access point to one."""
    return call.resource or bucket_of(call)


def key_of(call: Call) -> str:
    """Return the key that a call addresses."""
    if call.address.key is None:
        raise errors.InvalidRequest("The request names no object; put its key after the bucket.")
    return call.address.key


async def change_bucket(objects: Objects, call: Call, **changes: Any) -> None:
    """Change fields of the bucket behind a call."""
    name = bucket_of(call).name
    try:
        await objects.catalog.buckets.update(name, change=lambda bucket: replace(bucket, **changes))
    except NotFound:
        raise errors.NoSuchBucket(BucketName=name) from None


@contextmanager
def upload_errors(upload: str) -> Iterator[None]:
    """Turn the store's word for an upload that is not there into S3's."""
    try:
        yield
    except UploadNotFound:
        raise errors.NoSuchUpload(UploadId=upload) from None


class store_errors:  # noqa: N801  (it is used as a function is)
    """Turn the store's failures into S3's; they name keys, and no path of the machine."""

    # A class: every request passes here several times, and a generator takes three times as long.
    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, where: object) -> None:
        if error is not None and (told := _told(error)) is not None:
            raise told from error


def _told(error: BaseException) -> errors.ServiceError | None:
    if isinstance(error, StoreDenied):
        return errors.AccessDenied(str(error))
    if isinstance(error, StoreLacks):
        return errors.NotImplemented(str(error))
    if isinstance(error, StoreUnreachable):
        return errors.ServiceUnavailable(str(error))
    if isinstance(error, (StoreFull, StoreUnavailable)):
        return errors.InternalStoreError(str(error))
    if isinstance(error, KeyNotFound):
        # It went between two looks; who may not know that has been refused at the first one.
        return errors.NoSuchKey(Key=str(error))
    return None


def owner(account: str) -> Owner:
    """Return an account as S3's documents name owners: by a canonical id of 64 hexadecimal digits.

    S3 itself stopped sending display names in 2025; older tools print them, so the account's number stands there.
    """
    return Owner(hashlib.sha256(f"canonical user of {account}".encode()).hexdigest(), account)


def xml(document: bytes, headers: Sequence[tuple[str, str]] = (), status: int = 200) -> HttpResponse:
    """Return a document as an answer."""
    return HttpResponse(status, Headers([("Content-Type", CONTENT_TYPE), *headers]), document)


def empty(status: int, headers: Sequence[tuple[str, str]] = ()) -> HttpResponse:
    """Return an answer without a body."""
    return HttpResponse(status, Headers(headers))
