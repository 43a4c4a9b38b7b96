"""Sealed descriptions: whoever has the key can read and make them, nobody else."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_SALT = 16
# Each token is sealed under a key of its own, made from its salt, so the nonce never meets the same key twice and the
# number of tokens has no bound (NIST SP 800-38D section 8.3 sets one for random nonces under one key).
_NONCE = bytes(12)
_LONGEST_TOKEN = 16 * 1024


class NotSealedHere(ValueError):
    """A token that was not sealed with this key, or not for this owner."""


class Seal:
    """Seals JSON under one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def close(self, owner: str, claims: dict[str, Any]) -> str:
        """Return a token of URL-safe text that opens for `owner` alone."""
        salt = secrets.token_bytes(_SALT)
        text = json.dumps(claims, separators=(",", ":")).encode()
        sealed = self._cipher(salt).encrypt(_NONCE, text, owner.encode())
        return base64.urlsafe_b64encode(salt + sealed).decode().rstrip("=")

    def open(self, owner: str, token: str) -> dict[str, Any]:
        """Return what a token holds; raises `NotSealedHere`."""
        if len(token) > _LONGEST_TOKEN:
            raise NotSealedHere
        try:
            raw = base64.urlsafe_b64decode(token.encode() + b"=" * (-len(token) % 4))
            text = self._cipher(raw[:_SALT]).decrypt(_NONCE, raw[_SALT:], owner.encode())
        except (ValueError, InvalidTag):
            raise NotSealedHere from None
        claims: dict[str, Any] = json.loads(text)
        return claims

    def _cipher(self, salt: bytes) -> AESGCM:
        return AESGCM(hmac.digest(self._key, salt, "sha256"))
