"""HTTP/1.1 heads: target and headers in, status line and headers out. Pure."""

from __future__ import annotations

import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from objectlens.http import Headers, HttpResponse

_REASONS = {status.value: status.phrase for status in HTTPStatus}
_NO_BODY = {204, 304}
_SERVER = "objectlens"


class BadRequest(ValueError):
    """A request that cannot be answered within its protocol; the message is for the client."""


def split_target(method: str, target: str, host: str | None) -> tuple[str, str, str]:
    """Return (authority, path, query) of a request target.

    Clients behind `HTTP_PROXY` send the absolute form, whose authority then counts instead of `Host` (RFC 9112
    section 3.2.2); its scheme proves nothing about the connection it came over. The path stays percent-encoded, for it
    is what was signed.
    """
    if method == "CONNECT":
        raise BadRequest("CONNECT is not supported: this server answers for S3 itself and tunnels nothing")
    authority = host or ""
    if not target.startswith(("/", "*")):
        scheme, found, rest = target.partition("://")
        if not found or scheme.lower() not in {"http", "https"}:
            raise BadRequest("the request target is neither a path nor an http URL")
        slash = min((at for at in (rest.find("/"), rest.find("?")) if at >= 0), default=len(rest))
        authority, target = rest[:slash], rest[slash:]
        if not authority:
            # The signature would speak of the Host header, and the path be read without it.
            raise BadRequest("the request target names no host")
        if not target.startswith("/"):
            target = "/" + target
    if "@" in authority:
        raise BadRequest("the host comes with user information, which no request may carry (RFC 9110 section 4.2.4)")
    path, _, query = target.partition("?")
    return authority, path, query.partition("#")[0]


def one_host(headers: Headers) -> str | None:
    """Return the Host header; raises when there is more than one, which is how requests are smuggled."""
    hosts = [value for name, value in headers if name.lower() == "host"]
    if len(hosts) > 1:
        raise BadRequest("more than one Host header")
    return hosts[0] if hosts else None


def has_body(method: str, status: int) -> bool:
    """Tell whether an answer of this status to this method carries its body."""
    return method != "HEAD" and status not in _NO_BODY and status >= 200


def on_the_wire(response: HttpResponse, length: int | None, *, close: bool) -> HttpResponse:
    """Return an answer with what `render_head` would add, for whom no head is rendered."""
    headers = [*response.headers]
    given = {name.lower() for name, _ in headers}
    if length is not None and response.status not in _NO_BODY and "content-length" not in given:
        headers.append(("Content-Length", str(length)))
    if "date" not in given:
        headers.append(("Date", now()))
    if "server" not in given:
        headers.append(("Server", _SERVER))
    if close and "connection" not in given:
        headers.append(("Connection", "close"))
    reason = response.reason or _REASONS.get(response.status, "Unknown")
    return HttpResponse(response.status, Headers(headers), response.body, response.length, reason)


def now() -> str:
    """Return the Date header of an answer."""
    return _date_of(int(time.time()))


@lru_cache(maxsize=1)
def _date_of(second: int) -> str:
    return formatdate(second, usegmt=True)


def render_head(response: HttpResponse, length: int | None, *, chunked: bool, close: bool, date: str) -> bytes:
    """Render status line and headers; `length` None leaves Content-Length out."""
    reason = response.reason or _REASONS.get(response.status, "Unknown")
    names = response.headers
    lines = [f"HTTP/1.1 {response.status} {reason}", *[f"{name}: {value}" for name, value in names]]
    if length is not None and "content-length" not in names:
        lines.append(f"Content-Length: {length}")
    if chunked:
        lines.append("Transfer-Encoding: chunked")
    if "date" not in names:
        lines.append(f"Date: {date}")
    if "server" not in names:
        lines.append(f"Server: {_SERVER}")
    if close:
        lines.append("Connection: close")
    lines.append("\r\n")
    head = "\r\n".join(lines)
    # One look at the whole finds what a reason, a name or a value would have smuggled in.
    if head.count("\n") != len(lines) or head.count("\r") != len(lines) or "\0" in head:
        raise ValueError("a line break or NUL stands within a header of the answer")
    # Metadata may hold any Unicode; S3 sends it as UTF-8 bytes and botocore reads it so.
    return head.encode("utf-8", "surrogateescape")
