"""Roles."""

from __future__ import annotations

from dataclasses import replace

from objectlens.arn import iam_arn
from objectlens.catalog import AlreadyExists, Shelves
from objectlens.catalog.entities import Role
from objectlens.control.identity import paging, shapes
from objectlens.control.identity.attached import boundary_key, known
from objectlens.control.identity.context import Identity, Result, guarded
from objectlens.control.identity.documents import check_size, checked
from objectlens.control.identity.holders import ROLES
from objectlens.control.identity.users import check_bare
from objectlens.control.protocol import Handler, Request
from objectlens.errors import EntityAlreadyExists

_TRUST_LIMIT = 2048


async def create(identity: Identity, request: Request) -> Result:
    """CreateRole."""
    params = request.params
    entity = Role(
        name=params["RoleName"],
        account=identity.account,
        role_id=shapes.new_id("AROA", 17),
        created_at=identity.clock.now().replace(microsecond=0),
        assume_role_policy=_trust(params["AssumeRolePolicyDocument"]),
        path=params.get("Path", "/"),
        description=params.get("Description", ""),
        max_session=params.get("MaxSessionDuration", 3600),
        boundary=params.get("PermissionsBoundary"),
        tags=shapes.read_tags(params),
    )

    def work(shelves: Shelves) -> None:
        if entity.boundary is not None:
            known(shelves, entity.boundary)
        shelves.roles.create(entity)

    try:
        await identity.catalog.change(work)
    except AlreadyExists:
        raise EntityAlreadyExists(f"Role with name {entity.name} already exists.") from None
    return {"Role": shapes.role(entity)}


def _trust(document: str) -> str:
    check_size(document, _TRUST_LIMIT, "ACLSizePerRole")
    return checked(document, "trust")


async def get(identity: Identity, request: Request) -> Result:
    """GetRole."""
    return {"Role": shapes.role(await ROLES.find(identity, request))}


async def list_roles(identity: Identity, request: Request) -> Result:
    """ListRoles, without tags and boundaries, as AWS."""
    params = request.params
    found = await identity.catalog.roles.list(
        account=identity.account,
        after=params.get("Marker", ""),
        limit=paging.limit_of(params) + 1,
        prefix=params.get("PathPrefix", ""),
    )
    shown, rest = paging.page(found, params, lambda one: one.name)
    return {"Roles": [shapes.brief(shapes.role(one)) for one in shown], **rest}


async def update(identity: Identity, request: Request) -> Result:
    """UpdateRole: description and longest session."""
    params = request.params
    await ROLES.change(
        identity,
        request,
        lambda old: replace(
            old,
            description=params.get("Description", old.description),
            max_session=params.get("MaxSessionDuration", old.max_session),
        ),
    )
    return {}


async def update_description(identity: Identity, request: Request) -> Result:
    """UpdateRoleDescription, the older form."""
    text = request.params["Description"]
    return {"Role": shapes.role(await ROLES.change(identity, request, lambda old: replace(old, description=text)))}


async def update_trust(identity: Identity, request: Request) -> Result:
    """UpdateAssumeRolePolicy."""
    document = _trust(request.params["PolicyDocument"])
    await ROLES.change(identity, request, lambda old: replace(old, assume_role_policy=document))
    return {}


async def delete(identity: Identity, request: Request) -> Result:
    """DeleteRole; its policies must go first. Sessions of it can do nothing from then on."""
    name = ROLES.name(request)

    def work(shelves: Shelves) -> None:
        entity = shelves.roles.get(identity.account, name)
        if entity is None:
            raise ROLES.missing(name)
        check_bare(entity)
        shelves.roles.delete(identity.account, name)

    await identity.catalog.change(work)
    return {}


async def instance_profiles(identity: Identity, request: Request) -> Result:
    """ListInstanceProfilesForRole: there are none, and tools that tear roles down ask."""
    await ROLES.find(identity, request)
    return {"InstanceProfiles": [], "IsTruncated": False}


async def _to_be(identity: Identity, request: Request) -> str:
    return iam_arn(identity.account, f"role{request.params.get('Path', '/')}{request.params['RoleName']}")


async def _all(identity: Identity, request: Request) -> str:
    return iam_arn(identity.account, f"role{request.params.get('PathPrefix', '/')}")


HANDLERS: dict[str, Handler[Identity]] = {
    "CreateRole": guarded(create, _to_be, boundary_key),
    "GetRole": guarded(get, ROLES.arn),
    "ListRoles": guarded(list_roles, _all),
    "UpdateRole": guarded(update, ROLES.arn),
    "UpdateRoleDescription": guarded(update_description, ROLES.arn),
    "UpdateAssumeRolePolicy": guarded(update_trust, ROLES.arn),
    "DeleteRole": guarded(delete, ROLES.arn),
    "ListInstanceProfilesForRole": guarded(instance_profiles, ROLES.arn),
}
