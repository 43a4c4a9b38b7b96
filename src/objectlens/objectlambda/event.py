"""The event that a function receives (reference section 5). Pure: values in, JSON out."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, unquote, unquote_plus

from objectlens import arn
from objectlens.access.values import Caller
from objectlens.call import Call
from objectlens.catalog.entities import ObjectLambdaAccessPoint
from objectlens.http import HttpRequest

PROTOCOL_VERSION = "1.00"
_ENCODER = json.JSONEncoder(ensure_ascii=False)

# Authorisation never reaches a function, nor do headers that speak of the connection.
_HIDDEN_HEADERS = frozenset(
    """
    authorization connection content-length expect keep-alive proxy-authorization proxy-connection te trailer
    transfer-encoding upgrade x-amz-date x-amz-security-token
    """.split()  # noqa: SIM905  (a list of quoted names reads worse)
)
_AUTHORISATION = frozenset(
    """
    x-amz-algorithm x-amz-credential x-amz-date x-amz-expires x-amz-security-token x-amz-signature x-amz-signedheaders
    x-amz-content-sha256
    """.split()  # noqa: SIM905
)
# Never part of `inputS3Url`: the function ranges the source itself (section 6). `x-id` is an SDK's note to itself.
_NOT_FORWARDED = frozenset({"range", "partnumber", "x-id"})


def kept_query(query: str) -> list[str]:
    """Return the raw `name=value` pieces of a query without those that authorise."""
    return [piece for piece in query.split("&") if piece and _name(piece) not in _AUTHORISATION]


def forwarded_query(query: str) -> str:
    """Return the caller's query as `inputS3Url` carries it."""
    return "&".join(_strict(piece) for piece in kept_query(query) if _name(piece) not in _NOT_FORWARDED)


def _name(piece: str) -> str:
    return unquote(piece.partition("=")[0]).lower()


def _strict(piece: str) -> str:
    name, found, value = piece.partition("=")
    return f"{quote(unquote(name), safe='-_.~')}{found or '='}{quote(unquote_plus(value), safe='-_.~')}"


def _escaped(text: str, structural: str) -> str:
    """Encode only what, written plainly, would change the meaning of the URL."""
    return "".join(quote(char) if char in structural else char for char in text)


def user_url(http: HttpRequest, access_point: ObjectLambdaAccessPoint, key: str) -> str:
    """Return the caller's URL, absolute and host-style whatever style it came in, decoded, without authorisation.

    Handlers take the key from its path and arguments from its query.
    """
    query = "&".join(
        "=".join(_escaped(unquote_plus(side, errors="replace"), "%&=#+") for side in piece.split("=", 1))
        for piece in kept_query(http.query)
    )
    path = _escaped(key, "%?#")
    return f"https://{host_of(access_point)}/{path}" + (f"?{query}" if query else "")


def host_of(access_point: ObjectLambdaAccessPoint) -> str:
    """Return the access point's host as AWS would name it."""
    return f"{access_point.name}-{access_point.account}.s3-object-lambda.{access_point.region}.amazonaws.com"


def user_headers(http: HttpRequest, access_point: ObjectLambdaAccessPoint) -> dict[str, str]:
    """Return the caller's headers in the caller's letter case, repeated ones joined with commas, without secrets."""
    spelling: dict[str, str] = {}
    headers: dict[str, str] = {}
    for name, value in http.headers:
        lower = name.lower()
        if lower in _HIDDEN_HEADERS:
            continue
        known = spelling.setdefault(lower, name)
        headers[known] = f"{headers[known]},{value}" if known in headers else value
    headers.pop(spelling.get("host", ""), None)
    # Whatever host the request came to, the function sees the one in `userRequest.url`, spelled as AWS spells it.
    return {"Host": host_of(access_point), **headers}


def user_identity(caller: Caller) -> dict[str, Any]:
    """Return the caller in the shape of a CloudTrail record."""
    identity: dict[str, Any] = {
        "type": caller.kind,
        "principalId": caller.principal_id,
        "arn": caller.arn,
        "accountId": caller.account,
        "accessKeyId": caller.access_key_id,
    }
    if caller.user_name is not None:
        identity["userName"] = caller.user_name
    if caller.session is not None:
        session = caller.session
        identity["sessionContext"] = {
            # The odd date and the string booleans are AWS's.
            "attributes": {
                "mfaAuthenticated": "false",
                "creationDate": session.created_at.strftime("%a %b %d %H:%M:%S UTC %Y"),
            },
            "sessionIssuer": {
                "type": "Role",
                "principalId": session.role_id,
                "arn": session.role_arn,
                "accountId": arn.Arn.parse(session.role_arn).account,
                "userName": session.role_name,
            },
        }
    return identity


def nobody(access_point: ObjectLambdaAccessPoint) -> dict[str, Any]:
    """Return an identity that is nobody's, in the same shape: no function can take it for one of those it knows."""
    return {
        "type": "AWSService",
        "principalId": "objectlens:shared",
        "arn": "",
        "accountId": access_point.account,
        "accessKeyId": "",
        "invokedBy": "s3-object-lambda.amazonaws.com",
    }


def render(
    call: Call,
    access_point: ObjectLambdaAccessPoint,
    *,
    supporting: str,
    context: tuple[str, dict[str, str]],
    payload: str | None,
    anonymous: bool = False,
) -> bytes:
    """Return the event as JSON.

    `supporting` is the supporting access point's ARN; `context` the one `*Context` member, name and value; `payload`
    the configured `FunctionPayload`, handed on to the letter. With `anonymous` the caller is not told: the answer will
    be given to others too.
    """
    name, value = context
    event = {
        "xAmzRequestId": call.request_id,
        name: value,
        "configuration": {
            "accessPointArn": access_point.arn,
            "supportingAccessPointArn": supporting,
            "payload": payload or "",
        },
        "userRequest": {
            "url": user_url(call.http, access_point, call.address.key or ""),
            "headers": user_headers(call.http, access_point),
        },
        "userIdentity": nobody(access_point) if anonymous else user_identity(call.caller),
        "protocolVersion": PROTOCOL_VERSION,
    }
    return _ENCODER.encode(event).encode("utf-8", "replace")
