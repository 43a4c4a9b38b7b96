"""Access points (reference section 12.2)."""

from __future__ import annotations

from typing import Any

from objectlens.arn import ACCESS_POINT_ALIAS, new_alias
from objectlens.catalog import AlreadyExists, NotFound
from objectlens.catalog.entities import AccessPoint, Bucket, PublicAccessBlock
from objectlens.control.protocol import Request
from objectlens.control.s3control import blocks, tagging
from objectlens.control.s3control.context import S3Control
from objectlens.control.s3control.names import check_access_point_name
from objectlens.control.s3control.paging import page
from objectlens.errors import (
    AccessDenied,
    AccessPointAlreadyOwnedByYou,
    InvalidRequest,
    NoSuchAccessPoint,
    NoSuchBucket,
)

Result = dict[str, Any]


async def create_access_point(context: S3Control, request: Request) -> Result:
    """Make an access point on a bucket."""
    params = request.params
    check_access_point_name(params["Name"])
    if "Scope" in params:
        raise InvalidRequest("A Scope is for access points of directory buckets, which objectlens does not have.")
    bucket = await _bucket(context, request)
    block = params.get("PublicAccessBlockConfiguration")
    point = AccessPoint(
        name=params["Name"],
        account=params["AccountId"],
        region=context.region_of(request.caller),
        bucket=bucket.name,
        alias=new_alias(params["Name"], ACCESS_POINT_ALIAS),
        created_at=context.clock.now(),
        bucket_account=bucket.account,
        vpc_id=params.get("VpcConfiguration", {}).get("VpcId"),
        public_access_block=PublicAccessBlock() if block is None else blocks.read(block),
        tags=tagging.read(params.get("Tags", [])),
    )
    try:
        await context.catalog.access_points.create(point)
    except AlreadyExists as error:
        raise AccessPointAlreadyOwnedByYou(None if error.holder == "access point" else str(error)) from error
    except NotFound as error:
        raise NoSuchBucket(BucketName=bucket.name) from error
    return {"AccessPointArn": point.arn, "Alias": point.alias}


async def _bucket(context: S3Control, request: Request) -> Bucket:
    name = request.params["Bucket"]
    bucket = await context.catalog.buckets.get(name)
    if bucket is None:
        raise NoSuchBucket(BucketName=name)
    owner = request.params.get("BucketAccountId", request.params["AccountId"])
    if bucket.account != owner:
        raise AccessDenied(
            f"Access Denied: the bucket {name} does not belong to the account {owner}. Give its owner as "
            "BucketAccountId."
        )
    return bucket


async def get_access_point(context: S3Control, request: Request) -> Result:
    """Describe an access point."""
    point = await context.access_point(request)
    return {
        "Name": point.name,
        "Bucket": point.bucket,
        **_network(point),
        "PublicAccessBlockConfiguration": blocks.write(point.public_access_block),
        "CreationDate": point.created_at,
        "Alias": point.alias,
        "AccessPointArn": point.arn,
        "Endpoints": _endpoints(point.region),
        "BucketAccountId": point.bucket_account,
    }


async def list_access_points(context: S3Control, request: Request) -> Result:
    """List the account's access points, or those of one bucket."""
    params = request.params
    if "DataSourceId" in params or "DataSourceType" in params:
        raise InvalidRequest("All access points here are on buckets: list them without a data source.")
    where = {"account": params["AccountId"]} | ({"bucket": params["Bucket"]} if "Bucket" in params else {})

    async def fetch(after: str, limit: int) -> list[AccessPoint]:
        return await context.catalog.access_points.list(after=after, limit=limit, **where)

    found, token = await page(params, fetch)
    return {"AccessPointList": [_listed(point) for point in found], "NextToken": token}


async def delete_access_point(context: S3Control, request: Request) -> Result:
    """Remove an access point; an Object Lambda access point that names it stays, and fails."""
    name = request.params["Name"]
    if not await context.catalog.access_points.delete(request.params["AccountId"], name):
        raise NoSuchAccessPoint(AccessPointName=name)
    return {}


def _listed(point: AccessPoint) -> Result:
    return {
        "Name": point.name,
        **_network(point),
        "Bucket": point.bucket,
        "AccessPointArn": point.arn,
        "Alias": point.alias,
        "BucketAccountId": point.bucket_account,
    }


def _network(point: AccessPoint) -> Result:
    if point.vpc_id is None:
        return {"NetworkOrigin": "Internet"}
    return {"NetworkOrigin": "VPC", "VpcConfiguration": {"VpcId": point.vpc_id}}


def _endpoints(region: str) -> dict[str, str]:
    """Return the endpoints that S3 gives; all of them reach us where their names are made to resolve to us."""
    return {
        "ipv4": f"s3-accesspoint.{region}.amazonaws.com",
        "fips": f"s3-accesspoint-fips.{region}.amazonaws.com",
        "fips_dualstack": f"s3-accesspoint-fips.dualstack.{region}.amazonaws.com",
        "dualstack": f"s3-accesspoint.dualstack.{region}.amazonaws.com",
    }
