"""Pages of lists: `Marker` and `MaxItems` in, `IsTruncated` and `Marker` out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

DEFAULT = 100


def limit_of(params: Mapping[str, Any]) -> int:
    """Return how many items a page may have."""
    return int(params.get("MaxItems", DEFAULT))


def page(found: Sequence[T], params: Mapping[str, Any], name: Callable[[T], str]) -> tuple[Sequence[T], dict[str, Any]]:
    """Cut `found`, which begins behind the marker, to a page; returns it with the members that tell about the rest.

    The marker is the name of the last item shown, so that what is added or removed meanwhile shifts nothing.
    """
    limit = limit_of(params)
    if len(found) <= limit:
        return found, {"IsTruncated": False}
    return found[:limit], {"IsTruncated": True, "Marker": name(found[limit - 1])}


def after_marker(names: Sequence[str], params: Mapping[str, Any]) -> list[str]:
    """Return the names behind the marker, in order."""
    marker = params.get("Marker", "")
    return sorted(name for name in names if name > marker)
