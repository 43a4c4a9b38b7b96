"""Signature Version 4: canonical requests, verifying and signing.

What flows through: an `HttpRequest` comes in and a `Claim` goes out (`read`): who says to have signed it, how and when.
With that key's secret, `verify` proves the claim or raises. `sign` and `presign` make signatures for our own
requests. Pure: no I/O, no clock of its own; it does not know which keys exist nor what they may do.
"""

from __future__ import annotations

from objectlens.sigv4.canonical import S3_SERVICES, UNSIGNED_PAYLOAD
from objectlens.sigv4.chunks import ChunkSeed, ChunkVerifier
from objectlens.sigv4.claim import Claim, Scope
from objectlens.sigv4.form import FormClaim, read_form, verify_form
from objectlens.sigv4.keys import Secret, SigningKeys
from objectlens.sigv4.read import read
from objectlens.sigv4.sign import Credentials, presign, sign
from objectlens.sigv4.verify import verify

__all__ = [
    "S3_SERVICES",
    "UNSIGNED_PAYLOAD",
    "ChunkSeed",
    "ChunkVerifier",
    "Claim",
    "Credentials",
    "FormClaim",
    "Scope",
    "Secret",
    "SigningKeys",
    "presign",
    "read",
    "read_form",
    "sign",
    "verify",
    "verify_form",
]
