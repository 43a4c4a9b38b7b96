"""`requests` in a function, over kept connections to this service; presigned reads go the shortest way."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Callable, Set
from typing import Any

# Seconds that an idle connection is trusted for.
_FRESH = 5.0


def change(sessions: Any, wire: Callable[[], Any]) -> None:
    """Let sessions share their connections to this service: `requests.get` makes a new session for each call."""
    find, adapter_type = sessions.Session.get_adapter, getattr(sessions, "HTTPAdapter", None)
    service = os.environ.get("AWS_ENDPOINT_URL_S3", "").rstrip("/") + "/"
    if adapter_type is None or not service.startswith("http://"):
        return
    send = adapter_type.send
    shared: dict[int, Any] = {}
    used = [0.0]

    def get_adapter(self: Any, url: str) -> Any:
        adapter = find(self, url)
        unusual = type(adapter) is not adapter_type or not _is_default(adapter) or adapter_type.send is not send
        if unusual or not url.startswith(service):
            return adapter
        common = shared.get(os.getpid())  # connections are not for two processes
        if common is None:
            common = shared[os.getpid()] = adapter
            adapter.send = _Direct(adapter, wire(), service)
        last, used[0] = used[0], time.monotonic()
        if used[0] - last > _FRESH:
            common.close()  # before the service does so itself, perhaps just while a request is under way
        return common

    get_adapter.__doc__ = find.__doc__
    sessions.Session.get_adapter = get_adapter
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


_HEX = frozenset("0123456789ABCDEF")
_HEX_DIGITS = 2


def _is_default(adapter: Any) -> bool:
    """Whether an adapter is as a session makes it: no retries, ten connections, which do not block."""
    state = adapter.__dict__
    settings = tuple(state.get(name) for name in ("_pool_connections", "_pool_maxsize", "_pool_block", "config"))
    return settings == (10, 10, False, {}) and getattr(state.get("max_retries"), "total", None) == 0


class _Direct:
    """An adapter's `send`: what reads an object whole by a presigned URL goes directly, the rest as ever."""

    def __init__(self, adapter: Any, wire: Any, service: str) -> None:
        import urllib3  # noqa: PLC0415  (requests has imported it by now)
        from urllib3.connectionpool import HTTPConnectionPool  # noqa: PLC0415

        self._adapter, self._wire, self._service = adapter, wire, service
        self._host = service[len("http://") : -1]
        self._wires = wire.Wires()
        self._urllib3 = urllib3
        self._pool, self._as_made = HTTPConnectionPool, HTTPConnectionPool.urlopen

    def __call__(self, request: Any, stream: bool = False, timeout: Any = None, **options: Any) -> Any:
        """Return the response as the adapter's own `send` does."""
        try:
            answer = self._ask(request, stream, timeout, options)
        except self._wire.Unsuited:
            return type(self._adapter).send(self._adapter, request, stream=stream, timeout=timeout, **options)
        except TimeoutError as error:
            raise self._timed_out(request, timeout) from error
        return self._adapter.build_response(request, self._response(answer))

    def _ask(self, request: Any, stream: bool, timeout: Any, options: dict[str, Any]) -> Any:
        usual = (
            request.method == "GET" and request.body is None and not stream and request.url.startswith(self._service)
        )
        # Only reads of a source, which may be repeated when the answer turns out to be of another kind.
        read = "-s3alias/" in request.url and "X-Amz-Signature=" in request.url
        special = options.get("proxies") or options.get("cert") or "host" in request.headers
        seconds = timeout is None or (type(timeout) in {int, float} and timeout > 0)
        if not usual or not read or special or not seconds or self._pool.urlopen is not self._as_made:
            raise self._wire.Unsuited
        headers = [(name, self._wire.typed(value)) for name, value in request.headers.items()]
        return self._wires.ask("GET", self._host, request.path_url, headers, body=b"", timeout=timeout)

    def _response(self, answer: Any) -> Any:
        return self._urllib3.HTTPResponse(
            body=io.BytesIO(answer.content),
            headers=self._urllib3.HTTPHeaderDict(answer.headers),
            status=answer.status,
            version=11,
            version_string="HTTP/1.1",
            reason=answer.reason,
            preload_content=False,
            decode_content=False,
            request_method="GET",
        )

    def _timed_out(self, request: Any, timeout: Any) -> Exception:
        from requests.exceptions import ReadTimeout  # noqa: PLC0415

        pool = self._adapter.get_connection_with_tls_context(request, True)
        message = f"Read timed out. (read timeout={timeout})"
        error: Exception = ReadTimeout(self._urllib3.exceptions.ReadTimeoutError(pool, None, message), request=request)
        return error
