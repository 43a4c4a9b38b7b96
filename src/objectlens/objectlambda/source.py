"""The supporting access point: what stands behind an Object Lambda access point, and the URL that reads it."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

from objectlens.access import Caller
from objectlens.arn import Arn
from objectlens.call import Call
from objectlens.catalog.entities import AccessPoint, Bucket, ObjectLambdaAccessPoint
from objectlens.errors import InvalidAccessPoint, NoSuchBucket
from objectlens.functions import Remote
from objectlens.objectlambda.context import SERVICE, ObjectLambda
from objectlens.objectlambda.event import forwarded_query
from objectlens.objects.context import bucket_of, key_of
from objectlens.objects.finding import version_of
from objectlens.objects.permitting import permit
from objectlens.s3.inputs.reading import STATE_PARAMETER
from objectlens.sigv4 import presign
from objectlens.stores import Stat

# The only headers beside `Host` that go into the signature: a function that fetches the bare URL must succeed, also
# when the caller's SDK sent `x-amz-checksum-mode` (reference sections 6 and 18.1).
_SIGNED = ("x-amz-request-payer", "x-amz-expected-bucket-owner")
# Its credentials outlive the URL, so that a function that comes late reads "Request has expired" (section 6) and
# nothing of tokens. They cannot sign anything else: their secret stays here.
_TOKEN_LEEWAY = timedelta(minutes=15)


async def supporting_access_point(lens: ObjectLambda, access_point: ObjectLambdaAccessPoint) -> AccessPoint:
    """Return the supporting access point; raises `InvalidAccessPoint` when it was deleted meanwhile."""
    arn = Arn.parse(access_point.configuration.supporting_access_point)
    name = arn.named("accesspoint")
    found = None if name is None else await lens.catalog.access_points.get(arn.account, name)
    if found is None:
        raise InvalidAccessPoint(
            f"The supporting access point {arn} of {access_point.name} does not exist. Create it again, or name "
            "another one with PutAccessPointConfigurationForObjectLambda."
        )
    return found


def signed_headers(call: Call) -> dict[str, str]:
    """Return the headers that the source must be read with, beside `Host`."""
    return {name: value for name in _SIGNED if (value := call.http.headers.get(name)) is not None}


def source_query(call: Call, state: str | None = None) -> str:
    """Return the query of a read of the source, but for what signs it; `state` is the only one that may be read."""
    query = forwarded_query(call.http.query)
    pinned = "" if state is None else f"{STATE_PARAMETER}={state}"
    return "&".join(filter(None, (query, pinned)))


def input_url(
    lens: ObjectLambda,
    call: Call,
    source: AccessPoint,
    method: str,
    remote: Remote | None = None,
    *,
    state: str | None = None,
) -> str:
    """Return `inputS3Url`: a presigned URL that reads the source as the caller, of the one `state` if it is given.

    It is path-style on the access point's alias, at an address that every function can reach and resolve; that of one
    that runs at a `remote` is another.
    """
    key = "" if call.address.key is None else quote(call.address.key, safe="/-_.~")
    query = source_query(call, state)
    if call.operation.name == "ListObjectsV2" and not query.startswith("list-type=2"):
        rest = [piece for piece in query.split("&") if piece and not piece.startswith("list-type=")]
        query = "&".join(["list-type=2", *rest])
    endpoint = lens.endpoint if remote is None else remote.public_url
    url = f"{endpoint}/{source.alias}/{key}" + (f"?{query}" if query else "")
    lifetime = timedelta(seconds=lens.url_seconds) + _TOKEN_LEEWAY
    credentials = lens.access.sessions.forward(call.caller, SERVICE, lifetime)
    return presign(
        method,
        url,
        credentials,
        region=source.region,
        now=lens.clock.now(),
        expires=lens.url_seconds,
        headers=signed_headers(call),
    )


async def at_source(
    lens: ObjectLambda, call: Call, access_point: ObjectLambdaAccessPoint, via: Caller | None = None
) -> Call:
    """Return the same call, authorised, on the supporting access point; `via` is its caller as S3 sees it there."""

    async def find() -> tuple[tuple[AccessPoint, Bucket], bool]:
        source = await supporting_access_point(lens, access_point)
        bucket = await lens.catalog.buckets.get(source.bucket)
        if bucket is None:
            raise NoSuchBucket(BucketName=source.bucket)
        return (source, bucket), True

    source, bucket = await lens.prepare((access_point.arn, "source"), find)
    there = call.at(source, bucket, via or call.caller.via(SERVICE))
    await permit(lens.objects, there)
    return there


async def look_at(lens: ObjectLambda, there: Call, key: str | None = None, *, now: bool = False) -> Stat:
    """Describe what a call on the supporting access point reads, or another key; raises `KeyNotFound`."""
    bucket, version = bucket_of(there), version_of(there)
    of = (bucket.name, bucket.created_at, version)
    return await lens.looks.stat(lens.objects.at(bucket, version), key_of(there) if key is None else key, of, now=now)
