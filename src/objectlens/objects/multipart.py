"""CreateMultipartUpload, UploadPart and AbortMultipartUpload."""

from __future__ import annotations

from objectlens import errors
from objectlens.call import Call
from objectlens.http import HttpResponse
from objectlens.objects.acls import allowed_acl
from objectlens.objects.context import Objects, bucket_of, empty, key_of, upload_errors, xml
from objectlens.objects.receiving import DEFAULT, Received
from objectlens.s3.checksums import Algorithm, Announced, ChecksumType, algorithm_named, header_name
from objectlens.s3.inputs import CreateMultipartUpload, UploadPart, upload_id
from objectlens.s3.inputs.arguments import parameters
from objectlens.s3.outputs_multipart import initiate_result
from objectlens.stores import ALGORITHM, TYPE, Attributes, Store, Upload


async def create_multipart_upload(objects: Objects, call: Call) -> HttpResponse:
    """Begin an upload."""
    asked = CreateMultipartUpload.parse(call.http)
    bucket, key = bucket_of(call), key_of(call)
    note = {} if asked.algorithm is None else {ALGORITHM: asked.algorithm, TYPE: asked.checksum_type or ""}
    kept = Attributes(
        headers=asked.kept.headers,
        metadata=asked.kept.metadata,
        tags=asked.kept.tags,
        acl=await allowed_acl(objects, bucket, asked.kept.acl),
    )
    upload = await objects.store(bucket).begin(key, kept, note=note)
    headers = [(f"x-amz-checksum-{name}", value) for name, value in note.items()]
    return xml(initiate_result(bucket.name, key, upload.id), headers)


async def upload_part(objects: Objects, call: Call) -> HttpResponse:
    """Keep one part."""
    asked = UploadPart.parse(call.http)
    store = objects.store(bucket_of(call))
    upload = await upload_of(store, asked.upload_id, key_of(call))
    algorithm = part_algorithm(upload, asked.checksum)
    received = Received(call.body, algorithm, asked.checksum, asked.content_md5, trailers=lambda: call.body.trailers)
    with upload_errors(upload.id):
        part = await store.put_part(upload.id, asked.part_number, received, received.checksums)
    told = asked.checksum.algorithm if asked.checksum else algorithm
    return empty(200, [("ETag", f'"{part.etag}"'), (header_name(told), part.checksums[told])])


async def abort_multipart_upload(objects: Objects, call: Call) -> HttpResponse:
    """Give an upload up with all its parts."""
    store = objects.store(bucket_of(call))
    upload = await upload_of(store, upload_id(parameters(call.http)), key_of(call))
    with upload_errors(upload.id):
        await store.abort(upload.id)
    return empty(204)


async def upload_of(store: Store, upload: str, key: str) -> Upload:
    """Return an upload that is under way for this key; raises `NoSuchUpload`."""
    with upload_errors(upload):
        found = await store.upload(upload)
    if found.key != key:
        raise errors.NoSuchUpload(UploadId=upload)
    return found


def algorithm_of(upload: Upload) -> Algorithm | None:
    """Return the algorithm that an upload was created with."""
    named = (upload.note or {}).get(ALGORITHM)
    return None if named is None else algorithm_named(named)


def checksum_type_of(upload: Upload) -> ChecksumType:
    """Return the kind of checksum that the object will have."""
    return "COMPOSITE" if (upload.note or {}).get(TYPE) == "COMPOSITE" else "FULL_OBJECT"


def part_algorithm(upload: Upload, announced: Announced | None = None) -> Algorithm:
    """Return the checksum that each part of an upload needs; raises `InvalidRequest` when another is announced."""
    algorithm = algorithm_of(upload)
    if algorithm is not None and announced is not None and announced.algorithm != algorithm:
        raise errors.InvalidRequest(
            f"Checksum Type mismatch occurred, expected checksum Type: {algorithm.lower()}, actual checksum Type: "
            f"{announced.algorithm.lower()}"
        )
    return algorithm or DEFAULT
