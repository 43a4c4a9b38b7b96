"""The third carrier: fields of a browser's form, where what is signed is the policy that the form brings along.

Sources: "Authenticating requests in browser-based uploads using POST" in the S3 API reference, and for the older kind
"Browser-based uploads using POST (Signature Version 2)" in the S3 user guide. Forms are written into web pages and
outlive SDKs, and no request is signed here that a newer SDK would sign otherwise: so both kinds are taken.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from objectlens.errors import AccessDenied, InvalidArgument, SignatureDoesNotMatch
from objectlens.sigv4 import fields
from objectlens.sigv4.claim import ALGORITHM, Scope
from objectlens.sigv4.keys import Secret, SigningKeys, signature

_NEWER = ("x-amz-credential", "x-amz-date", "x-amz-signature")
_OLDER = ("awsaccesskeyid", "signature")


@dataclass(frozen=True, slots=True, kw_only=True)
class FormClaim:
    """A form's signature as received: over `policy`, the text of that field. `scope` is None for the older kind."""

    access_key_id: str
    policy: str
    signature: str
    scope: Scope | None = None
    signed_at: datetime | None = None
    session_token: str | None = field(default=None, repr=False)


def read_form(form: Mapping[str, str]) -> FormClaim | None:
    """Return what a form, fields by lower-case name, claims about its signature; None when it has no policy either.

    Raises `InvalidArgument` for a policy without a whole signature or a signature without a policy.
    """
    newer = any(name in form for name in (*_NEWER, "x-amz-algorithm"))
    signed = newer or any(name in form for name in _OLDER)
    if not signed and "policy" not in form:
        return None
    for name in ("policy", *(_NEWER if newer else _OLDER)):
        if not form.get(name):
            raise InvalidArgument(
                f"Bucket POST must contain a field named '{name}'.  If it is specified, please check the order of the "
                "fields.",
                ArgumentName=name,
                ArgumentValue="",
            )
    return _newer(form) if newer else _older(form)


def verify_form(claim: FormClaim, secret: Secret, keys: SigningKeys) -> None:
    """Prove that `secret` signed the policy; raises `SignatureDoesNotMatch`."""
    if claim.scope is None:
        digest = hmac.digest(secret.secret_access_key.encode(), claim.policy.encode(), "sha1")
        expected = base64.b64encode(digest).decode()
    else:
        expected = signature(keys.find(secret, claim.scope), claim.policy)
    if not hmac.compare_digest(expected.encode(), claim.signature.encode("utf-8", "surrogateescape")):
        raise SignatureDoesNotMatch(AWSAccessKeyId=claim.access_key_id, SignatureProvided=claim.signature)


def _older(form: Mapping[str, str]) -> FormClaim:
    return FormClaim(
        access_key_id=form["awsaccesskeyid"],
        policy=form["policy"],
        signature=form["signature"],
        session_token=form.get("x-amz-security-token"),
    )


def _newer(form: Mapping[str, str]) -> FormClaim:
    if form.get("x-amz-algorithm") != ALGORITHM:
        raise InvalidArgument(
            f'X-Amz-Algorithm only supports "{ALGORITHM}"',
            ArgumentName="x-amz-algorithm",
            ArgumentValue=form.get("x-amz-algorithm", ""),
        )
    try:
        credential = fields.credential(form["x-amz-credential"])
    except fields.Malformed as error:
        raise InvalidArgument(
            f"Error parsing the X-Amz-Credential field{error}",
            ArgumentName="x-amz-credential",
            ArgumentValue=form["x-amz-credential"],
        ) from None
    signed_at = fields.long_date(form["x-amz-date"])
    if signed_at is None or form["x-amz-date"][:8] != credential.scope.date:
        raise AccessDenied("The form's x-amz-date is not a date, or not of the day that its credential names.")
    return FormClaim(
        access_key_id=credential.access_key_id,
        policy=form["policy"],
        signature=form["x-amz-signature"],
        scope=credential.scope,
        signed_at=signed_at,
        session_token=form.get("x-amz-security-token"),
    )
