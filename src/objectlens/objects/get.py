"""GetObject and HeadObject."""

from __future__ import annotations

from objectlens.call import Call
from objectlens.catalog.entities import Bucket
from objectlens.http import Headers, HttpResponse, ResponseBody
from objectlens.objects import versioning
from objectlens.objects.context import Objects, bucket_of, key_of, resource_of
from objectlens.objects.finding import check_tags, found, missing
from objectlens.objects.reading import Chosen, chosen, facts, open_chosen
from objectlens.s3.headers import object_headers
from objectlens.s3.inputs import ReadObject
from objectlens.s3.ranges import content_range
from objectlens.stores import KeyNotFound, Stat


async def get_object(objects: Objects, call: Call) -> HttpResponse:
    """Return an object, or the range or part of it that was asked for."""
    asked = ReadObject.parse(call.http)
    bucket = bucket_of(call)

    async def choose(stat: Stat) -> Chosen:
        await check_tags(objects, call, stat)
        return chosen(asked, stat)

    try:
        opened, span = await open_chosen(objects.at(bucket, asked.version_id), key_of(call), choose)
    except KeyNotFound as gone:
        raise await missing(objects, call, resource_of(call), gone, asked.version_id) from None
    return _answer(bucket, asked, opened.stat, span, opened.body)


async def head_object(objects: Objects, call: Call) -> HttpResponse:
    """Return the headers that GetObject would."""
    asked = ReadObject.parse(call.http)
    stat = await found(objects, call)
    return _answer(bucket_of(call), asked, stat, chosen(asked, stat), b"")


def _answer(bucket: Bucket, asked: ReadObject, stat: Stat, span: Chosen, body: ResponseBody) -> HttpResponse:
    of_part = asked.part_number is not None and bool(stat.attributes.part_checksums)
    headers = object_headers(
        facts(stat, asked.part_number if of_part else None),
        overrides=asked.overrides,
        # Of a mere range no checksum was kept.
        checksums=asked.checksums and (span is None or of_part),
        parts=asked.part_number is not None,
    )
    headers += versioning.of_read(bucket, stat)
    if span is None:
        return HttpResponse(200, Headers(headers), body, stat.size)
    start, end = span
    headers.append(("Content-Range", content_range(start, end, stat.size)))
    return HttpResponse(206, Headers(headers), body, end - start)
