"""The channel's two ends, each against a socket that does what the other end would not: wait, or fill up."""

import asyncio
import os
import socket
import tempfile
import threading

import pytest

from objectlens.clock import SystemClock
from objectlens.functions.channel import Channel as Server
from objectlens.functions.polling import ANSWER, ASK, FORESEEN, FRAME, INVOKE, NEXT, UNUSED, Channel
from objectlens.http import Headers, HttpResponse
from objectlens.streams import FileSlice


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    ours.settimeout(10)
    channel = Channel(theirs.detach(), {"AKID"}, "http://127.0.0.1:9000")
    with ours, channel._socket:
        yield ours, channel


def frame(kind, head, body=b""):
    return FRAME.pack(kind, len(head), len(body)) + head + body


def receive(sock):
    def exactly(size):
        data = b""
        while len(data) < size:
            more = sock.recv(size - len(data))
            assert more
            data += more
        return data

    kind, head, body = FRAME.unpack(exactly(FRAME.size))
    return kind, exactly(head), exactly(body)


def file_of(content):
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        return os.dup(file.fileno())


def send_with_file(sock, data, content):
    descriptor = file_of(content)
    socket.send_fds(sock, [data], [descriptor])
    os.close(descriptor)


def test_a_request_that_was_given_up_half_way_does_not_garble_the_next(ends):
    ours, channel = ends
    body = b"x" * 1_000_000
    with pytest.raises(TimeoutError):
        channel.ask("POST", "/", [], body=body, timeout=0.05)
    assert channel.ask("GET", "/", [], body=b"", timeout=1) is None
    invoked = []
    thread = threading.Thread(target=lambda: invoked.append(channel.next(("id", b"result"))))
    thread.start()
    assert receive(ours) == (ASK, b"POST /", body)
    assert receive(ours)[1:] == (b"id", b"result")
    ours.sendall(frame(ANSWER, b"200 0 -1 OK", b"late") + frame(INVOKE, b"A: b", b"event"))
    thread.join()
    assert invoked == [(b"event", {"A": "b"})]


@pytest.mark.parametrize("late", ["bytes", "file"])
def test_files_go_with_their_own_answers(ends, late):
    ours, channel = ends
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(TimeoutError):
        channel.ask("GET", "/slow", [], body=b"", timeout=0.05)
    # All of it is there before the environment reads the first.
    if late == "file":
        send_with_file(ours, frame(ANSWER, b"200 0 4 OK"), b"late")
    else:
        ours.sendall(frame(ANSWER, b"200 0 -1 OK", b"late"))
    send_with_file(ours, frame(FORESEEN, b"GET /x\nA: b\n\n200 1 4 OK\nC: d"), b"-seen-")
    ours.sendall(frame(INVOKE, b"", b"1"))
    assert channel.next(None)[0] == b"1"
    assert channel.ask("GET", "/x", [("A", "b")], body=b"", timeout=1) == (200, "OK", [("C", "d")], b"seen")
    assert len(os.listdir("/proc/self/fd")) == before
    assert [receive(ours)[0] for _ in range(2)] == [ASK, NEXT]


def test_what_was_foreseen_and_not_asked_for_is_closed_and_said(ends):
    ours, channel = ends
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        send_with_file(ours, frame(FORESEEN, b"GET /x\n\n200 0 4 OK"), b"seen")
        ours.sendall(frame(INVOKE, b"", b"1"))
        channel.next(("id", b""))
    ours.sendall(frame(INVOKE, b"", b"1"))
    channel.next(("id", b""))
    assert len(os.listdir("/proc/self/fd")) == before
    kinds = [receive(ours)[0] for _ in range(4)]
    assert kinds[1:] == [UNUSED] * 3


class Api:
    """Takes what comes from an environment, and does nothing about it."""

    def poll(self, channel):
        pass

    def lost(self, channel):
        pass


@pytest.mark.parametrize("foreseen", [None, b"GET /x"])
def test_a_file_that_finds_the_channel_full_is_not_sent_without_its_file(foreseen):
    async def main():
        server = Server(Api(), None, SystemClock())
        server._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        filled = 0
        try:
            while True:
                filled += server._socket.send(b"x" * 1000)
        except BlockingIOError:
            pass
        response = HttpResponse(200, Headers([]), FileSlice(file_of(b"data"), 0, 4))
        server._answer(response, foreseen)
        assert response.body._closed
        theirs = server.theirs
        theirs.setblocking(False)
        left = b""
        for _ in range(50):
            await asyncio.sleep(0.01)
            try:
                left += theirs.recv(100_000)
            except BlockingIOError:
                if len(left) >= filled and not server._outgoing:
                    break
        server.close()
        return left[filled:]

    assert asyncio.run(main()) == (b"" if foreseen else frame(ANSWER, b"0 0 -1 "))


def test_an_environment_that_has_ended_is_no_fault():
    async def main():
        before = len(os.listdir("/proc/self/fd"))
        server = Server(Api(), None, SystemClock())
        server._socket.shutdown(socket.SHUT_WR)  # as when all that had the other end are gone
        server.listen()
        assert not server._open
        return len(os.listdir("/proc/self/fd")) - before

    assert asyncio.run(main()) == 0
