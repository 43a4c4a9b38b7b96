"""From a signature to a `Caller`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from objectlens import arn
from objectlens.access.principals import Principals
from objectlens.access.sessions import Sessions
from objectlens.access.values import Caller, Signature
from objectlens.clock import Clock
from objectlens.errors import (
    AccessDenied,
    AuthorizationHeaderMalformed,
    AuthorizationQueryParametersError,
    InvalidAccessKeyId,
    InvalidToken,
    SignatureDoesNotMatch,
)
from objectlens.http import HttpRequest
from objectlens.operation import Api
from objectlens.sigv4 import (
    S3_SERVICES,
    ChunkSeed,
    Claim,
    Credentials,
    FormClaim,
    Secret,
    SigningKeys,
    read,
    read_form,
    verify,
    verify_form,
)

# Which services a credential scope may name at which API. Clients sign for `s3-object-lambda` or `s3` by the form of
# the bucket's name, so both are good for every S3 address (reference section 2.3).
_SERVICES: dict[Api, frozenset[str]] = {
    "s3": S3_SERVICES,
    "s3control": S3_SERVICES,
    "lambda": frozenset({"lambda"}),
    "iam": frozenset({"iam"}),
    "sts": frozenset({"sts"}),
}

Digest = Callable[[], Awaitable[str]]


class Unsigned(AccessDenied):
    """A request without a signature; nothing here is open to the public."""

    code = "AccessDenied"


class Authenticator:
    """Knows the root key, asks the catalog for users' keys and opens temporary credentials."""

    def __init__(
        self, principals: Principals, root: Credentials, clock: Clock, sessions: Sessions, account: str
    ) -> None:
        self._principals = principals
        self._root = root
        self._root_caller = Caller(
            kind="Root",
            account=account,
            arn=arn.iam_arn(account, "root"),
            principal_id=account,
            access_key_id=root.access_key_id,
        )
        self._clock = clock
        self._sessions = sessions
        self._keys = SigningKeys()

    async def authenticate(self, http: HttpRequest, api: Api, digest: Digest | None) -> Caller:
        """Return the proved caller; raises the errors of `sigv4.read` and `sigv4.verify` and those about keys."""
        claim = read(http)
        if claim is None:
            raise Unsigned
        _check_service(claim, api)
        caller, secret = await self._principal(claim.access_key_id, claim.session_token)
        if claim.payload_hash is None:
            claim = replace(claim, payload_hash=await digest() if digest is not None else None)
        now = self._clock.now()
        seed = verify(http, claim, secret, now, self._keys)
        return caller.signed(_signature(claim, max(now - claim.signed_at, timedelta()), seed))

    async def authenticate_form(self, form: Mapping[str, str]) -> Caller | None:
        """Return who signed a form, None when nobody did; raises the errors of `read_form` and `verify_form`."""
        claim = read_form(form)
        if claim is None:
            return None
        caller, secret = await self._principal(claim.access_key_id, claim.session_token)
        verify_form(claim, secret, self._keys)
        return caller.signed(_form_signature(claim, self._clock.now()))

    async def _principal(self, key_id: str, token: str | None) -> tuple[Caller, Secret]:
        if self._sessions.made_here(key_id) is not None:
            if token is None:
                raise InvalidAccessKeyId(AWSAccessKeyId=key_id)
            caller, secret = self._sessions.open(key_id, token)
            return caller, Secret(key_id, secret)
        found = await self._long_term(key_id)
        if token is not None:
            raise InvalidToken(
                "The provided token is malformed or otherwise invalid: long-term access keys have no session token."
            )
        return found

    async def _long_term(self, key_id: str) -> tuple[Caller, Secret]:
        if key_id == self._root.access_key_id:
            return self._root_caller, self._root.secret
        key = await self._principals.access_key(key_id)
        user = await self._principals.user(key.user_name) if key is not None and key.active else None
        if key is None or user is None:
            raise InvalidAccessKeyId(AWSAccessKeyId=key_id)
        caller = Caller(
            kind="IAMUser",
            account=user.account,
            arn=user.arn,
            principal_id=user.user_id,
            access_key_id=key_id,
            user_name=user.name,
        )
        return caller, Secret(key_id, key.secret_access_key)


def _signature(claim: Claim, age: timedelta, seed: ChunkSeed) -> Signature:
    return Signature(
        kind=claim.carrier,
        version="AWS4-HMAC-SHA256",
        age_ms=int(age.total_seconds() * 1000),
        service=claim.scope.service,
        region=claim.scope.region,
        payload_hash=claim.payload_hash or "",
        seed=seed,
    )


def _form_signature(claim: FormClaim, now: datetime) -> Signature | None:
    # Forms of the older kind do not say when they were signed, and policies that ask for the age must not be deceived.
    if claim.scope is None or claim.signed_at is None:
        return None
    return Signature(
        kind="POST",
        version="AWS4-HMAC-SHA256",
        age_ms=max(int((now - claim.signed_at).total_seconds() * 1000), 0),
        service=claim.scope.service,
        region=claim.scope.region,
        payload_hash="",
    )


def _check_service(claim: Claim, api: Api) -> None:
    """Refuse a signature that was made for another API: its canonical form may follow another rule."""
    service = claim.scope.service
    if service in _SERVICES[api]:
        return
    if not _SERVICES[api] & S3_SERVICES:
        raise SignatureDoesNotMatch(f"Credential should be scoped to correct service: '{api}'.")
    fault = f'; incorrect service "{service}". This endpoint belongs to "s3".'
    if claim.expires is None:
        raise AuthorizationHeaderMalformed(f"The authorization header is malformed{fault}")
    raise AuthorizationQueryParametersError(f"Error parsing the X-Amz-Credential parameter{fault}")
