"""Pages of listings: `Marker` and `MaxItems`."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from objectlens.catalog import function_cursor
from objectlens.catalog.entities import Function
from objectlens.control.awslambda.context import Lambda, Parameters, Result
from objectlens.errors import InvalidParameterValueException

LARGEST = 50


async def page_of(surroundings: Lambda, parameters: Parameters, **where: Any) -> tuple[list[Function], Result]:
    """Return one page of functions, and the `NextMarker` when more follow."""
    size = size_of(parameters)
    after = decode(parameters.get("Marker"))
    found = await surroundings.catalog.functions.list(after=after, limit=size + 1, **where)
    page = found[:size]
    return page, {"NextMarker": encode(function_cursor(page[-1]))} if len(found) > size else {}


def size_of(parameters: Parameters) -> int:
    """Return how many entries a page may have."""
    return min(parameters.get("MaxItems") or LARGEST, LARGEST)


def encode(cursor: str) -> str:
    """Make an opaque marker."""
    return base64.urlsafe_b64encode(cursor.encode()).decode()


def decode(marker: str | None) -> str:
    """Return the cursor of a marker, nothing of none; raises `InvalidParameterValueException`."""
    try:
        return base64.b64decode(marker or "", altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise InvalidParameterValueException("The Marker is not one that this server gave.") from None
