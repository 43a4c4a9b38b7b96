"""What would be decided, and by which statements: the evaluator asked without a request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from objectlens.access.managed import AWS_MANAGED
from objectlens.arn import Arn
from objectlens.catalog.entities import Role, User
from objectlens.control.identity.context import Identity, Result, guarded
from objectlens.control.identity.holders import ROLES, USERS
from objectlens.control.protocol import Handler, Request
from objectlens.errors import InvalidInput, NoSuchEntity
from objectlens.iam import (
    Attached,
    Decision,
    Kind,
    Match,
    Policies,
    PolicyError,
    Principal,
    evaluate,
    parse,
)
from objectlens.iam import Request as Question

Values = dict[str, str | tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """Who is simulated, with what: the policies, and the condition keys that follow from who it is."""

    principal: Principal
    policies: Policies
    context: Values


async def simulate_custom(identity: Identity, request: Request) -> Result:
    """SimulateCustomPolicy: the policies of the request alone."""
    params = request.params
    caller = _principal(params.get("CallerArn"), identity.account)
    policies = Policies(identity=_given(params["PolicyInputList"], "PolicyInputList"))
    return _answers(params, _Subject(principal=caller, policies=policies, context=_keys_of(caller, None)))


async def simulate_principal(identity: Identity, request: Request) -> Result:
    """SimulatePrincipalPolicy: the policies of a user or role, and those of the request besides."""
    params = request.params
    entity = await _entity(identity, params["PolicySourceArn"])
    attached = await identity.access.identities.of_entity(entity)
    caller = _principal(params.get("CallerArn", entity.arn), identity.account)
    policies = Policies(
        identity=(*attached.policies, *_given(params.get("PolicyInputList", ()), "PolicyInputList")),
        boundary=attached.boundary,
    )
    return _answers(params, _Subject(principal=caller, policies=policies, context=_keys_of(caller, entity)))


async def keys_of_custom(_identity: Identity, request: Request) -> Result:
    """GetContextKeysForCustomPolicy: what the policies ask about."""
    return {"ContextKeyNames": _asked(_given(request.params["PolicyInputList"], "PolicyInputList"))}


async def keys_of_principal(identity: Identity, request: Request) -> Result:
    """GetContextKeysForPrincipalPolicy: what the policies of a user or role ask about."""
    entity = await _entity(identity, request.params["PolicySourceArn"])
    attached = await identity.access.identities.of_entity(entity)
    given = _given(request.params.get("PolicyInputList", ()), "PolicyInputList")
    return {"ContextKeyNames": _asked((*attached.policies, *given))}


def _asked(policies: Iterable[Attached]) -> list[str]:
    conditions = (one for each in policies for statement in each.policy.statements for one in statement.conditions)
    return sorted({condition.key for condition in conditions})


async def _entity(identity: Identity, arn: str) -> User | Role:
    """Return the user or role of an ARN; groups there are none."""
    found: User | Role | None = None
    try:
        parsed = Arn.parse(arn)
    except ValueError:
        raise InvalidInput(f"Invalid Entity Arn: {arn} is not an ARN of a user or role.") from None
    name = parsed.resource.rpartition("/")[2]
    if parsed.resource.startswith("user/"):
        found = await USERS.repository(identity).get(identity.account, name)
    elif parsed.resource.startswith("role/"):
        found = await ROLES.repository(identity).get(identity.account, name)
    if found is None or found.arn != arn:
        raise NoSuchEntity(f"The entity {arn} cannot be found.")
    return found


def _principal(arn: str | None, account: str) -> Principal:
    if arn is None:
        return Principal(account=account)
    try:
        owner = Arn.parse(arn).account or account
    except ValueError:
        raise InvalidInput(f"Invalid Caller Arn: {arn} is not an ARN.") from None
    # A role is simulated as one of its sessions, which resource policies may name by the role.
    return Principal(account=owner, arn=arn, role_arn=arn if ":role/" in arn else None)


def _keys_of(caller: Principal, entity: User | Role | None) -> Values:
    values: Values = {"aws:principalaccount": caller.account}
    if caller.arn:
        values["aws:principalarn"] = caller.arn
    if isinstance(entity, User):
        values |= {"aws:username": entity.name, "aws:userid": entity.user_id, "aws:principaltype": "User"}
    elif entity is not None:
        values["aws:principaltype"] = "AssumedRole"
    if entity is not None:
        values |= {f"aws:principaltag/{key.lower()}": value for key, value in entity.tags.items()}
    return values


def _given(documents: Iterable[str], name: str, kind: Kind = "identity") -> tuple[Attached, ...]:
    found = []
    for number, document in enumerate(documents, start=1):
        try:
            found.append(Attached(f"{name}.{number}", parse(document, kind)))
        except PolicyError as error:
            raise InvalidInput(f"{name}.{number}: {error}") from error
    return tuple(found)


def _answers(params: Mapping[str, Any], subject: _Subject) -> Result:
    resource = _given([params["ResourcePolicy"]] if "ResourcePolicy" in params else [], "ResourcePolicy", "resource")
    limits = params.get("PermissionsBoundaryPolicyInputList")
    boundary = subject.policies.boundary
    if limits:
        boundary = _given(limits, "PermissionsBoundaryPolicyInputList")
    policies = Policies(
        identity=subject.policies.identity,
        boundary=boundary,
        resource=resource,
        all_identity=subject.principal.is_root,
    )
    context = subject.context | _entries(params.get("ContextEntries", ()))
    owner = params.get("ResourceOwner")
    cross_account = owner is not None and _principal(owner, "").account != subject.principal.account
    results = []
    for action in params["ActionNames"]:
        for arn in params.get("ResourceArns", ["*"]):
            question = Question(principal=subject.principal, action=action, resources=(arn,), context=context)
            decision = evaluate(question, policies, cross_account=cross_account)
            results.append(_result(question, decision, policies))
    return {"EvaluationResults": results, "IsTruncated": False}


def _entries(entries: Iterable[Mapping[str, Any]]) -> Values:
    values: Values = {}
    for entry in entries:
        found = tuple(entry.get("ContextKeyValues", ()))
        is_list = str(entry.get("ContextKeyType", "string")).endswith("List")
        values[entry["ContextKeyName"].lower()] = found if is_list or len(found) != 1 else found[0]
    return values


def _result(question: Question, decision: Decision, policies: Policies) -> dict[str, Any]:
    arn = question.resources[0]
    matched = [_statement(match) for match in decision.matched]
    missing = _missing_keys(question, policies)
    result: dict[str, Any] = {
        "EvalActionName": question.action,
        "EvalResourceName": arn,
        "EvalDecision": decision.reason,
        "MatchedStatements": matched,
        "MissingContextValues": missing,
        "ResourceSpecificResults": [
            {
                "EvalResourceName": arn,
                "EvalResourceDecision": decision.reason,
                "MatchedStatements": matched,
                "MissingContextValues": missing,
            }
        ],
    }
    if policies.boundary is not None:
        inside = evaluate(question, Policies(identity=policies.boundary)).allowed
        result["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": inside}
    return result


def _missing_keys(question: Question, policies: Policies) -> list[str]:
    """Return the keys that policies ask about and nobody gave: the decision might be another with them."""
    asked = _asked((*policies.identity, *(policies.boundary or ()), *policies.resource))
    return [key for key in asked if key not in question.context]


def _statement(match: Match) -> dict[str, Any]:
    start, end = match.statement.span.lines(match.text)
    return {
        "SourcePolicyId": match.policy,
        "SourcePolicyType": _type(match),
        "StartPosition": {"Line": start[0], "Column": start[1]},
        "EndPosition": {"Line": end[0], "Column": end[1]},
    }


def _type(match: Match) -> str:
    if match.source == "resource":
        return "resource"
    if match.policy in AWS_MANAGED:
        return "aws-managed"
    if match.policy.startswith("arn:"):
        return "user-managed"
    kind = match.policy.partition("_")[0]
    return kind if kind in {"user", "role"} else "none"


async def _any(_identity: Identity, _request: Request) -> str:
    return "*"


async def _source(_identity: Identity, request: Request) -> str:
    return str(request.params["PolicySourceArn"])


HANDLERS: dict[str, Handler[Identity]] = {
    "SimulateCustomPolicy": guarded(simulate_custom, _any),
    "SimulatePrincipalPolicy": guarded(simulate_principal, _source),
    "GetContextKeysForCustomPolicy": guarded(keys_of_custom, _any),
    "GetContextKeysForPrincipalPolicy": guarded(keys_of_principal, _source),
}
