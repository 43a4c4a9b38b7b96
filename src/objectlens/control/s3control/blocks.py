"""Block Public Access settings as the API writes them."""

from __future__ import annotations

from collections.abc import Mapping

from objectlens.catalog.entities import PublicAccessBlock


def read(given: Mapping[str, bool]) -> PublicAccessBlock:
    """Return the settings of a `PublicAccessBlockConfiguration`; a flag that it leaves out is off."""
    return PublicAccessBlock(
        block_public_acls=given.get("BlockPublicAcls", False),
        ignore_public_acls=given.get("IgnorePublicAcls", False),
        block_public_policy=given.get("BlockPublicPolicy", False),
        restrict_public_buckets=given.get("RestrictPublicBuckets", False),
    )


def write(block: PublicAccessBlock) -> dict[str, bool]:
    """Return the `PublicAccessBlockConfiguration` of the settings."""
    return {
        "BlockPublicAcls": block.block_public_acls,
        "IgnorePublicAcls": block.ignore_public_acls,
        "BlockPublicPolicy": block.block_public_policy,
        "RestrictPublicBuckets": block.restrict_public_buckets,
    }
