"""The condition keys of a request.

Source: "AWS global condition context keys" in the IAM User Guide; the condition keys of Amazon S3 and of Amazon S3
Object Lambda in the Service Authorization Reference; reference section 11.4. Names are in lower case, because condition
keys know no case. A key without a value is left out, which policies can tell (`Null`, `...IfExists`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from objectlens.access.values import Caller
from objectlens.http import HttpRequest, parse_query

Values = dict[str, str | tuple[str, ...]]

_PRINCIPAL_TYPES = {"Root": "Account", "IAMUser": "User", "AssumedRole": "AssumedRole", "Anonymous": "Anonymous"}
_LISTING = frozenset({"s3:listbucket", "s3:listbucketversions", "s3:listbucketmultipartuploads"})
_QUERY_KEYS = {"prefix": "s3:prefix", "delimiter": "s3:delimiter", "max-keys": "s3:max-keys"}
_HEADER_KEYS = (
    "x-amz-acl",
    "x-amz-content-sha256",
    "x-amz-copy-source",
    "x-amz-metadata-directive",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-storage-class",
)


def context_of(caller: Caller, tags: Mapping[str, str], http: HttpRequest | None, action: str, now: datetime) -> Values:
    """Return the keys that come with caller, time and request; those of the resource are its layer's."""
    values = _caller_keys(caller, tags)
    values["aws:currenttime"] = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    values["aws:epochtime"] = str(int(now.timestamp()))
    if http is not None:
        values |= _request_keys(http)
    service, _, _ = action.partition(":")
    if service in {"s3", "s3-object-lambda"}:
        values |= _s3_keys(caller, http, action.lower(), service)
    return values


def _caller_keys(caller: Caller, tags: Mapping[str, str]) -> Values:
    session = caller.session
    if caller.kind == "Anonymous":
        return {"aws:principaltype": "Anonymous", "aws:principalisawsservice": "false", "aws:userid": "anonymous"}
    values: Values = {
        "aws:principalarn": caller.arn if session is None else session.role_arn,
        "aws:principalaccount": caller.account,
        "aws:principaltype": _PRINCIPAL_TYPES[caller.kind],
        "aws:principalisawsservice": "false",
        "aws:userid": caller.principal_id,
        "aws:viaawsservice": "true" if caller.called_via else "false",
    }
    if caller.user_name is not None:
        values["aws:username"] = caller.user_name
    if session is not None:
        values["aws:tokenissuetime"] = session.created_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    if caller.called_via:
        values["aws:calledvia"] = caller.called_via
        values["aws:calledviafirst"] = caller.called_via[0]
        values["aws:calledvialast"] = caller.called_via[-1]
    if caller.signature is not None:
        values["aws:requestedregion"] = caller.signature.region
    values |= {f"aws:principaltag/{name.lower()}": value for name, value in tags.items()}
    return values | {name.lower(): value for name, value in caller.attributes.items()}


def _request_keys(http: HttpRequest) -> Values:
    found = {
        "aws:sourceip": http.peer or None,
        "aws:securetransport": "true" if http.scheme == "https" else "false",
        "aws:useragent": http.headers.get("user-agent"),
        "aws:referer": http.headers.get("referer"),
    }
    return {name: value for name, value in found.items() if value is not None}


def _s3_keys(caller: Caller, http: HttpRequest | None, action: str, service: str) -> Values:
    values: Values = {}
    if (signature := caller.signature) is not None:
        values[f"{service}:authtype"] = signature.kind
        values[f"{service}:signatureage"] = str(signature.age_ms)
        values[f"{service}:signatureversion"] = signature.version
    if http is None:
        return values
    values |= {f"s3:{name}": value for name, value in _present(http, _HEADER_KEYS)}
    parameters = dict(reversed(http.parameters())) if http.query else {}
    if "versionId" in parameters:
        values[f"{service}:versionid"] = parameters["versionId"]
    if action in _LISTING:
        values |= {key: parameters[name] for name, key in _QUERY_KEYS.items() if name in parameters}
    if (tagging := http.headers.get("x-amz-tagging")) is not None:
        tags = dict(parse_query(tagging))
        values |= {f"s3:requestobjecttag/{name.lower()}": value for name, value in tags.items()}
        values["s3:requestobjecttagkeys"] = tuple(tags)
    return values


def _present(http: HttpRequest, names: Iterable[str]) -> list[tuple[str, str]]:
    found = ((name, http.headers.get(name)) for name in names)
    return [(name, value) for name, value in found if value is not None]
