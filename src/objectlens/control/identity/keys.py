"""Access keys of users."""

from __future__ import annotations

import base64
import secrets
from dataclasses import replace

from objectlens.catalog import Shelves
from objectlens.catalog.entities import AccessKey
from objectlens.control.identity import paging, shapes
from objectlens.control.identity.context import Identity, Result, guarded
from objectlens.control.identity.holders import USERS
from objectlens.control.protocol import Handler, Request
from objectlens.errors import LimitExceeded, NoSuchEntity

_MOST_KEYS = 2


async def create(identity: Identity, request: Request) -> Result:
    """CreateAccessKey; the secret is shown this once."""
    name = USERS.name(request)
    key = AccessKey(
        access_key_id=shapes.new_id("AKIA", 16),
        secret_access_key=base64.b64encode(secrets.token_bytes(30)).decode(),
        account=identity.account,
        user_name=name,
        created_at=identity.clock.now().replace(microsecond=0),
    )

    def work(shelves: Shelves) -> None:
        if shelves.users.get(identity.account, name) is None:
            raise USERS.missing(name)
        if len(shelves.access_keys.list(account=identity.account, user_name=name)) >= _MOST_KEYS:
            raise LimitExceeded(f"Cannot exceed quota for AccessKeysPerUser: {_MOST_KEYS}")
        shelves.access_keys.create(key)

    await identity.catalog.change(work)
    return {
        "AccessKey": {
            "UserName": name,
            "AccessKeyId": key.access_key_id,
            "Status": "Active",
            "SecretAccessKey": key.secret_access_key,
            "CreateDate": key.created_at,
        }
    }


async def list_keys(identity: Identity, request: Request) -> Result:
    """ListAccessKeys."""
    user = await USERS.find(identity, request)
    found = await identity.catalog.access_keys.list(
        account=identity.account,
        user_name=user.name,
        after=request.params.get("Marker", ""),
        limit=paging.limit_of(request.params) + 1,
    )
    shown, rest = paging.page(found, request.params, lambda one: one.access_key_id)
    keys = [
        {
            "UserName": one.user_name,
            "AccessKeyId": one.access_key_id,
            "Status": "Active" if one.active else "Inactive",
            "CreateDate": one.created_at,
        }
        for one in shown
    ]
    return {"AccessKeyMetadata": keys, **rest}


async def update(identity: Identity, request: Request) -> Result:
    """UpdateAccessKey: switch it on or off."""
    active = request.params["Status"] == "Active"
    name, key_id = USERS.name(request), request.params["AccessKeyId"]

    def work(shelves: Shelves) -> None:
        _owned(shelves, name, key_id)
        shelves.access_keys.update(key_id, change=lambda old: replace(old, active=active))

    await identity.catalog.change(work)
    return {}


async def delete(identity: Identity, request: Request) -> Result:
    """DeleteAccessKey."""
    name, key_id = USERS.name(request), request.params["AccessKeyId"]

    def work(shelves: Shelves) -> None:
        _owned(shelves, name, key_id)
        shelves.access_keys.delete(key_id)

    await identity.catalog.change(work)
    return {}


def _owned(shelves: Shelves, user_name: str, key_id: str) -> None:
    """Raise `NoSuchEntity` unless the key is that user's: whoever may change it may change no other's."""
    key = shelves.access_keys.get(key_id)
    if key is None or key.user_name != user_name:
        raise NoSuchEntity(f"The Access Key with id {key_id} cannot be found.")


HANDLERS: dict[str, Handler[Identity]] = {
    "CreateAccessKey": guarded(create, USERS.arn),
    "ListAccessKeys": guarded(list_keys, USERS.arn),
    "UpdateAccessKey": guarded(update, USERS.arn),
    "DeleteAccessKey": guarded(delete, USERS.arn),
}
