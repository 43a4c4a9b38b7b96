# ruff: noqa: SLF001  (the SDK has no public way to what is changed here; whatever is missing, its own way is taken)
"""What makes unmodified Python handlers cheaper; it runs inside the function's process, beside user code.

Handlers make a client of the AWS SDK on every call, which costs more than the rest of their work. Here the same call of
`boto3.client` gives the same client again, sessions share the parsed service models, `write_get_object_response` goes
out over a kept connection with a signature made directly, and `requests` keeps its connections to this service.
Results, errors and what the service sees stay what they are. Wherever a client was changed (its event handlers above
all), or anything is unusual, the SDK's own way is taken. `OBJECTLENS_ACCELERATE=0` in a function's environment leaves
both libraries as they are.

Nothing is imported that the handler does not import itself: the changes are made when the SDK is.
"""

from __future__ import annotations

import importlib.util
import os
import select
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

OPT_OUT = "OBJECTLENS_ACCELERATE"
KEPT = 64
# Seconds that an idle connection is trusted for.
_FRESH = 5.0
# The place of that argument of boto3.Session.
_BOTOCORE_SESSION = 5
_ATTEMPTS = "_objectlens_attempts"
_CHANGES = "_objectlens_changes"
_WRITE = "s3.WriteGetObjectResponse"
# What a client may take from the environment; the trace of an invocation changes with each and is none of it.
_RELEVANT = ("AWS_", "BOTO_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "HOME")


class _Odd(Exception):
    """Something is not as usual: leave it to the SDK."""


def install() -> None:
    """Have the SDK changed as soon as it is imported."""
    if os.environ.get(OPT_OUT) != "0":
        changes = {
            "boto3.session": _change_boto3,
            "botocore.session": _change_botocore,
            "requests.sessions": _change_requests,
        }
        sys.meta_path.insert(0, _Importing(changes))


class _Importing:
    """A finder that lets others find, and changes some modules once they are loaded."""

    def __init__(self, changes: dict[str, Callable[[Any], None]]) -> None:
        self._changes = changes

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Find one of the modules by asking all other finders."""
        del path, target
        change = self._changes.pop(name, None)
        spec = importlib.util.find_spec(name) if change else None
        loader = spec.loader if spec else None
        if change is None or loader is None or not hasattr(loader, "exec_module"):
            return spec
        load = loader.exec_module

        def load_and_change(module: Any) -> None:
            load(module)
            change(module)

        loader.exec_module = load_and_change  # type: ignore[method-assign]
        return spec


def _change_botocore(session: Any) -> None:
    """Let sessions with the same search path read each service's model once."""
    make = getattr(session, "create_loader", None)
    if make is None:
        return
    loaders: dict[Any, Any] = {}

    def create_loader(search_path: Any = None) -> Any:
        key = (search_path, os.environ.get("HOME"))
        if key not in loaders:
            loaders[key] = make(search_path)
        return loaders[key]

    session.create_loader = create_loader


def _change_boto3(session: Any) -> None:
    """Let a session give the same client for the same arguments, unless its event handlers were changed."""
    make, begin = session.Session.client, session.Session.__init__

    def __init__(self: Any, *arguments: Any, **options: Any) -> None:  # noqa: N807  (it takes that method's place)
        begin(self, *arguments, **options)
        events = getattr(self, "events", None)
        if events is not None and options.get("botocore_session") is None and len(arguments) < _BOTOCORE_SESSION:
            _watch(events)

    def client(self: Any, *arguments: Any, **options: Any) -> Any:
        try:
            _check_unchanged(getattr(self, "events", None))
            key = (_frozen(arguments), _frozen(options), _surroundings())
        except _Odd:
            return make(self, *arguments, **options)
        kept = self.__dict__.setdefault("_objectlens_clients", {})
        found = kept.get(key)
        if found is None or found.meta.events.__dict__[_CHANGES]:
            found = make(self, *arguments, **options)
            _watch(found.meta.events)
            if found.meta.service_model.service_name == "s3":
                _shorten(found)
            if len(kept) >= KEPT:
                kept.pop(next(iter(kept)))
            kept[key] = found
        return found

    client.__doc__, __init__.__doc__ = make.__doc__, begin.__doc__
    session.Session.client, session.Session.__init__ = client, __init__


def _frozen(value: Any) -> Any:
    """Return a value that is equal when arguments are; raises `_Odd` for what cannot be compared so."""
    if value is None or isinstance(value, (str, int, float, bool, bytes)):
        return value
    if isinstance(value, (list, tuple)):
        return tuple(_frozen(one) for one in value)
    if isinstance(value, dict):
        return tuple(sorted((str(name), _frozen(one)) for name, one in value.items()))
    given = getattr(value, "_user_provided_options", None)
    if type(value).__name__ == "Config" and isinstance(given, Mapping):
        return ("Config", _frozen(dict(given)))
    if type(value).__name__ == "Unsigned" or repr(type(value)).endswith("UNSIGNED'>"):
        return "unsigned"
    raise _Odd


def _surroundings() -> Any:
    return tuple((name, value) for name, value in os.environ.items() if name.startswith(_RELEVANT))


def _watch(events: Any) -> None:
    """Count the changes to event handlers from now on."""
    events.__dict__[_CHANGES] = 0
    for name in ("register", "register_first", "register_last", "unregister"):
        setattr(events, name, _counting(events, getattr(events, name)))


def _counting(events: Any, method: Callable[..., Any]) -> Callable[..., Any]:
    def changed(*arguments: Any, **options: Any) -> Any:
        events.__dict__[_CHANGES] += 1
        return method(*arguments, **options)

    return changed


def _check_unchanged(events: Any) -> None:
    """Raise `_Odd` when event handlers were changed, or may have been before anyone counted."""
    if getattr(events, "__dict__", {}).get(_CHANGES) != 0:
        raise _Odd


# --- requests ---------------------------------------------------------------------------------------------------------


def _change_requests(sessions: Any) -> None:
    """Let sessions share their connections to this service: `requests.get` makes a new session for each call."""
    find, adapter_type = sessions.Session.get_adapter, getattr(sessions, "HTTPAdapter", None)
    service = os.environ.get("AWS_ENDPOINT_URL_S3", "").rstrip("/") + "/"
    shared: dict[int, Any] = {}
    used = [0.0]

    def get_adapter(self: Any, url: str) -> Any:
        adapter = find(self, url)
        if not url.startswith(service) or type(adapter) is not adapter_type or not _is_default(adapter):
            return adapter
        common = shared.setdefault(os.getpid(), adapter)  # connections are not for two processes
        last, used[0] = used[0], time.monotonic()
        if used[0] - last > _FRESH:
            common.close()  # before the service does so itself, perhaps just while a request is under way
        return common

    get_adapter.__doc__ = find.__doc__
    if adapter_type is not None and service.startswith("http://"):
        sessions.Session.get_adapter = get_adapter


def _is_default(adapter: Any) -> bool:
    """Whether an adapter is as a session makes it: no retries, ten connections, which do not block."""
    state = adapter.__dict__
    settings = tuple(state.get(name) for name in ("_pool_connections", "_pool_maxsize", "_pool_block", "config"))
    return settings == (10, 10, False, {}) and getattr(state.get("max_retries"), "total", None) == 0


# --- WriteGetObjectResponse -------------------------------------------------------------------------------------------


def _shorten(client: Any) -> None:
    """Answer WriteGetObjectResponse where the SDK would begin to sign and send it."""
    events = client.meta.events
    # By way of the class: these registrations are not changes of the handler's.
    type(events).register_last(events, f"before-call.{_WRITE}", _Writer(client))
    type(events).register_first(events, f"after-call.{_WRITE}", _count_attempt)


def _count_attempt(parsed: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    """Count an attempt of ours that failed before the SDK's own."""
    parsed["ResponseMetadata"]["RetryAttempts"] += context.get(_ATTEMPTS, 0)


class _Writer:
    """Sends the answers of one client, over one connection per thread."""

    def __init__(self, client: Any) -> None:
        import threading  # noqa: PLC0415  (the SDK has imported it by now)

        self._client = client
        self._kept = threading.local()
        self._keys: dict[tuple[str, ...], bytes] = {}

    def __call__(
        self, model: Any, params: dict[str, Any], request_signer: Any, context: dict[str, Any], **_: Any
    ) -> Any:
        """Return the service's answer, or None to let the SDK do all of it."""
        try:
            host, target = self._where(params)
            body = self._body(params)
            headers = self._headers(params, host, body)
            self._sign(headers, target, request_signer, context)
            context[_ATTEMPTS] = 1
            status, answer, content = self._send(host, target, headers, body)
            if status >= 500:
                return None  # the SDK tries those again
            context[_ATTEMPTS] = 0
            return self._parse(model, params["url"], status, answer, content)
        except (_Odd, OSError, KeyError, AttributeError, ValueError):
            return None

    def _where(self, params: dict[str, Any]) -> tuple[str, str]:
        scheme, _, rest = params["url"].partition("://")
        host, slash, path = rest.partition("/")
        usual = scheme == "http" and "?" not in path and not self._client.meta.config.proxies
        if not usual or any(os.environ.get(name) for name in _PROXIES):
            raise _Odd
        _check_unchanged(self._client.meta.events)
        return host, slash + path

    def _body(self, params: dict[str, Any]) -> bytes:
        body = params.get("body") or b""
        if not isinstance(body, (bytes, bytearray)) or len(body) > _WHOLE:
            raise _Odd
        return bytes(body)

    def _headers(self, params: dict[str, Any], host: str, body: bytes) -> dict[str, str]:
        headers = {name.lower(): _header(value) for name, value in params["headers"].items()}
        if "expect" in headers or "transfer-encoding" in headers:
            raise _Odd
        if int(headers.get("content-length", len(body))) != len(body):
            raise _Odd
        if trace := os.environ.get("_X_AMZN_TRACE_ID"):
            headers.setdefault("x-amzn-trace-id", _header(trace))
        headers |= {"host": host, "content-length": str(len(body)), "x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
        return headers

    def _sign(self, headers: dict[str, str], target: str, signer: Any, context: dict[str, Any]) -> None:
        import hashlib  # noqa: PLC0415  (the SDK has imported them by now)
        import hmac  # noqa: PLC0415

        scope = context["signing"]
        credentials = signer._credentials.get_frozen_credentials()
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        place = (stamp[:8], scope["region"], scope["signing_name"], "aws4_request")
        headers["x-amz-date"] = stamp
        if credentials.token:
            headers["x-amz-security-token"] = credentials.token
        signed = sorted(name for name in headers if name == "host" or name.startswith(("x-amz-", "x-amzn-")))
        canonical = "\n".join(
            [
                *("POST", target, ""),
                *(f"{name}:{' '.join(headers[name].split())}" for name in signed),
                *("", ";".join(signed), "UNSIGNED-PAYLOAD"),
            ]
        )
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = "\n".join(["AWS4-HMAC-SHA256", stamp, "/".join(place), digest])
        key = self._keys.get((credentials.secret_key, *place))
        if key is None:
            key = ("AWS4" + credentials.secret_key).encode()
            for word in place:
                key = hmac.digest(key, word.encode(), "sha256")
            self._keys = {(credentials.secret_key, *place): key}
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{'/'.join(place)}, "
            f"SignedHeaders={';'.join(signed)}, Signature={signature}"
        )

    def _send(self, host: str, target: str, headers: dict[str, str], body: bytes) -> tuple[int, Any, bytes]:
        from http.client import HTTPConnection, HTTPException  # noqa: PLC0415  (the SDK has imported it by now)

        config = self._client.meta.config
        kept: HTTPConnection | None = self._kept.__dict__.pop(host, None)
        if kept is not None and (kept.sock is None or select.select([kept.sock], [], [], 0)[0]):
            kept.close()  # the other side has hung up
            kept = None
        connection = kept or HTTPConnection(host, timeout=max(config.connect_timeout, config.read_timeout))
        try:
            connection.request("POST", target, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, HTTPException) as error:
            connection.close()
            raise _Odd from error
        if answer.will_close:
            connection.close()
        else:
            self._kept.__dict__[host] = connection
        return answer.status, answer.headers, content

    def _parse(self, model: Any, url: str, status: int, headers: Any, content: bytes) -> Any:
        from botocore.awsrequest import AWSResponse, HeadersDict  # noqa: PLC0415

        found = HeadersDict(list(headers.items()))
        answer = {"status_code": status, "headers": found, "body": content, "context": {"operation_name": model.name}}
        parsed = self._client._response_parser.parse(answer, model.output_shape)
        parsed["ResponseMetadata"]["RetryAttempts"] = 0
        response = AWSResponse(url, status, found, None)
        response._content = content
        return response, parsed


_PROXIES = ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
# Longer answers leave as a stream, in the SDK's way.
_WHOLE = 8 * 1024 * 1024


def _header(value: Any) -> str:
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    if not text.isascii() or not text.isprintable():
        raise _Odd
    return text
