"""Making signatures: for URLs that we hand out and for requests that we send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from objectlens.sigv4 import canonical
from objectlens.sigv4.claim import ALGORITHM, TIMESTAMP, Scope
from objectlens.sigv4.keys import Secret, derive, signature


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request is signed with. Temporary ones have a session token and an end; `repr` hides the secrets."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    expires: datetime | None = None

    @property
    def secret(self) -> Secret:
        """The key and its secret alone."""
        return Secret(self.access_key_id, self.secret_access_key)


# URLs are made in great number with the same credentials.
_signing_key = lru_cache(maxsize=256)(derive)
_encoded = lru_cache(maxsize=256)(canonical.uri_encode)


def _pair(piece: str) -> tuple[str, str]:
    name, _, value = piece.partition("=")
    return name, value


def presign(
    method: str,
    url: str,
    credentials: Credentials,
    *,
    region: str,
    now: datetime,
    expires: int,
    service: str = "s3",
    headers: Mapping[str, str] | None = None,
) -> str:
    """Return `url` with a signature in its query that holds for `expires` seconds from `now`.

    `url` is `SCHEME://HOST/PATH[?QUERY]` with path and query percent-encoded already; its host is signed as written.
    `headers` are further headers that the request must then carry with these values.
    """
    origin, _, query = url.partition("?")
    scheme, _, rest = origin.partition("://")
    host, slash, path = rest.partition("/")
    values = {name.lower(): value for name, value in (headers or {}).items()} | {"host": host}
    names = sorted(values)
    timestamp = now.strftime(TIMESTAMP)
    scope = Scope(timestamp[:8], region, service)
    signed = [
        f"X-Amz-Algorithm={ALGORITHM}",
        f"X-Amz-Credential={canonical.uri_encode(f'{credentials.access_key_id}/{scope}')}",
        f"X-Amz-Date={timestamp}",
        f"X-Amz-Expires={expires}",
    ]
    if credentials.session_token is not None:
        signed.append(f"X-Amz-Security-Token={_encoded(credentials.session_token)}")
    signed.append(f"X-Amz-SignedHeaders={canonical.uri_encode(';'.join(names))}")
    # What is added here is in canonical form and order already.
    pieces = sorted([*canonical.canonical_query(query).split("&"), *signed], key=_pair) if query else signed
    query = "&".join([query, *signed] if query else signed)
    request = canonical.canonical_request(
        method,
        canonical.canonical_path(slash + path, service),
        "&".join(pieces),
        headers=canonical.canonical_headers(names, values),
        signed_headers=names,
        payload_hash=canonical.UNSIGNED_PAYLOAD,
    )
    key = _signing_key(credentials.secret_access_key, scope)
    proof = signature(key, canonical.string_to_sign(timestamp, scope, request))
    return f"{scheme}://{host}{slash + path or '/'}?{query}&X-Amz-Signature={proof}"


def sign(
    method: str,
    host: str,
    path: str,
    query: str,
    credentials: Credentials,
    *,
    region: str,
    now: datetime,
    payload_hash: str,
    service: str = "s3",
    headers: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return `headers` with those added that sign the request: date, payload hash, session token, authorization.

    `path` and `query` are percent-encoded already. `payload_hash` is the body's SHA-256 in hexadecimal or one of S3's
    markers. All headers given are signed, and the host, which is not among those returned.
    """
    timestamp = now.strftime(TIMESTAMP)
    scope = Scope(timestamp[:8], region, service)
    result = dict(headers or {}) | {"X-Amz-Date": timestamp}
    if service in canonical.S3_SERVICES:
        result["X-Amz-Content-SHA256"] = payload_hash
    if credentials.session_token is not None:
        result["X-Amz-Security-Token"] = credentials.session_token
    values = {name.lower(): value for name, value in result.items()} | {"host": host}
    names = sorted(values)
    request = canonical.canonical_request(
        method,
        canonical.canonical_path(path, service),
        canonical.canonical_query(query),
        headers=canonical.canonical_headers(names, values),
        signed_headers=names,
        payload_hash=payload_hash,
    )
    key = derive(credentials.secret_access_key, scope)
    proof = signature(key, canonical.string_to_sign(timestamp, scope, request))
    result["Authorization"] = (
        f"{ALGORITHM} Credential={credentials.access_key_id}/{scope}, SignedHeaders={';'.join(names)}, "
        f"Signature={proof}"
    )
    return result
