"""Block Public Access of a whole account."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from objectlens.catalog import Shelves
from objectlens.catalog.entities import Account, PublicAccessBlock
from objectlens.control.protocol import Request
from objectlens.control.s3control import blocks
from objectlens.control.s3control.context import S3Control
from objectlens.errors import NoSuchPublicAccessBlockConfiguration

Result = dict[str, Any]


async def get_public_access_block(context: S3Control, request: Request) -> Result:
    """Return the account's settings."""
    account = await context.catalog.accounts.get(request.params["AccountId"])
    if account is None or account.public_access_block is None:
        raise NoSuchPublicAccessBlockConfiguration(AccountId=request.params["AccountId"])
    return {"PublicAccessBlockConfiguration": blocks.write(account.public_access_block)}


async def put_public_access_block(context: S3Control, request: Request) -> Result:
    """Replace the account's settings."""
    await _set(context, request.params["AccountId"], blocks.read(request.params["PublicAccessBlockConfiguration"]))
    return {}


async def delete_public_access_block(context: S3Control, request: Request) -> Result:
    """Remove the account's settings."""
    await _set(context, request.params["AccountId"], None)
    return {}


async def _set(context: S3Control, name: str, block: PublicAccessBlock | None) -> None:
    def change(shelves: Shelves) -> None:
        if shelves.accounts.get(name) is None:
            shelves.accounts.create(Account(account=name, public_access_block=block))
        else:
            shelves.accounts.update(name, change=lambda now: replace(now, public_access_block=block))

    await context.catalog.change(change)
