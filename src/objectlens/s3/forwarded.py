"""The headers of WriteGetObjectResponse → the answer that a function forwards (reference sections 7.2 and 7.3).

Only what the table names goes through; the rest of the request is between the function and us.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from objectlens.errors import ValidationError
from objectlens.http import Headers, HttpRequest
from objectlens.s3.checksums import ALGORITHMS, header_name
from objectlens.s3.headers import canonical, repair_text

_FORWARD: Final = "x-amz-fwd-header-"
_META: Final = "x-amz-meta-"
_MAX_VALUE: Final = 3000
_MAX_MESSAGE: Final = 8192
_ERROR_CODE: Final = re.compile(r"[A-Z][a-zA-Z]+")

STATUSES: Final = frozenset({200, 206, 304, 400, 401, 403, 404, 405, 409, 411, 412, 416, 500, 503})

# Handlers in the field send a message without a code (section 7.3); a client needs one.
_DEFAULT_CODES: Final = {
    304: "NotModified",
    400: "InvalidRequest",
    401: "AccessDenied",
    403: "AccessDenied",
    404: "NoSuchKey",
    405: "MethodNotAllowed",
    409: "OperationAborted",
    411: "MissingContentLength",
    412: "PreconditionFailed",
    416: "InvalidRange",
    500: "InternalError",
    503: "ServiceUnavailable",
}

_CHECKSUMS: Final = tuple(header_name(name) for name in ALGORITHMS)
# In the order of table 7.2, which is the order in which the answer carries them.
FORWARDABLE: Final = (
    "accept-ranges",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-range",
    "content-type",
    "etag",
    "expires",
    "last-modified",
    *_CHECKSUMS,
    "x-amz-delete-marker",
    "x-amz-expiration",
    "x-amz-missing-meta",
    "x-amz-mp-parts-count",
    "x-amz-tagging-count",
    "x-amz-object-lock-mode",
    "x-amz-object-lock-legal-hold",
    "x-amz-object-lock-retain-until-date",
    "x-amz-replication-status",
    "x-amz-request-charged",
    "x-amz-restore",
    "x-amz-storage-class",
    "x-amz-version-id",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-server-side-encryption-customer-key-md5",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-bucket-key-enabled",
)
_INTEGERS: Final = frozenset({"x-amz-missing-meta", "x-amz-mp-parts-count", "x-amz-tagging-count"})
_BOOLEANS: Final = frozenset({"x-amz-delete-marker", "x-amz-server-side-encryption-bucket-key-enabled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardedResponse:
    """What the waiting client is to get.

    `headers` are in S3's letter case; `metadata` names come without prefix, in lower case. `error_code` is set when the
    answer is an error document, of `error_message`, instead of a body. `content_length` is the payload's in bytes, None
    when the function does not know it.
    """

    route: str
    token: str
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    error_code: str | None = None
    error_message: str | None = None
    content_length: int | None = None


def reply_token(headers: Headers) -> tuple[str, str]:
    """Return the route and the token, both ASCII, that a request names; raises `ValidationError` without a token."""
    token = headers.get("x-amz-request-token")
    if not token:
        raise _invalid("null", "requestToken", "Member must not be null")
    route = headers.get("x-amz-request-route") or ""
    if not (token.isascii() and route.isascii()):
        raise _invalid("...", "requestToken", "Member must be a token of ours")
    return route, token


def parse_forwarded(http: HttpRequest) -> ForwardedResponse:
    """Read the request's headers; raises `ValidationError` for what S3 Object Lambda refuses."""
    route, token = reply_token(http.headers)
    given = http.headers.lower()
    status = _status(given.get("x-amz-fwd-status"))
    length = _length(http)
    code, message = _error(given, status)
    if code is not None and length:
        raise beside_a_body(code)
    return ForwardedResponse(
        route=route,
        token=token,
        status=status,
        headers=_headers(given),
        metadata={name[len(_META) :]: _value(name, value) for name, value in given.items() if name.startswith(_META)},
        error_code=code,
        error_message=message,
        content_length=length,
    )


def beside_a_body(code: str) -> ValidationError:
    """Return the refusal of an answer that has an error code and a body."""
    return _invalid(code, "errorCode", "Member must not be set together with a body")


def default_error_code(status: int) -> str:
    """Return the code of an error that came without one."""
    return _DEFAULT_CODES.get(status, "InternalError" if status >= 500 else "InvalidRequest")


def _status(text: str | None) -> int:
    if text is None:
        return 200
    if not (text.isascii() and text.isdigit() and len(text) == 3 and int(text) in STATUSES):
        allowed = ", ".join(str(one) for one in sorted(STATUSES))
        raise _invalid(text, "statusCode", f"Member must satisfy enum value set: [{allowed}]")
    return int(text)


def _error(given: Mapping[str, str], status: int) -> tuple[str | None, str | None]:
    code, message = given.get("x-amz-fwd-error-code"), given.get("x-amz-fwd-error-message") or None
    if code is None and message is None:
        return None, None
    if status < 300:
        member = "errorCode" if code is not None else "errorMessage"
        raise _invalid(code or message or "", member, "Member must not be set together with a success status code")
    if code is not None and not _ERROR_CODE.fullmatch(code):
        raise _invalid(code, "errorCode", "Member must satisfy regular expression pattern: ^[A-Z][a-zA-Z]+$")
    if message is not None and len(message) > _MAX_MESSAGE:
        raise _invalid("...", "errorMessage", f"Member must have length less than or equal to {_MAX_MESSAGE}")
    return code or default_error_code(status), None if message is None else repair_text(message)


def _headers(given: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    found = [(name, given[_FORWARD + name]) for name in FORWARDABLE if _FORWARD + name in given]
    checksums = [name for name, _ in found if name in _CHECKSUMS]
    if len(checksums) > 1:
        raise _invalid("{" + ", ".join(checksums) + "}", "checksum", "Only one checksum may be given")
    return tuple((canonical(name), _value(name, value)) for name, value in found)


def _value(name: str, value: str) -> str:
    """Check one value of the answer's map of headers; AWS names the map, not the header (section 7.3)."""
    if not 1 <= len(value) <= _MAX_VALUE:
        raise _invalid(
            f"{{{name}={value[:100]}}}",
            "metadata",
            "Map value must satisfy constraint: [Member must have length less than or equal to 3000, Member must have "
            "length greater than or equal to 1]",
        )
    if name in _INTEGERS and not (value.isascii() and value.isdigit() and len(value) < 10):
        raise _invalid(value, name, "Member must be a whole number")
    if name in _BOOLEANS and value.lower() not in {"true", "false"}:
        raise _invalid(value, name, "Member must be true or false")
    return repair_text(value)


def _length(http: HttpRequest) -> int | None:
    # Only a body in `aws-chunked` framing is proved to have the length that stands beside it.
    framed = (http.headers.get("x-amz-content-sha256") or "").startswith("STREAMING-")
    decoded = http.headers.get("x-amz-decoded-content-length") if framed else None
    text = decoded if decoded is not None else http.headers.get("content-length")
    if text is None:
        return http.body.length if "transfer-encoding" not in http.headers else None
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise _invalid(text, "contentLength", "Member must be a whole number")
    return int(text)


def _invalid(value: str, member: str, constraint: str) -> ValidationError:
    return ValidationError(
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
    )
