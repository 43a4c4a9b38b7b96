"""ListParts and ListMultipartUploads."""

from __future__ import annotations

from collections.abc import Sequence

from objectlens.call import Call
from objectlens.http import HttpResponse
from objectlens.objects.context import Objects, bucket_of, key_of, owner, upload_errors, xml
from objectlens.objects.multipart import algorithm_of, checksum_type_of, upload_of
from objectlens.s3.inputs import ListParts, ListUploads
from objectlens.s3.outputs_multipart import ListPartsResult, ListUploadsResult, PartItem, UploadItem
from objectlens.stores import Part, Upload


async def list_parts(objects: Objects, call: Call) -> HttpResponse:
    """Return one page of an upload's parts."""
    asked = ListParts.parse(call.http)
    bucket, key = bucket_of(call), key_of(call)
    store = objects.store(bucket)
    upload = await upload_of(store, asked.upload_id, key)
    with upload_errors(upload.id):
        _, held = await store.uploaded(upload.id)
    following = [part for part in held if part.number > asked.part_number_marker]
    algorithm = algorithm_of(upload)
    result = ListPartsResult(
        bucket=bucket.name,
        key=key,
        upload_id=upload.id,
        owner=owner(bucket.account),
        part_number_marker=asked.part_number_marker,
        max_parts=asked.max_parts,
        truncated=len(following) > asked.max_parts,
        parts=tuple(_part(part) for part in following[: asked.max_parts]),
        checksum_algorithm=algorithm,
        checksum_type=checksum_type_of(upload) if algorithm else None,
    )
    return xml(result.xml())


def _part(part: Part) -> PartItem:
    return PartItem(
        number=part.number, modified=part.modified, etag=part.etag, size=part.size, checksums=part.checksums
    )


async def list_multipart_uploads(objects: Objects, call: Call) -> HttpResponse:
    """Return one page of the uploads under way."""
    asked = ListUploads.parse(call.http)
    bucket = bucket_of(call)
    under_way = await objects.store(bucket).uploads(asked.prefix)
    following = [upload for upload in under_way if _follows(asked, upload)]
    shown, prefixes, truncated = _page(asked, following)
    last = shown[-1] if shown else None
    # The page ends with whichever is last in order, an upload or a common prefix.
    next_key = max([*([last.key] if last else []), *prefixes[-1:]], key=str.encode, default="")
    result = ListUploadsResult(
        bucket=bucket.name,
        owner=owner(bucket.account),
        prefix=asked.prefix,
        delimiter=asked.delimiter,
        key_marker=asked.key_marker,
        upload_id_marker=asked.upload_id_marker,
        next_key_marker=next_key if truncated else "",
        next_upload_id_marker=last.id if truncated and last and last.key == next_key else "",
        max_uploads=asked.max_uploads,
        encoding_type=asked.encoding_type,
        truncated=truncated,
        uploads=tuple(_item(upload) for upload in shown),
        common_prefixes=tuple(prefixes),
    )
    return xml(result.xml())


def _follows(asked: ListUploads, upload: Upload) -> bool:
    if upload.key == asked.key_marker:
        return bool(asked.upload_id_marker) and upload.id > asked.upload_id_marker
    if _rolled(asked, asked.key_marker) == asked.key_marker and upload.key.startswith(asked.key_marker):
        return not asked.key_marker
    return upload.key.encode() > asked.key_marker.encode()


def _page(asked: ListUploads, following: Sequence[Upload]) -> tuple[list[Upload], list[str], bool]:
    shown: list[Upload] = []
    prefixes: list[str] = []
    for upload in following:
        rolled = _rolled(asked, upload.key)
        if rolled is not None and prefixes[-1:] == [rolled]:
            continue
        if len(shown) + len(prefixes) >= asked.max_uploads:
            return shown, prefixes, asked.max_uploads > 0
        if rolled is None:
            shown.append(upload)
        else:
            prefixes.append(rolled)
    return shown, prefixes, False


def _rolled(asked: ListUploads, key: str) -> str | None:
    at = key.find(asked.delimiter, len(asked.prefix)) if asked.delimiter and key.startswith(asked.prefix) else -1
    return None if at < 0 else key[: at + len(asked.delimiter)]


def _item(upload: Upload) -> UploadItem:
    algorithm = algorithm_of(upload)
    return UploadItem(
        key=upload.key,
        upload_id=upload.id,
        initiated=upload.initiated,
        checksum_algorithm=algorithm,
        checksum_type=checksum_type_of(upload) if algorithm else None,
    )
