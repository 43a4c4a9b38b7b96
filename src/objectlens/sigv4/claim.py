"""What a request says about its signature, before anything of it is proved."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

ALGORITHM = "AWS4-HMAC-SHA256"
TERMINAL = "aws4_request"
TIMESTAMP = "%Y%m%dT%H%M%SZ"

Carrier = Literal["REST-HEADER", "REST-QUERY-STRING"]


@dataclass(frozen=True, slots=True)
class Scope:
    """What a signing key is good for: one day (`YYYYMMDD`), one region, one service."""

    date: str
    region: str
    service: str

    def __str__(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/{TERMINAL}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A signature as received.

    `signed_headers` are lower-case names in the order given. `timestamp` is the text that was signed, `signed_at` the
    moment it names. `expires` is in seconds, None for the header carrier. `payload_hash` is what stands in the last
    line of the canonical request: a SHA-256 in hexadecimal, `UNSIGNED-PAYLOAD` or a `STREAMING-...` marker; None when
    the request did not say and the digest of the body itself was signed, as services other than S3 allow.
    """

    carrier: Carrier
    access_key_id: str
    scope: Scope
    signed_headers: tuple[str, ...]
    signature: str
    timestamp: str
    signed_at: datetime
    payload_hash: str | None
    expires: int | None = None
    session_token: str | None = field(default=None, repr=False)
