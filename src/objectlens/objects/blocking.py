"""Block Public Access of a bucket and of its account: what either of them shuts is shut."""

from __future__ import annotations

from objectlens.catalog.entities import Bucket, PublicAccessBlock
from objectlens.objects.context import Objects

_OPEN = PublicAccessBlock(
    block_public_acls=False, ignore_public_acls=False, block_public_policy=False, restrict_public_buckets=False
)


async def block_of(objects: Objects, bucket: Bucket) -> PublicAccessBlock:
    """Return the settings that count for a bucket ("Blocking public access" in the S3 user guide: the strictest)."""
    account = await objects.catalog.accounts.get(bucket.account)
    own, shared = bucket.public_access_block or _OPEN, (account and account.public_access_block) or _OPEN
    return PublicAccessBlock(
        block_public_acls=own.block_public_acls or shared.block_public_acls,
        ignore_public_acls=own.ignore_public_acls or shared.ignore_public_acls,
        block_public_policy=own.block_public_policy or shared.block_public_policy,
        restrict_public_buckets=own.restrict_public_buckets or shared.restrict_public_buckets,
    )
