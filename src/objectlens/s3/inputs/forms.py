"""PostObject: the fields of a browser's form as what they ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from objectlens.errors import KeyTooLongError
from objectlens.http import Headers
from objectlens.s3.address import MAX_KEY_BYTES
from objectlens.s3.checksums import Announced, parse_announced
from objectlens.s3.inputs.arguments import bad_argument
from objectlens.s3.inputs.tagging import parse_tagging
from objectlens.s3.inputs.writing import Kept, content_md5

_FILENAME: Final = "${filename}"
_STATUSES: Final = {"200": 200, "201": 201}
# Fields under other names than the headers that mean the same.
_HEADERS: Final = {"acl": "x-amz-acl"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PostObject:
    """PostObject. `headers` are those that a PutObject of the same would have; `status` is that of a success.

    `redirect` is where the browser is sent then, None when nowhere.
    """

    key: str
    headers: Headers
    kept: Kept
    status: int = 204
    redirect: str | None = None
    checksum: Announced | None = None
    content_md5: bytes | None = None

    @classmethod
    def parse(cls, fields: Mapping[str, str]) -> PostObject:
        """Read the fields by lower-case name, filled in already; raises S3's error for the first that is wrong."""
        key = fields.get("key")
        if not key:
            raise bad_argument("Bucket POST must contain a field named 'key'.", "key", "")
        if len(key.encode()) > MAX_KEY_BYTES:
            raise KeyTooLongError(Size=str(len(key.encode())), MaxSizeAllowed=str(MAX_KEY_BYTES))
        headers = _headers(fields)
        return cls(
            key=key,
            headers=headers,
            kept=Kept.parse(headers),
            status=_STATUSES.get(fields.get("success_action_status", ""), 204),
            redirect=_redirect(fields.get("success_action_redirect") or fields.get("redirect")),
            checksum=parse_announced(headers),
            content_md5=content_md5(headers),
        )


def filled_in(fields: Mapping[str, str], filename: str) -> dict[str, str]:
    """Return the fields with `${filename}` replaced by the file's name, without the folders some browsers send."""
    name = filename.replace("\\", "/").rpartition("/")[2]
    return {field: value.replace(_FILENAME, name) for field, value in fields.items()}


def redirected(url: str, bucket: str, key: str, etag: str) -> str:
    """Return where a browser is sent after an upload: the URL with bucket, key and ETag in its query."""
    mark = "&" if urlsplit(url).query else "?"
    query = urlencode({"bucket": bucket, "key": key, "etag": f'"{etag}"'}, quote_via=quote)
    return f"{url}{mark}{query}"


def _headers(fields: Mapping[str, str]) -> Headers:
    found = [(_HEADERS.get(name, name), value) for name, value in fields.items() if name != "x-amz-tagging"]
    if fields.get("tagging"):
        found.append(("x-amz-tagging", urlencode(parse_tagging(fields["tagging"].encode()))))
    return Headers(found)


def _redirect(url: str | None) -> str | None:
    # One that is no URL is ignored, as S3 does; a line break would end the header.
    if url is None or not url.isprintable() or not url.startswith(("http://", "https://", "/")):
        return None
    return quote(url, safe="%/:?#[]@!$&'()*+,;=~-._")
