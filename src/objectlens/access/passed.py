"""What was allowed once and need not be decided again.

A decision that no condition had a part in depends on nothing but the caller, the action, the resource and the policies.
It holds until the catalog changes, in which the latter three are.
"""

from __future__ import annotations

from collections.abc import Hashable

from objectlens.access.layers import Layer, Target
from objectlens.access.sessions import SOURCE_FUNCTION
from objectlens.access.values import Caller

KEPT = 4096


class Passed:
    """The decisions to allow of one version of the catalog."""

    def __init__(self) -> None:
        self._version: int | None = None
        # With what they name by its identity, which nothing else can have as long as it is held.
        self._keys: dict[Hashable, Target | None] = {}

    def knows(self, version: int, key: Hashable) -> bool:
        """Whether this was allowed, at this version."""
        if version != self._version:
            self._version = version
            self._keys.clear()
        return key in self._keys

    def add(self, version: int, key: Hashable, target: Target | None = None) -> None:
        """Remember that it was allowed; what was decided while the catalog changed is not kept.

        `target` is what a key of `seen` names.
        """
        if version == self._version:
            if len(self._keys) >= KEPT:
                self._keys.clear()
            self._keys[key] = target


def decision_of(caller: Caller, action: str, layers: tuple[Layer, ...]) -> Hashable:
    """Return all that a decision without conditions depends on, but for what is in the catalog."""
    return (
        _who(caller),
        action,
        tuple(
            (one.arns, one.account, one.kind, one.restrict_public, one.elsewhere, one.policy, one.acl) for one in layers
        ),
    )


def seen(caller: Caller, action: str, target: Target, key: str | None = None) -> Hashable:
    """Return what tells a question from others without a look at what stands in front of the target.

    The catalog gives the same entity out as long as nothing changes: one that was read before a change is another one
    than who asks after it has.
    """
    return (_who(caller), action, target if isinstance(target, str) else id(target), key)


def _who(caller: Caller) -> Hashable:
    session = caller.session
    return (
        (caller.kind, caller.account, caller.arn, caller.principal_id, SOURCE_FUNCTION in caller.attributes),
        None if session is None else (session.role_arn, session.role_id, session.policy),
    )
