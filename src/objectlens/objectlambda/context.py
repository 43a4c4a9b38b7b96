"""What the operations of this room are given."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar, cast

from objectlens.access import Access, Caller
from objectlens.cache import Cache
from objectlens.catalog import Catalog
from objectlens.clock import Clock
from objectlens.functions import Executor, Remotes
from objectlens.http import HttpRequest, HttpResponse
from objectlens.metering import Meter
from objectlens.objectlambda.background import Background
from objectlens.objectlambda.looks import Looks
from objectlens.objectlambda.names import Names
from objectlens.objectlambda.native import Native
from objectlens.objectlambda.rendezvous import Rendezvous
from objectlens.objects import Objects

T = TypeVar("T")
Work = Callable[[str], Awaitable[HttpResponse]]
Inner = Callable[[HttpRequest, Caller, str, Work, str | None], Awaitable[HttpResponse]]
"""Does the work of a request, which is given its id, as the corridor does for those that come over the network: whose
it is and the name of its operation need no proof. The id may be one that was foretold.
"""
Foretell = Callable[[HttpRequest], tuple[str, HttpResponse]]
"""Says which id and which answer a request like this one will have of `Inner`, if all goes well."""

# S3 Object Lambda names itself so in `aws:CalledVia` (reference section 11.1).
SERVICE = "s3-object-lambda.amazonaws.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectLambda:
    """The rooms below, and this room's bounds.

    `inner` is the corridor for functions that are not at the other end of a connection, `foretell` its answers.
    `endpoint` is the URL at which functions of this machine reach this service; those that `remotes` names have their
    own. `answer_seconds` is how long a function may take until its answer is complete (AWS: 60); `url_seconds` how long
    `inputS3Url` holds (AWS's fixtures: 61). `draw` gives numbers in [0, 1), by which weighted aliases choose.
    `prepared` is what `prepare` remembers, with the version of the catalog that it was made of.
    """

    catalog: Catalog
    access: Access
    objects: Objects
    executor: Executor
    rendezvous: Rendezvous
    background: Background
    native: Native
    cache: Cache
    looks: Looks
    clock: Clock
    meter: Meter
    inner: Inner
    foretell: Foretell
    endpoint: str
    region: str
    remotes: Remotes = field(default_factory=Remotes)
    answer_seconds: float = 60.0
    url_seconds: int = 61
    draw: Callable[[], float] = random.random
    prepared: dict[tuple[str, str], tuple[int, object]] = field(default_factory=dict)
    names: Names = field(default_factory=Names)

    async def prepare(self, name: tuple[str, str], make: Callable[[], Awaitable[tuple[T, bool]]]) -> T:
        """Return what `make` makes of the catalog alone, made anew when anything in the catalog has changed.

        `name` is an access point's ARN and what is made for it; `make` also tells whether to remember it.
        """
        version = await self.catalog.version()
        known = self.prepared.get(name)
        if known is not None and known[0] == version:
            return cast("T", known[1])
        made, lasting = await make()
        if lasting:
            self.prepared[name] = version, made
        return made
