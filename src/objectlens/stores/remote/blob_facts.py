"""Objects as obstore tells of them, and as stores do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from objectlens.s3.headers import DEFAULT_CONTENT_TYPE, encode_value
from objectlens.stores.protocols import NULL, Attributes, Entry, Stat, StoreLacks
from objectlens.stores.remote.s3_facts import bare, decoded, moment

if TYPE_CHECKING:
    from obstore import ObjectMeta

_HEADERS: Final = ("Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Type")
_NO_METADATA: Final = frozenset({"Storage-Class"})
# obstore has no word for this header.
_EXPIRES: Final = "objectlens_expires"
# Azure takes names of C# only (Blob service REST API, "Setting and retrieving properties and metadata").
_AZURE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def stat_of(key: str, meta: ObjectMeta, attributes: Mapping[str, Any]) -> Stat:
    """Read the answer of a request for an object."""
    headers = {name: decoded(attributes[name]) for name in _HEADERS if name in attributes}
    metadata = {
        name.lower(): decoded(value)
        for name, value in attributes.items()
        if name not in _HEADERS and name not in _NO_METADATA
    }
    if _EXPIRES in metadata:
        headers["Expires"] = metadata.pop(_EXPIRES)
    return Stat(
        key=key,
        size=meta["size"],
        etag=bare(meta["e_tag"] or ""),
        modified=moment(meta["last_modified"]),
        attributes=Attributes(headers=headers, metadata=metadata),
        version=meta["version"] or NULL,
    )


def entry_of(key: str, meta: ObjectMeta) -> Entry:
    """Read one object of a listing."""
    return Entry(key=key, size=meta["size"], etag=bare(meta["e_tag"] or ""), modified=moment(meta["last_modified"]))


def attributes_to(attributes: Attributes, service: str) -> dict[str, str]:
    """Return what shall stand beside an object, as obstore takes it; raises `StoreLacks`."""
    found = {name: encode_value(value) for name, value in attributes.headers.items() if name in _HEADERS}
    found.setdefault("Content-Type", DEFAULT_CONTENT_TYPE)
    if "Expires" in attributes.headers:
        found[_EXPIRES] = encode_value(attributes.headers["Expires"])
    for name, value in attributes.metadata.items():
        if service == "az" and not _AZURE_NAME.fullmatch(name):
            raise StoreLacks(
                f"Azure cannot keep metadata named {name!r}: names are letters, digits and underscores, no digit first"
            )
        found[name] = encode_value(value)
    return found
