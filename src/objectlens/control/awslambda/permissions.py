"""AddPermission, RemovePermission, GetPolicy: the policy of a function, a version or an alias."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from objectlens.arn import iam_arn
from objectlens.catalog import Shelves
from objectlens.catalog.entities import LATEST, Function, FunctionAlias
from objectlens.control.awslambda.context import Lambda, Parameters, Result
from objectlens.control.awslambda.names import FunctionName
from objectlens.control.awslambda.refusals import (
    PolicyLengthExceededException,
    PreconditionFailedException,
    no_function,
)
from objectlens.control.protocol import Request
from objectlens.errors import (
    InvalidParameterValueException,
    ResourceConflictException,
    ResourceNotFoundException,
)

MAX_POLICY = 20_480

H = TypeVar("H", Function, FunctionAlias)
Statements = list[dict[str, Any]]


async def add_permission(surroundings: Lambda, request: Request) -> Result:
    """Add a statement to the policy."""
    name, parameters = _addressed(surroundings, request), request.params
    statement = _statement(parameters, name.arn(surroundings.region_of(request)))

    await _change(surroundings, name, parameters.get("RevisionId"), add_to(statement))
    return {"Statement": json.dumps(statement, separators=(",", ":"))}


async def remove_permission(surroundings: Lambda, request: Request) -> Result:
    """Remove a statement from the policy."""
    name, parameters = _addressed(surroundings, request), request.params
    await _change(surroundings, name, parameters.get("RevisionId"), remove_from(parameters["StatementId"]))
    return {}


async def get_policy(surroundings: Lambda, request: Request) -> Result:
    """Return the policy; raises `ResourceNotFoundException` when there is none."""
    name = surroundings.name(request)
    _, holder = await surroundings.catalog.read(lambda shelves: _holder(shelves, name))
    if holder is None:
        raise no_function(name, surroundings.region_of(request))
    if holder.policy is None:
        raise ResourceNotFoundException("The resource you requested does not exist.")
    return {"Policy": holder.policy, "RevisionId": holder.revision_id}


def _addressed(surroundings: Lambda, request: Request) -> FunctionName:
    name = surroundings.name(request)
    if name.qualifier == LATEST:
        raise InvalidParameterValueException("We currently do not support adding policies for $LATEST.")
    return name


def _holder(shelves: Shelves, name: FunctionName) -> Function | FunctionAlias | None:
    found = shelves.functions.get(name.account, name.name, name.version)
    return found or shelves.function_aliases.get(name.account, name.name, name.version)


async def _change(
    surroundings: Lambda, name: FunctionName, revision: str | None, edit: Callable[[Statements], Statements]
) -> None:
    def edited(holder: H) -> H:
        if revision and revision != holder.revision_id:
            raise PreconditionFailedException
        policy = document(edit(statements_of(holder.policy)))
        return replace(holder, policy=policy, revision_id=surroundings.new_id())

    def work(shelves: Shelves) -> None:
        holder = _holder(shelves, name)
        if holder is None:
            raise no_function(name, name.region)
        key = (name.account, name.name, name.version)
        if isinstance(holder, Function):
            shelves.functions.update(*key, change=edited)
        else:
            shelves.function_aliases.update(*key, change=edited)

    await surroundings.catalog.change(work)


def add_to(statement: dict[str, Any]) -> Callable[[Statements], Statements]:
    """Return what adds a statement to a policy's; raises `ResourceConflictException` when its id is taken."""

    def add(statements: Statements) -> Statements:
        if any(one["Sid"] == statement["Sid"] for one in statements):
            raise ResourceConflictException(
                f"The statement id ({statement['Sid']}) provided already exists. Please provide a new statement id, or "
                "remove the existing statement."
            )
        return [*statements, statement]

    return add


def remove_from(sid: str) -> Callable[[Statements], Statements]:
    """Return what takes a statement from a policy's; raises `ResourceNotFoundException` when it is not there."""

    def remove(statements: Statements) -> Statements:
        kept = [one for one in statements if one["Sid"] != sid]
        if len(kept) == len(statements):
            raise ResourceNotFoundException(f"Statement {sid} is not found in resource policy.")
        return kept

    return remove


def statements_of(policy: str | None) -> Statements:
    """Return the statements of a policy, none of no policy."""
    return list(json.loads(policy)["Statement"]) if policy else []


def document(statements: Statements) -> str | None:
    """Return the policy of these statements, None of none; raises `PolicyLengthExceededException`."""
    if not statements:
        return None
    document = {"Version": "2012-10-17", "Id": "default", "Statement": statements}
    policy = json.dumps(document, separators=(",", ":"))
    if len(policy) > MAX_POLICY:
        raise PolicyLengthExceededException
    return policy


def _statement(parameters: Parameters, resource: str) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Sid": parameters["StatementId"],
        "Effect": "Allow",
        "Principal": principal(parameters["Principal"]),
        "Action": parameters["Action"],
        "Resource": resource,
    }
    if condition := _condition(parameters):
        statement["Condition"] = condition
    return statement


def principal(text: str) -> str | dict[str, str]:
    """Return the principal that a call names; raises `InvalidParameterValueException`."""
    if text == "*":
        return "*"
    if re.fullmatch(r"\d{12}", text):
        return {"AWS": iam_arn(text, "root")}
    if text.startswith("arn:"):
        return {"AWS": text}
    if "." in text:
        return {"Service": text}
    raise InvalidParameterValueException(
        f"The provided principal was invalid: {text!r} is neither an account, nor an ARN, nor a service."
    )


def _condition(parameters: Parameters) -> dict[str, dict[str, str]]:
    equals = {
        "AWS:SourceAccount": parameters.get("SourceAccount"),
        "aws:PrincipalOrgID": parameters.get("PrincipalOrgID"),
        "lambda:EventSourceToken": parameters.get("EventSourceToken"),
        "lambda:FunctionUrlAuthType": parameters.get("FunctionUrlAuthType"),
    }
    given = {key: value for key, value in equals.items() if value}
    condition = {"StringEquals": given} if given else {}
    if source := parameters.get("SourceArn"):
        condition["ArnLike"] = {"AWS:SourceArn": source}
    return condition
