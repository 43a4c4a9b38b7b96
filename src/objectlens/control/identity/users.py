"""Users."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from objectlens.arn import iam_arn
from objectlens.catalog import AlreadyExists, Shelves
from objectlens.catalog.entities import User
from objectlens.control.identity import paging, shapes
from objectlens.control.identity.attached import boundary_key, known
from objectlens.control.identity.context import Identity, Result, guarded
from objectlens.control.identity.holders import USERS
from objectlens.control.protocol import Handler, Request
from objectlens.errors import DeleteConflict, EntityAlreadyExists


async def create(identity: Identity, request: Request) -> Result:
    """CreateUser."""
    params = request.params
    entity = User(
        name=params["UserName"],
        account=identity.account,
        user_id=shapes.new_id("AIDA", 17),
        created_at=identity.clock.now().replace(microsecond=0),
        path=params.get("Path", "/"),
        boundary=params.get("PermissionsBoundary"),
        tags=shapes.read_tags(params),
    )

    def work(shelves: Shelves) -> None:
        if entity.boundary is not None:
            known(shelves, entity.boundary)
        shelves.users.create(entity)

    try:
        await identity.catalog.change(work)
    except AlreadyExists:
        raise EntityAlreadyExists(f"User with name {entity.name} already exists.") from None
    return {"User": shapes.user(entity)}


async def get(identity: Identity, request: Request) -> Result:
    """GetUser; without a name, the caller himself, who may be root."""
    if "UserName" not in request.params and request.caller.kind == "Root":
        arn, account = iam_arn(identity.account, "root"), identity.account
        # Root has no name and no date of birth that anybody recorded; the member is required.
        return {"User": {"Path": "/", "UserId": account, "Arn": arn, "CreateDate": datetime.fromtimestamp(0, UTC)}}
    return {"User": shapes.user(await USERS.find(identity, request))}


async def list_users(identity: Identity, request: Request) -> Result:
    """ListUsers, without tags and boundaries, as AWS."""
    params = request.params
    found = await identity.catalog.users.list(
        account=identity.account,
        after=params.get("Marker", ""),
        limit=paging.limit_of(params) + 1,
        prefix=params.get("PathPrefix", ""),
    )
    shown, rest = paging.page(found, params, lambda one: one.name)
    return {"Users": [shapes.brief(shapes.user(one)) for one in shown], **rest}


async def update(identity: Identity, request: Request) -> Result:
    """UpdateUser: another name or path; keys and policies stay."""
    params = request.params
    try:
        await USERS.change(
            identity,
            request,
            lambda old: replace(old, name=params.get("NewUserName", old.name), path=params.get("NewPath", old.path)),
        )
    except AlreadyExists:
        raise EntityAlreadyExists(f"User with name {params['NewUserName']} already exists.") from None
    return {}


async def delete(identity: Identity, request: Request) -> Result:
    """DeleteUser; what hangs on a user must go first."""
    name = USERS.name(request)

    def work(shelves: Shelves) -> None:
        entity = shelves.users.get(identity.account, name)
        if entity is None:
            raise USERS.missing(name)
        if shelves.access_keys.list(account=identity.account, user_name=entity.name, limit=1):
            raise DeleteConflict("Cannot delete entity, must delete access keys first.")
        check_bare(entity)
        shelves.users.delete(identity.account, name)

    await identity.catalog.change(work)
    return {}


def check_bare(entity: Any) -> None:
    """Raise `DeleteConflict` for a user or role that has policies."""
    if entity.policies:
        raise DeleteConflict("Cannot delete entity, must delete policies first.")
    if entity.attached:
        raise DeleteConflict("Cannot delete entity, must detach all policies first.")


async def groups(identity: Identity, request: Request) -> Result:
    """ListGroupsForUser: there are no groups, and tools that tear users down ask."""
    await USERS.find(identity, request)
    return {"Groups": [], "IsTruncated": False}


async def _own_or_named(identity: Identity, request: Request) -> str:
    if "UserName" not in request.params and request.caller.kind == "Root":
        return iam_arn(identity.account, "root")
    return await USERS.arn(identity, request)


async def _to_be(identity: Identity, request: Request) -> str:
    return iam_arn(identity.account, f"user{request.params.get('Path', '/')}{request.params['UserName']}")


async def _all(identity: Identity, request: Request) -> str:
    return iam_arn(identity.account, f"user{request.params.get('PathPrefix', '/')}")


HANDLERS: dict[str, Handler[Identity]] = {
    "CreateUser": guarded(create, _to_be, boundary_key),
    "GetUser": guarded(get, _own_or_named),
    "ListUsers": guarded(list_users, _all),
    "UpdateUser": guarded(update, USERS.arn),
    "DeleteUser": guarded(delete, USERS.arn),
    "ListGroupsForUser": guarded(groups, USERS.arn),
}
