"""Object Lambda access points (reference section 12.3)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from objectlens.arn import OBJECT_LAMBDA_ALIAS, new_alias
from objectlens.catalog import AlreadyExists, NotFound
from objectlens.catalog.entities import ObjectLambdaAccessPoint, ObjectLambdaConfiguration
from objectlens.control.protocol import Request
from objectlens.control.s3control import blocks, configuration
from objectlens.control.s3control.context import S3Control
from objectlens.control.s3control.names import check_object_lambda_name
from objectlens.control.s3control.paging import page
from objectlens.errors import AccessPointAlreadyOwnedByYou, InvalidRequest, NoSuchAccessPoint

Result = dict[str, Any]


async def create_access_point_for_object_lambda(context: S3Control, request: Request) -> Result:
    """Make an Object Lambda access point in front of an access point."""
    name, account = request.params["Name"], request.params["AccountId"]
    check_object_lambda_name(name)
    point = ObjectLambdaAccessPoint(
        name=name,
        account=account,
        region=context.region_of(request.caller),
        alias=new_alias(name, OBJECT_LAMBDA_ALIAS),
        created_at=context.clock.now(),
        configuration=await _configuration(context, request),
    )
    try:
        await context.catalog.object_lambda_access_points.create(point)
    except AlreadyExists as error:
        raise AccessPointAlreadyOwnedByYou(None if "Object Lambda" in error.holder else str(error)) from error
    return {"ObjectLambdaAccessPointArn": point.arn, "Alias": _alias(point)}


async def get_access_point_for_object_lambda(context: S3Control, request: Request) -> Result:
    """Describe an Object Lambda access point; its ARN is not in AWS's answer either."""
    point = await context.object_lambda(request)
    return {
        "Name": point.name,
        "PublicAccessBlockConfiguration": blocks.write(point.public_access_block),
        "CreationDate": point.created_at,
        "Alias": _alias(point),
    }


async def list_access_points_for_object_lambda(context: S3Control, request: Request) -> Result:
    """List the account's Object Lambda access points."""
    account = request.params["AccountId"]

    async def fetch(after: str, limit: int) -> list[ObjectLambdaAccessPoint]:
        return await context.catalog.object_lambda_access_points.list(after=after, limit=limit, account=account)

    found, token = await page(request.params, fetch)
    listed = [{"Name": point.name, "ObjectLambdaAccessPointArn": point.arn, "Alias": _alias(point)} for point in found]
    return {"ObjectLambdaAccessPointList": listed, "NextToken": token}


async def delete_access_point_for_object_lambda(context: S3Control, request: Request) -> Result:
    """Remove an Object Lambda access point; its supporting access point stays."""
    name = request.params["Name"]
    if not await context.catalog.object_lambda_access_points.delete(request.params["AccountId"], name):
        raise NoSuchAccessPoint(AccessPointName=name)
    return {}


async def get_access_point_configuration_for_object_lambda(context: S3Control, request: Request) -> Result:
    """Return the configuration."""
    return {"Configuration": configuration.write((await context.object_lambda(request)).configuration)}


async def put_access_point_configuration_for_object_lambda(context: S3Control, request: Request) -> Result:
    """Replace the whole configuration."""
    point = await context.object_lambda(request)
    new = await _configuration(context, request)

    def changed(old: ObjectLambdaAccessPoint) -> ObjectLambdaAccessPoint:
        return replace(old, configuration=new, configured_at=context.clock.now())

    try:
        await context.catalog.object_lambda_access_points.update(point.account, point.name, change=changed)
    except NotFound as error:
        raise NoSuchAccessPoint(AccessPointName=point.name) from error
    return {}


async def _configuration(context: S3Control, request: Request) -> ObjectLambdaConfiguration:
    account = request.params["AccountId"]
    new = configuration.read(request.params["Configuration"], account, context.remotes, context.programs)
    name = configuration.supporting_access_point(new.supporting_access_point, account)
    if await context.catalog.access_points.get(account, name) is None:
        raise InvalidRequest(
            f"The supporting access point {new.supporting_access_point} does not exist. Make it first, with "
            "CreateAccessPoint."
        )
    return new


def _alias(point: ObjectLambdaAccessPoint) -> dict[str, str]:
    # Nothing has to be provisioned here: an alias is ready when it is made.
    return {"Value": point.alias, "Status": "READY"}
