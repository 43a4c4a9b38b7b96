"""`requests` in a function: reads of the source through the channel, the rest over kept connections to this service."""

from __future__ import annotations

import functools
import io
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Set
from datetime import timedelta
from typing import Any

# Seconds that an idle connection is trusted for.
_FRESH = 5.0


def change(sessions: Any, wire: Callable[[], Any], channel: Callable[[], Any]) -> None:
    """Let sessions share their connections to this service: `requests.get` makes a new session for each call."""
    find, adapter_type = sessions.Session.get_adapter, getattr(sessions, "HTTPAdapter", None)
    service = os.environ.get("OBJECTLENS_ENDPOINT_URL", "").rstrip("/") + "/"
    if adapter_type is None or not service.startswith("http://"):
        return
    send = adapter_type.send
    shared: dict[int, Any] = {}
    used, lock = [0.0], threading.Lock()
    os.register_at_fork(after_in_child=lambda: lock.release() if lock.locked() else None)

    def get_adapter(self: Any, url: str) -> Any:
        adapter = find(self, url)
        unusual = type(adapter) is not adapter_type or not _is_default(adapter) or adapter_type.send is not send
        if unusual or not url.startswith(service):
            return adapter
        with lock:
            common = shared.get(os.getpid())  # connections are not for two processes
            if common is None:
                common = shared[os.getpid()] = adapter_type()  # one that no session closes
                common.send = _Direct(common, wire(), service, channel, as_made)
            last, used[0] = used[0], time.monotonic()
            if used[0] - last > _FRESH:
                common.close()  # before the service does so itself, perhaps just while a request is under way
        return common

    get_adapter.__doc__ = find.__doc__
    sessions.Session.get_adapter = get_adapter
    as_made = _watched()
    _look_for_proxies_quickly()
    _encode_quickly()


def _look_for_proxies_quickly() -> None:
    """Let the environment be decoded only when it names a proxy; `requests` asks twice for each request."""
    library, requests = sys.modules["urllib.request"], sys.modules["requests.utils"]
    find = library.getproxies_environment

    def getproxies_environment() -> dict[str, str]:
        environment = getattr(os.environ, "_data", None)
        named = environment is None or any(name[-6:].lower() == b"_proxy" for name in environment)
        proxies: dict[str, str] = find() if named else {}
        return proxies

    if getattr(requests, "getproxies", None) is find:
        requests.getproxies = getproxies_environment  # type: ignore[attr-defined]
        library.getproxies_environment = getproxies_environment  # type: ignore[attr-defined]


def _encode_quickly() -> None:
    """Let urllib3 encode an URL byte by byte only when there is something to encode."""
    urls = sys.modules["urllib3.util.url"]
    encode = getattr(urls, "_encode_invalid_chars", None)
    if encode is None:
        return

    def _encode_invalid_chars(component: str | None, allowed_chars: Any) -> str | None:
        if component is not None and _is_encoded(component, allowed_chars):
            return component
        encoded: str | None = encode(component, allowed_chars)
        return encoded

    urls._encode_invalid_chars = _encode_invalid_chars  # type: ignore[attr-defined]  # noqa: SLF001


def _is_encoded(component: str, allowed: Set[str]) -> bool:
    """Whether there are only allowed characters and escapes, those in upper case."""
    plain = set(component)
    if "%" in plain:
        plain.discard("%")
        escapes = component.split("%")[1:]
        if not all(len(one) >= _HEX_DIGITS and _HEX.issuperset(one[:_HEX_DIGITS]) for one in escapes):
            return False
    return plain <= allowed


_PLAIN_PART = r"[-A-Za-z0-9._~:/?\[\]@!$&'()*+,;=]*"
_ENCODED_URL = re.compile(f"{_PLAIN_PART}(?:%[0-9A-F]{{2}}{_PLAIN_PART})*")
_HEX = frozenset("0123456789ABCDEF")
_HEX_DIGITS = 2


def _is_default(adapter: Any) -> bool:
    """Whether an adapter is as a session makes it: no retries, ten connections, which do not block."""
    state = adapter.__dict__
    settings = tuple(state.get(name) for name in ("_pool_connections", "_pool_maxsize", "_pool_block", "config"))
    return settings == (10, 10, False, {}) and getattr(state.get("max_retries"), "total", None) == 0


class _Direct:
    """An adapter's `send`: what reads an object whole by a presigned URL goes directly, the rest as ever."""

    def __init__(self, adapter: Any, wire: Any, service: str, channel: Callable[[], Any], as_made: list[Any]) -> None:
        self._adapter, self._wire, self._service = adapter, wire, service
        self._host = service[len("http://") : -1]
        self._channel = channel
        self._wires = wire.Wires()
        self._as_made = as_made

    def __call__(self, request: Any, stream: bool = False, timeout: Any = None, **options: Any) -> Any:
        """Return the response as the adapter's own `send` does."""
        try:
            answer = self._ask(request, stream, timeout, options)
        except self._wire.Unsuited:
            return type(self._adapter).send(self._adapter, request, stream=stream, timeout=timeout, **options)
        except socket.timeout as error:
            raise timed_out(self._adapter, request, timeout) from error
        return self._adapter.build_response(request, _response(answer, answer.content))

    def _ask(self, request: Any, stream: bool, timeout: Any, options: dict[str, Any]) -> Any:
        usual = (
            request.method == "GET" and request.body is None and not stream and request.url.startswith(self._service)
        )
        # Only reads of a source, which may be repeated when the answer turns out to be of another kind.
        read = _reads_source(request.url)
        special = options.get("proxies") or options.get("cert") or "host" in request.headers
        seconds = timeout is None or (type(timeout) in {int, float} and timeout > 0)
        if not usual or not read or special or not seconds or _watched() != self._as_made:
            raise self._wire.Unsuited
        headers = [(self._wire.named(name), self._wire.typed(value)) for name, value in request.headers.items()]
        if (channel := self._channel()) is not None and self._wire.untouched():
            try:
                answer = channel.ask(
                    "GET", request.path_url, [("Host", self._host), *headers], body=b"", timeout=timeout
                )
            except socket.timeout:
                raise
            except OSError as error:
                raise self._wire.Unsuited from error
            if answer is not None and not any(name.lower() == "set-cookie" for name, _ in answer[2]):
                return self._wire.Answer(*answer)
        return self._wires.ask("GET", self._host, request.path_url, headers, body=b"", timeout=timeout)


def timed_out(adapter: Any, request: Any, timeout: Any) -> Exception:
    """Return the error of an adapter that has waited for an answer for so many seconds."""
    from requests.exceptions import ReadTimeout  # noqa: PLC0415

    pool = adapter.poolmanager.connection_from_url(request.url)
    message = f"Read timed out. (read timeout={timeout})"
    cause = sys.modules["urllib3.exceptions"].ReadTimeoutError(pool, None, message)
    error: Exception = ReadTimeout(cause, request=request)
    return error


def _reads_source(url: str) -> bool:
    """Whether it is a presigned URL on an access point's alias, as `inputS3Url` is."""
    return "-s3alias/" in url and "X-Amz-Signature=" in url


def shorten(api: Any, wire: Callable[[], Any], channel: Callable[[], Any]) -> None:
    """Let `requests.get` of the source, with nothing but a timeout, go through the channel at once."""
    service = os.environ.get("OBJECTLENS_ENDPOINT_URL", "").rstrip("/") + "/"
    whole = getattr(api, "request", None)
    if whole is None or not service.startswith("http://"):
        return
    brief = _Brief(service, channel)

    def request(method: Any, url: Any, **options: Any) -> Any:
        plain = method == "get" and type(url) is str and url.startswith(service) and options.keys() <= _PLAIN
        response = brief(url, options, wire()) if plain and _reads_source(url) and channel() is not None else None
        return whole(method, url, **options) if response is None else response

    api.request = functools.wraps(whole)(request)


_PLAIN = {"timeout", "params"}
_MOVED = range(300, 400)
# What is decoded, and what is kept for further requests.
_FOR_SESSIONS = {"content-encoding", "set-cookie"}


class _Brief:
    """Reads of the source without a session: what a new one would do is nothing but this."""

    def __init__(self, service: str, channel: Callable[[], Any]) -> None:
        self._service, self._channel = service, channel
        self._host = service[len("http://") : -1]
        self._as_made = _watched()
        self._headers = list(sys.modules["requests.sessions"].Session().headers.items())
        self._kind = _response_class()

    def __call__(self, url: str, options: dict[str, Any], wire: Any) -> Any:
        """Return the response, or None to let `requests` do all of it."""
        timeout = options.get("timeout")
        seconds = timeout is None or (type(timeout) in {int, float} and timeout > 0)
        if (
            options.get("params")
            or not seconds
            or not _ENCODED_URL.fullmatch(url)
            or _watched() != self._as_made
            or not wire.untouched()
            or _is_personal()
        ):
            return None
        began = time.perf_counter()
        headers = [("Host", self._host), *self._headers]
        target = url[len(self._service) - 1 :]
        try:
            answer = self._channel().ask("GET", target, headers, body=b"", timeout=timeout)
        except socket.timeout as error:
            session = sys.modules["requests.sessions"].Session()
            request = session.prepare_request(sys.modules["requests.sessions"].Request("GET", url))
            raise timed_out(session.get_adapter(request.url), request, timeout) from error
        except OSError:
            return None
        if answer is None or answer[0] in _MOVED or any(name.lower() in _FOR_SESSIONS for name, _ in answer[2]):
            return None
        return self._kind(url, answer, timedelta(seconds=time.perf_counter() - began))


def _watched() -> list[Any]:
    """Return what tools change in order to see requests, as it is now."""
    models, sessions = sys.modules["requests.models"], sys.modules["requests.sessions"]
    session, adapter = sessions.Session, sessions.HTTPAdapter
    names = ("__init__", "request", "prepare_request", "merge_environment_settings", "get_adapter", "send")
    pool, connection = sys.modules["urllib3.connectionpool"].HTTPConnectionPool, sys.modules["urllib3.connection"]
    return [
        *(getattr(session, name) for name in names),
        adapter.send,
        adapter.build_response,
        models.PreparedRequest.prepare,
        sessions.default_headers,
        models.Response,
        pool.urlopen,
        pool._make_request,  # noqa: SLF001
        connection.HTTPConnection.request,
        connection.HTTPConnection.getresponse,
    ]


def _is_personal() -> bool:
    """Whether the environment has something for all requests: proxies, or passwords in a file."""
    environment: dict[bytes, bytes] | None = getattr(os.environ, "_data", None)
    if environment is None:  # something else was put in its place
        return True
    if b"NETRC" in environment or b"_PROXY" in b" ".join(environment).upper():
        return True
    # (pathlib costs more than the rest)
    home = environment.get(b"HOME") or os.path.expanduser(b"~")  # noqa: PTH111
    return os.path.exists(home + b"/.netrc") or os.path.exists(home + b"/_netrc")  # noqa: PTH110


def _response_class() -> Any:
    """Return the class of such responses: what is seldom looked at is made when it is."""
    models, utils = sys.modules["requests.models"], sys.modules["requests.utils"]
    base: Any = models.Response
    # Whatever this version of the library has more, every response has it anew.
    known = {"headers", "history", "cookies", "raw", "request"}
    fresh = {name: value for name, value in vars(base()).items() if name not in known}
    alike = all(value is None or type(value) in {bool, int, str, timedelta} for value in fresh.values())
    of_headers, begin = type(base().headers), base.__init__

    class Response(base):  # type: ignore[misc]
        __doc__ = base.__doc__

        def __init__(self, url: str, answer: tuple[int, str, list[tuple[str, str]], bytes], elapsed: timedelta) -> None:
            if alike and base.__init__ is begin:
                self.__dict__ |= fresh
                self.headers: Any = of_headers()
                self.history: list[Any] = []
            else:
                super().__init__()
                for name in ("raw", "request", "cookies"):
                    del self.__dict__[name]
            self.status_code, self.reason, self._pairs, self._content = answer
            self._content_consumed = True
            self.headers.update(_joined(self._pairs))
            self.url, self.elapsed = url, elapsed
            self.encoding = utils.get_encoding_from_headers(self.headers)

        def __getattr__(self, name: str) -> Any:
            make = {"raw": _raw, "request": _prepared, "connection": _adapter, "cookies": _no_cookies}.get(name)
            if make is None:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            self.__dict__[name] = make(self)
            return self.__dict__[name]

        def __reduce_ex__(self, protocol: Any) -> Any:
            del protocol
            return base, (), self.__getstate__()

    Response.__module__, Response.__qualname__ = base.__module__, base.__qualname__
    return Response


def _joined(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Return headers by name, values of repeated ones in one."""
    found: dict[str, str] = {}
    for name, value in pairs:
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _raw(response: Any) -> Any:
    """Return urllib3's response, read to its end."""
    made = _response((response.status_code, response.reason, response._pairs), response._content)  # noqa: SLF001
    made.read()
    return made


def _response(answer: Any, content: bytes) -> Any:
    """Return urllib3's response of whichever version, with that still to be read."""
    status, reason, pairs = answer[:3]
    made = sys.modules["urllib3.response"].HTTPResponse(
        body=_Content(content),
        headers=sys.modules["urllib3._collections"].HTTPHeaderDict(pairs),
        status=status,
        version=11,
        reason=reason,
        preload_content=False,
        decode_content=False,
        request_method="GET",
    )
    if hasattr(made, "version_string"):
        made.version_string = "HTTP/1.1"
    return made


class _Content(io.BytesIO):
    """What an answer holds; like one of a connection it is closed when all is read, which loops wait for."""

    def isclosed(self) -> bool:
        """Tell as `http.client` does, and as `urllib3` asks."""
        return self.closed or self.tell() == self.getbuffer().nbytes


def _no_cookies(response: Any) -> Any:
    """Return the cookies of an answer that set none."""
    del response
    return sys.modules["requests.cookies"].cookiejar_from_dict({})


def _prepared(response: Any) -> Any:
    """Return the request as a session prepares it."""
    sessions = sys.modules["requests.sessions"]
    return sessions.Session().prepare_request(sessions.Request("GET", response.url))


def _adapter(response: Any) -> Any:
    """Return an adapter as the response's session had."""
    del response
    return sys.modules["requests.adapters"].HTTPAdapter()
