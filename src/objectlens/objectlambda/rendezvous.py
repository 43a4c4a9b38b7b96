"""Where the waiting GET meets the arriving answer.

Every transformed GET opens a `Route` with a secret token. The function's WriteGetObjectResponse names the token and
delivers: status and headers at once, then the body, chunk by chunk, no faster than the client reads. The life of a
token is a table (reference section 7.5); what the table does not allow is refused. SDKs send again what broke off, and
as long as nothing of it was passed on, nobody can tell the second upload from a first.

    OPEN       → ANSWERING   headers of a valid answer are in
    ANSWERING  → OPEN        the body broke off, or was not what its headers announced, before any of it was passed on
    ANSWERING  → DONE        the last byte of the body is in
    ANSWERING  → BROKEN      the body broke off later, or the function had ended
    OPEN, ANSWERING → BROKEN the deadline passed
    OPEN, ANSWERING → CLOSED the function ended without an answer, or the client went away
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import Enum, auto

from objectlens.errors import IncompleteBody, ServiceError, ValidationError
from objectlens.s3.forwarded import ForwardedResponse

# How much of an answer may wait for a slow client before the function is slowed down, in bytes.
WINDOW = 1024 * 1024


class State(Enum):
    """Where a route stands."""

    OPEN = auto()
    ANSWERING = auto()
    DONE = auto()
    BROKEN = auto()
    CLOSED = auto()


class BrokenAnswer(ConnectionError):
    """The function's answer ended before its end; the client's connection is cut."""


class ClientGone(Exception):
    """Nobody waits for this answer any more."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of a function's answer, and its body: whole if it is already here, else a stream.

    `length` is the announced number of bytes, None when the function did not know it.
    """

    forwarded: ForwardedResponse
    body: bytes | AsyncIterator[bytes]
    length: int | None


class Route:
    """One waiting GET. `elsewhere` says that its function runs at a remote, with credentials that nobody knows here."""

    def __init__(self, name: str, token: str, *, elsewhere: bool = False) -> None:
        self.name = name
        self.token = token
        self.elsewhere = elsewhere
        self.state = State.OPEN
        self.rejected: ServiceError | None = None
        self.broken: BrokenAnswer | None = None
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[Answer] = self._loop.create_future()
        self._passing: asyncio.Handle | None = None
        self._last = False
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._callbacks: list[Callable[[], object]] = []
        self._ended = False
        self._readable = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()

    @property
    def answer(self) -> asyncio.Future[Answer]:
        """The future that the waiting GET waits for."""
        return self._answer

    @property
    def answering(self) -> bool:
        """Tell whether an answer has begun to come in."""
        return self.state is not State.OPEN

    def when_closed(self, callback: Callable[[], object]) -> None:
        """Call `callback` when nobody needs this route any more; at once if that is so already."""
        if self._ended:
            callback()
        else:
            self._callbacks.append(callback)

    # --- the function's side ----------------------------------------------------------------------------------------

    async def deliver(self, forwarded: ForwardedResponse, body: AsyncIterator[bytes], length: int | None) -> None:
        """Take an answer; returns when its last byte is in.

        Raises what `body` raises, `IncompleteBody` when it has not `length` bytes, `ClientGone` when nobody reads any
        more, `ValidationError` for a second answer. After an error before the first byte was passed on, an answer may
        be delivered again.
        """
        if self.state is not State.OPEN:
            raise ValidationError("1 validation error detected: this request token has been used already.")
        self.state = State.ANSWERING
        try:
            await self._take(forwarded, body, length)
        except BaseException:
            self._break()
            raise

    async def _take(self, forwarded: ForwardedResponse, body: AsyncIterator[bytes], length: int | None) -> None:
        first = await anext(body, b"")
        if len(first) == length:
            # Reading on to the end is what verifies the length and the digest.
            async for chunk in body:
                first += chunk
            _check_length(len(first), length)
            self._finish()
            self._pass(Answer(forwarded, first, length))
            return
        # Not at once: the end of an upload that was cut may lie there already, behind its first bytes.
        self._passing = self._loop.call_soon(self._pass, Answer(forwarded, AnswerStream(self), length))
        await self._push(first)
        size = len(first)
        async for chunk in body:
            await self._push(chunk)
            size += len(chunk)
        _check_length(size, length)
        self._finish()

    def _pass(self, answer: Answer) -> None:
        if not self._answer.done():
            self._answer.set_result(answer)

    async def _push(self, chunk: bytes) -> None:
        await self._writable.wait()
        if self.state is not State.ANSWERING:
            raise ClientGone
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size >= WINDOW:
            self._writable.clear()
        self._readable.set()

    def _finish(self) -> None:
        if self.state is not State.ANSWERING:
            raise ClientGone
        self.state = State.DONE
        self._readable.set()

    def _break(self) -> None:
        if self._passing is not None:
            self._passing.cancel()
        if self.state is State.ANSWERING:
            self.broken = BrokenAnswer("the function's answer broke off before its first byte")
            if self._last or self._answer.done():
                self.state = State.BROKEN
                self._fail(self.broken)
            else:
                self._reopen()
        self._readable.set()

    def _reopen(self) -> None:
        self.state = State.OPEN
        self._chunks.clear()
        self._size = 0
        self._writable.set()

    def _fail(self, error: Exception) -> None:
        if not self._answer.done():
            self._answer.set_exception(error)
            # The waiting GET may have gone: then nobody looks at this exception, and that is no fault.
            self._answer.exception()

    # --- the client's side --------------------------------------------------------------------------------------------

    async def pull(self) -> bytes | None:
        """Return the next chunk, None at the end; raises `BrokenAnswer`."""
        while not self._chunks:
            if self.state is State.DONE:
                return None
            if self.state is not State.ANSWERING:
                raise BrokenAnswer("the function's answer ended before its end")
            self._readable.clear()
            await self._readable.wait()
        chunk = self._chunks.popleft()
        self._size -= len(chunk)
        if self._size < WINDOW:
            self._writable.set()
        return chunk

    def take_no_other(self) -> None:
        """Make the answer that comes in the last: the function has ended and will not send it again."""
        self._last = True

    def close(self) -> None:
        """Stop waiting: what is still delivered is refused."""
        if self.state in {State.OPEN, State.ANSWERING}:
            self.state = State.CLOSED
        self._answer.cancel()
        self._chunks.clear()
        self._writable.set()
        self._readable.set()
        self._ended = True
        while self._callbacks:
            self._callbacks.pop()()

    def expire(self) -> None:
        """End an answer that is not complete by the deadline; one that has begun is cut off."""
        self._fail(TimeoutError())
        if self.state in {State.OPEN, State.ANSWERING}:
            self.state = State.BROKEN
        self._readable.set()
        self._writable.set()


class AnswerStream:
    """The body of an answer that is still arriving; closing it tells the function's side that nobody reads on.

    A class and not a generator, because closing a generator that was never started runs none of its code.
    """

    def __init__(self, route: Route) -> None:
        self._route = route

    def __aiter__(self) -> AnswerStream:
        return self

    async def __anext__(self) -> bytes:
        chunk = await self._route.pull()
        if chunk is None:
            await self.aclose()
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        """Stop reading."""
        self._route.close()


class Rendezvous:
    """All routes of this process, by the digest of their tokens."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._routes: dict[bytes, Route] = {}

    def __len__(self) -> int:
        return len(self._routes)

    def open(self, *, elsewhere: bool = False) -> Route:
        """Open a route; closing it forgets it, and refuses its token from then on."""
        token = secrets.token_urlsafe(48)
        key = _key(token)
        route = Route(self._name, token, elsewhere=elsewhere)
        route.when_closed(lambda: self._routes.pop(key, None))
        self._routes[key] = route
        return route

    def knows(self, token: str) -> bool:
        """Tell whether a token is live: such a request belongs to work already admitted."""
        return _key(token) in self._routes

    def is_elsewhere(self, token: str) -> bool:
        """Tell whether a token is live and was given to a function that runs at a remote."""
        route = self._routes.get(_key(token))
        return route is not None and route.elsewhere

    def find(self, name: str, token: str) -> Route:
        """Return the route of a name and token; what is unknown, used up or expired raises `ValidationError`."""
        route = self._routes.get(_key(token))
        if route is None or name != route.name:
            raise ValidationError(
                "1 validation error detected: Value at 'requestToken' failed to satisfy constraint: the token is "
                "unknown, was used before, or has expired."
            )
        return route


def _check_length(size: int, length: int | None) -> None:
    # What comes over the network was counted there; the channel leaves it to whoever reads.
    if length is not None and size != length:
        raise IncompleteBody


def _key(token: str) -> bytes:
    # Looking up a digest keeps the time of the look-up from telling anything about the tokens that are live.
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
