"""Policies of access points and of Object Lambda access points (reference section 11.2)."""

from __future__ import annotations

import json
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from objectlens import iam
from objectlens.catalog import NotFound
from objectlens.catalog.entities import AccessPoint, ObjectLambdaAccessPoint
from objectlens.control.protocol import Request
from objectlens.control.s3control.context import S3Control
from objectlens.errors import AccessDenied, MalformedPolicy, NoSuchAccessPoint, NoSuchAccessPointPolicy

Result = dict[str, Any]
Point = AccessPoint | ObjectLambdaAccessPoint

# Bytes; "Access points restrictions and limitations" in the S3 User Guide.
LARGEST = 20 * 1024


async def put_access_point_policy(context: S3Control, request: Request) -> Result:
    """Set the policy of an access point."""
    point = await context.access_point(request)
    bucket = await context.catalog.buckets.get(point.bucket)
    blocks = (point.public_access_block, bucket.public_access_block if bucket is not None else None)
    refused = any(one.block_public_policy for one in blocks if one is not None)
    text = await _valid(context, request, point, refused=refused)
    await _change_access_point(context, point, text)
    return {}


async def put_access_point_policy_for_object_lambda(context: S3Control, request: Request) -> Result:
    """Set the policy of an Object Lambda access point."""
    point = await context.object_lambda(request)
    text = await _valid(context, request, point, refused=point.public_access_block.block_public_policy)
    await _change_object_lambda(context, point, text)
    return {}


async def get_access_point_policy(context: S3Control, request: Request) -> Result:
    """Return the policy of an access point, as it was put."""
    return {"Policy": _policy(await context.access_point(request))}


async def get_access_point_policy_for_object_lambda(context: S3Control, request: Request) -> Result:
    """Return the policy of an Object Lambda access point, as it was put."""
    return {"Policy": _policy(await context.object_lambda(request))}


async def delete_access_point_policy(context: S3Control, request: Request) -> Result:
    """Remove the policy of an access point."""
    await _change_access_point(context, await context.access_point(request), None)
    return {}


async def delete_access_point_policy_for_object_lambda(context: S3Control, request: Request) -> Result:
    """Remove the policy of an Object Lambda access point."""
    await _change_object_lambda(context, await context.object_lambda(request), None)
    return {}


async def get_access_point_policy_status(context: S3Control, request: Request) -> Result:
    """Say whether the policy of an access point is public."""
    return _status(await context.access_point(request))


async def get_access_point_policy_status_for_object_lambda(context: S3Control, request: Request) -> Result:
    """Say whether the policy of an Object Lambda access point is public."""
    return _status(await context.object_lambda(request))


async def _valid(context: S3Control, request: Request, point: Point, *, refused: bool) -> str:
    """Return the policy that a request puts; raises `MalformedPolicy`, and `AccessDenied` for a public one."""
    text: str = request.params["Policy"]
    if len(text.encode()) > LARGEST:
        raise MalformedPolicy(f"The policy is longer than {LARGEST} bytes.")
    try:
        policy = iam.parse(text, "resource")
    except iam.PolicyError as error:
        raise MalformedPolicy(str(error)) from None
    service = "s3" if isinstance(point, AccessPoint) else "s3-object-lambda"
    if (action := iam.foreign_action(policy, service)) is not None:
        raise MalformedPolicy(f"Policy has invalid action: {action}. Here actions are {service}:NAME.")
    _check_resources(text, point)
    account = await context.catalog.accounts.get(point.account)
    block = None if account is None else account.public_access_block
    if (refused or (block is not None and block.block_public_policy)) and iam.is_public(policy):
        raise AccessDenied(
            "Access Denied: the policy grants to the public, which the Block Public Access settings of the access "
            "point, of its bucket or of the account refuse. Name the principals."
        )
    return text


def _check_resources(text: str, point: Point) -> None:
    statements = json.loads(text)["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        named = statement.get("Resource", statement.get("NotResource"))
        for resource in named if isinstance(named, list) else [named]:
            if not _belongs(resource, point.arn):
                objects = f", and {point.arn}/object/KEY for objects" if isinstance(point, AccessPoint) else ""
                raise MalformedPolicy(f"Policy has invalid resource: {resource}. Here it is {point.arn}{objects}.")


def _belongs(resource: str, arn: str) -> bool:
    """Tell whether a resource names the access point or something in it, wildcards allowed."""
    return resource.startswith(f"{arn}/") or any(fnmatchcase(one, resource) for one in (arn, f"{arn}/object/"))


def _policy(point: Point) -> str:
    if point.policy is None:
        raise NoSuchAccessPointPolicy(AccessPointName=point.name)
    return point.policy


def _status(point: Point) -> Result:
    return {"PolicyStatus": {"IsPublic": iam.is_public(iam.parse(_policy(point), "resource"))}}


async def _change_access_point(context: S3Control, point: AccessPoint, policy: str | None) -> None:
    try:
        await context.catalog.access_points.update(
            point.account, point.name, change=lambda now: replace(now, policy=policy)
        )
    except NotFound as error:
        raise NoSuchAccessPoint(AccessPointName=point.name) from error


async def _change_object_lambda(context: S3Control, point: ObjectLambdaAccessPoint, policy: str | None) -> None:
    try:
        await context.catalog.object_lambda_access_points.update(
            point.account, point.name, change=lambda now: replace(now, policy=policy)
        )
    except NotFound as error:
        raise NoSuchAccessPoint(AccessPointName=point.name) from error
