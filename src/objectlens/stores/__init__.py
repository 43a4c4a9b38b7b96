"""Bytes at rest.

What flows through: keys and streams of bytes in, `Stat` and open objects out. A store knows keys, bytes, and a small
`Attributes` value per object; it knows nothing of buckets, requests or callers. Keys are any Unicode text of 1 to 1,024
bytes in UTF-8, to the letter: `a//b`, `a/./b`, `../x`, `/lead` and `trail/` are all different keys.

The embedded store is a folder of plain files. From the bottom: `keys` says where a key lives, `places` reaches it
without following links, `drafts` writes what nobody sees yet, `sidecars` keeps what stands beside the bytes, `scans`,
`walks` and `spans` list; `files` and `staging` put these together for one thread, `folder` for the event loop. Buckets
that keep versions have theirs in `history`, which `keeper` changes and `versionlists` lists.

Stores implement the small protocols of `objectlens.stores.protocols`; every back end passes the same public suite in
`objectlens.testing`.
"""

from __future__ import annotations

from objectlens.stores.folder import FolderStore
from objectlens.stores.memory import MemoryStore
from objectlens.stores.opener import StoreOpener, UnknownStore
from objectlens.stores.protocols import (
    NULL,
    Attributes,
    Delete,
    Entry,
    Get,
    Keeping,
    KeyNotFound,
    List,
    Listing,
    Marked,
    Multipart,
    OneVersion,
    Opened,
    Part,
    PartNotFound,
    Put,
    Stat,
    Store,
    StoreFull,
    StoreUnavailable,
    Upload,
    UploadNotFound,
    Uploads,
    Version,
    VersionListing,
    VersionNotFound,
    Versions,
)

__all__ = [
    "NULL",
    "Attributes",
    "Delete",
    "Entry",
    "FolderStore",
    "Get",
    "Keeping",
    "KeyNotFound",
    "List",
    "Listing",
    "Marked",
    "MemoryStore",
    "Multipart",
    "OneVersion",
    "Opened",
    "Part",
    "PartNotFound",
    "Put",
    "Stat",
    "Store",
    "StoreFull",
    "StoreOpener",
    "StoreUnavailable",
    "UnknownStore",
    "Upload",
    "UploadNotFound",
    "Uploads",
    "Version",
    "VersionListing",
    "VersionNotFound",
    "Versions",
]
