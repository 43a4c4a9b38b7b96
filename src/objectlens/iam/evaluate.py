"""Whether a request may pass, and which statement says so.

Source: "Policy evaluation logic" in the IAM User Guide. A Deny anywhere ends it. Within one account, an Allow of either
side is enough, where that of the resource's policy counts by how closely it names the caller; between accounts both
sides must allow.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from objectlens.iam.documents import Policy
from objectlens.iam.principals import Named, Principal
from objectlens.iam.statements import Statement
from objectlens.iam.tokens import Context

Source = Literal["identity", "boundary", "session", "resource"]
Reason = Literal["allowed", "explicitDeny", "implicitDeny"]


@dataclass(frozen=True, slots=True)
class Attached:
    """A policy with the name under which it is attached (`user:alice:inline`, an ARN)."""

    name: str
    policy: Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """All policies that bear on one request.

    `boundary` and `session` are None where there is none; an empty tuple permits nothing. `all_identity` says that the
    identity side allows everything, as it does for an account's root.
    """

    identity: tuple[Attached, ...] = ()
    boundary: tuple[Attached, ...] | None = None
    session: tuple[Attached, ...] | None = None
    resource: tuple[Attached, ...] = ()
    all_identity: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked: `action` (`s3:GetObject`) on a resource by a principal.

    `resources` are the ARNs that all name the one resource, usually one. `context` has condition keys in lower case.
    """

    principal: Principal
    action: str
    resources: tuple[str, ...]
    context: Context = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Match:
    """A statement that applies to the request; `policy` is the name of its policy, `text` the whole of that."""

    source: Source
    policy: str
    text: str = field(repr=False)
    statement: Statement
    named: Named = Named.NOT


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome. `missing` names the kind of policy that would have had to allow, when nothing denied."""

    reason: Reason
    matched: tuple[Match, ...] = ()
    missing: Source | None = None

    @property
    def allowed(self) -> bool:
        """Tell whether the request may pass."""
        return self.reason == "allowed"


def applies(statement: Statement, request: Request) -> Named | None:
    """Tell whether a statement applies, and how closely it names the caller; None when it does not."""
    named = Named.SELF
    if statement.principals is not None:
        named = statement.principals.names(request.principal)
        if named is Named.NOT:
            return None
    context = request.context
    action = request.action.lower()
    if any(one.matches(action, context) for one in statement.actions) is statement.not_actions:
        return None
    if statement.resources and not _on_resource(statement, request):
        return None
    return named if all(condition.holds(context) for condition in statement.conditions) else None


def _on_resource(statement: Statement, request: Request) -> bool:
    context = request.context
    found = any(one.matches(arn, context) for one in statement.resources for arn in request.resources)
    return found is not statement.not_resources


def _matches(source: Source, attached: Iterable[Attached], request: Request) -> list[Match]:
    matches = []
    for one in attached:
        for statement in one.policy.statements:
            named = applies(statement, request)
            if named is not None:
                matches.append(Match(source, one.name, one.policy.text, statement, named))
    return matches


def evaluate(
    request: Request, policies: Policies, *, cross_account: bool = False, must_be_named: bool = False
) -> Decision:
    """Decide on a request; `cross_account` says that caller and resource belong to different accounts.

    `must_be_named` is for roles: whatever the caller's own policies say, the trust policy must allow too.
    """
    resource = _matches("resource", policies.resource, request)
    identity = _matches("identity", policies.identity, request)
    boundary = _matches("boundary", policies.boundary or (), request)
    session = _matches("session", policies.session or (), request)
    denied = [match for match in (*resource, *identity, *boundary, *session) if match.statement.effect == "Deny"]
    if denied:
        return Decision("explicitDeny", tuple(denied))
    if must_be_named and not resource:
        return Decision("implicitDeny", (*identity, *boundary, *session), "resource")
    missing = _missing(policies, resource, identity, boundary, session=session, cross_account=cross_account)
    matched = (*identity, *resource, *boundary, *session)
    return Decision("allowed", matched) if missing is None else Decision("implicitDeny", matched, missing)


def _missing(
    policies: Policies,
    resource: list[Match],
    identity: list[Match],
    boundary: list[Match],
    *,
    session: list[Match],
    cross_account: bool,
) -> Source | None:
    """Return which kind of policy fails to allow, None when enough of them do."""
    granted = max((match.named for match in resource), default=Named.NOT)
    if cross_account and granted is Named.NOT:
        return "resource"
    if not cross_account and granted is Named.SELF:
        return None
    by_resource = granted >= Named.ANYONE and not cross_account
    if not (by_resource or policies.all_identity or identity):
        return "identity"
    if policies.boundary is not None and not boundary:
        return "boundary"
    if policies.session is not None and not session:
        return "session"
    return None
