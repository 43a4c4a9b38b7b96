"""What is attached to a caller: identity policies, permissions boundary, session policy, tags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from objectlens.access.managed import AWS_MANAGED, EXECUTION_ROLE
from objectlens.access.principals import Principals
from objectlens.access.sessions import SOURCE_FUNCTION
from objectlens.access.values import Caller
from objectlens.catalog.entities import Role, User
from objectlens.iam import Attached, PolicyCache


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The caller's side of a decision; None stands for no boundary and no session policy."""

    policies: tuple[Attached, ...] = ()
    boundary: tuple[Attached, ...] | None = None
    session: tuple[Attached, ...] | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    everything: bool = False


class Identities:
    """Collects what is attached to callers; policies are parsed once."""

    def __init__(self, principals: Principals, cache: PolicyCache) -> None:
        self._principals = principals
        self._cache = cache

    async def of(self, caller: Caller) -> Identity:
        """Return the caller's side; a user or role that is gone, or was made anew since, allows nothing."""
        if caller.kind in {"Root", "Anonymous"}:
            # Of somebody without an account only the resource's policy decides.
            return Identity(everything=True)
        if caller.session is not None:
            return await self._of_session(caller)
        user = await self._principals.user(caller.user_name or "")
        if user is None or user.user_id != caller.principal_id:
            return Identity()
        return await self.of_entity(user)

    async def of_entity(self, entity: User | Role) -> Identity:
        """Return what is attached to a user or a role."""
        kind = "user" if isinstance(entity, User) else "role"
        inline = [
            Attached(f"{kind}_{entity.name}_{name}", self._cache.get(text, "identity"))
            for name, text in entity.policies.items()
        ]
        boundary = None if entity.boundary is None else await self._managed([entity.boundary])
        managed = await self._managed(entity.attached)
        return Identity(policies=(*inline, *managed), boundary=boundary, tags=entity.tags)

    async def _of_session(self, caller: Caller) -> Identity:
        session = caller.session
        if session is None:
            return Identity()
        role = await self._principals.role(session.role_name)
        of_function = SOURCE_FUNCTION in caller.attributes
        if role is not None and role.arn != session.role_arn:
            role = None
        if role is not None and (of_function or role.role_id == session.role_id):
            identity = await self.of_entity(role)
        elif of_function and role is None:
            # Many who run functions elsewhere than on AWS name a role that does not exist. The function must be able
            # to answer, and no more.
            identity = Identity(policies=await self._managed([EXECUTION_ROLE]))
        else:
            identity = Identity()
        if session.policy is None:
            return identity
        narrowed = (Attached("session", self._cache.get(session.policy, "identity")),)
        return Identity(policies=identity.policies, boundary=identity.boundary, session=narrowed, tags=identity.tags)

    async def _managed(self, arns: Iterable[str]) -> tuple[Attached, ...]:
        found = []
        for arn in arns:
            text = AWS_MANAGED.get(arn)
            if text is None:
                policy = await self._principals.managed_policy(arn)
                text = None if policy is None else policy.document
            if text is not None:
                found.append(Attached(arn, self._cache.get(text, "identity")))
        return tuple(found)
