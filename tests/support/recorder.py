"""A server that remembers what functions ask of it, and the way to it without a connection."""

import asyncio
import contextlib
import gzip
import os
import tempfile
import time
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from objectlens.http import Headers, HttpResponse
from objectlens.streams import FileSlice

ERROR = b'<?xml version="1.0"?><Error><Code>ValidationError</Code><Message>bad token</Message></Error>'
# What the two ways may do differently: how the body's digest is signed, and headers that are new on each attempt.
PRIVATE = {"authorization", "x-amz-date", "x-amz-content-sha256", "amz-sdk-invocation-id", "amz-sdk-request"}
PRIVATE |= {"connection", "accept-encoding", "user-agent"}


HUGE = 128 * 1024 * 1024


class Recorder(ThreadingHTTPServer):
    """A server that answers by the token of the request, and remembers what it saw."""

    daemon_threads = True

    def __init__(self):
        self.seen = []
        self.connections = 0
        super().__init__(("127.0.0.1", 0), Answering)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        self.server.connections += 1
        super().setup()

    def do_GET(self):
        self.server.seen.append(dict(self.headers.items()))
        kind = self.path.partition("/key-")[2].partition("?")[0]
        if kind == "slow":
            time.sleep(0.6)
        if kind == "cut":
            self.close_connection = True
            return
        if kind == "chunked":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"4\r\ndata\r\n0\r\n\r\n")
            return
        content = {"gzip": gzip.compress(b"data" * 100, mtime=0), "long": b"data" * 500_000, "empty": b""}.get(
            kind, b"data" if kind != "huge" else bytes(HUGE)
        )
        status = {"missing": 404, "refused": 403, "error": 503, "moved": 302, "same": 304}.get(kind, 200)
        self.send_response(status)
        if kind == "gzip":
            self.send_header("Content-Encoding", "gzip")
        if kind == "cookie":
            self.send_header("Set-Cookie", "a=b")
        if kind == "moved":
            self.send_header("Location", "/elsewhere")
        self.send_header("X-Twice", "1")
        self.send_header("X-Twice", "2")
        if self.headers.get("Connection") == "close":
            self.send_header("Connection", "close")
        if status != 304:
            self.send_header("Content-Length", str(len(content) + 5 * (kind == "short")))
        self.end_headers()
        if status != 304:
            with contextlib.suppress(ConnectionError):  # whoever asked has seen enough
                self.wfile.write(content)
        self.close_connection = kind == "short" or self.headers.get("Connection") == "close"

    def do_POST(self):
        if self.headers.get("Expect"):
            self.send_response_only(100)
            self.end_headers()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        token = self.headers["x-amz-request-token"]
        before = sum(one.get("token") == token for one in self.server.seen)
        headers = {name.lower(): value for name, value in self.headers.items()}
        assert headers.pop("x-amzn-trace-id").startswith("Root=1-")
        self.server.seen.append(
            {
                "token": token,
                "body": body,
                "by the SDK": "amz-sdk-invocation-id" in headers,
                "authorization": headers.get("authorization", ""),
                "headers": {name: value for name, value in headers.items() if name not in PRIVATE},
            }
        )
        if token == "cut" and not before:
            self.close_connection = True
            return
        status, content = {"bad": (400, ERROR), "retry": (200 if before else 500, b"")}.get(token, (200, b""))
        self.send_response(status)
        self.send_header("x-amz-request-id", "REQUEST")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


class Door:
    """Takes a function's requests to the recorder; every other content comes as an open file."""

    def __init__(self, recorder, source=""):
        self.source = source
        self.asked = []
        self._address = recorder.server_address

    async def __call__(self, http):
        if http.headers.get("x-amz-request-token") == "cut":
            return None
        self.asked.append(http)
        return await asyncio.to_thread(self._forward, http, b"".join([part async for part in http.body]))

    def _forward(self, http, body):
        connection = HTTPConnection(*self._address)
        try:
            connection.putrequest(
                http.method, f"{http.path}?{http.query}".rstrip("?"), skip_host=True, skip_accept_encoding=True
            )
            for name, value in http.headers:
                connection.putheader(name, value)
            connection.endheaders(body or None)
            answer = connection.getresponse()
            content = answer.read()
        except HTTPException as error:
            raise ConnectionError from error
        finally:
            connection.close()
        if "transfer-encoding" in answer.headers:
            return None
        return HttpResponse(answer.status, Headers(answer.getheaders()), self._body(content), reason=answer.reason)

    def _body(self, content):
        return content if len(self.asked) % 2 and 0 < len(content) < HUGE else self._file(content)

    def _file(self, content):
        with tempfile.TemporaryFile() as file:
            file.write(b"before" + content + b"after")
            file.flush()
            return FileSlice(os.dup(file.fileno()), 6, len(content))
