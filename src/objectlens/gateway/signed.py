"""Pages below `/-/` that are asked for like S3: signed by a caller, whose rights count, with a body of JSON or text."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from objectlens.access import Caller
from objectlens.http import HttpRequest, HttpResponse

MAX_BODY = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request whose signature is proved, with its whole body."""

    http: HttpRequest
    caller: Caller
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What answers a method at a path, and its name in the access log.

    `long` says that it keeps many objects in work: such requests have a line of their own, so that they cannot take the
    places that their own GETs need.
    """

    method: str
    operation: str
    answer: Callable[[Asked], Awaitable[HttpResponse]]
    long: bool = False


Pages = Mapping[str, Sequence[Page]]
"""Pages by path, one for each method. Where the path ends with a slash, they answer for whatever name follows."""


def pages_at(pages: Pages, path: str) -> Sequence[Page]:
    """Return the pages of a path, none when there are none."""
    return pages.get(path) or pages.get(path[: path.rindex("/") + 1], ())
