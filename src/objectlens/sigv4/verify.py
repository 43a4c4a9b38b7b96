"""Proving a claim with the secret of the key that it names."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta

from objectlens.errors import AccessDenied, RequestTimeTooSkewed, SignatureDoesNotMatch
from objectlens.http import HttpRequest
from objectlens.sigv4 import canonical
from objectlens.sigv4.chunks import ChunkSeed
from objectlens.sigv4.claim import Claim
from objectlens.sigv4.keys import Secret, SigningKeys, signature

# Functions send `x-amz-checksum-mode` with `inputS3Url`, as AWS signs it there and we do not (reference sections 6 and
# 18.1), or every header that their caller sent. Neither it nor an agent's name changes what is read or who may.
_MAY_FOLLOW_PRESIGNED = frozenset({"x-amz-checksum-mode", "x-amz-content-sha256", "x-amz-user-agent"})
_MAY_FOLLOW_OUTSIDE_S3 = frozenset({"x-amz-security-token"})
MAX_SKEW = timedelta(minutes=15)


def verify(http: HttpRequest, claim: Claim, secret: Secret, now: datetime, keys: SigningKeys) -> ChunkSeed:
    """Prove that `secret` signed this request; returns what the signatures of its chunks grow from.

    The payload's own digest is not computed here: it must be compared with `claim.payload_hash` while the body
    arrives. A claim without a payload hash must be given one first (`dataclasses.replace`). Raises
    `RequestTimeTooSkewed`, `AccessDenied` (expired, or headers that should have been signed) or
    `SignatureDoesNotMatch`.
    """
    check_time(claim, now)
    values = http.headers.lower()
    values["host"] = http.host or values.get("host", "")
    check_signed(claim, values)
    key = keys.find(secret, claim.scope)
    request = _canonical(http, claim, values, as_received=False)
    text = canonical.string_to_sign(claim.timestamp, claim.scope, request)
    if not _same(signature(key, text), claim.signature) and not _signed_as_received(http, claim, values, key):
        raise SignatureDoesNotMatch(
            AWSAccessKeyId=claim.access_key_id,
            StringToSign=text,
            SignatureProvided=claim.signature,
            CanonicalRequest=request,
        )
    keys.remember(secret, claim.scope, key)
    return ChunkSeed(signing_key=key, timestamp=claim.timestamp, scope=claim.scope, signature=claim.signature)


def check_time(claim: Claim, now: datetime) -> None:
    """Refuse signatures from another time: 15 minutes either way, or a presigned request past its end."""
    if claim.expires is None:
        if abs(now - claim.signed_at) > MAX_SKEW:
            raise RequestTimeTooSkewed(
                RequestTime=claim.timestamp,
                ServerTime=_iso(now),
                MaxAllowedSkewMilliseconds=str(int(MAX_SKEW.total_seconds() * 1000)),
            )
        return
    if claim.signed_at - now > MAX_SKEW:
        raise AccessDenied("Request is not yet valid", RequestTime=claim.timestamp, ServerTime=_iso(now))
    end = claim.signed_at + timedelta(seconds=claim.expires)
    if now > end:
        detail = {"X-Amz-Expires": str(claim.expires), "Expires": _iso(end), "ServerTime": _iso(now)}
        raise AccessDenied("Request has expired", headers=None, **detail)


def check_signed(claim: Claim, values: Mapping[str, str]) -> None:
    """Demand that the host and every `x-amz-` header that is present are signed.

    A presigned request may come with further headers of other names: `Range` and `If-*` are meant for that (reference
    section 6). The payload hash has its own rule there and may be sent along. Outside S3 the session token may be added
    after signing, which AWS's test suite shows as `post-sts-header-after`.
    """
    signed = set(claim.signed_headers)
    may_follow: frozenset[str] = frozenset()
    if claim.expires is not None:
        may_follow = _MAY_FOLLOW_PRESIGNED
    elif claim.scope.service not in canonical.S3_SERVICES:
        may_follow = _MAY_FOLLOW_OUTSIDE_S3
    missing = [name for name in values if name.startswith("x-amz-") and name not in signed and name not in may_follow]
    if "host" not in signed:
        missing.insert(0, "host")
    if missing:
        raise AccessDenied(
            "There were headers present in the request which were not signed", HeadersNotSigned=", ".join(missing)
        )


def _canonical(http: HttpRequest, claim: Claim, values: Mapping[str, str], *, as_received: bool) -> str:
    leave_out = None if claim.expires is None else "X-Amz-Signature"
    if as_received:
        path, query = http.path or "/", canonical.raw_query(http.query, leave_out)
    else:
        path = canonical.canonical_path(http.path, claim.scope.service)
        query = canonical.canonical_query(http.query, leave_out)
    headers = canonical.canonical_headers(claim.signed_headers, values)
    payload = claim.payload_hash or canonical.EMPTY_SHA256
    return canonical.canonical_request(
        http.method, path, query, headers=headers, signed_headers=claim.signed_headers, payload_hash=payload
    )


def _signed_as_received(http: HttpRequest, claim: Claim, values: Mapping[str, str], key: bytes) -> bool:
    """Tell whether path and query were signed as they were sent, with escapes that the rule would write otherwise.

    Some S3 signers do so. Both forms name the same key and parameters to us, so accepting either gives nothing away.
    """
    if claim.scope.service not in canonical.S3_SERVICES:
        return False
    request = _canonical(http, claim, values, as_received=True)
    text = canonical.string_to_sign(claim.timestamp, claim.scope, request)
    return _same(signature(key, text), claim.signature)


def _same(expected: str, claimed: str) -> bool:
    return hmac.compare_digest(expected.encode(), claimed.encode("utf-8", "surrogateescape"))


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
