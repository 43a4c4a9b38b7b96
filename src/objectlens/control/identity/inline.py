"""Inline policies of users and roles."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from objectlens.control.identity import paging
from objectlens.control.identity.context import Identity, Result, guarded
from objectlens.control.identity.documents import checked, size
from objectlens.control.identity.holders import Holder
from objectlens.control.identity.shapes import encoded
from objectlens.control.protocol import Handler, Request
from objectlens.errors import LimitExceeded, NoSuchEntity


def handlers(holder: Holder) -> dict[str, Handler[Identity]]:
    """Return the four operations for users or for roles."""
    title = holder.title
    runs = {
        f"Put{title}Policy": put,
        f"Get{title}Policy": get,
        f"List{title}Policies": list_names,
        f"Delete{title}Policy": delete,
    }
    return {name: guarded(partial(run, holder), holder.arn) for name, run in runs.items()}


async def put(holder: Holder, identity: Identity, request: Request) -> Result:
    """Add a policy or replace the one of that name."""
    name = request.params["PolicyName"]
    document = checked(request.params["PolicyDocument"], "identity")

    def change(entity: Any) -> Any:
        policies = {**entity.policies, name: document}
        if sum(map(size, policies.values())) > holder.inline_limit:
            raise LimitExceeded(
                f"Maximum policy size of {holder.inline_limit} bytes exceeded for {holder.noun} {entity.name}"
            )
        return replace(entity, policies=policies)

    await holder.change(identity, request, change)
    return {}


async def get(holder: Holder, identity: Identity, request: Request) -> Result:
    """Return a policy to the letter."""
    entity = await holder.find(identity, request)
    name = request.params["PolicyName"]
    if name not in entity.policies:
        raise _missing(holder, name)
    document = encoded(entity.policies[name])
    return {f"{holder.title}Name": entity.name, "PolicyName": name, "PolicyDocument": document}


async def list_names(holder: Holder, identity: Identity, request: Request) -> Result:
    """List the names."""
    entity = await holder.find(identity, request)
    names = paging.after_marker(list(entity.policies), request.params)
    shown, rest = paging.page(names, request.params, str)
    return {"PolicyNames": shown, **rest}


async def delete(holder: Holder, identity: Identity, request: Request) -> Result:
    """Remove a policy."""
    name = request.params["PolicyName"]

    def change(entity: Any) -> Any:
        if name not in entity.policies:
            raise _missing(holder, name)
        return replace(entity, policies={one: text for one, text in entity.policies.items() if one != name})

    await holder.change(identity, request, change)
    return {}


def _missing(holder: Holder, name: str) -> NoSuchEntity:
    return NoSuchEntity(f"The {holder.noun} policy with name {name} cannot be found.")
