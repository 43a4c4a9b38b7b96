"""Whether a caller may do what he asks.

The decision is `iam.evaluate`'s, once for each layer in front of the resource; this module gathers what it needs and
says no in AWS's words. Nothing here looks at the object, so a denied caller cannot learn whether it exists.
"""

from __future__ import annotations

from collections.abc import Mapping

from objectlens.access.acls import POLICIES
from objectlens.access.context import context_of
from objectlens.access.identity import Identities, Identity
from objectlens.access.layers import Layer, Target, blocked, layers_of
from objectlens.access.passed import Passed, decision_of, seen
from objectlens.access.principals import Principals
from objectlens.access.values import Caller
from objectlens.clock import Clock
from objectlens.errors import AccessDenied
from objectlens.http import HttpRequest
from objectlens.iam import (
    Attached,
    Context,
    Decision,
    Policies,
    PolicyCache,
    PolicyError,
    Principal,
    Request,
    evaluate,
    is_public,
)

# An account's root can always mend the policy that locks everybody out ("Bucket policies" in the S3 User Guide).
_MENDING = frozenset(
    {
        *(f"s3:{verb}BucketPolicy" for verb in ("Get", "Put", "Delete")),
        *(f"s3:{verb}AccessPointPolicy" for verb in ("Get", "Put", "Delete")),
        *(f"s3:{verb}AccessPointPolicyForObjectLambda" for verb in ("Get", "Put", "Delete")),
        "lambda:AddPermission",
        "lambda:GetPolicy",
        "lambda:RemovePermission",
    }
)
_ACL = "acl"
_SOURCES = {
    "identity": "identity-based policy",
    "boundary": "permissions boundary",
    "session": "session policy",
    "resource": "resource-based policy",
}


class Authorizer:
    """Decides for one account's service."""

    def __init__(self, principals: Principals, clock: Clock) -> None:
        self._principals = principals
        self._clock = clock
        self._cache = PolicyCache()
        self._passed = Passed()
        self.identities = Identities(principals, self._cache)

    async def authorize(
        self,
        caller: Caller,
        action: str,
        target: Target,
        *,
        key: str | None,
        context: Mapping[str, str | tuple[str, ...]] | None,
        http: HttpRequest | None,
    ) -> None:
        """Return when the caller may; raises `AccessDenied` with the reason."""
        version = await self._principals.version()
        if self._passed.knows(version, of_all := seen(caller, action, target)):
            return
        if self._passed.knows(version, of_one := seen(caller, action, target, key)):
            return
        layers = await layers_of(target, key, action, caller.account, self._principals)
        if any(layer.acl is not None or layer.account != caller.account for layer in layers):
            # Only ACLs and strangers are what Block Public Access is about.
            layers = blocked(layers, await self._principals.account_block())
        if _is_owner(caller, layers) and (action in _MENDING or all(layer.policy is None for layer in layers)):
            self._passed.add(version, of_all, target)
            return
        decision = decision_of(caller, action, layers)
        if self._passed.knows(version, decision):
            self._passed.add(version, of_one, target)
            return
        try:
            identity = await self.identities.of(caller)
            resources = [self._attached(layer) for layer in layers]
            keys: Context | None = None
            if any(one.policy.uses_context for one in (*_all(identity), *(one for some in resources for one in some))):
                keys = context_of(caller, identity.tags, http, action, self._clock.now()) | _lower(context)
        except PolicyError as error:
            raise AccessDenied(f"Access Denied: a policy that applies here cannot be read. {error}") from error
        for layer, policies in zip(layers, resources, strict=True):
            _pass(caller, action, layer, _decide(caller, action, layer, policies, identity=identity, keys=keys or {}))
        if keys is None:
            self._passed.add(version, decision)
            self._passed.add(version, of_one, target)

    def _attached(self, layer: Layer) -> tuple[Attached, ...]:
        found = []
        if layer.policy is not None:
            found.append(Attached(layer.arns[0], self._cache.get(layer.policy, layer.kind)))
        if layer.acl is not None:
            found.append(Attached(_ACL, self._cache.get(POLICIES[layer.acl], layer.kind)))
        return tuple(found)


def _decide(
    caller: Caller, action: str, layer: Layer, policies: tuple[Attached, ...], *, identity: Identity, keys: Context
) -> Decision:
    # Nobody's account owns nothing, and what has no policy of its own is closed to him.
    cross_account = caller.kind == "Anonymous" or (layer.account != caller.account and not layer.elsewhere)
    if cross_account and layer.restrict_public and any(is_public(one.policy) for one in policies if one.name != _ACL):
        # RestrictPublicBuckets: a public policy opens the resource to its own account only.
        return Decision("implicitDeny", (), "resource")
    request = Request(
        principal=principal_of(caller),
        action=action,
        resources=layer.arns,
        context={**keys, **layer.context, "aws:resourceaccount": layer.account, "s3:resourceaccount": layer.account},
    )
    return evaluate(
        request,
        Policies(
            identity=identity.policies,
            boundary=identity.boundary,
            session=identity.session,
            resource=policies,
            all_identity=identity.everything,
        ),
        cross_account=cross_account,
        must_be_named=layer.kind == "trust",
    )


def _is_owner(caller: Caller, layers: tuple[Layer, ...]) -> bool:
    return caller.kind == "Root" and all(layer.account == caller.account for layer in layers)


def principal_of(caller: Caller) -> Principal:
    """Return a caller as the policy language sees him."""
    role_arn = None if caller.session is None else caller.session.role_arn
    return Principal(account=caller.account, arn=caller.arn, role_arn=role_arn)


def _pass(caller: Caller, action: str, layer: Layer, decision: Decision) -> None:
    if decision.allowed:
        return
    if caller.kind == "Anonymous":
        # S3 tells strangers neither action nor reason.
        raise AccessDenied
    why = f"because no {_SOURCES[decision.missing or 'identity']} allows the {action} action"
    if decision.reason == "explicitDeny":
        why = f"with an explicit deny in {_article(_SOURCES[decision.matched[0].source])}"
    raise AccessDenied(
        f'User: {caller.arn} is not authorized to perform: {action} on resource: "{layer.arns[0]}" {why}'
    )


def _article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _all(identity: Identity) -> tuple[Attached, ...]:
    return (*identity.policies, *(identity.boundary or ()), *(identity.session or ()))


def _lower(context: Mapping[str, str | tuple[str, ...]] | None) -> dict[str, str | tuple[str, ...]]:
    return {name.lower(): value for name, value in (context or {}).items()}
