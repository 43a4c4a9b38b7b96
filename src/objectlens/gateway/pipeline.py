"""The corridor: every request walks it from top to bottom, also those of functions.

    HttpRequest → API → Address + Operation → Caller → Resource → Decision → Call → HttpResponse

Each step returns a value for the next. Around it, once: admission before, one place that renders errors after, and one
place (`sent`) where the request ends, when its answer's last byte is out.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from objectlens import errors
from objectlens.access import Access, Caller, in_dialect
from objectlens.access.sessions import SOURCE_FUNCTION
from objectlens.cache import Cache
from objectlens.call import Call
from objectlens.catalog import Catalog
from objectlens.catalog.entities import AccessPoint, Bucket, ObjectLambdaAccessPoint, Resource
from objectlens.functions.figures import Snapshot
from objectlens.functions.patience import Patience
from objectlens.gateway import cors, metrics, render, reserved
from objectlens.gateway.access_log import AccessLog
from objectlens.gateway.admission import Admission
from objectlens.gateway.bodies import BodyTimeout
from objectlens.gateway.connection import Sent, close_body
from objectlens.gateway.endpoints import access_key_id, which_api
from objectlens.gateway.errands import Counted, Target
from objectlens.gateway.messages import on_the_wire
from objectlens.gateway.payload import verified
from objectlens.gateway.signed import MAX_BODY, Asked, Page, Pages, pages_at
from objectlens.gateway.sparing import Spare
from objectlens.http import HttpRequest, HttpResponse
from objectlens.metering import Meter, Tally
from objectlens.objectlambda.context import ObjectLambda
from objectlens.objectlambda.metered import cache_outcome, open_tally, transformation_of
from objectlens.objectlambda.serving import serve as serve_object_lambda
from objectlens.objectlambda.write_response import write_get_object_response
from objectlens.objects import OPERATIONS, Objects
from objectlens.objects.permitting import permit
from objectlens.operation import Api, Operation
from objectlens.s3 import operations
from objectlens.s3.address import Address, names_bucket, parse_address
from objectlens.streams import FileSlice, RequestBody, TooLarge, read_all

_log = logging.getLogger(__name__)

# The longest bodies of management calls: a 50 MB package in base64, and S3 Control's and IAM's small documents.
_BODY_LIMITS: Mapping[Api, int] = {
    "lambda": 72 * 1024 * 1024,
    "s3control": 1024 * 1024,
    "iam": 1024 * 1024,
    "sts": 65536,
}


# Such bodies are held in memory: of those longer than this only so many are taken in at a time. Each has so long, and
# the longer ones what they need at so many bytes a second.
_LARGE = 1024 * 1024
_LARGE_AT_ONCE = 8
_BODY_SECONDS = 30.0
_SLOWEST = 256 * 1024


class ManagementApi(Protocol):
    """One of the management APIs, as the `control` room serves it."""

    async def serve(self, http: HttpRequest, caller: Caller, body: bytes, request_id: str) -> HttpResponse:
        """Authorise and do what is asked; raises `ServiceError`."""
        ...

    def operation_of(self, http: HttpRequest, body: bytes) -> str | None:
        """Return the name of the operation that is asked for, None when it is none of this API's."""
        ...

    def render_error(self, error: errors.ServiceError, request_id: str) -> HttpResponse:
        """Return an error in this API's own form."""
        ...


class _Lane(Protocol):
    def leave(self) -> None: ...


@dataclass(slots=True)
class _Visit:
    """What is known of a request while it is here; `live` as long as a client waits for the head of its answer."""

    request_id: str
    began: float
    api: Api | None = None
    operation: str = "-"
    caller: str = "-"
    cors: cors.Rules = None
    lane: _Lane | None = None
    live: bool = False
    tally: Tally | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """What the corridor asks on its way."""

    access: Access
    catalog: Catalog
    objects: Objects
    lens: ObjectLambda
    management: Mapping[Api, ManagementApi]
    cache: Cache
    figures: Callable[[], Sequence[Snapshot]]
    meter: Meter


class Corridor:
    """The way of one request.

    `domains` are the host names of this service; `ready` tells whether it takes work. `pages` are what answers under
    paths of `/-/` that start with their names. Work that nobody waits for has the places of `spare`; those requests
    that keep many objects in work have a line of their own, `long`.
    """

    def __init__(
        self,
        rooms: Rooms,
        *,
        domains: tuple[str, ...],
        strangers: Admission,
        inner: Admission,
        long: Admission,
        spare: Spare,
        ready: Callable[[], bool],
        pages: Mapping[str, Callable[[HttpRequest], HttpResponse]] | None = None,
        metrics_for: metrics.Metrics = "signed",
        access_log: AccessLog | None = None,
    ) -> None:
        self._rooms = rooms
        self._domains = domains
        self._strangers = strangers
        self._inner = inner
        self._long = long
        self._spare = spare
        self._signed: Pages = {}
        self._ready = ready
        self._pages = pages or {}
        self._metrics_for = metrics_for
        self._access_log = access_log or AccessLog(None)
        self._visits: dict[int, _Visit] = {}
        self._draining: asyncio.Event | None = None
        self._large_bodies = asyncio.Semaphore(_LARGE_AT_ONCE)

    def show(self, pages: Pages) -> None:
        """Answer at these paths too, for callers whose signature is proved. Pages may need the corridor themselves."""
        self._signed = pages

    async def inner(
        self,
        http: HttpRequest,
        caller: Caller,
        operation: str,
        work: Callable[[str], Awaitable[HttpResponse]],
        request_id: str | None = None,
    ) -> HttpResponse:
        """Do `work` for a function that sent a request without a connection: caller and operation are known already.

        It is given the request's id, one that was `foretold` or a new one. The answer has all the headers that it would
        have on the wire.
        """
        number = request_id or render.new_request_id()
        visit = _Visit(number, time.perf_counter(), operation=operation, caller=caller.arn)
        self._visits[id(http)] = visit
        response = await self._answered(http, visit, work(visit.request_id))
        length = _size(response)
        self.sent(Sent(http, response, length or 0, complete=True))
        return on_the_wire(response, length, close=_closes(http))

    @staticmethod
    def foretell(http: HttpRequest) -> tuple[str, HttpResponse]:
        """Return the id and the answer that a request like this one will have from `inner`, if all goes well."""
        request_id = render.new_request_id()
        response = render.with_ids(cors.with_cors(HttpResponse(200), http, None), request_id)
        return request_id, on_the_wire(response, 0, close=_closes(http))

    async def serve(self, http: HttpRequest) -> HttpResponse:
        """Answer one request; whatever goes wrong becomes an error of the API that was called."""
        if http.path.startswith(reserved.PREFIX) and not names_bucket(http.host, self._domains):
            rooms = self._rooms
            if http.path == metrics.PATH:
                return await metrics.serve(
                    http, rooms.access, rooms.figures, rooms.cache.stats, rooms.meter, public=self._metrics_for
                )
            if pages := pages_at(self._signed, http.path):
                visit = _Visit(render.new_request_id(), time.perf_counter())
                self._visits[id(http)] = visit
                return await self._answered(http, visit, self._page(http, visit, pages))
            return reserved.serve(http, self._ready, self._pages)
        visit = _Visit(render.new_request_id(), time.perf_counter())
        self._visits[id(http)] = visit
        return await self._answered(http, visit, self._walk(http, visit))

    async def _answered(self, http: HttpRequest, visit: _Visit, work: Awaitable[HttpResponse]) -> HttpResponse:
        try:
            response = await work
        except errors.ServiceError as error:
            response = self._render(error, visit)
        except BodyTimeout:
            response = self._render(errors.RequestTimeout(), visit)
        except (asyncio.CancelledError, ConnectionError):
            raise
        except Exception:  # noqa: BLE001  (a fault of ours: the log gets the traceback, the client a plain 500)
            _log.exception("%s %s failed (request %s)", http.method, http.path, visit.request_id)
            response = self._render(errors.InternalError(), visit)
        finally:
            self._ends_live(visit)
        return render.with_ids(cors.with_cors(response, http, visit.cors), visit.request_id)

    def sent(self, sent: Sent) -> None:
        """End a request: its answer is out, or its client has gone."""
        visit = self._visits.pop(id(sent.request), None)
        if visit is None:
            return
        if visit.lane is not None:
            visit.lane.leave()
        self._meter(sent, visit)
        if self._draining is not None and not self._visits:
            self._draining.set()
        self._access_log.write(
            sent, caller=visit.caller, operation=visit.operation, began=visit.began, request_id=visit.request_id
        )

    def _meter(self, sent: Sent, visit: _Visit) -> None:
        response = sent.response
        if visit.tally is not None:
            # What a prefetch makes goes to nobody.
            visit.tally.sent(sent.bytes_sent, cache_outcome(response), answers=int(visit.lane is not self._spare))
        elif sent.request.method == "GET" and response is not None and response.status < 300:
            self._rooms.meter.read(sent.request.query, sent.bytes_sent)

    async def drain(self, seconds: float) -> None:
        """Take no more strangers and wait, at most `seconds`, until those inside are done.

        Functions are still let in: the answers that clients wait for come through the same door.
        """
        self._draining = asyncio.Event()
        self._spare.close()
        if not self._visits:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._draining.wait()
        except TimeoutError:
            _log.warning("%d requests are still in work after %g seconds; they are cut", len(self._visits), seconds)

    async def _admit(self, http: HttpRequest, visit: _Visit) -> None:
        inner = self._belongs_to_admitted_work(http)
        if self._draining is not None and not inner:
            raise errors.ServiceUnavailable("The server is stopping.", headers={"Retry-After": "1"})
        if not inner:
            self._begins_live(visit)
        lane = self._inner if inner else self._strangers
        await lane.enter()
        visit.lane = lane

    def _begins_live(self, visit: _Visit) -> None:
        visit.live = True
        self._spare.live_begins()

    def _ends_live(self, visit: _Visit, *, was_live: bool = True) -> None:
        if visit.live:
            visit.live = False
            self._spare.live_ends(was_live=was_live)

    def _belongs_to_admitted_work(self, http: HttpRequest) -> bool:
        """Tell whether this is a function's read of the source, or its answer, of a GET that is inside already."""
        key = access_key_id(http)
        if key is not None and self._rooms.access.sessions.made_here(key) == "forward":
            # An id alone is for ever and can be repeated by anybody; its token is good for a minute.
            sealed = dict(http.parameters()).get("X-Amz-Security-Token", "")
            return self._rooms.access.sessions.is_live(key, sealed)
        token = http.headers.get("x-amz-request-token")
        return token is not None and self._rooms.lens.rendezvous.knows(token)

    async def _walk(self, http: HttpRequest, visit: _Visit) -> HttpResponse:
        visit.api = which_api(http)
        await self._admit(http, visit)
        if visit.api is not None and (api := self._rooms.management.get(visit.api)) is not None:
            return await self._manage(api, visit.api, http, visit)
        address = parse_address(http.host, http.path, self._domains)
        if cors.origin_of(http) is not None and address.level != "service":
            visit.cors = await cors.rules_behind(address, self._rooms.catalog, self._rooms.lens)
        if http.method == "OPTIONS":
            return cors.preflight(http, visit.cors)
        operation = operations.match(http, address)
        visit.operation = operation.name
        if operation is operations.WRITE_GET_OBJECT_RESPONSE:
            return await self._write_response(http, operation, visit)
        caller = await self._rooms.access.authenticate(http, anonymous=True)
        visit.caller = caller.arn or "-"
        if SOURCE_FUNCTION in caller.attributes:
            # Somebody waits for the function, or nobody does: that was counted where it was invoked.
            self._ends_live(visit, was_live=False)
        return await self._called(http, visit, caller, address, operation)

    async def _called(
        self,
        http: HttpRequest,
        visit: _Visit,
        caller: Caller,
        address: Address,
        operation: Operation,
        *,
        errand: bool = False,
        spare: bool = False,
    ) -> HttpResponse:
        resource = await self._resource(address, operation, caller)
        call = Call(
            request_id=visit.request_id,
            http=http,
            operation=operation,
            caller=caller,
            address=address,
            resource=resource,
            bucket=await self._bucket(resource),
            # What the caller signed is the request that the errand belongs to.
            body=http.body if errand else verified(http, caller.signature),
            patience=Patience() if spare else None,
        )
        await self._authorize(call)
        if isinstance(resource, ObjectLambdaAccessPoint):
            transformation = await transformation_of(self._rooms.lens, call, resource)
            visit.tally = await open_tally(self._rooms.meter, call, resource, transformation)
        return await self._handle(call)

    async def _page(self, http: HttpRequest, visit: _Visit, pages: Sequence[Page]) -> HttpResponse:
        if self._draining is not None:
            raise errors.ServiceUnavailable("The server is stopping.", headers={"Retry-After": "1"})
        page = next((one for one in pages if one.method == http.method), None)
        if page is None:
            raise errors.MethodNotAllowed(headers={"Allow": ", ".join(one.method for one in pages)})
        visit.operation = page.operation
        lane = self._long if page.long else self._strangers
        await lane.enter()
        visit.lane = lane
        caller = await self._rooms.access.authenticate(http)
        visit.caller = caller.arn
        return await page.answer(Asked(http=http, caller=caller, body=await self._page_body(http, caller)))

    async def _page_body(self, http: HttpRequest, caller: Caller) -> bytes:
        try:
            return await self._whole_body(verified(http, caller.signature), MAX_BODY)
        except TooLarge as error:
            raise errors.EntityTooLarge(f"{error}. Send several requests.") from None

    @contextlib.asynccontextmanager
    async def errand(
        self, outer: HttpRequest, caller: Caller, target: Target, *, spare: bool = False
    ) -> AsyncIterator[HttpResponse]:
        """Get an object for a caller whose request is in work; see `errands.Errands`."""
        http = target.request(outer)
        if spare:
            await self._spare.enter()
        visit = _Visit(render.new_request_id(), time.perf_counter(), operation="GetObject", caller=caller.arn)
        visit.lane = self._spare if spare else None
        self._visits[id(http)] = visit
        response, complete = None, False
        try:
            response = await self._answered(http, visit, self._fetched(http, visit, caller, target))
            if not isinstance(response.body, (bytes, FileSlice)):
                response = replace(response, body=Counted(response.body))
            yield response
            complete = True
        finally:
            try:
                if response is not None:
                    await close_body(response.body)
            finally:
                handed_on = 0 if response is None or not complete or spare else _handed_on(response)
                self.sent(Sent(http, response, handed_on, complete))

    async def _fetched(self, http: HttpRequest, visit: _Visit, caller: Caller, target: Target) -> HttpResponse:
        spare = visit.lane is not None
        if not spare:
            self._begins_live(visit)
            await self._strangers.enter()
            visit.lane = self._strangers
        address = target.place.address(target.key)
        operation = operations.match(http, address)
        if operation.name != "GetObject":
            raise errors.InvalidArgument(
                f"An argument has a name that S3 has its own use for: the request would be {operation.name}.",
                ArgumentName="arguments",
            )
        return await self._called(http, visit, caller, address, operation, errand=True, spare=spare)

    async def _handle(self, call: Call) -> HttpResponse:
        if isinstance(call.resource, ObjectLambdaAccessPoint):
            return await serve_object_lambda(self._rooms.lens, call, call.resource)
        return await OPERATIONS[call.operation.name](self._rooms.objects, call)

    async def _resource(self, address: Address, operation: Operation, caller: Caller) -> Resource | None:
        try:
            return await self._named(address, operation)
        except errors.NoSuchBucket:
            raise
        except errors.ServiceError:
            if caller.kind == "Anonymous":
                # Strangers do not learn what is served; that a bucket is not there, S3 tells everyone.
                raise errors.AccessDenied from None
            raise

    async def _named(self, address: Address, operation: Operation) -> Resource | None:
        if address.level == "service" or operation.name == "CreateBucket":
            operations.check_supported(operation, "bucket")
            return None
        resource = await self._rooms.catalog.resolve(address)
        if resource is not None:
            operations.check_supported(operation, _kind(resource))
        return resource

    async def _bucket(self, resource: Resource | None) -> Bucket | None:
        if isinstance(resource, AccessPoint):
            bucket = await self._rooms.catalog.buckets.get(resource.bucket)
            if bucket is None:
                raise errors.NoSuchBucket(BucketName=resource.bucket)
            return bucket
        return resource if isinstance(resource, Bucket) else None

    async def _authorize(self, call: Call) -> None:
        if isinstance(call.resource, ObjectLambdaAccessPoint):
            if call.caller.kind == "Anonymous":
                # Reference section 1.3: whatever the policy says, nobody reads through it without a signature.
                raise errors.AccessDenied
            action = operations.object_lambda_action(call.operation)
            await self._rooms.access.authorize(call.caller, action, call.resource, key=call.address.key, http=call.http)
        else:
            await permit(self._rooms.objects, call)

    async def _write_response(self, http: HttpRequest, operation: Operation, visit: _Visit) -> HttpResponse:
        """Take a function's answer. Its token is its credential; one that is signed as well must be signed rightly."""
        if access_key_id(http) is None:
            return await write_get_object_response(self._rooms.lens, http, verified(http, None))
        try:
            caller = await self._rooms.access.authenticate(http)
        except (errors.InvalidAccessKeyId, errors.InvalidToken):
            # A function that runs elsewhere signs with a key of that place: docs/decisions/0015-remote-functions.md.
            if not self._rooms.lens.rendezvous.is_elsewhere(http.headers.get("x-amz-request-token") or ""):
                raise
            return await write_get_object_response(self._rooms.lens, http, verified(http, None))
        visit.caller = caller.arn
        await self._rooms.access.authorize(caller, operation.action, "*", http=http)
        return await write_get_object_response(self._rooms.lens, http, verified(http, caller.signature))

    async def _manage(self, api: ManagementApi, name: Api, http: HttpRequest, visit: _Visit) -> HttpResponse:
        held: list[bytes] = []

        async def digest() -> str:
            # Read only when it is known whose signature is to be proved: strangers' bodies cost no memory.
            try:
                held.append(await self._whole_body(http.body, _BODY_LIMITS[name]))
            except TooLarge as error:
                raise errors.RequestTooLargeException(f"{error}. Upload large packages to a bucket first.") from None
            return hashlib.sha256(held[0]).hexdigest()

        caller = await self._rooms.access.authenticate(http, api=name, digest=digest)
        visit.caller = caller.arn
        found = hashlib.sha256(held[0]).hexdigest() if held else await digest()
        if caller.signature is not None and caller.signature.payload_hash not in {found, "UNSIGNED-PAYLOAD"}:
            raise errors.XAmzContentSHA256Mismatch
        visit.operation = api.operation_of(http, held[0]) or visit.operation
        return await api.serve(http, caller, held[0], visit.request_id)

    async def _whole_body(self, body: RequestBody, limit: int) -> bytes:
        length = body.length
        large = length is None or length > _LARGE
        seconds = _BODY_SECONDS + (limit if length is None else min(length, limit)) / _SLOWEST
        try:
            async with asyncio.timeout(seconds), self._large_bodies if large else contextlib.nullcontext():
                return await read_all(body, limit)
        except TimeoutError:
            raise errors.RequestTimeout from None

    def _render(self, error: errors.ServiceError, visit: _Visit) -> HttpResponse:
        api = None if visit.api is None else self._rooms.management.get(visit.api)
        if api is not None and visit.api is not None:
            return api.render_error(in_dialect(visit.api, error), visit.request_id)
        return render.s3_error(error, visit.request_id)


def _closes(http: HttpRequest) -> bool:
    return "close" in (http.headers.get("connection") or "").lower()


def _size(response: HttpResponse) -> int | None:
    """Return how many bytes the body of an answer has, None when that is not known."""
    if isinstance(response.body, bytes):
        return len(response.body)
    return response.body.length if isinstance(response.body, FileSlice) else response.length


def _handed_on(response: HttpResponse) -> int:
    """Return how many bytes of an errand's answer, which was read to its end, go to the client."""
    return response.body.taken if isinstance(response.body, Counted) else _size(response) or 0


def _kind(resource: Resource) -> Literal["bucket", "access-point", "object-lambda"]:
    if isinstance(resource, ObjectLambdaAccessPoint):
        return "object-lambda"
    return "access-point" if isinstance(resource, AccessPoint) else "bucket"
