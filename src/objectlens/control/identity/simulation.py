"""One simulation: questions to the evaluator, and its decisions as the API shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from objectlens.access.managed import AWS_MANAGED
from objectlens.arn import Arn
from objectlens.catalog.entities import Role, User
from objectlens.control.identity.context import Result
from objectlens.errors import InvalidInput
from objectlens.iam import Attached, Decision, Kind, Match, Policies, PolicyError, Principal, evaluate, parse
from objectlens.iam import Request as Question

_MOST = 1000

Values = dict[str, str | tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Who is simulated, with what: the policies, and the condition keys that follow from who it is."""

    principal: Principal
    policies: Policies
    context: Values


def principal_of(arn: str | None, account: str) -> Principal:
    """Return who an ARN names; without one, somebody of the account. Raises `InvalidInput`."""
    if arn is None:
        return Principal(account=account)
    try:
        owner = Arn.parse(arn).account or account
    except ValueError:
        raise InvalidInput(f"Invalid Caller Arn: {arn} is not an ARN.") from None
    # A role is simulated as one of its sessions, which resource policies may name by the role.
    return Principal(account=owner, arn=arn, role_arn=arn if ":role/" in arn else None)


def keys_of(caller: Principal, entity: User | Role | None) -> Values:
    """Return the condition keys that follow from who asks."""
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


def given(documents: Iterable[str], name: str, kind: Kind = "identity") -> tuple[Attached, ...]:
    """Return the policies of a request, named `NAME.1` and so on; raises `InvalidInput`."""
    found = []
    for number, document in enumerate(documents, start=1):
        try:
            found.append(Attached(f"{name}.{number}", parse(document, kind)))
        except PolicyError as error:
            raise InvalidInput(f"{name}.{number}: {error}") from error
    return tuple(found)


def answers(params: Mapping[str, Any], subject: Subject) -> Result:
    """Ask for every action on every resource."""
    asks, arns = params["ActionNames"], params.get("ResourceArns", ["*"])
    if len(asks) * len(arns) > _MOST:
        raise InvalidInput(f"At most {_MOST} pairs of action and resource can be simulated in one request.")
    policies = _policies(params, subject)
    context = subject.context | _entries(params.get("ContextEntries", ()))
    owner = params.get("ResourceOwner")
    cross_account = owner is not None and principal_of(owner, "").account != subject.principal.account
    results = []
    for action in asks:
        for arn in arns:
            question = Question(principal=subject.principal, action=action, resources=(arn,), context=context)
            decision = evaluate(question, policies, cross_account=cross_account)
            results.append(_result(question, decision, policies))
    return {"EvaluationResults": results, "IsTruncated": False}


def _policies(params: Mapping[str, Any], subject: Subject) -> Policies:
    """Return the subject's policies with those that the request adds; its boundary takes the place of the subject's."""
    limits = params.get("PermissionsBoundaryPolicyInputList")
    resource = [params["ResourcePolicy"]] if "ResourcePolicy" in params else []
    return Policies(
        identity=subject.policies.identity,
        boundary=given(limits, "PermissionsBoundaryPolicyInputList") if limits else subject.policies.boundary,
        resource=given(resource, "ResourcePolicy", "resource"),
        all_identity=subject.principal.is_root,
    )


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
    keys = asked((*policies.identity, *(policies.boundary or ()), *policies.resource))
    return [key for key in keys if key not in question.context]


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


def asked(policies: Iterable[Attached]) -> list[str]:
    """Return the condition keys that policies look at, in lower case."""
    conditions = (one for each in policies for statement in each.policy.statements for one in statement.conditions)
    return sorted({condition.key for condition in conditions})
