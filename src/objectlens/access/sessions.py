"""Temporary credentials that nobody stores.

An access key id made here shows its origin by itself: `ASIA`, one letter for the purpose, seven random characters, and
eight that are a keyed hash of the eight before them. The session token is the sealed description of the caller, and the
secret is a keyed hash of the token; so whoever holds the service's key can check and use credentials that another
process made, and a restart forgets nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

from objectlens.access.packing import pack, unpack
from objectlens.access.sealing import NotSealedHere, Seal
from objectlens.access.values import Caller, Session
from objectlens.catalog.entities import Role
from objectlens.clock import Clock
from objectlens.errors import ExpiredToken, InvalidToken
from objectlens.sigv4 import Credentials

Purpose = Literal["session", "forward"]

SOURCE_FUNCTION = "lambda:SourceFunctionArn"

_PREFIX = "ASIA"
_REUSED = timedelta(seconds=30)
_KEPT = 1024
_LETTERS: dict[str, Purpose] = {"F": "forward", "S": "session"}


class Sessions:
    """Makes and opens temporary credentials. `secret_key` is at least 32 random bytes, the same in every process."""

    def __init__(self, secret_key: bytes, clock: Clock) -> None:
        if len(secret_key) < 32:
            raise ValueError("the key that temporary credentials grow from must have at least 32 bytes")
        self._clock = clock
        self._mark_key = hmac.digest(secret_key, b"access key ids", "sha256")
        self._seal = Seal(hmac.digest(secret_key, b"session tokens", "sha256"))
        self._secret_key = hmac.digest(secret_key, b"secret access keys", "sha256")
        self._forwarded: dict[tuple[object, ...], Credentials] = {}
        self._functions: dict[tuple[object, ...], Caller] = {}

    def made_here(self, access_key_id: str) -> Purpose | None:
        """Tell what an access key id was made for, None when it is none of ours; costs a few microseconds.

        It proves that we made the id, not that the request is signed with its secret.
        """
        if len(access_key_id) != 20 or not access_key_id.startswith(_PREFIX) or not access_key_id.isascii():
            return None
        body, mark = access_key_id[4:12], access_key_id[12:]
        if not hmac.compare_digest(self._mark(body), mark):
            return None
        return _LETTERS.get(body[0])

    def forward(self, caller: Caller, via: str, lifetime: timedelta) -> Credentials:
        """Return credentials with which the service `via` acts as `caller`, who may do with them what he may anyway.

        The same are given for half a minute; they last for `lifetime`, or up to so much less.

        Requests signed with them come back as the same caller with `via` added to `called_via`.
        """
        key = (caller.access_key_id, caller.arn, caller.called_via, via, lifetime)
        made = self._forwarded.get(key)
        if made is None or made.expires is None or made.expires - self._clock.now() < lifetime - _REUSED:
            made = self._make("F", {"c": pack(caller), "v": [*caller.called_via, via]}, lifetime)
            if len(self._forwarded) >= _KEPT:
                self._forwarded.clear()
            self._forwarded[key] = made
        return made

    def for_user(self, caller: Caller, lifetime: timedelta) -> Credentials:
        """Make credentials for the same user or root as `caller` (STS GetSessionToken)."""
        return self._make("S", {"c": pack(caller)}, lifetime)

    def assume(
        self,
        role: Role,
        session_name: str,
        lifetime: timedelta,
        policy: str | None = None,
        *,
        attributes: Mapping[str, str] | None = None,
    ) -> Credentials:
        """Make credentials for a session of a role, narrowed by a session policy if there is one.

        `attributes` are condition keys that the session brings along (`aws:PrincipalTag/team`).
        """
        caller = self._session(
            role.arn, role.name, role.role_id, session_name, policy=policy, attributes=dict(attributes or {})
        )
        return self._make("S", {"c": pack(caller)}, lifetime)

    def for_function(
        self, role_arn: str, function_arn: str, lifetime: timedelta, *, role_id: str | None = None
    ) -> Credentials:
        """Make credentials for a function under its execution role, which need not be known to us.

        Their requests carry the condition key `lambda:SourceFunctionArn`, as on AWS.
        """
        return self._make("S", {"c": pack(self.function_caller(role_arn, function_arn, role_id=role_id))}, lifetime)

    def function_caller(self, role_arn: str, function_arn: str, *, role_id: str | None = None) -> Caller:
        """Return whom those credentials stand for; its access key is not known."""
        key, now = (role_arn, function_arn, role_id), self._clock.now()
        made = self._functions.get(key)
        if made is None or made.session is None or not timedelta() <= now - made.session.created_at < _REUSED:
            made = self._functions[key] = self._function(role_arn, function_arn, role_id)
            if len(self._functions) > _KEPT:
                self._functions.clear()
        return made

    def _function(self, role_arn: str, function_arn: str, role_id: str | None) -> Caller:
        role_name = role_arn.rpartition("/")[2]
        session_name = function_arn.split(":")[6]
        return self._session(
            role_arn, role_name, role_id or _role_id(role_arn), session_name, attributes={SOURCE_FUNCTION: function_arn}
        )

    def open(self, access_key_id: str, token: str) -> tuple[Caller, str]:
        """Return whom the credentials stand for, and their secret; raises `InvalidToken` or `ExpiredToken`."""
        try:
            claims = self._seal.open(access_key_id, token)
        except NotSealedHere:
            raise InvalidToken from None
        if claims["x"] <= self._clock.now().timestamp():
            raise ExpiredToken
        caller = unpack(claims["c"], access_key_id, tuple(claims.get("v", ())))
        return caller, self._secret(token)

    def is_live(self, access_key_id: str, token: str) -> bool:
        """Tell whether credentials were made here and have not ended; proves nothing about who sent them."""
        try:
            self.open(access_key_id, token)
        except (InvalidToken, ExpiredToken):
            return False
        return True

    def _session(
        self,
        role_arn: str,
        role_name: str,
        role_id: str,
        session_name: str,
        *,
        policy: str | None = None,
        attributes: dict[str, str] | None = None,
    ) -> Caller:
        account = role_arn.split(":")[4]
        return Caller(
            kind="AssumedRole",
            account=account,
            arn=f"arn:aws:sts::{account}:assumed-role/{role_name}/{session_name}",
            principal_id=f"{role_id}:{session_name}",
            access_key_id="",
            session=Session(
                role_name=role_name,
                role_id=role_id,
                role_arn=role_arn,
                session_name=session_name,
                created_at=self._clock.now().replace(microsecond=0),
                policy=policy,
            ),
            attributes=attributes or {},
        )

    def _make(self, letter: str, claims: dict[str, Any], lifetime: timedelta) -> Credentials:
        body = letter + base64.b32encode(secrets.token_bytes(5)).decode()[1:]
        access_key_id = f"{_PREFIX}{body}{self._mark(body)}"
        expires = math.ceil((self._clock.now() + lifetime).timestamp())
        token = self._seal.close(access_key_id, claims | {"x": expires})
        return Credentials(access_key_id, self._secret(token), token, datetime.fromtimestamp(expires, UTC))

    def _mark(self, body: str) -> str:
        return base64.b32encode(hmac.digest(self._mark_key, body.encode(), "sha256")[:5]).decode()

    def _secret(self, token: str) -> str:
        return base64.b64encode(hmac.digest(self._secret_key, token.encode(), "sha256")[:30]).decode()


@lru_cache(maxsize=1024)
def _role_id(role_arn: str) -> str:
    """Return an id shaped like AWS's for a role that the catalog does not know, the same each time."""
    return "AROA" + base64.b32encode(hashlib.sha256(role_arn.encode()).digest())[:17].decode()
