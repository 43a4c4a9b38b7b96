"""Tags of what an ARN names: access points of both kinds, and buckets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from objectlens.arn import Arn
from objectlens.catalog import NotFound, Repository
from objectlens.catalog.entities import Resource
from objectlens.control.protocol import Request
from objectlens.control.s3control import tagging
from objectlens.control.s3control.context import S3Control
from objectlens.errors import InvalidRequest, NoSuchAccessPoint, NoSuchBucket

Result = dict[str, Any]
Tags = Mapping[str, str]


async def list_tags_for_resource(context: S3Control, request: Request) -> Result:
    """Return the tags of a resource."""
    return {"Tags": tagging.write((await find(context, request)).tags)}


async def tag_resource(context: S3Control, request: Request) -> Result:
    """Add tags to a resource, over those of the same keys."""
    new = tagging.read(request.params["Tags"])
    await _change(context, request, lambda tags: tagging.merged(tags, new))
    return {}


async def untag_resource(context: S3Control, request: Request) -> Result:
    """Remove tags from a resource; keys that it does not have are passed over."""
    gone = set(request.params["TagKeys"])
    await _change(context, request, lambda tags: {key: tags[key] for key in tags.keys() - gone})
    return {}


async def find(context: S3Control, request: Request) -> Resource:
    """Return what the ARN of a request names; raises `NoSuchAccessPoint`, `NoSuchBucket` or `InvalidRequest`."""
    repository, key, missing = _place(context, request)
    found: Resource | None = await repository.get(*key)
    if found is None:
        raise missing
    return found


async def _change(context: S3Control, request: Request, change: Callable[[Tags], Tags]) -> None:
    repository, key, missing = _place(context, request)
    try:
        await repository.update(*key, change=lambda now: replace(now, tags=change(now.tags)))
    except NotFound as error:
        raise missing from error


def _place(
    context: S3Control, request: Request
) -> tuple[Repository[Any], tuple[str, ...], NoSuchAccessPoint | NoSuchBucket]:
    """Return where a resource is kept, its key there, and what to raise when it is not."""
    text, account = request.params["ResourceArn"], request.params["AccountId"]
    try:
        arn = Arn.parse(text)
    except ValueError:
        raise InvalidRequest(f"{text!r} is not an ARN.") from None
    name = arn.named("accesspoint")
    if name is not None and arn.account == account and arn.service in {"s3", "s3-object-lambda"}:
        catalog = context.catalog
        points: Repository[Any] = catalog.access_points if arn.service == "s3" else catalog.object_lambda_access_points
        return points, (account, name), NoSuchAccessPoint(AccessPointName=name)
    if arn.service == "s3" and not arn.account and "/" not in arn.resource:
        return context.catalog.buckets, (arn.resource,), NoSuchBucket(BucketName=arn.resource)
    raise InvalidRequest(
        f"{text} is no resource of the account {account} that has tags here: name a bucket, an access point or an "
        "Object Lambda access point."
    )
