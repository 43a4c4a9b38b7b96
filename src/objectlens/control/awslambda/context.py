"""What the operations of the Lambda API work with."""

from __future__ import annotations

import random
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from objectlens.access.values import Caller
from objectlens.catalog import Catalog
from objectlens.catalog.entities import Function
from objectlens.clock import Clock
from objectlens.control.awslambda.downloads import Downloads
from objectlens.control.awslambda.events import Events
from objectlens.control.awslambda.names import FunctionName, parse_name
from objectlens.control.awslambda.refusals import no_function
from objectlens.control.protocol import Request
from objectlens.functions import Arrangement, Executor, PackageStore, Provision
from objectlens.metering import Meter

Parameters = Mapping[str, Any]
"""Parameters or a structure in them, shaped as boto3 takes them."""
Result = dict[str, Any]


class Tasks(Protocol):
    """Whoever owns work that goes on after its request was answered."""

    def start(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run `work` as a task of one's own."""
        ...


async def _prepare_nothing(_: Function) -> None:
    """Stand in for a runtime that has nothing to be made ready."""


def _arrange_nothing(_: Arrangement) -> None:
    """Stand in for an executor that sets nothing aside."""


def _nothing_provisioned(_: Function) -> Provision:
    """Stand in for an executor that keeps nothing ready."""
    return Provision(failure="This server keeps no environments ready.")


class ObjectReader(Protocol):
    """Reads an object of one of our buckets as the caller, for code that is deployed from there."""

    def __call__(self, caller: Caller, bucket: str, key: str, *, version: str | None, limit: int) -> Awaitable[bytes]:
        """Return its bytes; raises the S3 error of a caller who may not, or of an object of more than `limit` bytes."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Lambda:
    """What surrounds the operations.

    `region` is that of requests that name none. `concurrency` is the account's limit as GetAccountSettings tells it.
    `prepare` begins to make ready what a function's runtime needs on this machine, before the first invocation does.
    `arrange` has the executor set concurrency aside, and `provision` tells how far that is. `new_id` makes revision
    ids; `draw` gives numbers in [0, 1), by which weighted aliases choose. `meter` counts direct invocations.
    """

    catalog: Catalog
    packages: PackageStore
    executor: Executor
    tasks: Tasks
    events: Events
    downloads: Downloads
    read_object: ObjectReader
    clock: Clock
    region: str
    concurrency: int = 1000
    prepare: Callable[[Function], Coroutine[Any, Any, None]] = _prepare_nothing
    arrange: Callable[[Arrangement], None] = _arrange_nothing
    provision: Callable[[Function], Provision] = _nothing_provisioned
    new_id: Callable[[], str] = lambda: str(uuid.uuid4())
    draw: Callable[[], float] = random.random
    meter: Meter | None = None

    def region_of(self, request: Request) -> str:
        """Return the region that a request works in, which is that of what it makes: the caller's, as on AWS."""
        signature = request.caller.signature
        return self.region if signature is None else signature.region

    def name(self, request: Request) -> FunctionName:
        """Return the function that a request names."""
        name = parse_name(request.params["FunctionName"], request.caller.account, request.params.get("Qualifier"))
        return replace(name, region=self.region_of(request))

    async def function(self, name: FunctionName) -> Function:
        """Return the version that is named, by its alias too; raises `ResourceNotFoundException`."""
        found = await self.function_or_none(name)
        if found is None:
            raise no_function(name, name.region or self.region)
        return found

    async def function_or_none(self, name: FunctionName) -> Function | None:
        """Return the version that is named, None when there is none."""
        return await self.catalog.function(name.account, name.name, name.version)
