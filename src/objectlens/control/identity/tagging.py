"""Tags of users, roles and managed policies."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from objectlens.control.identity import paging, shapes
from objectlens.control.identity.context import Identity, Result, guarded
from objectlens.control.identity.holders import Holder
from objectlens.control.protocol import Handler, Request


def handlers(holder: Holder) -> dict[str, Handler[Identity]]:
    """Return the three operations for users or for roles."""
    title = holder.title
    runs = {f"Tag{title}": tag, f"Untag{title}": untag, f"List{title}Tags": list_tags}
    return {name: guarded(partial(run, holder), holder.arn) for name, run in runs.items()}


async def tag(holder: Holder, identity: Identity, request: Request) -> Result:
    """Add tags or replace their values."""
    given = request.params["Tags"]
    await holder.change(identity, request, lambda entity: replace(entity, tags=shapes.with_tags(entity.tags, given)))
    return {}


async def untag(holder: Holder, identity: Identity, request: Request) -> Result:
    """Remove tags; those that are not there are passed over."""
    gone = {key.lower() for key in request.params["TagKeys"]}

    def change(entity: Any) -> Any:
        return replace(entity, tags={key: value for key, value in entity.tags.items() if key.lower() not in gone})

    await holder.change(identity, request, change)
    return {}


async def list_tags(holder: Holder, identity: Identity, request: Request) -> Result:
    """List the tags by key."""
    entity = await holder.find(identity, request)
    shown, rest = paging.page(paging.after_marker(list(entity.tags), request.params), request.params, str)
    return {"Tags": shapes.tags({key: entity.tags[key] for key in shown}), **rest}
