"""Signing keys: four HMACs from a secret to the key of one day, region and service."""

from __future__ import annotations

import hmac
from collections import OrderedDict
from dataclasses import dataclass, field

from objectlens.sigv4.claim import TERMINAL, Scope


@dataclass(frozen=True, slots=True)
class Secret:
    """An access key with its secret, which `repr` hides."""

    access_key_id: str
    secret_access_key: str = field(repr=False)


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def derive(secret_access_key: str, scope: Scope) -> bytes:
    """Derive the signing key of a scope."""
    day = _hmac(b"AWS4" + secret_access_key.encode(), scope.date)
    return _hmac(_hmac(_hmac(day, scope.region), scope.service), TERMINAL)


def signature(signing_key: bytes, string_to_sign: str) -> str:
    """Return the signature in hexadecimal."""
    return hmac.digest(signing_key, string_to_sign.encode("utf-8", "surrogateescape"), "sha256").hex()


class SigningKeys:
    """The signing keys used of late, at most `limit`; it halves the price of verifying.

    Only a proved signature may bring a key in (`remember`), so that strangers who know a key's id cannot fill it.
    """

    def __init__(self, limit: int = 1024) -> None:
        self._limit = limit
        self._keys: OrderedDict[tuple[str, Scope], tuple[str, bytes]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, secret: Secret, scope: Scope) -> bytes:
        """Return the signing key, derived when it is not here; another secret under the same id is not mistaken."""
        found = self._keys.get((secret.access_key_id, scope))
        if found is not None and found[0] == secret.secret_access_key:
            return found[1]
        return derive(secret.secret_access_key, scope)

    def remember(self, secret: Secret, scope: Scope, key: bytes) -> None:
        """Keep a signing key; the one unused for longest makes room."""
        slot = (secret.access_key_id, scope)
        self._keys[slot] = (secret.secret_access_key, key)
        self._keys.move_to_end(slot)
        if len(self._keys) > self._limit:
            self._keys.popitem(last=False)
