"""The channel from the side of the server: one Unix socket with one accelerated Python environment.

Over it the environment asks for work and hands in results, in place of the Runtime API's HTTP, and sends the requests
that its handler makes to this service: they need no connection, no signature, and an object that lies in a file goes
over as an open file. The frames are those of `polling`, which is the other side. Everything is bounded, and whoever
breaks the form loses the channel, and with it the environment.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from objectlens.clock import Clock
from objectlens.functions.arrivals import ROOM, lateness, note
from objectlens.functions.polling import (
    ANSWER,
    ASK,
    BRIEF,
    CONTENT_TYPE,
    FORESEEN,
    FORETOLD,
    FRAME,
    HAND,
    INVOKE,
    NEXT,
    RECALL,
    RESULT,
    SHORT,
    SMALL,
    STATUS,
    TELL,
    UNUSED,
)
from objectlens.functions.runtime_api import RuntimeApi
from objectlens.functions.states import Forbidden
from objectlens.functions.values import Door, Foretold
from objectlens.http import Headers, HttpRequest, HttpResponse
from objectlens.streams import BytesBody, FileSlice

_LOGGER = logging.getLogger(__name__)

_READ = 256 * 1024
# As long as a GET waits for an answer at most; one that is here waits for nothing but the database.
_TAKING_SECONDS = 60.0
_NO_ANSWER = b"0 0 -1 "
# As over the network: names of headers are tokens (RFC 9110 section 5.6.2), and nothing ends a line but its end.
_HEAD = re.compile(r"[A-Z]+ [^\s\0]+(?:\n[!#$%&'*+.^_`|~0-9A-Za-z-]+: [^\r\n\0]*)*")

Ask = Callable[[HttpRequest], Awaitable[HttpResponse | None]]


class Channel:
    """The server's end; `theirs` is the other, to be given to the environment and then closed by `listen`."""

    def __init__(self, api: RuntimeApi, ask: Ask, clock: Clock) -> None:
        self._api = api
        self._ask = ask
        self._clock = clock
        self._socket, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        self._hand, self._their_hand = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._hand.setblocking(False)
        note(self._hand)
        self._loop = asyncio.get_running_loop()
        self._incoming = b""
        self._outgoing = b""
        self._asking: asyncio.Task[None] | None = None
        # What the environment read first in its last invocation: the head but for its first line, and the request.
        self._habit: tuple[str, HttpRequest] | None = None
        self._ahead: tuple[bytes, HttpResponse | None] | None = None
        # How the last answer was that could have been foretold; what the next invocation is to be told, and whether the
        # one under way was told and has not answered yet.
        self._manner: HttpRequest | None = None
        self._foretold: Foretold | None = None
        self._may_tell = False
        self._turn = 0
        self._telling: asyncio.Task[None] | None = None
        self._open = True

    def listen(self) -> None:
        """Begin to serve: the environment has its end."""
        self.theirs.close()
        if self._open:
            self._loop.add_reader(self._socket, self._readable)
            self._loop.add_reader(self._hand, self._handed)
            try:
                socket.send_fds(self._socket, [_frame(HAND, b"", b"")], [self._their_hand.fileno()])
            except OSError:  # it has ended already
                self.close()
        self._their_hand.close()

    def close(self) -> None:
        """End it; what is asked for is cancelled."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._loop.remove_reader(self._hand)
            for one in (self._socket, self.theirs, self._hand, self._their_hand):
                one.close()
            if self._asking is not None:
                self._asking.cancel()
            self._discard()
            self._api.lost(self)

    # --- what comes ---

    def look(self) -> None:
        """Take what lies there unread."""
        if self._open:
            self._handed()
        while self._open and self._readable():
            pass

    def _readable(self) -> bool:
        """Take a piece of what came; returns whether there was one."""
        data = self._piece()
        if data is None:
            return False
        if not data:
            self._handed()  # the last thing that it did, perhaps
            self.close()
            return False
        self._read(data)
        return True

    def _piece(self) -> bytes | None:
        """Return a piece of what came, None when there is none, nothing at the end."""
        try:
            return self._socket.recv(_READ)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def _read(self, data: bytes) -> None:
        self._incoming = self._incoming + data if self._incoming else data
        try:
            while self._open and (frame := self._frame()):
                self._take(*frame)
        except (ValueError, TypeError, Forbidden) as error:
            _LOGGER.warning("the channel of an environment is closed: %s", error)
            self.close()

    def _handed(self) -> None:
        """Take a short result, which ended when the kernel says it came: under load nobody looks for a while."""
        try:
            packet, more, _, _ = self._hand.recvmsg(SHORT, ROOM)
        except BlockingIOError:
            return
        except OSError:
            packet, more = b"", []
        if not packet:
            self.close()
            return
        # The answer that it told of before this lies there already, on the other socket.
        while self._open and self._may_tell and (data := self._piece()):
            self._read(data)
        if not self._open:
            return
        try:
            self._take(*_result(packet), lateness(more, self._clock))
        except (ValueError, struct.error, Forbidden) as error:
            _LOGGER.warning("the channel of an environment is closed: %s", error)
            self.close()

    def _frame(self) -> tuple[int, bytes, bytes] | None:
        """Cut the next frame off, None while it is incomplete; raises `ValueError` for one that is too long."""
        data = self._incoming
        if len(data) < FRAME.size:
            return None
        kind, head, body = FRAME.unpack_from(data)
        if head > SMALL or body > SMALL:
            raise ValueError("a frame is too long")
        start, end = FRAME.size + head, FRAME.size + head + body
        if len(data) < end:
            return None
        self._incoming = data[end:]
        return kind, data[FRAME.size : start], data[start:end]

    def _take(self, kind: int, head: bytes, body: bytes, late: float = 0.0) -> None:
        if kind in {RESULT, UNUSED}:
            if kind == UNUSED:
                self._habit = None
            if self._may_tell:  # it was told, and answered otherwise, or not at all
                self._manner, self._may_tell = None, False
            self._api.take_result(head.decode(), body, late)
            self._api.poll(self)
        elif kind == NEXT:
            self._api.poll(self)
        elif kind == ASK and self._asking is None:
            lines = head.decode()
            self._asking = self._loop.create_task(self._serve(lines, _request(lines, body)))
        elif kind == TELL and self._may_tell and len(body) <= BRIEF:
            self._may_tell = False
            self._telling = self._loop.create_task(self._told(_request(head.decode(), body)))
        else:
            raise ValueError("a frame came that was not its turn")

    async def _serve(self, head: str, http: HttpRequest) -> None:
        response = await _unless_cut(self._ask, http)
        self._asking = None
        if http.method == "GET":
            self._habit = head.partition("\n")[2], http
        elif response is not None:
            self._learn(http, response)
        self._answer(response)

    async def _told(self, http: HttpRequest) -> None:
        """Serve a request whose answer the environment has already."""
        response = await _unless_cut(self._ask, http)
        if response is None or response.status != 200:
            self._manner = None
            said = "cut" if response is None else response.status
            _LOGGER.info("an answer of a function was not taken, though that was foretold: %s", said)

    def _learn(self, http: HttpRequest, response: HttpResponse) -> None:
        taken = response.status == 200 and (http.body.length or 0) <= BRIEF and _is_ordinary(http)
        self._manner = replace(http, body=BytesBody(b"")) if taken else None

    async def settled(self) -> None:
        """Return when the answer that the environment told of has been taken, or could not be in time."""
        telling, self._telling = self._telling, None
        if telling is not None and not telling.done():
            await asyncio.wait({telling}, timeout=_TAKING_SECONDS)

    async def foretell(self, door: Door) -> None:
        """Find out what this environment will hear when it answers as it did last, to tell it with the invocation."""
        self._turn += 1
        if self._manner is None:
            return
        try:
            self._foretold = await door.foretell(self._manner, partial(self._recall, self._turn))
        except Exception:  # whatever it is, the environment hears it when it answers
            _LOGGER.exception("how an answer would be taken is not known")

    def _recall(self, turn: int) -> None:
        """Take back what was foretold in this turn, unless the answer has come."""
        if turn == self._turn:
            self._foretold = None
            if self._may_tell:
                self._send(_frame(RECALL, b"", b""))

    async def foresee(self, door: Door) -> None:
        """Ask for what this environment read first in its last invocation, to give it along with the next."""
        if self._habit is not None:
            rest, http = self._habit
            head = f"GET {door.source}\n{rest}"
            self._ahead = head.encode(), await _unless_cut(door, _like(http, door.source))
            if not self._open:
                self._discard()

    def _discard(self) -> None:
        """Close what was read ahead: nobody takes it any more."""
        (_, response), self._ahead = self._ahead or (b"", None), None
        if response is not None and isinstance(response.body, FileSlice):
            response.body.close()

    # --- what goes ---

    def reply(self, status: int, body: bytes, headers: tuple[tuple[str, str], ...] = ()) -> None:
        """Give the environment its next invocation (a `RuntimeConnection` answers so)."""
        del status  # there is no other than 200
        frame = _frame(INVOKE, "\n".join([f"{name}: {value}" for name, value in headers]).encode(), body)
        if (known := self._foretold) is not None:
            self._foretold, self._may_tell = None, True
            names = f"{known.route}\n{known.token}\n".encode()
            frame = _frame(FORETOLD, names + _head(known.response, 0, -1), b"") + frame
        if self._ahead is None:
            self._send(frame)
            return
        (request, response), self._ahead = self._ahead, None
        self._answer(response, request, frame)

    def _answer(self, response: HttpResponse | None, foreseen: bytes | None = None, then: bytes = b"") -> None:
        """Answer a request, the one under way or one that was `foreseen`; `then` is sent with it."""
        body = None if response is None else response.body
        kind, before = (ANSWER, b"") if foreseen is None else (FORESEEN, foreseen + b"\n\n")
        without = _frame(ANSWER, _NO_ANSWER, b"") if foreseen is None else then
        if response is not None and isinstance(body, FileSlice) and not self._outgoing:
            self._send(_frame(kind, before + _head(response, body.offset, body.length), b"") + then, body, without)
        elif response is not None and isinstance(body, bytes):
            self._send(_frame(kind, before + _head(response, 0, -1), body) + then)
        else:
            self._send(without)
        if isinstance(body, FileSlice):
            body.close()

    def _send(self, data: bytes, file: FileSlice | None = None, without: bytes = b"") -> None:
        """Send frames, those `without` the file when that cannot go along."""
        if not self._open:
            return
        sent = 0
        try:
            if file is not None:
                # Who waits for this answer has read all that went before: there is room for it.
                sent = socket.send_fds(self._socket, [data], [file.fd])
            elif not self._outgoing:
                sent = self._socket.send(data)
        except BlockingIOError:
            if file is not None:  # whoever gave the wait up leaves the channel full, and a file would be missed later
                data = without
        except OSError:
            self.close()
            return
        if sent < len(data):
            if not self._outgoing:
                self._loop.add_writer(self._socket, self._writable)
            self._outgoing += data[sent:]

    def _writable(self) -> None:
        try:
            self._outgoing = self._outgoing[self._socket.send(self._outgoing) :]
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        if not self._outgoing:
            self._loop.remove_writer(self._socket)


async def _unless_cut(ask: Ask, http: HttpRequest) -> HttpResponse | None:
    """Return the answer; none after what cuts a connection elsewhere: the environment then tries over one."""
    try:
        response = await ask(http)
    except OSError as error:
        _LOGGER.info("request %s %s of a function cut: %s", http.method, http.path, error)
        return None
    except Exception:  # whatever it is, the environment waits for an answer
        _LOGGER.exception("request %s %s of a function failed", http.method, http.path)
        return None
    if response is None or not _breaks_lines(response):
        return response
    _LOGGER.warning("answer to %s %s dropped: a line break stands within a header", http.method, http.path)
    if isinstance(response.body, FileSlice):
        response.body.close()
    return None


def _is_ordinary(http: HttpRequest) -> bool:
    """Whether an answer says nothing but what it is: all else is checked when it comes."""
    special = [one for one in http.headers if one[0].startswith(("x-amz-fwd-", "x-amz-meta-"))]
    return all(name == CONTENT_TYPE or (name, value) == (STATUS, "200") for name, value in special)


def _breaks_lines(response: HttpResponse) -> bool:
    """Whether a header of an answer would be read as several."""
    text = "".join([name + value for name, value in response.headers])
    return "\n" in text or "\r" in text


def _result(packet: bytes) -> tuple[int, bytes, bytes]:
    """Read the frame of a result, which is all of a packet; raises `ValueError` and `struct.error`."""
    kind, head, body = FRAME.unpack_from(packet)
    if kind not in {RESULT, UNUSED} or len(packet) != FRAME.size + head + body:
        raise ValueError("what came is no result")
    return kind, packet[FRAME.size : FRAME.size + head], packet[FRAME.size + head :]


def _frame(kind: int, head: bytes, body: bytes) -> bytes:
    return FRAME.pack(kind, len(head), len(body)) + head + body


def _head(response: HttpResponse, offset: int, size: int) -> bytes:
    first = f"{response.status} {offset} {size} {response.reason or ''}"
    return "\n".join([first, *[f"{name}: {value}" for name, value in response.headers]]).encode(
        "utf-8", "surrogateescape"
    )


def _like(http: HttpRequest, target: str) -> HttpRequest:
    """Return a GET of a path and query with the headers of another."""
    path, _, query = target.partition("?")
    return HttpRequest("GET", path, query, http.headers, http.host, peer=http.peer)


def _request(head: str, body: bytes) -> HttpRequest:
    """Read a request; raises `ValueError`."""
    if not _HEAD.fullmatch(head):
        raise ValueError("the head of a request is none")
    first, *lines = head.split("\n")
    method, target = first.split(" ", 1)
    path, _, query = target.partition("?")
    named = Headers([(name, value) for name, _, value in [line.partition(": ") for line in lines]])
    return HttpRequest(
        method=method,
        path=path,
        query=query,
        headers=named,
        host=named.get("host") or "",
        body=BytesBody(body),
        peer="127.0.0.1",
    )
