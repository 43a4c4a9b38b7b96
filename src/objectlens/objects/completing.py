"""CompleteMultipartUpload."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote

from objectlens import errors
from objectlens.call import Call
from objectlens.http import HttpResponse
from objectlens.objects import versioning
from objectlens.objects.context import Objects, bucket_of, key_of, xml
from objectlens.objects.documents import read_document
from objectlens.objects.multipart import algorithm_of, checksum_type_of
from objectlens.objects.put import condition
from objectlens.objects.receiving import DEFAULT
from objectlens.s3 import checksums
from objectlens.s3.checksums import ChecksumType
from objectlens.s3.inputs import CompletedPart, CompleteMultipartUpload
from objectlens.s3.outputs_multipart import complete_result
from objectlens.s3.xml import MAX_BYTES
from objectlens.stores import KeyNotFound, Part, PartNotFound, Stat, Store, Upload, UploadNotFound

SMALLEST_PART = 5 * 1024 * 1024


async def complete_multipart_upload(objects: Objects, call: Call) -> HttpResponse:
    """Make the object of the parts that the request lists."""
    body = await read_document(call, MAX_BYTES)
    asked = CompleteMultipartUpload.parse(call.http, body)
    bucket, key = bucket_of(call), key_of(call)
    try:
        stat = await _complete(objects.store(bucket), key, asked)
    except UploadNotFound:
        stat = await _completed_before(objects.store(bucket), key, asked)
    attributes = stat.attributes
    document = complete_result(
        location=f"{call.http.scheme}://{call.http.host}/{bucket.name}/{quote(key, safe='/-_.~')}",
        bucket=bucket.name,
        key=key,
        etag=stat.etag,
        checksums=attributes.checksums,
        checksum_type=attributes.checksum_type,
    )
    return xml(document, versioning.of_written(stat))


async def _complete(store: Store, key: str, asked: CompleteMultipartUpload) -> Stat:
    upload, held = await store.uploaded(asked.upload_id)
    if upload.key != key:
        raise UploadNotFound(asked.upload_id)
    parts = _chosen(asked.parts, upload, {part.number: part for part in held})
    _check_sizes(parts, asked.size)
    kind = checksum_type_of(upload)
    _check_type(asked, upload, kind)
    value = _checksum(upload, parts)
    algorithm = algorithm_of(upload) or DEFAULT
    if value is not None:
        _check_checksum(asked, upload, algorithm, value)
    attributes = replace(
        upload.attributes,
        checksums={} if value is None else {algorithm: value},
        checksum_type=None if value is None else kind,
        parts=tuple(part.size for part in parts),
        part_checksums=tuple(part.checksums[algorithm] for part in parts) if algorithm_of(upload) else (),
    )
    try:
        return await store.complete(
            upload.id,
            parts,
            attributes,
            etag=_etag([part.etag for part in parts]),
            condition=condition(asked.conditions),
        )
    except PartNotFound:
        # Uploaded again while we looked.
        raise errors.InvalidPart(UploadId=upload.id) from None


async def _completed_before(store: Store, key: str, asked: CompleteMultipartUpload) -> Stat:
    """Answer a repeated request as the first one: clients repeat it when the answer was lost on the way."""
    gone = errors.NoSuchUpload(UploadId=asked.upload_id)
    try:
        stat = await store.stat(key)
        if stat.etag == _etag([part.etag for part in asked.parts]):
            return stat
    except (KeyNotFound, ValueError):
        raise gone from None
    raise gone


def _chosen(listed: Sequence[CompletedPart], upload: Upload, held: dict[int, Part]) -> list[Part]:
    parts = []
    for one in listed:
        part = held.get(one.number)
        if part is None or part.etag != one.etag or not _has(part, one, upload):
            raise errors.InvalidPart(PartNumber=str(one.number), ETag=one.etag)
        parts.append(part)
    return parts


def _has(part: Part, listed: CompletedPart, upload: Upload) -> bool:
    """Tell whether a part has the checksums that it is listed with."""
    if upload.note is not None and part.checksums:
        return listed.checksums.items() <= part.checksums.items()
    # A store elsewhere may keep no checksums of parts, and of an upload that named no algorithm those that it chose.
    # What the client said of the part was compared when it arrived.
    return all(part.checksums.get(name, value) == value for name, value in listed.checksums.items())


def _check_type(asked: CompleteMultipartUpload, upload: Upload, kind: ChecksumType) -> None:
    if asked.checksum_type not in {None, kind} and upload.note is not None:
        raise errors.InvalidRequest(
            f"The upload was created using the {kind} checksum mode. The complete request must use the same checksum "
            "mode."
        )


def _check_sizes(parts: Sequence[Part], size: int | None) -> None:
    for part in parts[:-1]:
        if part.size < SMALLEST_PART:
            raise errors.EntityTooSmall(
                ProposedSize=str(part.size),
                MinSizeAllowed=str(SMALLEST_PART),
                PartNumber=str(part.number),
                ETag=part.etag,
            )
    found = sum(part.size for part in parts)
    if size is not None and size != found:
        raise errors.InvalidRequest(
            f"The provided 'x-amz-mp-object-size' header value {size} does not match what was computed: {found}"
        )


def _checksum(upload: Upload, parts: Sequence[Part]) -> str | None:
    algorithm = algorithm_of(upload) or DEFAULT
    if any(algorithm not in part.checksums for part in parts):
        # Kept by a store elsewhere, which tells no checksums of parts.
        return None
    if checksum_type_of(upload) == "COMPOSITE":
        return checksums.composite(algorithm, [part.checksums[algorithm] for part in parts])
    return checksums.combined(algorithm, [(part.checksums[algorithm], part.size) for part in parts])


def _check_checksum(asked: CompleteMultipartUpload, upload: Upload, algorithm: str, value: str) -> None:
    if asked.checksum is None or (upload.note is None and asked.algorithm != algorithm):
        return
    if asked.algorithm != algorithm:
        raise errors.InvalidRequest(
            f"Checksum Type mismatch occurred, expected checksum Type: {algorithm.lower()}, actual checksum Type: "
            f"{(asked.algorithm or '').lower()}"
        )
    if asked.checksum not in {value, value.partition("-")[0]}:
        raise errors.BadDigest(f"The {algorithm} you specified did not match the calculated checksum.")


def _etag(etags: Sequence[str]) -> str:
    """Return S3's ETag of a multipart object: the MD5 of its parts' MD5s, and their number."""
    digest = hashlib.md5(b"".join(map(bytes.fromhex, etags)), usedforsecurity=False)
    return f"{digest.hexdigest()}-{len(etags)}"
