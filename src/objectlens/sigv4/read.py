"""Finding the signature in a request: in the `Authorization` header or in the query.

Both carriers and the order of S3's complaints: "Authenticating Requests (AWS Signature Version 4)" in the S3 API
reference. Nothing here needs a secret.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from objectlens.errors import (
    AccessDenied,
    AuthorizationHeaderMalformed,
    AuthorizationQueryParametersError,
    InvalidArgument,
    InvalidRequest,
)
from objectlens.http import HttpRequest
from objectlens.sigv4.canonical import S3_SERVICES, UNSIGNED_PAYLOAD
from objectlens.sigv4.claim import ALGORITHM, TERMINAL, TIMESTAMP, Claim, Scope

WEEK = 604_800

_EXPECTING = '; the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'
_USE_SIGV4 = (
    "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256. SDKs that sign or "
    "presign with Signature Version 2 have a setting for it; in boto3: Config(signature_version='s3v4')."
)
_QUERY_NEEDS = (
    "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, "
    "X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
)
_PAYLOAD_RULE = (
    "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value."
)
_MARKERS = frozenset(
    {
        UNSIGNED_PAYLOAD,
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    }
)
_HEXADECIMAL = frozenset("0123456789abcdef")


def read(http: HttpRequest) -> Claim | None:
    """Return what the request claims about its signature, None when it carries none.

    Raises `InvalidRequest` for Signature Version 2, `InvalidArgument` for two carriers at once or an unknown scheme,
    `AuthorizationHeaderMalformed` or `AuthorizationQueryParametersError` for what does not parse, and `AccessDenied`
    without a date.
    """
    authorization = http.headers.get("authorization")
    in_query = "X-Amz-" in http.query or "Signature" in http.query
    parameters = dict(reversed(http.parameters())) if in_query else {}
    presigned = "X-Amz-Algorithm" in parameters or "X-Amz-Signature" in parameters or "X-Amz-Credential" in parameters
    if presigned and authorization is not None:
        raise InvalidArgument(
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string "
            "parameter or the Authorization header should be specified",
            ArgumentName="Authorization",
            ArgumentValue=authorization,
        )
    if authorization is not None:
        return _from_header(http, authorization.strip())
    if presigned:
        return _from_query(http, parameters)
    if "AWSAccessKeyId" in parameters:
        raise InvalidRequest(_USE_SIGV4)
    return None


def _from_header(http: HttpRequest, authorization: str) -> Claim:
    scheme, _, rest = authorization.partition(" ")
    if scheme == "AWS":
        raise InvalidRequest(_USE_SIGV4)
    if scheme != ALGORITHM:
        raise InvalidArgument(
            "Unsupported Authorization Type", ArgumentName="Authorization", ArgumentValue=authorization
        )
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    if not (parts.get("Credential") and parts.get("SignedHeaders") and parts.get("Signature")):
        raise AuthorizationHeaderMalformed(
            "The authorization header is malformed; the authorization header requires three components: Credential, "
            "SignedHeaders, and Signature."
        )
    key_id, scope, fault = _credential(parts["Credential"])
    if fault:
        raise AuthorizationHeaderMalformed(f"The authorization header is malformed{fault}")
    timestamp, signed_at = _date(http)
    if timestamp[:8] != scope.date:
        raise AuthorizationHeaderMalformed(
            f'The authorization header is malformed; Invalid credential date "{scope.date}". This date is not the same '
            f'as X-Amz-Date: "{timestamp[:8]}".'
        )
    payload_hash = _payload_hash(http.headers.get("x-amz-content-sha256"))
    if payload_hash is None and scope.service in S3_SERVICES:
        raise InvalidRequest("Missing required header for this request: x-amz-content-sha256")
    return Claim(
        carrier="REST-HEADER",
        access_key_id=key_id,
        scope=scope,
        signed_headers=tuple(parts["SignedHeaders"].lower().split(";")),
        signature=parts["Signature"],
        timestamp=timestamp,
        signed_at=signed_at,
        payload_hash=payload_hash,
        session_token=http.headers.get("x-amz-security-token"),
    )


def _from_query(http: HttpRequest, parameters: dict[str, str]) -> Claim:
    names = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-Date", "X-Amz-SignedHeaders")
    if not all(parameters.get(name) for name in (*names, "X-Amz-Expires")):
        raise AuthorizationQueryParametersError(_QUERY_NEEDS)
    if parameters["X-Amz-Algorithm"] != ALGORITHM:
        raise AuthorizationQueryParametersError(f'X-Amz-Algorithm only supports "{ALGORITHM}"')
    key_id, scope, fault = _credential(parameters["X-Amz-Credential"])
    if fault:
        raise AuthorizationQueryParametersError(f"Error parsing the X-Amz-Credential parameter{fault}")
    timestamp = parameters["X-Amz-Date"]
    signed_at = _long_date(timestamp)
    if signed_at is None:
        raise AuthorizationQueryParametersError(
            "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\""
        )
    if timestamp[:8] != scope.date:
        raise AuthorizationQueryParametersError(
            f'Invalid credential date "{scope.date}". This date is not the same as X-Amz-Date: "{timestamp[:8]}".'
        )
    signed_headers = tuple(parameters["X-Amz-SignedHeaders"].lower().split(";"))
    return Claim(
        carrier="REST-QUERY-STRING",
        access_key_id=key_id,
        scope=scope,
        signed_headers=signed_headers,
        signature=parameters["X-Amz-Signature"],
        timestamp=timestamp,
        signed_at=signed_at,
        payload_hash=_presigned_payload(http, parameters, signed_headers),
        expires=_expires(parameters["X-Amz-Expires"]),
        session_token=parameters.get("X-Amz-Security-Token"),
    )


def _presigned_payload(http: HttpRequest, parameters: dict[str, str], signed: tuple[str, ...]) -> str:
    """Presigned requests leave the payload open unless the signer bound one, in the query or in a signed header."""
    said = parameters.get("X-Amz-Content-Sha256")
    if said is None and "x-amz-content-sha256" in signed:
        said = http.headers.get("x-amz-content-sha256")
    return _payload_hash(said) or UNSIGNED_PAYLOAD


def _credential(text: str) -> tuple[str, Scope, str]:
    """Take `KEY/DATE/REGION/SERVICE/aws4_request` apart; the last of the three says what is wrong, "" if nothing."""
    # An access key id may hold slashes, as root keys that users choose themselves do; the scope may not.
    parts = text.rsplit("/", 4)
    if len(parts) != 5:
        return "", Scope("", "", ""), _EXPECTING
    key_id, date, region, service, terminal = parts
    scope = Scope(date, region, service)
    if not key_id:
        return "", scope, "; a non-empty Access Key (AKID) must be provided in the credential."
    if len(date) != 8 or not (date.isascii() and date.isdigit()):
        return (
            key_id,
            scope,
            f'; incorrect date format "{date}". This date in the credential must be in the format "yyyyMMdd".',
        )
    if terminal != TERMINAL:
        return key_id, scope, f'; incorrect terminal "{terminal}". This endpoint uses "{TERMINAL}".'
    return key_id, scope, "" if region and service else _EXPECTING


def _date(http: HttpRequest) -> tuple[str, datetime]:
    amz = http.headers.get("x-amz-date")
    text = amz if amz is not None else http.headers.get("date")
    at = None
    if text is not None:
        at = _long_date(text) or _http_date(text)
    if at is None:
        raise AccessDenied("AWS authentication requires a valid Date or x-amz-date header")
    return at.strftime(TIMESTAMP), at


def _long_date(text: str) -> datetime | None:
    # strptime would cost more than all the rest of reading.
    if len(text) != 16 or text[8] != "T" or text[15] != "Z" or not text.isascii():
        return None
    day, hour = text[:8], text[9:15]
    if not (day.isdigit() and hour.isdigit()):
        return None
    try:
        return datetime(
            int(day[:4]), int(day[4:6]), int(day[6:]), int(hour[:2]), int(hour[2:4]), int(hour[4:]), tzinfo=UTC
        )
    except ValueError:
        return None


def _http_date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _expires(text: str) -> int:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):
        raise AuthorizationQueryParametersError("X-Amz-Expires should be a number")
    if text.startswith("-"):
        raise AuthorizationQueryParametersError("X-Amz-Expires must be non-negative")
    if len(digits) > 9 or int(digits) > WEEK:
        raise AuthorizationQueryParametersError(
            "X-Amz-Expires must be less than a week (in seconds) that is, the given X-Amz-Expires must be less than "
            f"{WEEK} seconds"
        )
    return int(digits)


def _payload_hash(said: str | None) -> str | None:
    if said is None or said in _MARKERS:
        return said
    if len(said) != 64 or not _HEXADECIMAL.issuperset(said.lower()):
        raise InvalidArgument(_PAYLOAD_RULE, ArgumentName="x-amz-content-sha256", ArgumentValue=said)
    return said
