"""Who is calling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from objectlens.sigv4 import ChunkSeed

Kind = Literal["Root", "IAMUser", "AssumedRole", "Anonymous"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Where temporary credentials came from (CloudTrail's `sessionContext`)."""

    role_name: str
    role_id: str
    role_arn: str
    session_name: str
    created_at: datetime
    policy: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """How the request was signed: condition keys `s3:authType`, `s3:signatureAge`, `s3:signatureversion`.

    `kind` is `REST-HEADER`, `REST-QUERY-STRING` or, of a form, `POST`; `age_ms` the milliseconds since signing;
    `service` and `region` are those of the credential scope. `payload_hash` is what `x-amz-content-sha256` says. `seed`
    verifies the chunks of an `aws-chunked` body (`seed.verifier()`).
    """

    kind: Literal["REST-HEADER", "REST-QUERY-STRING", "POST"]
    version: str
    age_ms: int
    service: str
    region: str
    payload_hash: str
    seed: ChunkSeed | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """An authenticated principal.

    `called_via` names the services between the principal and us, the first one first (`aws:CalledVia`); it is set when
    the request was signed with forward-access credentials, as `inputS3Url` is. `attributes` are further values for
    condition keys that come with the credentials.
    """

    kind: Kind
    account: str
    arn: str
    principal_id: str
    access_key_id: str
    user_name: str | None = None
    session: Session | None = None
    called_via: tuple[str, ...] = ()
    signature: Signature | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)

    def signed(self, signature: Signature | None) -> Caller:
        """Return the same principal with the signature of a request."""
        return self._with(self.called_via, signature)

    def via(self, service: str, signature: Signature | None = None) -> Caller:
        """Return the same principal as he is seen behind one more service, which may sign anew."""
        return self._with((*self.called_via, service), signature or self.signature)

    def _with(self, called_via: tuple[str, ...], signature: Signature | None) -> Caller:
        # Every request asks for this: `dataclasses.replace` takes three times as long.
        return Caller(
            kind=self.kind,
            account=self.account,
            arn=self.arn,
            principal_id=self.principal_id,
            access_key_id=self.access_key_id,
            user_name=self.user_name,
            session=self.session,
            called_via=called_via,
            signature=signature,
            attributes=self.attributes,
        )


ANONYMOUS = Caller(kind="Anonymous", account="", arn="", principal_id="", access_key_id="")
"""Who signs nothing: he may do what a resource's policy lets everyone do, and has no account."""
