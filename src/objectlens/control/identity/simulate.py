"""What would be decided, and by which statements: the evaluator asked without a request."""

from __future__ import annotations

from objectlens.arn import Arn
from objectlens.catalog.entities import Role, User
from objectlens.control.identity.context import Identity, Result, guarded
from objectlens.control.identity.holders import ROLES, USERS
from objectlens.control.identity.simulation import Subject, answers, asked, given, keys_of, principal_of
from objectlens.control.protocol import Handler, Request
from objectlens.errors import InvalidInput, NoSuchEntity
from objectlens.iam import Policies


async def simulate_custom(identity: Identity, request: Request) -> Result:
    """SimulateCustomPolicy: the policies of the request alone."""
    params = request.params
    caller = principal_of(params.get("CallerArn"), identity.account)
    policies = Policies(identity=given(params["PolicyInputList"], "PolicyInputList"))
    return answers(params, Subject(principal=caller, policies=policies, context=keys_of(caller, None)))


async def simulate_principal(identity: Identity, request: Request) -> Result:
    """SimulatePrincipalPolicy: the policies of a user or role, and those of the request besides."""
    params = request.params
    entity = await _entity(identity, params["PolicySourceArn"])
    attached = await identity.access.identities.of_entity(entity)
    caller = principal_of(params.get("CallerArn", entity.arn), identity.account)
    policies = Policies(
        identity=(*attached.policies, *given(params.get("PolicyInputList", ()), "PolicyInputList")),
        boundary=attached.boundary,
    )
    return answers(params, Subject(principal=caller, policies=policies, context=keys_of(caller, entity)))


async def keys_of_custom(_identity: Identity, request: Request) -> Result:
    """GetContextKeysForCustomPolicy: what the policies ask about."""
    return {"ContextKeyNames": asked(given(request.params["PolicyInputList"], "PolicyInputList"))}


async def keys_of_principal(identity: Identity, request: Request) -> Result:
    """GetContextKeysForPrincipalPolicy: what the policies of a user or role ask about."""
    entity = await _entity(identity, request.params["PolicySourceArn"])
    attached = await identity.access.identities.of_entity(entity)
    more = given(request.params.get("PolicyInputList", ()), "PolicyInputList")
    return {"ContextKeyNames": asked((*attached.policies, *more))}


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
