"""The table of operations: who serves each, what its caller must be allowed, and which ones are declined."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from objectlens.arn import access_point_arn, object_lambda_arn
from objectlens.control.protocol import Authorize, ControlApi, Handler, Permission, Request
from objectlens.control.s3control import access_points, account, object_lambda, policies, resources
from objectlens.control.s3control.context import S3Control, admit
from objectlens.errors import NoSuchAccessPoint, NoSuchBucket

Run = Callable[[S3Control, Request], Awaitable[Mapping[str, Any]]]
Needs = Callable[[S3Control, Request], Awaitable[Sequence[Permission]]]


async def _on_access_point(context: S3Control, request: Request) -> Sequence[Permission]:
    owner, name = request.params["AccountId"], request.params["Name"]
    found = await context.catalog.access_points.get(owner, name)
    arn = access_point_arn(context.region_of(request.caller), owner, name)
    return (Permission(action=f"s3:{request.operation}", resource=found or arn),)


async def _on_object_lambda(context: S3Control, request: Request) -> Sequence[Permission]:
    owner, name = request.params["AccountId"], request.params["Name"]
    found = await context.catalog.object_lambda_access_points.get(owner, name)
    arn = object_lambda_arn(context.region_of(request.caller), owner, name)
    return (Permission(action=f"s3:{request.operation}", resource=found or arn),)


async def _to_create(context: S3Control, request: Request) -> Sequence[Permission]:
    arn = access_point_arn(context.region_of(request.caller), request.params["AccountId"], request.params["Name"])
    origin = {"s3:AccessPointNetworkOrigin": "VPC" if "VpcConfiguration" in request.params else "Internet"}
    tags = _tag_keys(request)
    create = Permission(action="s3:CreateAccessPoint", resource=arn, context=origin | tags)
    return (create, Permission(action="s3:TagResource", resource=arn, context=tags)) if tags else (create,)


async def _on_resource(context: S3Control, request: Request) -> Sequence[Permission]:
    try:
        found = await resources.find(context, request)
    except (NoSuchAccessPoint, NoSuchBucket):
        found = request.params["ResourceArn"]
    return (Permission(action=f"s3:{request.operation}", resource=found, context=_tag_keys(request)),)


def _tag_keys(request: Request) -> dict[str, str | tuple[str, ...]]:
    """Return the condition keys about the tags in a request."""
    tags = {one["Key"]: one["Value"] for one in request.params.get("Tags", [])}
    keys = tuple(tags) or tuple(request.params.get("TagKeys", []))
    values: dict[str, str | tuple[str, ...]] = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
    return values | ({"aws:TagKeys": keys} if keys else {})


def _anywhere(action: str) -> Needs:
    async def needs(_: S3Control, __: Request) -> Sequence[Permission]:
        return (Permission(action=action, resource="*"),)

    return needs


def _handlers(needs: Needs, *runs: Run) -> dict[str, Handler[S3Control]]:
    return {_name(run): Handler(run, needs) for run in runs}


def _name(run: Run) -> str:
    """Return AWS's name of an operation from ours: `put_access_point_policy`, `PutAccessPointPolicy`."""
    return "".join(word.capitalize() for word in run.__name__.split("_"))


HANDLERS: dict[str, Handler[S3Control]] = {
    **_handlers(_to_create, access_points.create_access_point),
    **_handlers(
        _on_access_point,
        access_points.get_access_point,
        access_points.delete_access_point,
        policies.put_access_point_policy,
        policies.get_access_point_policy,
        policies.delete_access_point_policy,
        policies.get_access_point_policy_status,
    ),
    **_handlers(_anywhere("s3:ListAccessPoints"), access_points.list_access_points),
    **_handlers(
        _on_object_lambda,
        object_lambda.create_access_point_for_object_lambda,
        object_lambda.get_access_point_for_object_lambda,
        object_lambda.delete_access_point_for_object_lambda,
        object_lambda.get_access_point_configuration_for_object_lambda,
        object_lambda.put_access_point_configuration_for_object_lambda,
        policies.put_access_point_policy_for_object_lambda,
        policies.get_access_point_policy_for_object_lambda,
        policies.delete_access_point_policy_for_object_lambda,
        policies.get_access_point_policy_status_for_object_lambda,
    ),
    **_handlers(_anywhere("s3:ListAccessPointsForObjectLambda"), object_lambda.list_access_points_for_object_lambda),
    **_handlers(_on_resource, resources.tag_resource, resources.untag_resource, resources.list_tags_for_resource),
    "GetPublicAccessBlock": Handler(
        account.get_public_access_block,
        _anywhere("s3:GetAccountPublicAccessBlock"),
        "s3:GetAccountPublicAccessBlock",
    ),
    "PutPublicAccessBlock": Handler(
        account.put_public_access_block,
        _anywhere("s3:PutAccountPublicAccessBlock"),
        "s3:PutAccountPublicAccessBlock",
    ),
    "DeletePublicAccessBlock": Handler(
        account.delete_public_access_block,
        _anywhere("s3:PutAccountPublicAccessBlock"),
        "s3:PutAccountPublicAccessBlock",
    ),
}

# Why the others are not served, by patterns of their names; the first that fits counts.
DECLINED: tuple[tuple[str, str], ...] = (
    ("*AccessGrant*", "it has no S3 Access Grants; grant with policies of users, roles and access points"),
    ("GetDataAccess", "it has no S3 Access Grants; use AssumeRole for temporary credentials"),
    ("*MultiRegion*", "it is one region and has no Multi-Region Access Points"),
    ("*StorageLens*", "it has no S3 Storage Lens; see /-/metrics"),
    ("*Job*", "it has no S3 Batch Operations"),
    ("*AccessPointScope", "it has no directory buckets, which alone have scopes"),
    ("*DirectoryBuckets", "it has no directory buckets"),
    ("*Bucket*", "this operation is for S3 on Outposts; buckets here are managed by the S3 API"),
)

# Accounts and names have clearer rules of their own, and buckets have tags though the model's pattern leaves them out.
_CHECKED_HERE = ("AccountId", "Name", "ResourceArn")


def s3control_api(context: S3Control, authorize: Authorize) -> ControlApi[S3Control]:
    """Assemble the API."""
    return ControlApi(
        "s3control", HANDLERS, context, authorize, declined=DECLINED, admit=admit, unchecked=_CHECKED_HERE
    )
