"""Listings that are not a function's: the source's keys, told with what is known of the derived objects.

ETags and times are those of the derived objects, or a client that takes them from a listing (`aws s3 sync` does) would
ask for ranges of the source. A size is known only of what was made before. `objectlens:sizes` among the tags of the
access point or of the function says what becomes of the others: with `cached`, the default, the source's size stands
for it; with `exact` it is made now; with `source` the whole listing is the source's. A header counts both kinds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from objectlens.cache import Derived
from objectlens.call import Call
from objectlens.catalog.entities import ObjectLambdaAccessPoint
from objectlens.errors import LambdaInvocationFailed, LambdaPermissionError, ServiceError
from objectlens.http import Headers, HttpResponse
from objectlens.objectlambda import managed
from objectlens.objectlambda.context import ObjectLambda
from objectlens.objectlambda.contract import SIZES
from objectlens.objectlambda.metered import cache_outcome, open_tally
from objectlens.objectlambda.source import at_source, look_at
from objectlens.objectlambda.work import Work, work_of
from objectlens.objects import OPERATIONS
from objectlens.objects.context import bucket_of
from objectlens.s3.operations import OPERATIONS as KINDS
from objectlens.stores import Entry, KeyNotFound, Listing, Store, StoreOpener

MARK: Final = "x-objectlens-sizes"
_AT_ONCE = 16
# Of the 60 seconds that clients wait for an answer.
_EXACT_SECONDS = 45.0


async def list_objects(lens: ObjectLambda, call: Call, access_point: ObjectLambdaAccessPoint) -> HttpResponse | None:
    """Answer ListObjects or ListObjectsV2; None when the source's own listing is the answer."""
    try:
        work = await work_of(lens, _of_key(call, "HeadObject", ""), access_point)
        if work is None:
            return None
        await work.permit()
    except (LambdaPermissionError, LambdaInvocationFailed):
        # Who may not have objects made learns nothing of them; a pipeline that cannot run makes none.
        return None
    sizes = access_point.tags.get(SIZES) or work.sizes
    if sizes == "source":
        return None
    there = await at_source(lens, call, access_point)
    teller = _Teller(lens, call, access_point, there, exact=sizes == "exact")
    opener = cast("StoreOpener", _Opener(lens.objects.opener, teller.retold))
    answer = await OPERATIONS[call.operation.name](replace(lens.objects, opener=opener), there)
    mark = (MARK, f"derived={teller.derived} source={teller.source}")
    return replace(answer, headers=Headers([*answer.headers, mark]))


def _of_key(call: Call, operation: str, key: str) -> Call:
    """Return a plain request for one key: without a query, which is the listing's, and without conditions."""
    http = replace(call.http, method="HEAD", query="", headers=Headers())
    return replace(call, http=http, operation=KINDS[operation], address=replace(call.address, level="object", key=key))


@dataclass(slots=True)
class _Teller:
    lens: ObjectLambda
    call: Call
    access_point: ObjectLambdaAccessPoint
    there: Call
    exact: bool
    derived: int = 0
    source: int = 0

    async def retold(self, store: Store, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
        """Return the entries as those of derived objects."""
        deadline = asyncio.get_running_loop().time() + _EXACT_SECONDS
        places = asyncio.Semaphore(_AT_ONCE)

        async def one(entry: Entry) -> Entry:
            async with places:
                return await self._retold(store, entry, deadline)

        return tuple(await asyncio.gather(*(one(entry) for entry in entries)))

    async def _retold(self, store: Store, entry: Entry, deadline: float) -> Entry:
        head = _of_key(self.call, "HeadObject", entry.key)
        work = await work_of(self.lens, head, self.access_point)
        if work is None or entry.key.endswith("/"):
            self.source += 1
            return entry
        try:
            stat = await look_at(self.lens, self.there, entry.key)
        except KeyNotFound:
            # Removed since it was listed.
            self.source += 1
            return entry
        derived = self.lens.names.of(bucket_of(self.there).name, stat, work.maker, work.arguments)
        if not work.reusable or self.lens.cache.is_private(derived):
            self.source += 1
            return entry
        size = await self._size(head, work, derived, deadline)
        if size is None:
            self.source += 1
        else:
            self.derived += 1
        return replace(entry, etag=derived.etag, modified=derived.modified, size=stat.size if size is None else size)

    async def _size(self, head: Call, work: Work, derived: Derived, deadline: float) -> int | None:
        if (kept := await self.lens.cache.peek(derived)) is not None:
            return kept.size
        if not self.exact:
            return None
        try:
            async with asyncio.timeout_at(deadline):
                return (await self._made(head, work)).length
        except (ServiceError, TimeoutError, ConnectionError):
            return None

    async def _made(self, head: Call, work: Work) -> HttpResponse:
        """Have an object made: it counts for who lists, and against the same budgets as a GET of it."""
        transformation = self.access_point.configuration.transformation("GetObject")
        tally = await open_tally(self.lens.meter, self.call, self.access_point, transformation)
        answer = None
        try:
            answer = await managed.answer(self.lens, head, self.access_point, work)
        finally:
            if tally is not None:
                tally.sent(0, cache_outcome(answer), answers=0)
        return answer


class _Opener:
    """Stores whose listings are retold; nothing but listings is asked of them here."""

    def __init__(
        self, opener: StoreOpener, retold: Callable[[Store, tuple[Entry, ...]], Awaitable[tuple[Entry, ...]]]
    ) -> None:
        self._opener = opener
        self._retold = retold

    def open(self, bucket: str, url: str) -> _Listed:
        return _Listed(self._opener.open(bucket, url), self._retold)


class _Listed:
    def __init__(
        self, store: Store, retold: Callable[[Store, tuple[Entry, ...]], Awaitable[tuple[Entry, ...]]]
    ) -> None:
        self._store = store
        self._retold = retold

    async def list(self, *arguments: Any, **options: Any) -> Listing:
        page = await self._store.list(*arguments, **options)
        return replace(page, entries=await self._retold(self._store, page.entries))
