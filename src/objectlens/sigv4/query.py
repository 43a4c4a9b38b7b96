"""The query carrier: presigned requests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from objectlens.errors import AccessDenied, AuthorizationQueryParametersError
from objectlens.http import HttpRequest
from objectlens.sigv4 import fields
from objectlens.sigv4.canonical import S3_SERVICES, UNSIGNED_PAYLOAD
from objectlens.sigv4.claim import ALGORITHM, Claim, Scope

WEEK = 604_800

_NEEDED = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Signature",
    "X-Amz-Date",
    "X-Amz-SignedHeaders",
    "X-Amz-Expires",
)
_QUERY_NEEDS = (
    "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, "
    "X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
)


def is_presigned(parameters: Mapping[str, str]) -> bool:
    """Tell whether a query means to carry a signature."""
    return "X-Amz-Algorithm" in parameters or "X-Amz-Signature" in parameters or "X-Amz-Credential" in parameters


def from_query(http: HttpRequest, parameters: Mapping[str, str]) -> Claim:
    """Read the claim of a presigned request; raises `AuthorizationQueryParametersError` or `AccessDenied`."""
    _check_parts(parameters)
    try:
        credential = fields.credential(parameters["X-Amz-Credential"])
    except fields.Malformed as error:
        raise AuthorizationQueryParametersError(f"Error parsing the X-Amz-Credential parameter{error}") from None
    signed_headers = tuple(parameters["X-Amz-SignedHeaders"].lower().split(";"))
    return Claim(
        carrier="REST-QUERY-STRING",
        access_key_id=credential.access_key_id,
        scope=credential.scope,
        signed_headers=signed_headers,
        signature=parameters["X-Amz-Signature"],
        timestamp=parameters["X-Amz-Date"],
        signed_at=_date(parameters["X-Amz-Date"], credential.scope),
        payload_hash=_payload_hash(http, parameters, signed_headers, credential.scope),
        expires=_expires(parameters["X-Amz-Expires"]),
        session_token=parameters.get("X-Amz-Security-Token"),
    )


def _check_parts(parameters: Mapping[str, str]) -> None:
    if not all(parameters.get(name) for name in _NEEDED):
        raise AuthorizationQueryParametersError(_QUERY_NEEDS)
    if parameters["X-Amz-Algorithm"] != ALGORITHM:
        raise AuthorizationQueryParametersError(f'X-Amz-Algorithm only supports "{ALGORITHM}"')


def _date(timestamp: str, scope: Scope) -> datetime:
    signed_at = fields.long_date(timestamp)
    if signed_at is None:
        raise AuthorizationQueryParametersError(
            "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\""
        )
    if timestamp[:8] != scope.date:
        raise AuthorizationQueryParametersError(
            f'Invalid credential date "{scope.date}". This date is not the same as X-Amz-Date: "{timestamp[:8]}".'
        )
    return signed_at


def _payload_hash(
    http: HttpRequest, parameters: Mapping[str, str], signed: tuple[str, ...], scope: Scope
) -> str | None:
    """Return what binds the payload: for S3 nothing, unless the query or a signed header does; elsewhere its digest."""
    said = parameters.get("X-Amz-Content-Sha256")
    if said is None and "x-amz-content-sha256" in signed:
        said = http.headers.get("x-amz-content-sha256")
    if said is None and scope.service in S3_SERVICES:
        return UNSIGNED_PAYLOAD
    return fields.payload_hash(said)


def _expires(text: str) -> int:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):
        raise AuthorizationQueryParametersError("X-Amz-Expires should be a number")
    if text.startswith("-"):
        # A presigner whose own clock of expiry has passed writes this.
        raise AccessDenied("Request has expired")
    if len(digits) > 9 or int(digits) > WEEK:
        raise AuthorizationQueryParametersError(
            "X-Amz-Expires must be less than a week (in seconds) that is, the given X-Amz-Expires must be less than "
            f"{WEEK} seconds"
        )
    return int(digits)
