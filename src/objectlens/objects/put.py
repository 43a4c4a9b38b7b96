"""PutObject."""

from __future__ import annotations

from collections.abc import Callable

from objectlens.call import Call
from objectlens.http import HttpResponse
from objectlens.objects import versioning
from objectlens.objects.acls import allowed_acl
from objectlens.objects.context import Objects, bucket_of, empty, key_of
from objectlens.objects.receiving import DEFAULT, Received
from objectlens.s3.headers import checksum_headers
from objectlens.s3.inputs import PutObject
from objectlens.s3.preconditions import WriteConditions
from objectlens.stores import Attributes, Late, Stat

FULL = "FULL_OBJECT"


async def put_object(objects: Objects, call: Call) -> HttpResponse:
    """Write an object, all or nothing."""
    asked = PutObject.parse(call.http)
    algorithm = asked.checksum.algorithm if asked.checksum else DEFAULT
    received = Received(call.body, algorithm, asked.checksum, asked.content_md5, trailers=lambda: call.body.trailers)

    acl = await allowed_acl(objects, bucket_of(call), asked.kept.acl)

    def attributes() -> Attributes:
        kept = asked.kept
        return Attributes(
            headers=kept.headers,
            metadata=kept.metadata,
            tags=kept.tags,
            checksums=received.checksums(),
            checksum_type=FULL,
            acl=acl,
        )

    known = Attributes(headers=asked.kept.headers, metadata=asked.kept.metadata, tags=asked.kept.tags)
    stat = await objects.store(bucket_of(call)).put(
        key_of(call), received, Late(known, attributes, algorithm), condition=condition(asked.conditions)
    )
    headers = [("ETag", f'"{stat.etag}"'), *checksum_headers(stat.attributes.checksums, FULL)]
    return empty(200, headers + versioning.of_written(stat))


def condition(conditions: WriteConditions) -> Callable[[Stat | None], None] | None:
    """Return the conditions of a write as a store wants them, None when there are none."""
    if not conditions:
        return None
    return lambda stat: conditions.check(None if stat is None else stat.etag)
