"""Managed policies on users and roles: attached ones and permissions boundaries."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from objectlens.access.managed import AWS_MANAGED
from objectlens.arn import Arn
from objectlens.catalog import NotFound, Shelves
from objectlens.catalog.entities import ManagedPolicy
from objectlens.control.identity import paging
from objectlens.control.identity.context import Identity, Keys, Result, guarded
from objectlens.control.identity.holders import Holder
from objectlens.control.protocol import Handler, Request
from objectlens.errors import InvalidInput, LimitExceeded, NoSuchEntity

_MOST_ATTACHED = 10


def handlers(holder: Holder) -> dict[str, Handler[Identity]]:
    """Return the operations for users or for roles."""
    title = holder.title
    return {
        f"Attach{title}Policy": guarded(partial(attach, holder), holder.arn, _policy_key),
        f"Detach{title}Policy": guarded(partial(detach, holder), holder.arn, _policy_key),
        f"ListAttached{title}Policies": guarded(partial(list_attached, holder), holder.arn),
        f"Put{title}PermissionsBoundary": guarded(partial(put_boundary, holder), holder.arn, boundary_key),
        f"Delete{title}PermissionsBoundary": guarded(partial(delete_boundary, holder), holder.arn),
    }


def boundary_key(request: Request) -> Keys:
    """Return the condition key `iam:PermissionsBoundary` of a request."""
    arn = request.params.get("PermissionsBoundary")
    return {} if arn is None else {"iam:PermissionsBoundary": arn}


def _policy_key(request: Request) -> Keys:
    return {"iam:PolicyARN": request.params["PolicyArn"]}


def known(shelves: Shelves, arn: str) -> None:
    """Raise `NoSuchEntity` for a policy that is neither AWS's nor the account's."""
    if arn not in AWS_MANAGED and own(shelves, arn) is None:
        raise NoSuchEntity(f"Policy {arn} does not exist or is not attachable.")


def own(shelves: Shelves, arn: str) -> ManagedPolicy | None:
    """Return the account's policy of that ARN; raises `InvalidInput` for what is no ARN."""
    try:
        parsed = Arn.parse(arn)
    except ValueError:
        raise InvalidInput(f"ARN {arn} is not valid.") from None
    found = shelves.managed_policies.get(parsed.account, parsed.resource.rpartition("/")[2])
    return found if found is not None and found.arn == arn else None


async def attach(holder: Holder, identity: Identity, request: Request) -> Result:
    """Attach a policy; attaching it again changes nothing."""
    arn = request.params["PolicyArn"]

    def change(entity: Any) -> Any:
        if arn in entity.attached:
            return entity
        if len(entity.attached) >= _MOST_ATTACHED:
            raise LimitExceeded(f"Cannot exceed quota for PoliciesPer{holder.title}: {_MOST_ATTACHED}")
        return replace(entity, attached=(*entity.attached, arn))

    await _with_policy(holder, identity, request, arn, change)
    return {}


async def _with_policy(holder: Holder, identity: Identity, request: Request, arn: str, change: Any) -> None:
    """Change a user or role while the policy is sure to exist."""
    name = holder.name(request)

    def work(shelves: Shelves) -> None:
        known(shelves, arn)
        try:
            holder.shelf(shelves).update(identity.account, name, change=change)
        except NotFound:
            raise holder.missing(name) from None

    await identity.catalog.change(work)


async def detach(holder: Holder, identity: Identity, request: Request) -> Result:
    """Take a policy off."""
    arn = request.params["PolicyArn"]

    def change(entity: Any) -> Any:
        if arn not in entity.attached:
            raise NoSuchEntity(f"Policy {arn} was not found.")
        return replace(entity, attached=tuple(one for one in entity.attached if one != arn))

    await holder.change(identity, request, change)
    return {}


async def list_attached(holder: Holder, identity: Identity, request: Request) -> Result:
    """List what is attached, by name."""
    entity = await holder.find(identity, request)
    prefix = request.params.get("PathPrefix", "/")
    by_name = {arn.rpartition("/")[2]: arn for arn in entity.attached if _path(arn).startswith(prefix)}
    shown, rest = paging.page(paging.after_marker(list(by_name), request.params), request.params, str)
    return {"AttachedPolicies": [{"PolicyName": name, "PolicyArn": by_name[name]} for name in shown], **rest}


def _path(arn: str) -> str:
    return arn.partition(":policy")[2].rpartition("/")[0] + "/"


async def put_boundary(holder: Holder, identity: Identity, request: Request) -> Result:
    """Set the permissions boundary."""
    arn = request.params["PermissionsBoundary"]
    await _with_policy(holder, identity, request, arn, lambda entity: replace(entity, boundary=arn))
    return {}


async def delete_boundary(holder: Holder, identity: Identity, request: Request) -> Result:
    """Remove the permissions boundary."""

    def change(entity: Any) -> Any:
        if entity.boundary is None:
            raise NoSuchEntity(f"The {holder.noun} {entity.name} has no permissions boundary.")
        return replace(entity, boundary=None)

    await holder.change(identity, request, change)
    return {}
