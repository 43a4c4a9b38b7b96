"""Requests as they stand on the wire, signed by botocore, for what SDKs hide or repair."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree as ET

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from support.live import LiveServer

UNSIGNED = "UNSIGNED-PAYLOAD"


@dataclass(frozen=True)
class Answer:
    """What came back, names of headers as they were sent."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return a header by its exact spelling."""
        return dict(self.headers).get(name)

    @property
    def code(self) -> str | None:
        """Return the error's code."""
        return self.element("Code")

    def element(self, name: str) -> str | None:
        """Return the text of a child of the document's root."""
        root = ET.fromstring(self.body)
        for child in root:
            if child.tag.rpartition("}")[2] == name:
                return child.text or ""
        return None


@dataclass
class Wire:
    """Signed requests over plain sockets."""

    server: LiveServer

    @property
    def credentials(self) -> Credentials:
        return Credentials(self.server.access_key_id, self.server.secret_access_key)

    @property
    def netloc(self) -> str:
        return urlsplit(self.server.url).netloc

    def signed(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        body: bytes | None = b"",
        *,
        host: str | None = None,
        region: str | None = None,
        sha256: str | None = None,
        credentials: Credentials | None = None,
    ) -> dict[str, str]:
        """Return the headers of a signed request; `path` is as sent, with its query."""
        request = AWSRequest(
            method,
            f"http://{host or self.netloc}{path}",
            data=body,
            headers={"Host": host or self.netloc} | (headers or {}),
        )
        if sha256 is not None:
            request.headers["X-Amz-Content-SHA256"] = sha256
        auth = _Auth(credentials or self.credentials, "s3", region or self.server.region, sha256)
        auth.add_auth(request)
        return dict(request.headers.items())

    def send(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = b"", **signing: Any
    ) -> Answer:
        """Sign a request and send it."""
        return self.plain(method, path, self.signed(method, path, headers, body, **signing), body)

    def plain(self, method: str, target: str, headers: dict[str, str], body: bytes | None = b"") -> Answer:
        """Send a request with just these headers, and a Content-Length where it has a body."""
        connection = http.client.HTTPConnection(self.netloc, timeout=30)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            names = {name.lower() for name in headers}
            if "host" not in names:
                connection.putheader("Host", self.netloc)
            for name, value in headers.items():
                connection.putheader(name, value.encode())
            if body is not None and not names & {"content-length", "transfer-encoding"}:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return Answer(answer.status, answer.reason, answer.getheaders(), answer.read())
        finally:
            connection.close()

    @contextmanager
    def connection(self) -> Iterator[socket.socket]:
        """Open a socket."""
        parts = urlsplit(self.server.url)
        assert parts.hostname
        with socket.create_connection((parts.hostname, parts.port or 80), timeout=30) as opened:
            yield opened


class _Auth(S3SigV4Auth):
    """Signs S3's way, also over plain HTTP, with the payload hash that the test wants."""

    def __init__(self, credentials: Credentials, service: str, region: str, sha256: str | None) -> None:
        super().__init__(credentials, service, region)
        self._sha256 = sha256

    def _should_sha256_sign_payload(self, request: Any) -> bool:
        return True

    def payload(self, request: Any) -> str:
        return self._sha256 or super().payload(request)


def head(method: str, target: str, headers: dict[str, str]) -> bytes:
    """Return the bytes of a request's head."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def read_answer(opened: socket.socket, method: str = "GET") -> Answer:
    """Read one answer from a socket."""
    answer = http.client.HTTPResponse(opened, method=method)
    answer.begin()
    return Answer(answer.status, answer.reason, answer.getheaders(), answer.read())


def path_of(bucket: str, key: str = "") -> str:
    """Return the path-style path of an object."""
    return f"/{bucket}/{quote(key, safe='/-_.~')}"


@contextmanager
def refused(code: str, status: int) -> Iterator[dict[str, Any]]:
    """Expect boto3 to raise an error; the dictionary holds the parsed response afterwards."""
    found: dict[str, Any] = {}
    with pytest.raises(ClientError) as caught:
        yield found
    found.update(caught.value.response)
    assert (found["Error"]["Code"], found["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
