"""Pages of listings and the tokens that continue them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar

from objectlens.errors import InvalidRequest

LARGEST = 1000


class Named(Protocol):
    """What is listed by name."""

    @property
    def name(self) -> str:
        """Return the name."""
        ...


N = TypeVar("N", bound=Named)
Fetch = Callable[[str, int], Awaitable[list[N]]]


async def page(params: Mapping[str, Any], fetch: Fetch[N]) -> tuple[list[N], str | None]:
    """Return one page of at most `MaxResults` and the token of the next one, None when it is the last.

    `fetch(after, limit)` returns what comes behind a name. Raises `InvalidRequest` for a token that is none of ours.
    """
    limit = params.get("MaxResults", LARGEST)
    after = _name(params["NextToken"]) if "NextToken" in params else ""
    found = await fetch(after, limit + 1)
    if limit == 0 or len(found) <= limit:
        return found[:limit], None
    return found[:limit], base64.urlsafe_b64encode(found[limit - 1].name.encode()).decode()


def _name(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise InvalidRequest("The NextToken is not one that a listing returned.") from None
