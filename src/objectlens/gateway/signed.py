"""Pages below `/-/` that are asked for like S3: signed by a caller, whose rights count, with a body of JSON or text."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
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
    """One page: its method, its name in the access log, and what answers.

    `long` says that it keeps many objects in work: such requests have a line of their own, so that they cannot take the
    places that their own GETs need.
    """

    method: str
    operation: str
    answer: Callable[[Asked], Awaitable[HttpResponse]]
    long: bool = False
