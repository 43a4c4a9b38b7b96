"""PostObject: an upload by a browser's form."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from urllib.parse import quote

from objectlens.access.values import Caller
from objectlens.call import Call
from objectlens.http import Headers, HttpResponse
from objectlens.objects import versioning
from objectlens.objects.acls import allowed_acl
from objectlens.objects.context import Objects, bucket_of, empty, resource_of, xml
from objectlens.objects.put import FULL
from objectlens.objects.receiving import DEFAULT, Received
from objectlens.s3.form_policy import FormPolicy
from objectlens.s3.forms import FormDecoder
from objectlens.s3.headers import checksum_headers
from objectlens.s3.inputs import PostObject, filled_in, redirected
from objectlens.s3.operations import extra_actions
from objectlens.s3.outputs import post_response
from objectlens.stores import Attributes, Stat


async def post_object(objects: Objects, call: Call) -> HttpResponse:
    """Write the file of a form, all or nothing, under the key that its fields name."""
    bucket = bucket_of(call)
    decoder = FormDecoder(call.http.headers.get("content-type"))
    chunks = aiter(call.body)
    first = await _until_file(decoder, chunks)
    fields = filled_in(decoder.fields, decoder.filename)
    caller = await objects.access.authenticate_form(fields)
    policy = FormPolicy.parse(fields["policy"]) if caller is not None else None
    if policy is not None:
        policy.check({**fields, "bucket": bucket.name}, objects.clock.now())
    asked = PostObject.parse(fields)
    await _permit(objects, call, caller or call.caller, asked)
    received = Received(
        _file(decoder, first, chunks, policy),
        asked.checksum.algorithm if asked.checksum else DEFAULT,
        asked.checksum,
        asked.content_md5,
    )
    kept = Attributes(
        headers=asked.kept.headers,
        metadata=asked.kept.metadata,
        tags=asked.kept.tags,
        checksum_type=FULL,
        acl=await allowed_acl(objects, bucket, asked.kept.acl),
    )
    stat = await objects.store(bucket).put(asked.key, received, lambda: replace(kept, checksums=received.checksums()))
    return _answer(call, asked, stat)


async def _until_file(decoder: FormDecoder, chunks: AsyncIterator[bytes]) -> Sequence[bytes]:
    """Read the fields; returns what came of the file along with the last of them."""
    async for chunk in chunks:
        found = decoder.feed(chunk)
        if decoder.at_file:
            return found
    decoder.close()
    return ()


async def _file(
    decoder: FormDecoder, first: Sequence[bytes], chunks: AsyncIterator[bytes], policy: FormPolicy | None
) -> AsyncIterator[bytes]:
    size = 0
    for piece in first:
        size += _checked(policy, size, piece)
        yield piece
    async for chunk in chunks:
        for piece in decoder.feed(chunk):
            size += _checked(policy, size, piece)
            yield piece
    decoder.close()
    if policy is not None:
        policy.check_size(size, ended=True)


def _checked(policy: FormPolicy | None, before: int, piece: bytes) -> int:
    if policy is not None:
        policy.check_size(before + len(piece), ended=False)
    return len(piece)


async def _permit(objects: Objects, call: Call, caller: Caller, asked: PostObject) -> None:
    """Ask for what a PutObject of the same would need: policies look at headers, which a form has as fields."""
    own = [(name, value) for name, value in call.http.headers if not name.lower().startswith("x-amz-")]
    http = replace(call.http, headers=Headers([*own, *asked.headers]))
    for action in (call.operation.action, *extra_actions(call.operation, http, anonymous=caller.kind == "Anonymous")):
        await objects.access.authorize(caller, action, resource_of(call), key=asked.key, http=http)


def _answer(call: Call, asked: PostObject, stat: Stat) -> HttpResponse:
    bucket = bucket_of(call).name
    location = f"{call.http.scheme}://{call.http.host}/{bucket}/{quote(asked.key, safe='/-_.~')}"
    headers = [("ETag", f'"{stat.etag}"'), ("Location", location)]
    headers += [*checksum_headers(stat.attributes.checksums, FULL), *versioning.of_written(stat)]
    if asked.redirect is not None:
        return empty(
            303, [("ETag", f'"{stat.etag}"'), ("Location", redirected(asked.redirect, bucket, stat.key, stat.etag))]
        )
    if asked.status == 201:
        return xml(post_response(location, bucket, asked.key, stat.etag), headers, 201)
    return empty(asked.status, headers)
