"""Bytes at rest.

What flows through: keys and streams of bytes in, `Stat` and open objects out. A store knows keys, bytes, and a small
`Attributes` value per object; it knows nothing of buckets, requests or callers. Keys are any Unicode text of 1 to 1,024
bytes in UTF-8, to the letter: `a//b`, `a/./b`, `../x`, `/lead` and `trail/` are all different keys.

The embedded store is a folder of plain files. From the bottom: `keys` says where a key lives, `places` reaches it
without following links, `drafts` writes what nobody sees yet, `sidecars` keeps what stands beside the bytes, `scans`,
`walks` and `spans` list; `files` and `staging` put these together for one thread, `folder` for the event loop. Buckets
that keep versions have theirs in `history`, which `keeper` changes and `versionlists` lists.

Stores elsewhere, on S3, Google Cloud Storage and Azure, are in `remote`.

Stores implement the small protocols of `objectlens.stores.protocols`; every back end passes the same public suite in
`objectlens.testing`.
"""

from __future__ import annotations

from objectlens.stores.folder import FolderStore
from objectlens.stores.memory import MemoryStore
from objectlens.stores.opener import StoreOpener
from objectlens.stores.protocols import (
    ALGORITHM,
    NULL,
    TYPE,
    Attributes,
    Copies,
    Delete,
    Entry,
    Far,
    Get,
    Keeping,
    KeyNotFound,
    Late,
    List,
    Listing,
    Marked,
    Multipart,
    OneVersion,
    Opened,
    Part,
    PartNotFound,
    Put,
    ReadsVersions,
    Stat,
    StatsAtOnce,
    Store,
    StoreDenied,
    StoreFull,
    StoreLacks,
    StoreUnavailable,
    StoreUnreachable,
    Upload,
    UploadNotFound,
    Uploads,
    Version,
    VersionListing,
    VersionNotFound,
    Versions,
)
from objectlens.stores.remote import UnknownStore

__all__ = [
    "ALGORITHM",
    "NULL",
    "TYPE",
    "Attributes",
    "Copies",
    "Delete",
    "Entry",
    "Far",
    "FolderStore",
    "Get",
    "Keeping",
    "KeyNotFound",
    "Late",
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
    "ReadsVersions",
    "Stat",
    "StatsAtOnce",
    "Store",
    "StoreDenied",
    "StoreFull",
    "StoreLacks",
    "StoreOpener",
    "StoreUnavailable",
    "StoreUnreachable",
    "UnknownStore",
    "Upload",
    "UploadNotFound",
    "Uploads",
    "Version",
    "VersionListing",
    "VersionNotFound",
    "Versions",
]
