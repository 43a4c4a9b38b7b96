"""Managed answers: GET and HEAD of a derived object, as S3 would answer if it held the bytes that the function makes.

The function is asked for whole objects only. What else a request wants (a range, a part, only what has changed, only
the headers) is done here, with the code that does it for plain objects, on a `Stat` of the derived object.

    source's state → derived object's name and ETag → conditions → kept | being made | made now → range → answer

The state of the source is looked at for every request, and the caller's rights are asked for every request, whether the
bytes are kept or not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from objectlens import errors
from objectlens.cache import Begun, Derived, Entry, Failed, Flight, Head, Made, Pairs, Spilled
from objectlens.call import Call
from objectlens.catalog.entities import ObjectLambdaAccessPoint
from objectlens.http import Headers, HttpResponse, ResponseBody
from objectlens.metering import BudgetUsedUp, Tally, current
from objectlens.objectlambda import lineage
from objectlens.objectlambda.context import SERVICE, ObjectLambda
from objectlens.objectlambda.lineage import Way
from objectlens.objectlambda.native import SourceMoved
from objectlens.objectlambda.rendezvous import Answer
from objectlens.objectlambda.reply import render
from objectlens.objectlambda.slices import Slice, closed, drained
from objectlens.objectlambda.source import at_source, look_at
from objectlens.objectlambda.taking import directives
from objectlens.objectlambda.work import Work
from objectlens.objects import versioning
from objectlens.objects.context import bucket_of, resource_of, store_errors
from objectlens.objects.finding import check_tags, missing
from objectlens.objects.reading import Chosen, chosen, discard, facts
from objectlens.objects.whole import open_whole
from objectlens.s3.dates import http_date
from objectlens.s3.headers import encode_value, object_headers
from objectlens.s3.inputs import WHOLE, ReadObject, check_bucket_owner
from objectlens.s3.ranges import content_range, parse_range
from objectlens.stores import Attributes, KeyNotFound, Opened, Stat
from objectlens.streams import FileSlice

# How often a source may be replaced while one request is at work on it.
_MOVES = 8


async def answer(lens: ObjectLambda, call: Call, access_point: ObjectLambdaAccessPoint, work: Work) -> HttpResponse:
    """Answer a GET or HEAD.

    Raises what reading the source raises, `PreconditionFailed`, `InvalidRange` and `InvalidPart` of the derived object,
    and the errors of reference section 8.2 when it cannot be made.
    """
    # The rights of who calls through this service are asked for twice.
    via = call.caller.via(SERVICE)
    await work.permit(via)
    there = await at_source(lens, call, access_point, via)
    visit = Visit(lens, call, there, work, _asked(call))
    try:
        for _ in range(_MOVES):
            derived = await visit.derived()
            try:
                return await visit.serve(derived)
            except SourceMoved:
                continue
            except errors.NotModified as error:
                # Of all answers the shortest one: it is not carried through the whole corridor as an error.
                return HttpResponse(304, Headers([*lineage.headers(derived, "hit", 0), *error.headers.items()]))
            except errors.ServiceError as error:
                # What the name alone decides: nothing is made for it.
                way = "hit" if isinstance(error, errors.PreconditionFailed) else visit.way
                told = dict(lineage.headers(derived, way, 0))
                error.headers = told | error.headers
                raise
    finally:
        await visit.close()
    raise errors.SlowDown("The source object is replaced again and again while it is read: try again later.")


def _asked(call: Call) -> ReadObject:
    asked = ReadObject.parse(call.http)
    if not call.http.query:
        return asked
    if asked.byte_range is None and asked.part_number is None:
        # Object Lambda takes a range from the query as well (reference section 9.2).
        said = next((value for name, value in call.http.parameters() if name.lower() == "range"), None)
        asked = replace(asked, byte_range=parse_range(said))
    return replace(asked, state=None)


@dataclass(slots=True)
class Visit:
    """One request; `there` is the same one on the source.

    `way` is how what an error tells came about: that a range lies beyond the end, or why nothing could be made.
    """

    lens: ObjectLambda
    call: Call
    there: Call
    work: Work
    asked: ReadObject
    told_version: list[tuple[str, str]] = field(default_factory=list)
    opened: Opened | None = None
    way: Way = "bypass"

    async def derived(self) -> Derived:
        """Return what is made of the present state of the source.

        Raises `NoSuchKey`, or `AccessDenied` for who may not learn that.
        """
        bucket = bucket_of(self.there)
        check_bucket_owner(self.there.http.headers, bucket.account)
        stat = await self._opened() if self._opens else await self._looked_at()
        self.told_version = versioning.of_read(bucket, stat)
        return self.lens.names.of(bucket.name, stat, self.work.maker, self.work.arguments)

    @property
    def _opens(self) -> bool:
        """Whether to open the source for a look at it: where nothing is kept, it will be read as a rule."""
        return self.work.opens and not self.lens.cache.enabled and not self.is_head

    async def _opened(self) -> Stat:
        await self.close()
        self.opened = await open_whole(self.lens.objects, self.there)
        return self.opened.stat

    async def _looked_at(self) -> Stat:
        objects, there = self.lens.objects, self.there
        with store_errors():
            try:
                stat = await look_at(self.lens, there)
            except KeyNotFound as gone:
                raise await missing(objects, there, resource_of(there), gone, self.asked.version_id) from None
        await check_tags(objects, there, stat)
        return stat

    async def close(self) -> None:
        """Close the source, if it was opened and not read."""
        opened, self.opened = self.opened, None
        if opened is not None:
            await discard(opened.body)

    @property
    def is_head(self) -> bool:
        """Whether only the headers are wanted."""
        return self.call.operation.name == "HeadObject"

    @property
    def is_partial(self) -> bool:
        """Whether less than the whole is wanted."""
        return self.asked.byte_range is not None or self.asked.part_number is not None

    async def serve(self, derived: Derived) -> HttpResponse:
        """Answer for one state of the source; raises `SourceMoved` when it was replaced meanwhile."""
        cache, self.way = self.lens.cache, "bypass"
        if not self.work.reusable or cache.is_private(derived):
            return await self._alone(derived)
        self.asked.conditions.check(derived.etag, derived.modified)
        said = self.call.http.headers.get("cache-control")
        wishes = directives(said) if said else frozenset()
        if "no-store" in wishes or not cache.enabled:
            return await self._direct(derived)
        fresh = "no-cache" in wishes
        if not fresh and (hit := await cache.find(derived)) is not None:
            return self._kept(derived, hit.entry, hit.body)
        return await self._joined(derived, fresh=fresh)

    # --- kept ---------------------------------------------------------------------------------------------------------

    def _kept(self, derived: Derived, entry: Entry, body: FileSlice) -> HttpResponse:
        if self.asked is WHOLE and not self.is_head:
            headers = entry.told(derived.modified, lambda: self._headers(derived, entry))
            return HttpResponse(200, Headers([*headers, *self.told_version]), body, entry.size)
        self.way = "hit"
        stat = _stat(derived, entry.head, entry.size, entry.crc32)
        try:
            span = chosen(self.asked, stat)
        except BaseException:
            body.close()
            raise
        if self.is_head:
            body.close()
        elif span is not None:
            body = body.narrowed(span[0], span[1] - span[0])
        told = lineage.headers(derived, "hit", entry.duration_ms)
        return self._answer(stat, span, b"" if self.is_head else body, [*_extra(entry.head), *told])

    def _headers(self, derived: Derived, entry: Entry) -> Pairs:
        """Return the headers of an answer with all of it, but for what depends on the request."""
        stat = _stat(derived, entry.head, entry.size, entry.crc32)
        told = lineage.headers(derived, "hit", entry.duration_ms)
        return (*object_headers(facts(stat)), *_extra(entry.head), *told)

    # --- being made ---------------------------------------------------------------------------------------------------

    async def _joined(self, derived: Derived, *, fresh: bool) -> HttpResponse:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.lens.answer_seconds
        while True:
            try:
                flight, own = self.lens.cache.flight(derived, lambda: self._make(derived), fresh=fresh)
            except Failed as failed:
                return self._failed(derived, failed, "hit")
            patient = self._hurry(flight, own=own)
            # All of it was there before this request came, if not in its place yet.
            way: Way = "miss" if own else "fill" if flight.entry is None else "hit"
            try:
                async with asyncio.timeout_at(deadline):
                    begun = await flight.begun()
                    if begun.live is None:
                        return await self._following(derived, flight, begun, way)
                # What is not kept is one request's alone.
                made = flight.take_live()
            except TimeoutError:
                raise errors.LambdaTimeout(
                    f"There was no answer within {self.lens.answer_seconds:g} seconds: what is to be made of this "
                    "object is too much for one request."
                ) from None
            except Failed as failed:
                theirs = isinstance(failed.cause, errors.LambdaTimeout | BudgetUsedUp)
                if own or not (theirs or (patient and isinstance(failed.cause, errors.SlowDown))):
                    return self._failed(derived, failed, _way_of(failed, own=own))
                # It was too slow for the one who began it, or beyond that one's budget; or who can wait found no place.
                # This request has time left.
                fresh = False
                continue
            finally:
                flight.release()
            return await self._direct(derived, made)

    def _hurry(self, flight: Flight, *, own: bool) -> bool:
        """Let nobody wait for what is made with patience; returns whether it is."""
        patience = self.call.patience
        if own and patience is not None:
            flight.hurry = patience.end
        elif flight.hurry is not None and patience is None:
            flight.hurry()
        return flight.hurry is not None

    async def _following(self, derived: Derived, flight: Flight, begun: Begun, way: Way) -> HttpResponse:
        way = self.way = "hit" if flight.found else way
        entry, size = flight.entry, begun.length
        if entry is None and size is None and (self.is_partial or self.is_head):
            try:
                with _nothing_sent():
                    entry = await flight.ended()
            except Spilled:
                return await self._direct(derived)
        if entry is not None:
            size = entry.size
        stat = _stat(derived, begun.head, size or 0, entry.crc32 if entry is not None else None)
        span = None if size is None else chosen(self.asked, stat)
        body: ResponseBody = b""
        if not self.is_head:
            start, end = span or (0, size)
            body = flight.reader(start, end, lambda position: self._rest(derived, position, end))
        duration = entry.duration_ms if entry is not None else flight.elapsed_ms
        told = lineage.headers(derived, way, duration)
        return self._answer(stat, span, body, [*_extra(begun.head), *told], known=size is not None)

    async def _rest(self, derived: Derived, position: int, end: int | None) -> AsyncIterator[bytes]:
        """Yield what the cache could not take any more, made anew."""
        try:
            made = await self._make(derived)
        except (Failed, SourceMoved) as error:
            raise ConnectionError("the rest of the answer could not be made again") from error
        rest = Slice(_stream(made.body), position, end)
        try:
            async for chunk in rest:
                yield chunk
        finally:
            await rest.aclose()

    # --- made for this request alone ----------------------------------------------------------------------------------

    async def _make(self, derived: Derived) -> Made:
        tally = current.get()
        if tally is not None:
            await _admit_again(tally)
        opened, self.opened = self.opened, None
        try:
            made = await self.work.make(self.there, derived.source.state, opened)
        finally:
            if tally is not None:
                tally.done()
        if self.work.reusable and not made.reusable:
            # What the answer says; what the function's tags say counts only as long as they say it.
            self.lens.cache.mark_private(derived)
        return made

    async def _made_here(self, derived: Derived) -> Made | HttpResponse:
        try:
            return await self._make(derived)
        except Failed as failed:
            return self._failed(derived, failed)

    async def _direct(self, derived: Derived, made: Made | None = None) -> HttpResponse:
        """Answer with what is made now, and is not kept."""
        began = asyncio.get_running_loop().time()
        answered = made or await self._made_here(derived)
        if isinstance(answered, HttpResponse):
            return answered
        made = answered
        if not made.reusable:
            return await self._once(derived, made, began)
        size = len(made.body) if isinstance(made.body, bytes) else made.length
        if size is None and (self.is_partial or self.is_head):
            # How long it is shows at its end; then it is made once more, to be cut.
            size = await _measured(made.body)
            if not self.is_head:
                answered = await self._made_here(derived)
                if isinstance(answered, HttpResponse):
                    return answered
                made = answered
        stat = _stat(derived, made.head, size or 0, None)
        try:
            span = None if size is None else chosen(self.asked, stat)
        except BaseException:
            await drained(made.body)
            raise
        duration = int((asyncio.get_running_loop().time() - began) * 1000)
        body = await self._cut(made, span)
        told = lineage.headers(derived, "bypass", duration)
        return self._answer(stat, span, body, [*_extra(made.head), *told], known=size is not None)

    async def _cut(self, made: Made, span: Chosen) -> ResponseBody:
        if self.is_head:
            await _measured(made.body)
            return b""
        if span is None:
            return made.body
        start, end = span
        return made.body[start:end] if isinstance(made.body, bytes) else Slice(made.body, start, end)

    async def _alone(self, derived: Derived) -> HttpResponse:
        """Answer with what is different each time."""
        self._check_changing()
        began = asyncio.get_running_loop().time()
        made = await self._made_here(derived)
        return made if isinstance(made, HttpResponse) else await self._once(derived, made, began)

    async def _once(self, derived: Derived, made: Made, began: float) -> HttpResponse:
        try:
            self._check_changing()
        except BaseException:
            await closed(made.body)
            raise
        size = len(made.body) if isinstance(made.body, bytes) else made.length
        body: ResponseBody = made.body
        if self.is_head:
            size, body = await _measured(made.body), b""
        now = self.lens.clock.now()
        stat = replace(_stat(derived, made.head, size or 0, None), modified=now)
        given = object_headers(facts(stat), overrides=self.asked.overrides)
        # Nothing that a client could put together with, or compare to, another answer.
        kept = [(name, value) for name, value in given if name not in {"ETag", "Accept-Ranges"}]
        duration = int((asyncio.get_running_loop().time() - began) * 1000)
        told = [
            *kept,
            ("Accept-Ranges", "none"),
            *_extra(made.head),
            *lineage.headers(derived, "bypass", duration),
        ]
        return HttpResponse(200, Headers(told), body, size)

    def _check_changing(self) -> None:
        """Refuse what makes no sense of an object that is another one each time."""
        conditions = self.asked.conditions
        if conditions.if_match is not None and "*" not in conditions.if_match:
            raise errors.PreconditionFailed(Condition="If-Match")
        if conditions.if_none_match is not None and "*" in conditions.if_none_match:
            raise errors.NotModified(headers={"Last-Modified": http_date(self.lens.clock.now())})
        if self.is_partial:
            raise errors.NotImplemented(
                "The function's answers must not be used again (objectlens:deterministic=false, or Cache-Control: "
                "no-store), so ranges of them do not belong together. Read the object as a whole."
            )

    # --- answering ----------------------------------------------------------------------------------------------------

    def _failed(self, derived: Derived, failed: Failed, way: Way = "bypass") -> HttpResponse:
        cause, self.way = failed.cause, way
        if isinstance(cause, Answer):
            response = render(cause, self.call)
            headers = Headers([*response.headers, *lineage.headers(derived, way, 0)])
            return replace(response, headers=headers)
        if isinstance(cause, errors.ServiceError):
            # Others may be raising the same one: each gets its own.
            raise _copied(cause) from failed
        if isinstance(cause, BaseException):
            raise cause from failed
        raise failed

    def _answer(
        self, stat: Stat, span: Chosen, body: ResponseBody, more: list[tuple[str, str]], *, known: bool = True
    ) -> HttpResponse:
        """Return the answer that S3 gives of such an object; `known` tells whether its size is."""
        headers = object_headers(
            facts(stat), overrides=self.asked.overrides, checksums=self.asked.checksums and span is None
        )
        headers += [*self.told_version, *more]
        if span is None:
            return HttpResponse(200, Headers(headers), body, stat.size if known else None)
        start, end = span
        headers.append(("Content-Range", content_range(start, end, stat.size)))
        return HttpResponse(206, Headers(headers), body, end - start)


def _way_of(failed: Failed, *, own: bool) -> Way:
    if not own:
        return "fill"
    return "miss" if failed.lasting else "bypass"


async def _admit_again(tally: Tally) -> None:
    """Have an attempt counted; raises `Failed` when a budget leaves no room for one more than the first."""
    try:
        await tally.attempt()
    except BudgetUsedUp as error:
        raise Failed(error) from error


def _extra(head: Head) -> list[tuple[str, str]]:
    return [(name, encode_value(value)) for name, value in head.extra]


def _stat(derived: Derived, head: Head, size: int, crc32: str | None) -> Stat:
    """Return the derived object as a store would describe it."""
    return Stat(
        key=derived.source.key,
        size=size,
        etag=derived.etag,
        modified=derived.modified,
        attributes=Attributes(
            headers=dict(head.system),
            metadata=dict(head.metadata),
            checksums={"CRC32": crc32} if crc32 else {},
        ),
    )


def _copied(error: errors.ServiceError) -> errors.ServiceError:
    copy = error.__class__.__new__(error.__class__)
    copy.__dict__.update(error.__dict__)
    copy.args = error.args
    copy.headers = dict(error.headers)
    return copy


async def _measured(body: bytes | AsyncIterator[bytes]) -> int:
    """Return the length of an answer that is read for the sake of it alone."""
    with _nothing_sent():
        return await drained(body)


@contextmanager
def _nothing_sent() -> Iterator[None]:
    """Let the caller be told what broke an answer off: once some of it was sent, only a cut connection can tell."""
    try:
        yield
    except ConnectionError as error:
        if isinstance(error.__cause__, errors.ServiceError):
            raise _copied(error.__cause__) from error
        raise


async def _one(body: bytes) -> AsyncIterator[bytes]:
    yield body


def _stream(body: bytes | AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    return _one(body) if isinstance(body, bytes) else body
