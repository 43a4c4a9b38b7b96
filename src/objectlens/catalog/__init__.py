"""What exists: buckets, access points, functions, users and roles.

What flows through: frozen values out, commands to change them in. It holds no bytes of objects and no code of
functions, only their names and digests.

`catalog.buckets.get("pics")` and its like answer from a read cache; `create`, `update` and `delete` are transactions
of their own, and `catalog.change` spans several. `resolve` says what an address names.
"""

from __future__ import annotations

from objectlens.catalog.catalog import Catalog
from objectlens.catalog.kinds import Shelves, function_cursor, layer_cursor
from objectlens.catalog.principals import AccountPrincipals
from objectlens.catalog.refusals import AlreadyExists, InUse, NotFound, Refusal
from objectlens.catalog.repository import Repository

__all__ = [
    "AccountPrincipals",
    "AlreadyExists",
    "Catalog",
    "InUse",
    "NotFound",
    "Refusal",
    "Repository",
    "Shelves",
    "function_cursor",
    "layer_cursor",
]
