"""Managed policies: the account's own, and those of AWS that we know, which are only for reading."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from objectlens.access.managed import AWS_MANAGED
from objectlens.arn import iam_arn
from objectlens.catalog import AlreadyExists, Shelves
from objectlens.catalog.entities import ManagedPolicy, Role, User
from objectlens.control.identity import paging, shapes
from objectlens.control.identity.attached import own
from objectlens.control.identity.context import Identity, Result, guarded
from objectlens.control.identity.documents import check_size, checked
from objectlens.control.identity.usage import EVERYTHING, Usage, aws_policy
from objectlens.control.protocol import Handler, Request
from objectlens.errors import AccessDenied, DeleteConflict, EntityAlreadyExists, NoSuchEntity

_SIZE_LIMIT = 6144


async def create(identity: Identity, request: Request) -> Result:
    """CreatePolicy."""
    params = request.params
    check_size(params["PolicyDocument"], _SIZE_LIMIT, "PolicySize")
    entity = ManagedPolicy(
        name=params["PolicyName"],
        account=identity.account,
        policy_id=shapes.new_id("ANPA", 17),
        created_at=identity.clock.now().replace(microsecond=0),
        document=checked(params["PolicyDocument"], "identity"),
        path=params.get("Path", "/"),
        description=params.get("Description", ""),
        tags=shapes.read_tags(params),
    )
    try:
        await identity.catalog.managed_policies.create(entity)
    except AlreadyExists:
        raise EntityAlreadyExists(
            f"A policy called {entity.name} already exists. Duplicate names are not allowed."
        ) from None
    return {"Policy": shapes.managed_policy(entity, 0)}


async def _look(identity: Identity, arn: str) -> tuple[ManagedPolicy, Usage]:
    def work(shelves: Shelves) -> tuple[ManagedPolicy | None, Usage]:
        return aws_policy(arn) or own(shelves, arn), Usage(shelves, identity.account)

    _, (policy, holders) = await identity.catalog.read(work)
    if policy is None:
        raise _missing(arn)
    return policy, holders


def _missing(arn: str) -> NoSuchEntity:
    return NoSuchEntity(f"Policy {arn} was not found.")


async def get(identity: Identity, request: Request) -> Result:
    """GetPolicy."""
    arn = request.params["PolicyArn"]
    policy, holders = await _look(identity, arn)
    return {"Policy": shapes.managed_policy(policy, holders.attached(arn), holders.bounded(arn))}


async def get_version(identity: Identity, request: Request) -> Result:
    """GetPolicyVersion, of the one version."""
    policy, _ = await _look(identity, request.params["PolicyArn"])
    if request.params["VersionId"] != shapes.VERSION:
        raise NoSuchEntity(
            f"Policy {policy.arn} version {request.params['VersionId']} does not exist or is not attachable."
        )
    return {"PolicyVersion": _version(policy) | {"Document": shapes.encoded(policy.document)}}


async def list_versions(identity: Identity, request: Request) -> Result:
    """ListPolicyVersions: there is one."""
    policy, _ = await _look(identity, request.params["PolicyArn"])
    return {"Versions": [_version(policy)], "IsTruncated": False}


def _version(policy: ManagedPolicy) -> dict[str, Any]:
    return {"VersionId": shapes.VERSION, "IsDefaultVersion": True, "CreateDate": policy.created_at}


async def list_policies(identity: Identity, request: Request) -> Result:
    """ListPolicies: `Scope` tells whose, `OnlyAttached` and `PolicyUsageFilter` narrow."""
    params = request.params

    def work(shelves: Shelves) -> tuple[list[ManagedPolicy], Usage]:
        mine = shelves.managed_policies.list(account=identity.account, limit=EVERYTHING)
        return mine, Usage(shelves, identity.account)

    _, (mine, holders) = await identity.catalog.read(work)
    theirs = [policy for arn in AWS_MANAGED if (policy := aws_policy(arn)) is not None]
    chosen = {"All": [*mine, *theirs], "Local": mine, "AWS": theirs}[params.get("Scope", "All")]
    found = [
        one for one in chosen if one.path.startswith(params.get("PathPrefix", "/")) and _used(one, params, holders)
    ]
    found = sorted((one for one in found if one.arn > params.get("Marker", "")), key=lambda one: one.arn)
    shown, rest = paging.page(found, params, lambda one: one.arn)
    return {
        "Policies": [_brief(one, holders) for one in shown],
        **rest,
    }


def _used(policy: ManagedPolicy, params: Any, holders: Usage) -> bool:
    usage = params.get("PolicyUsageFilter")
    if usage == "PermissionsBoundary":
        return holders.bounded(policy.arn) > 0
    if params.get("OnlyAttached") or usage == "PermissionsPolicy":
        return holders.attached(policy.arn) > 0
    return True


def _brief(policy: ManagedPolicy, holders: Usage) -> dict[str, Any]:
    shown = shapes.managed_policy(policy, holders.attached(policy.arn), holders.bounded(policy.arn))
    return {name: value for name, value in shown.items() if name not in {"Tags", "Description"}}


async def list_entities(identity: Identity, request: Request) -> Result:
    """ListEntitiesForPolicy: who has it."""
    arn = request.params["PolicyArn"]
    _, holders = await _look(identity, arn)
    usage, kind = request.params.get("PolicyUsageFilter"), request.params.get("EntityFilter")
    prefix = request.params.get("PathPrefix", "/")

    def has(one: User | Role) -> bool:
        has_it = arn == one.boundary if usage == "PermissionsBoundary" else arn in one.attached
        return has_it and one.path.startswith(prefix)

    users = [one for one in holders.users if has(one)] if kind in {None, "User"} else []
    roles = [one for one in holders.roles if has(one)] if kind in {None, "Role"} else []
    return {
        "PolicyGroups": [],
        "PolicyUsers": [{"UserName": one.name, "UserId": one.user_id} for one in users],
        "PolicyRoles": [{"RoleName": one.name, "RoleId": one.role_id} for one in roles],
        "IsTruncated": False,
    }


async def delete(identity: Identity, request: Request) -> Result:
    """DeletePolicy; it must be attached to nobody."""
    arn = request.params["PolicyArn"]
    _refuse_aws(arn)

    def work(shelves: Shelves) -> None:
        policy = own(shelves, arn)
        if policy is None:
            raise _missing(arn)
        holders = Usage(shelves, identity.account)
        if holders.attached(arn) or holders.bounded(arn):
            raise DeleteConflict("Cannot delete a policy attached to entities.")
        shelves.managed_policies.delete(identity.account, policy.name)

    await identity.catalog.change(work)
    return {}


def _refuse_aws(arn: str) -> None:
    if arn in AWS_MANAGED:
        raise AccessDenied(f"The policy {arn} is AWS's and cannot be changed.")


async def tag(identity: Identity, request: Request) -> Result:
    """TagPolicy."""
    given = request.params["Tags"]
    await _retag(identity, request, lambda old: shapes.with_tags(old, given))
    return {}


async def untag(identity: Identity, request: Request) -> Result:
    """UntagPolicy."""
    gone = {key.lower() for key in request.params["TagKeys"]}
    await _retag(identity, request, lambda old: {key: text for key, text in old.items() if key.lower() not in gone})
    return {}


async def _retag(identity: Identity, request: Request, change: Any) -> None:
    arn = request.params["PolicyArn"]
    _refuse_aws(arn)

    def work(shelves: Shelves) -> None:
        policy = own(shelves, arn)
        if policy is None:
            raise _missing(arn)
        shelves.managed_policies.update(
            identity.account, policy.name, change=lambda old: replace(old, tags=change(old.tags))
        )

    await identity.catalog.change(work)


async def list_tags(identity: Identity, request: Request) -> Result:
    """ListPolicyTags."""
    policy, _ = await _look(identity, request.params["PolicyArn"])
    shown, rest = paging.page(paging.after_marker(list(policy.tags), request.params), request.params, str)
    return {"Tags": shapes.tags({key: policy.tags[key] for key in shown}), **rest}


async def _to_be(identity: Identity, request: Request) -> str:
    return iam_arn(identity.account, f"policy{request.params.get('Path', '/')}{request.params['PolicyName']}")


async def _named(_identity: Identity, request: Request) -> str:
    return str(request.params["PolicyArn"])


async def _any(_identity: Identity, _request: Request) -> str:
    return "*"


HANDLERS: dict[str, Handler[Identity]] = {
    "CreatePolicy": guarded(create, _to_be),
    "GetPolicy": guarded(get, _named),
    "GetPolicyVersion": guarded(get_version, _named),
    "ListPolicyVersions": guarded(list_versions, _named),
    "ListPolicies": guarded(list_policies, _any),
    "ListEntitiesForPolicy": guarded(list_entities, _named),
    "DeletePolicy": guarded(delete, _named),
    "TagPolicy": guarded(tag, _named),
    "UntagPolicy": guarded(untag, _named),
    "ListPolicyTags": guarded(list_tags, _named),
}
