"""The canonical request and the string to sign.

Source: "Create a signed AWS API request" in the IAM User Guide. S3's own services encode the path once and leave `//`
and `..` alone, because they are part of keys; all others normalise the path and encode it a second time.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote_to_bytes

from objectlens.sigv4.claim import ALGORITHM, Scope

S3_SERVICES = frozenset({"s3", "s3-object-lambda"})
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()

_PLAIN_PATH = re.compile(r"[A-Za-z0-9._~/-]*")
_PLAIN_QUERY = re.compile(r"[A-Za-z0-9._~-]*")


def _bytes(raw: str) -> bytes:
    """Return the bytes that came over the wire: raw text is UTF-8, what is not UTF-8 in it escaped by surrogates."""
    return raw.encode("utf-8", "surrogateescape")


def uri_encode(text: str | bytes, safe: str = "") -> str:
    """Percent-encode everything but `A-Za-z0-9-._~` and the characters in `safe`, with upper-case digits."""
    return quote(text, safe=safe + "~")


def s3_path(path: str) -> str:
    """Return the canonical URI by S3's rule from the raw path: decoded and encoded again, never normalised."""
    if _PLAIN_PATH.fullmatch(path):
        return path or "/"
    return uri_encode(unquote_to_bytes(_bytes(path)), "/")


def other_path(path: str) -> str:
    """Return the canonical URI by the rule of all other services: dot segments removed, then encoded once more."""
    if not path or path == "/":
        return "/"
    # normpath keeps two leading slashes, as POSIX allows; the rule does not.
    normal = "/" + posixpath.normpath(path).lstrip("/")
    if normal != "/" and path.endswith(("/", "/.", "/..")):
        normal += "/"
    return uri_encode(_bytes(normal), "/")


def canonical_path(path: str, service: str) -> str:
    """Return the canonical URI of a raw path under a service's rule."""
    return s3_path(path) if service in S3_SERVICES else other_path(path)


def _encoded(raw: str) -> str:
    if _PLAIN_QUERY.fullmatch(raw):
        return raw
    return uri_encode(unquote_to_bytes(_bytes(raw.replace("+", " "))))


def canonical_query(query: str, leave_out: str | None = None) -> str:
    """Return the canonical form of a raw query: each name and value encoded anew, sorted by the encoded form."""
    if not query:
        return ""
    pairs = []
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if part and name != leave_out:
            pairs.append((_encoded(name), _encoded(value)))
    pairs.sort()
    return "&".join([f"{name}={value}" for name, value in pairs])


def raw_query(query: str, leave_out: str | None = None) -> str:
    """Return the query sorted, but with each name and value encoded as the client did."""
    pairs = []
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if part and name != leave_out:
            pairs.append((name, value))
    pairs.sort()
    return "&".join([f"{name}={value}" for name, value in pairs])


def canonical_headers(names: Iterable[str], values: Mapping[str, str]) -> str:
    """Return the lines of the signed headers; `names` and the keys of `values` are lower case.

    Runs of blanks count as one; a header that was signed but did not arrive has no value.
    """
    return "".join([f"{name}:{' '.join(values.get(name, '').split())}\n" for name in names])


def canonical_request(
    method: str, path: str, query: str, *, headers: str, signed_headers: Iterable[str], payload_hash: str
) -> str:
    """Put the canonical request together from its canonical parts."""
    return f"{method}\n{path}\n{query}\n{headers}\n{';'.join(signed_headers)}\n{payload_hash}"


def string_to_sign(timestamp: str, scope: Scope, request: str) -> str:
    """Return what is signed for a canonical request."""
    digest = hashlib.sha256(_bytes(request)).hexdigest()
    return f"{ALGORITHM}\n{timestamp}\n{scope}\n{digest}"
