"""GetObject and HeadObject."""

from __future__ import annotations

from objectlens.call import Call
from objectlens.http import Headers, HttpResponse, ResponseBody
from objectlens.objects.context import Objects, bucket_of, key_of, resource_of
from objectlens.objects.finding import check_tags, found, missing
from objectlens.objects.reading import Chosen, chosen, facts, open_chosen
from objectlens.s3.headers import object_headers
from objectlens.s3.inputs import ReadObject
from objectlens.s3.ranges import content_range
from objectlens.stores import KeyNotFound, Stat
from objectlens.stores.protocols import NULL


async def get_object(objects: Objects, call: Call) -> HttpResponse:
    """Return an object, or the range or part of it that was asked for."""
    asked = ReadObject.parse(call.http)
    key = key_of(call)

    async def choose(stat: Stat) -> Chosen:
        await check_tags(objects, call, stat)
        return chosen(asked, stat)

    try:
        opened, span = await open_chosen(
            objects.at(bucket_of(call), asked.version_id), key, choose, partial=asked.partial
        )
    except KeyNotFound:
        raise await missing(objects, call, resource_of(call), key, asked.version_id) from None
    return _answer(asked, opened.stat, span, opened.body)


async def head_object(objects: Objects, call: Call) -> HttpResponse:
    """Return the headers that GetObject would."""
    asked = ReadObject.parse(call.http)
    stat = await found(objects, call, asked.version_id)
    return _answer(asked, stat, chosen(asked, stat), b"")


def _answer(asked: ReadObject, stat: Stat, span: Chosen, body: ResponseBody) -> HttpResponse:
    headers = object_headers(
        facts(stat),
        overrides=asked.overrides,
        # The checksum kept is that of the whole object.
        checksums=asked.checksums and span is None,
        parts=asked.part_number is not None,
    )
    if stat.version != NULL:
        headers.append(("x-amz-version-id", stat.version))
    if span is None:
        return HttpResponse(200, Headers(headers), body, stat.size)
    start, end = span
    headers.append(("Content-Range", content_range(start, end, stat.size)))
    return HttpResponse(206, Headers(headers), body, end - start)
