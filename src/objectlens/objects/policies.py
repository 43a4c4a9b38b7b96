"""Bucket policies and Block Public Access."""

from __future__ import annotations

import json
from dataclasses import asdict

from objectlens import errors, iam
from objectlens.call import Call
from objectlens.catalog.entities import PublicAccessBlock
from objectlens.http import Headers, HttpResponse
from objectlens.objects.blocking import block_of
from objectlens.objects.context import Objects, bucket_of, change_bucket, empty, xml
from objectlens.objects.documents import read_document
from objectlens.s3 import outputs_bucket
from objectlens.s3.inputs import PublicAccessFlags
from objectlens.streams import TooLarge, read_all

# S3 user guide, "Bucket policies": at most 20 KB.
LARGEST = 20 * 1024


async def get_bucket_policy(_: Objects, call: Call) -> HttpResponse:
    """Return the bucket's policy to the letter."""
    return HttpResponse(200, Headers([("Content-Type", "application/json")]), _policy(call).encode())


async def put_bucket_policy(objects: Objects, call: Call) -> HttpResponse:
    """Replace the bucket's policy by a valid one."""
    bucket = bucket_of(call)
    try:
        text = (await read_all(call.body, LARGEST)).decode()
        policy = iam.parse(text, "resource")
    except TooLarge:
        raise errors.MalformedPolicy(f"The policy is longer than {LARGEST} bytes.") from None
    except UnicodeDecodeError:
        raise errors.MalformedPolicy from None
    except iam.PolicyError as error:
        raise errors.MalformedPolicy(str(error)) from None
    if (action := iam.foreign_action(policy, "s3")) is not None:
        raise errors.MalformedPolicy(f"Policy has invalid action: {action}. Here actions are s3:NAME.")
    _check_resources(text, bucket.arn)
    if iam.is_public(policy) and (await block_of(objects, bucket)).block_public_policy:
        raise errors.AccessDenied(
            "The policy grants to the public, which Block Public Access of the bucket or its account refuses. Name the "
            "principals, or change it with PutPublicAccessBlock."
        )
    await change_bucket(objects, call, policy=text)
    return empty(204)


async def delete_bucket_policy(objects: Objects, call: Call) -> HttpResponse:
    """Remove the bucket's policy."""
    await change_bucket(objects, call, policy=None)
    return empty(204)


async def get_bucket_policy_status(_: Objects, call: Call) -> HttpResponse:
    """Tell whether the bucket's policy grants to the public."""
    return xml(outputs_bucket.policy_status(public=iam.is_public(iam.parse(_policy(call), "resource"))))


async def get_public_access_block(_: Objects, call: Call) -> HttpResponse:
    """Return the bucket's Block Public Access settings."""
    bucket = bucket_of(call)
    if bucket.public_access_block is None:
        raise errors.NoSuchPublicAccessBlockConfiguration(BucketName=bucket.name)
    return xml(outputs_bucket.public_access_block(**asdict(bucket.public_access_block)))


async def put_public_access_block(objects: Objects, call: Call) -> HttpResponse:
    """Replace the bucket's Block Public Access settings."""
    flags = PublicAccessFlags.parse(await read_document(call))
    await change_bucket(objects, call, public_access_block=PublicAccessBlock(**asdict(flags)))
    return empty(200)


async def delete_public_access_block(objects: Objects, call: Call) -> HttpResponse:
    """Remove the bucket's Block Public Access settings."""
    await change_bucket(objects, call, public_access_block=None)
    return empty(204)


def _check_resources(text: str, arn: str) -> None:
    statements = json.loads(text)["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        named = statement.get("Resource", statement.get("NotResource"))
        for resource in named if isinstance(named, list) else [named]:
            if resource != arn and not resource.startswith(f"{arn}/"):
                raise errors.MalformedPolicy(
                    f"Policy has invalid resource: {resource}. In this bucket's policy, resources are {arn} and what "
                    f"begins with {arn}/"
                )


def _policy(call: Call) -> str:
    bucket = bucket_of(call)
    if bucket.policy is None:
        raise errors.NoSuchBucketPolicy(BucketName=bucket.name)
    return bucket.policy
