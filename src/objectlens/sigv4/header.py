"""The header carrier: `Authorization: AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=...`."""

from __future__ import annotations

from datetime import datetime

from objectlens.errors import AccessDenied, AuthorizationHeaderMalformed, InvalidArgument, InvalidRequest
from objectlens.http import HttpRequest
from objectlens.sigv4 import fields
from objectlens.sigv4.canonical import S3_SERVICES
from objectlens.sigv4.claim import ALGORITHM, TIMESTAMP, Claim, Scope

_MALFORMED = "The authorization header is malformed"


def from_header(http: HttpRequest, authorization: str) -> Claim:
    """Read the claim of an `Authorization` header; raises the errors that `read` names."""
    parts = _parts(authorization)
    try:
        credential = fields.credential(parts["Credential"])
    except fields.Malformed as error:
        raise AuthorizationHeaderMalformed(f"{_MALFORMED}{error}") from None
    timestamp, signed_at = _date(http, credential.scope)
    return Claim(
        carrier="REST-HEADER",
        access_key_id=credential.access_key_id,
        scope=credential.scope,
        signed_headers=tuple(parts["SignedHeaders"].lower().split(";")),
        signature=parts["Signature"],
        timestamp=timestamp,
        signed_at=signed_at,
        payload_hash=_payload_hash(http, credential.scope),
        session_token=http.headers.get("x-amz-security-token"),
    )


def _parts(authorization: str) -> dict[str, str]:
    scheme, _, rest = authorization.partition(" ")
    if scheme != ALGORITHM:
        raise InvalidArgument(
            "Unsupported Authorization Type", ArgumentName="Authorization", ArgumentValue=authorization
        )
    pairs = [part.strip().partition("=")[::2] for part in rest.split(",")]
    parts = dict(pairs)
    # A second Authorization header is joined to the first with a comma: who looks at one of them only, a proxy say,
    # must not see another caller than we do.
    twice = len(parts) < len(pairs) or any(" " in name for name in parts)
    if twice or not (parts.get("Credential") and parts.get("SignedHeaders") and parts.get("Signature")):
        raise AuthorizationHeaderMalformed(
            f"{_MALFORMED}; the authorization header requires three components: Credential, SignedHeaders, and "
            "Signature."
        )
    return parts


def _date(http: HttpRequest, scope: Scope) -> tuple[str, datetime]:
    """Return when the request was signed; `Date` serves where `x-amz-date` is missing."""
    amz = http.headers.get("x-amz-date")
    text = (amz if amz is not None else http.headers.get("date")) or ""
    at, timestamp = fields.long_date(text), text
    if at is None:
        at = fields.http_date(text) if text else None
        if at is None:
            raise AccessDenied("AWS authentication requires a valid Date or x-amz-date header")
        timestamp = at.strftime(TIMESTAMP)
    if timestamp[:8] != scope.date:
        raise AuthorizationHeaderMalformed(
            f'{_MALFORMED}; Invalid credential date "{scope.date}". This date is not the same as X-Amz-Date: '
            f'"{timestamp[:8]}".'
        )
    return timestamp, at


def _payload_hash(http: HttpRequest, scope: Scope) -> str | None:
    found = fields.payload_hash(http.headers.get("x-amz-content-sha256"))
    if found is None and scope.service in S3_SERVICES:
        raise InvalidRequest("Missing required header for this request: x-amz-content-sha256")
    return found
