"""The doors that a request must pass: one for a bucket, two for an access point and the bucket behind it.

Reference section 11.3: each has its own resource policy, and all must permit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from objectlens.access.principals import Principals
from objectlens.arn import Arn
from objectlens.catalog.entities import (
    LATEST,
    AccessPoint,
    Bucket,
    Function,
    LayerVersion,
    ObjectLambdaAccessPoint,
    PublicAccessBlock,
    Role,
)
from objectlens.errors import AccessDenied
from objectlens.iam import Kind


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A function that another service keeps: its own policy is asked there, here only those of the caller count."""

    function: Function


Target = Bucket | AccessPoint | ObjectLambdaAccessPoint | Function | LayerVersion | Role | Elsewhere | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One resource with its policy. `arns` all name it; `context` are the condition keys that belong to it.

    The policy of a role says who may become it: it is of the kind `trust`, and nobody passes whom it does not name.
    The policy of what is `elsewhere` is not known here, and need not allow. `acl` is the canned ACL that counts beside
    the policy, None where there is none.
    """

    arns: tuple[str, ...]
    account: str
    policy: str | None = None
    kind: Kind = "resource"
    restrict_public: bool = False
    elsewhere: bool = False
    acl: str | None = None
    context: Mapping[str, str] = field(default_factory=dict)


async def layers_of(
    target: Target, key: str | None, action: str, account: str, principals: Principals
) -> tuple[Layer, ...]:
    """Return the layers in front of `target`; `account` owns what names no owner. Raises `AccessDenied` for a VPC's."""
    if isinstance(target, Bucket):
        return (_bucket_layer(target, key, {}),)
    if isinstance(target, AccessPoint):
        return await _access_point_layers(target, key, action, principals)
    if isinstance(target, ObjectLambdaAccessPoint):
        return (
            Layer(
                arns=(target.arn,),
                account=target.account,
                policy=target.policy,
                restrict_public=_restricted(target.public_access_block),
                context=_tags(target.tags),
            ),
        )
    if isinstance(target, Function):
        return (_function_layer(target),)
    if isinstance(target, LayerVersion):
        return (Layer(arns=(target.arn,), account=target.account, policy=target.policy),)
    if isinstance(target, Role):
        policy, tags = target.assume_role_policy, _tags(target.tags)
        return (Layer(arns=(target.arn,), account=target.account, policy=policy, kind="trust", context=tags),)
    if isinstance(target, Elsewhere):
        return (replace(_function_layer(target.function), elsewhere=True),)
    return (Layer(arns=(target,), account=_owner(target) or account),)


def blocked(layers: tuple[Layer, ...], block: PublicAccessBlock | None) -> tuple[Layer, ...]:
    """Return the layers as the account's Block Public Access leaves them."""
    if block is None:
        return layers
    return tuple(
        replace(
            layer,
            restrict_public=layer.restrict_public or block.restrict_public_buckets,
            acl=None if block.ignore_public_acls else layer.acl,
        )
        for layer in layers
    )


def _bucket_layer(bucket: Bucket, key: str | None, context: Mapping[str, str]) -> Layer:
    block = bucket.public_access_block
    counts = bucket.has_acls and not (block is not None and block.ignore_public_acls)
    return Layer(
        arns=(bucket.arn if key is None else f"{bucket.arn}/{key}",),
        account=bucket.account,
        policy=bucket.policy,
        restrict_public=_restricted(bucket.public_access_block),
        acl=(bucket.acl or "private") if counts else None,
        context={**context, **_tags(bucket.tags)},
    )


async def _access_point_layers(
    point: AccessPoint, key: str | None, action: str, principals: Principals
) -> tuple[Layer, ...]:
    context = {
        "s3:dataaccesspointarn": point.arn,
        "s3:dataaccesspointaccount": point.account,
        "s3:accesspointnetworkorigin": "Internet" if point.vpc_id is None else "VPC",
    }
    own = Layer(
        arns=(point.arn if key is None else f"{point.arn}/object/{key}",),
        account=point.account,
        policy=point.policy,
        restrict_public=_restricted(point.public_access_block),
        context=context | _tags(point.tags),
    )
    if "AccessPoint" in action:
        # Managing the access point itself is no access to the bucket.
        return (own,)
    if point.vpc_id is not None:
        raise AccessDenied(
            f"Access Denied: the access point {point.name} accepts requests from the VPC {point.vpc_id} only, and no "
            "request here comes through a VPC. Make an access point without VpcConfiguration."
        )
    bucket = await principals.bucket(point.bucket)
    if bucket is None:
        return (own,)
    return own, _bucket_layer(bucket, key, context)


def _function_layer(function: Function) -> Layer:
    arns: tuple[str, ...] = (function.arn,)
    if function.version == LATEST:
        # Invoked by its bare name or by `$LATEST`: policies may be written either way (reference section 11.1).
        arns = (function.arn, f"{function.arn}:{LATEST}")
    return Layer(arns=arns, account=function.account, policy=function.policy, context=_tags(function.tags))


def _restricted(block: PublicAccessBlock | None) -> bool:
    return block is not None and block.restrict_public_buckets


def _tags(tags: Mapping[str, str]) -> dict[str, str]:
    return {f"aws:resourcetag/{name.lower()}": value for name, value in tags.items()}


def _owner(arn: str) -> str:
    try:
        return Arn.parse(arn).account
    except ValueError:
        return ""
