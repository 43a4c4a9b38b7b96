"""`urllib` and `urllib3` in a function: reads of the source through the channel, all else over connections as ever.

Where these libraries would connect to this service, they get a socket that makes up its mind late. Once the head of a
request is written to it, that is known to be a plain read of the source, or not. The answer to a plain read comes
through the channel, and the library reads it from there as from the network. Any other request goes over a connection,
which is made then, and so does what the channel does not take. All that the libraries do, retries, redirects, decoding,
errors, is thus done by them, and tools that observe them see it.
"""

from __future__ import annotations

import functools
import http.client
import io
import os
import re
import socket
from collections.abc import Callable
from typing import Any

# Tools that change these want to see connections.
_WATCHED = ("create_connection", "socket", "getaddrinfo")
_AS_MADE = [getattr(socket, name) for name in _WATCHED]
_CONNECTION = http.client.HTTPConnection
_FIELD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [ -~]*")
# With these a body follows, or the answer is another one.
_UNUSUAL = {"authorization", "content-length", "transfer-encoding", "expect", "upgrade", "cookie"}


def change_urllib(library: Any, channel: Callable[[], Any]) -> None:
    """Let `urlopen` read the source through the channel."""
    handler = getattr(library, "HTTPHandler", None)
    service = _service()
    if handler is None or service is None:
        return
    opened = handler.http_open

    def connect(host: str, **options: Any) -> Any:
        connection: Any = http.client.HTTPConnection(host, **options)
        create = connection._create_connection  # noqa: SLF001

        def create_late(*arguments: Any, **named: Any) -> Any:
            make = functools.partial(create, *arguments, **named)
            return Late(connection, make, service, channel, library.URLError)

        connection._create_connection = create_late  # noqa: SLF001
        return connection

    def http_open(self: Any, req: Any) -> Any:
        usual = type(self) is handler and req.host == service and http.client.HTTPConnection is _CONNECTION
        if usual and channel() is not None and _is_unobserved():
            return self.do_open(connect, req)
        return opened(self, req)

    handler.http_open = functools.wraps(opened)(http_open)


def change_urllib3(library: Any, channel: Callable[[], Any]) -> None:
    """Let the connections of urllib3's pools read the source through the channel; not those of kinds made from them."""
    kind, service = getattr(library, "HTTPConnection", None), _service()
    connect = getattr(kind, "_new_conn", None)
    if kind is None or connect is None or service is None:
        return
    name, _, port = service.rpartition(":")
    place = name.strip("[]"), int(port)

    def _new_conn(self: Any) -> Any:
        usual = type(self) is kind and (self.host.strip("[]"), self.port) == place
        if usual and channel() is not None and _is_unobserved():
            return Late(self, functools.partial(connect, self), service, channel, lambda error: error)
        return connect(self)

    kind._new_conn = functools.wraps(connect)(_new_conn)  # noqa: SLF001


def _service() -> str | None:
    """Return host and port of this service, None when it is not reached so."""
    scheme, _, host = os.environ.get("OBJECTLENS_ENDPOINT_URL", "").rstrip("/").partition("://")
    return host if scheme == "http" and host.rpartition(":")[2].isdecimal() else None


def _is_unobserved() -> bool:
    return [getattr(socket, name) for name in _WATCHED] == _AS_MADE


class Late:
    """A socket for one connection of a library, which it makes by `connect` when there is need for it.

    `failed` makes the library's error of an `OSError` that is not raised while the library connects.
    """

    def __init__(
        self,
        connection: Any,
        connect: Callable[[], Any],
        service: str,
        channel: Callable[[], Any],
        failed: Callable[[OSError], Exception],
    ) -> None:
        self._connection, self._connect, self._failed = connection, connect, failed
        self._service, self._channel = service, channel
        self._options: list[tuple[Any, ...]] = []
        self._timeout: Any = connection.timeout
        if self._timeout is not None and not isinstance(self._timeout, (int, float)):
            self._timeout = socket.getdefaulttimeout()
        self._made: Any = None
        self._written = b""
        self._read: tuple[str, list[tuple[str, str]]] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connected(), name)

    def setsockopt(self, *option: Any) -> None:
        """Set an option, of the connection if there will be one."""
        self._options.append(option)

    def settimeout(self, seconds: float | None) -> None:
        """Set the time to wait for the answer."""
        self._timeout = seconds

    def gettimeout(self) -> float | None:
        """Return that time."""
        seconds: float | None = self._timeout
        return seconds

    def sendall(self, data: Any) -> None:
        """Take the head of a read of the source; all else is sent."""
        content = bytes(data)
        waits = self._timeout is None or self._timeout > 0
        if waits and self._made is None and not self._written:
            self._read = _plain_read(content, self._service)
        if self._read is None or self._made is not None or self._written:
            self._connected().sendall(content)
        else:
            self._written = content

    def makefile(self, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        """Return the file that the answer is read from."""
        if mode != "rb" or not self._written:
            return self._connected().makefile(mode, *arguments, **options)
        return io.BufferedReader(_Answer(self._exchange))

    def shutdown(self, how: int) -> None:
        """End the connection, if there is one."""
        if self._made is not None:
            self._made.shutdown(how)

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._made is not None:
            self._made.close()

    def _connected(self) -> Any:
        """Put a connection in this one's place, send what was written, and return it."""
        if self._made is None:
            self._made = self._connect()
            self._made.settimeout(self._timeout)
            for option in self._options:
                self._made.setsockopt(*option)
            self._connection.sock = self._made
            written, self._written = self._written, b""
            if written:
                self._made.sendall(written)
        return self._made

    def _exchange(self) -> list[Any]:
        """Return what is to be read, one file after another."""
        assert self._read is not None
        answer = self._ask(*self._read) if self._written else None
        if answer is None:
            try:
                return [self._connected().makefile("rb", buffering=0)]
            except OSError as error:
                raise self._failed(error) from error
        self._connection.sock = None  # it cannot be used again: the next request gets another
        status, reason, headers, file = answer
        lines = [f"HTTP/1.1 {status} {reason}", *[f"{name}: {value}" for name, value in headers], "\r\n"]
        return [io.BytesIO("\r\n".join(lines).encode("latin-1")), file]

    def _ask(self, target: str, headers: list[tuple[str, str]]) -> Any:
        channel = self._channel()
        try:
            return channel and channel.open("GET", target, headers, body=b"", timeout=self._timeout)
        except socket.timeout:
            raise
        except OSError:
            return None


def _plain_read(data: bytes, service: str) -> tuple[str, list[tuple[str, str]]] | None:
    """Return target and headers of a request that is nothing but a read of the source."""
    try:
        head, end = data[:-4].decode("ascii"), data[-4:]
    except UnicodeDecodeError:
        return None
    first, *lines = head.split("\r\n")
    method, _, rest = first.partition(" ")
    target, _, version = rest.partition(" ")
    if (method, version, end) != ("GET", "HTTP/1.1", b"\r\n\r\n") or not _reads_source(target):
        return None
    headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
    names = [name.lower() for name, _ in headers]
    usual = all(_FIELD.fullmatch(line) for line in lines) and names.count("host") == 1
    if not usual or _UNUSUAL.intersection(names) or headers[names.index("host")][1] != service:
        return None
    return target, headers


def _reads_source(target: str) -> bool:
    """Whether it is a presigned URL on an access point's alias, as `inputS3Url` is."""
    return "-s3alias/" in target and "X-Amz-Signature=" in target


class _Answer(io.RawIOBase):
    """An answer as it is read from a socket; it is asked for when the first of it is wanted."""

    def __init__(self, exchange: Callable[[], list[Any]]) -> None:
        self._exchange = exchange
        self._files: list[Any] | None = None

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: Any) -> Any:
        """Read the next bytes; 0 at the end."""
        if self._files is None:
            self._files = self._exchange()
        count = self._files[0].readinto(buffer)
        if count == 0 and len(self._files) > 1:
            del self._files[0]
            return self.readinto(buffer)
        return count

    def fileno(self) -> int:
        """Return the connection's descriptor; an answer from memory has none."""
        if self._files is None:
            self._files = self._exchange()
        number: int = self._files[-1].fileno()
        return number

    def close(self) -> None:
        """Let go of the connection, if one was made."""
        for file in self._files or ():
            file.close()
        super().close()
