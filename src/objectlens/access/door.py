"""The one object that the gateway asks."""

from __future__ import annotations

from collections.abc import Mapping

from objectlens.access.authenticate import Authenticator, Digest, Unsigned
from objectlens.access.authorize import Authorizer
from objectlens.access.dialects import in_dialect
from objectlens.access.identity import Identities
from objectlens.access.layers import Target
from objectlens.access.principals import Principals
from objectlens.access.sessions import Sessions
from objectlens.access.values import ANONYMOUS, Caller
from objectlens.clock import Clock
from objectlens.errors import ServiceError
from objectlens.http import HttpRequest
from objectlens.operation import Api
from objectlens.sigv4 import Credentials


class Access:
    """Authenticates requests and authorises callers.

    `catalog` answers the look-ups of `Principals`. `root` is the account's root key. `secret_key` (at least 32 random
    bytes, the same in every process and over restarts) is what temporary credentials grow from; `sessions` makes them.
    """

    def __init__(
        self, catalog: Principals, root: Credentials, clock: Clock, *, secret_key: bytes, account: str = "123456789012"
    ) -> None:
        self.sessions = Sessions(secret_key, clock)
        self._authenticator = Authenticator(catalog, root, clock, self.sessions, account)
        self._authorizer = Authorizer(catalog, clock)

    async def authenticate(
        self, http: HttpRequest, *, api: Api = "s3", digest: Digest | None = None, anonymous: bool = False
    ) -> Caller:
        """Return who signed the request, in its header or its query; raises the errors of the API that was called.

        With `anonymous`, a request without any signature is nobody's; otherwise it is refused.

        The payload is not read. `caller.signature.payload_hash` says what its digest must be, and
        `caller.signature.seed` verifies signed chunks. Lambda, IAM and STS sign the digest of the body without naming
        it: `digest` is then awaited for the body's hexadecimal SHA-256; without it the body is taken to be empty.
        """
        try:
            return await self._authenticator.authenticate(http, api, digest)
        except ServiceError as error:
            if anonymous and isinstance(error, Unsigned):
                return ANONYMOUS
            raise in_dialect(api, error) from error

    async def authenticate_form(self, form: Mapping[str, str]) -> Caller | None:
        """Return who signed the policy of a browser's form, fields by lower-case name; None when nobody did.

        Raises S3's errors for a signature that is not whole or not right. What the policy says is not looked at.
        """
        return await self._authenticator.authenticate_form(form)

    async def authorize(
        self,
        caller: Caller,
        action: str,
        resource: Target,
        *,
        key: str | None = None,
        context: Mapping[str, str | tuple[str, ...]] | None = None,
        http: HttpRequest | None = None,
    ) -> None:
        """Return when `caller` may do `action` (`s3:GetObject`) on `resource`; raises `AccessDenied`.

        `resource` is an entity of the catalog, whose own policy then counts too, or an ARN. `key` is the decoded key
        of an object in it, None for the bucket or access point itself. `context` are further condition keys that only
        the caller of this method knows (`s3:ExistingObjectTag/team`); `http` is the request they all come from.
        """
        await self._authorizer.authorize(caller, action, resource, key=key, context=context, http=http)

    @property
    def identities(self) -> Identities:
        """What is attached to users and roles."""
        return self._authorizer.identities
