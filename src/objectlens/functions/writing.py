# ruff: noqa: SLF001  (see `accelerate`)
"""WriteGetObjectResponse of an accelerated client: made, signed and sent with little of the SDK.

The first call with some set of parameters goes through the SDK until it would sign and send (`Writer.__call__`); what
it made is kept, and the next such call only fills in its values (`Writer.briefly`). Whatever is unusual, and every
answer but 200 to a brief call, is left to the SDK.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import hmac
import io
import logging
import os
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any, NamedTuple

ATTEMPTS = "_objectlens_attempts"
NAME = "s3.WriteGetObjectResponse"
_PROXIES = (b"HTTP_PROXY", b"http_proxy", b"ALL_PROXY", b"all_proxy")
# Longer answers leave as a stream, in the SDK's way.
_WHOLE = 8 * 1024 * 1024
_SHAPES = 32
_TYPES = {"string": str, "integer": int, "long": int}
_OF_ONE_CALL = {"host", "content-length", "x-amzn-trace-id", "x-amz-content-sha256", "x-amz-date"}
_OF_ONE_CALL |= {"x-amz-security-token", "authorization"}
_META = "x-amz-meta-"
# Answers with these alone are checked before they are sent.
_ORDINARY = frozenset({"Body", "RequestRoute", "RequestToken", "ContentType", "ContentLength", "StatusCode"})
_LONGEST_TYPE = 256
_LOGGERS = [logging.getLogger(name) for name in ("botocore", "botocore.endpoint", "botocore.hooks", "urllib3")]


class _Known(NamedTuple):
    """What calls with the same parameters have in common.

    `plain` tells that the SDK's parser made of an answer what `_written` makes.
    """

    model: Any
    url: str
    host: str
    target: str
    headers: dict[str, str]
    signer: Any
    scope: tuple[str, str]
    plain: bool = False


def shorten(client: Any, wire: Any, unchanged: Callable[[], None], api_call: Any, channel: Callable[[], Any]) -> None:
    """Answer the operation where the SDK would begin to sign and send it, and before that when it is like another.

    `unchanged` raises `wire.Unsuited` when the client was changed meanwhile; `api_call` is the SDK's own method, which
    tracing tools replace in order to see calls; `channel` returns the channel to the service, if there is one.
    """
    events, writer = client.meta.events, Writer(client, wire, unchanged, api_call, channel)
    # By way of the class: these registrations are not changes of the handler's.
    type(events).register_last(events, f"before-call.{NAME}", writer)
    type(events).register_first(events, f"after-call.{NAME}", _count_attempt)
    wholly = client.write_get_object_response

    @functools.wraps(wholly)
    def write_get_object_response(*arguments: Any, **members: Any) -> Any:
        answer = None if arguments else writer.briefly(members)
        if answer is not None:
            return answer
        with writer.learning(members):
            return wholly(*arguments, **members)

    write_get_object_response.rehearse = functools.partial(writer.rehearse, wholly)  # type: ignore[attr-defined]
    client.write_get_object_response = write_get_object_response


def _count_attempt(parsed: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    """Count an attempt of ours that failed before the SDK's own; what a stub gives as an answer may have no count."""
    if tried := context.get(ATTEMPTS, 0):
        parsed["ResponseMetadata"]["RetryAttempts"] += tried


class Writer:
    """Sends the answers of one client, through the channel or over one connection per thread."""

    def __init__(
        self, client: Any, wire: Any, unchanged: Callable[[], None], api_call: Any, channel: Callable[[], Any]
    ) -> None:
        self._client, self._wire, self._unchanged, self._api_call = client, wire, unchanged, api_call
        self._channel = channel
        self._wires = wire.Wires()
        self._keys: dict[tuple[str, ...], bytes] = {}
        self._known: dict[frozenset[str], _Known] = {}
        self._state = threading.local()
        self._watched = _watched()
        # Nothing is as made where a tool came before us.
        self._as_made = self._seen() if all(wire.is_own(*one) for one in self._watched) else []
        shape = client.meta.service_model.operation_model("WriteGetObjectResponse").input_shape
        self._members = {
            name: (member.serialization["name"].lower(), _TYPES[member.type_name])
            for name, member in shape.members.items()
            if member.serialization.get("location") == "header" and member.type_name in _TYPES
        }

    def rehearse(self, wholly: Callable[..., Any]) -> None:
        """Let the SDK do what it does for the first answers of a process, and learn from it; nothing is sent.

        Not where somebody would see it.
        """
        for more in ({}, {"ContentType": "-"}) if self._is_plain() and self._wire.untouched() else ():
            members = {"RequestRoute": "-", "RequestToken": "-", "Body": b"", **more}
            self._state.rehearsing = True
            try:
                with contextlib.suppress(self._wire.Unsuited), self.learning(members):
                    wholly(**members)
            finally:
                del self._state.rehearsing

    def __call__(self, *_: Any, **of_call: Any) -> Any:
        """Return the service's answer, or None to let the SDK do all of it."""
        answer = self._answer(**of_call)
        if answer is None and "rehearsing" in self._state.__dict__:
            raise self._wire.Unsuited
        return answer

    def _answer(
        self, model: Any, params: dict[str, Any], request_signer: Any, context: dict[str, Any], **_: Any
    ) -> Any:
        if self._state.__dict__.pop("failed", False):
            context[ATTEMPTS] = 1
            return None
        if not self._is_unobserved() or not self._wire.untouched():
            return None
        try:
            host, target = self._where(params)
            body = self._body(params.get("body") or b"")
            said = params["headers"]
            given = {self._wire.named(name).lower(): self._wire.typed(value) for name, value in said.items()}
            if len(given) != len(said) or given.keys() & {"expect", "transfer-encoding"}:
                return None
            self._check_length(given, body)
            scope = context["signing"]["region"], context["signing"]["signing_name"]
            known = _Known(model, params["url"], host, target, given, request_signer, scope)
            credentials, headers = self._headers(known, given, body)
            context[ATTEMPTS] = 1
            answer = self._send(known, credentials, headers, body)
            if answer.status >= 500:
                return None  # the SDK tries those again
            context[ATTEMPTS] = 0
            response, parsed = self._parsed(known, answer)
            if answer.status == 200:
                _read_to_the_end(params.get("body"))
                self._learn(known._replace(plain=_written(answer) == parsed))
            return response, parsed
        except (OSError, KeyError, AttributeError, ValueError):
            return None

    # --- the brief way ---

    def briefly(self, members: dict[str, Any]) -> Any:
        """Return the result of a call like an earlier one, or None to let the SDK do all of it."""
        known = self._known.get(frozenset(members))
        if known is None or not self._is_plain():
            return None
        try:
            self._unchanged()
            body, given = self._body(members.get("Body", b"")), self._given(members)
            self._check_length(given, body)
            credentials, headers = self._headers(known, known.headers | given, body)
        except (KeyError, AttributeError, ValueError):
            return None
        try:
            answer = self._tell(known, members, credentials, headers, body)
            if answer is None:
                answer = self._send(known, credentials, headers, body)
        except (OSError, ValueError):
            self._state.failed = True
            return None
        if answer.status == 200:
            _read_to_the_end(members.get("Body"))
            return (_written(answer) if known.plain else None) or self._parsed(known, answer)[1]
        self._state.failed = answer.status >= 500
        return None

    def _is_plain(self) -> bool:
        """Whether calls go the way that botocore has made, unobserved."""
        own = type(self._client)._make_api_call is self._api_call and "_make_api_call" not in self._client.__dict__
        return own and self._is_unobserved()

    def _is_unobserved(self) -> bool:
        """Whether no tool and no log wants to see what the SDK does."""
        return self._seen() == self._as_made and not any(one.isEnabledFor(logging.DEBUG) for one in _LOGGERS)

    def _seen(self) -> list[Any]:
        """Return what tools change in order to see calls, as it is now."""
        return [getattr(kind, name) for kind, name in self._watched]

    def _given(self, members: dict[str, Any]) -> dict[str, str]:
        """Return the headers of a call's parameters; raises `Unsuited` for those that the SDK has to look at."""
        headers: dict[str, str] = {}
        for name, value in members.items():
            if name == "Metadata" and type(value) is dict:
                found = {_META + self._wire.named(key).lower(): self._wire.typed(one) for key, one in value.items()}
                if len(found) != len(value):
                    raise self._wire.Unsuited
                headers |= found
            elif name != "Body":
                header, kind = self._members[name]
                if type(value) is not kind or value == "":
                    raise self._wire.Unsuited
                headers[header] = self._wire.typed(str(value))
        if not headers["x-amz-request-route"].replace("-", "0").isalnum():
            raise self._wire.Unsuited
        return headers

    @contextlib.contextmanager
    def learning(self, members: dict[str, Any]) -> Iterator[None]:
        """Keep what the call inside comes to, for calls with the same parameters."""
        self._state.names = frozenset(members)
        try:
            yield
        finally:
            self._state.names = None

    def _learn(self, known: _Known) -> None:
        names = self._state.__dict__.get("names")
        if names is None or len(self._known) >= _SHAPES:
            return
        values = {header for header, _ in self._members.values()} | _OF_ONE_CALL
        kept = {
            name: value for name, value in known.headers.items() if name not in values and not name.startswith(_META)
        }
        self._known[names] = known._replace(headers=kept)

    # --- both ways ---

    def _where(self, params: dict[str, Any]) -> tuple[str, str]:
        scheme, _, rest = params["url"].partition("://")
        host, slash, path = rest.partition("/")
        self._unchanged()
        if scheme != "http" or "?" in path or ":" not in host:
            raise self._wire.Unsuited
        return host, slash + path

    def _check_length(self, given: dict[str, str], body: bytes) -> None:
        """Raise `Unsuited` for a length that is said and is not that of the body."""
        if given.get("content-length", str(len(body))) != str(len(body)):
            raise self._wire.Unsuited

    def _body(self, body: Any) -> bytes:
        if type(body) is str:
            body = body.encode()
        elif type(body) is io.BytesIO:
            body = body.getvalue()[body.tell() :]
        if not isinstance(body, (bytes, bytearray)) or len(body) > _WHOLE:
            raise self._wire.Unsuited
        return bytes(body)

    def _headers(self, known: _Known, given: dict[str, str], body: bytes) -> tuple[Any, dict[str, str]]:
        """Return the credentials and the headers, not signed yet; raises `Unsuited` when a proxy is between."""
        # As the environment keeps them: to ask it for what is not there takes longer than all else here.
        variables: dict[bytes, bytes] | None = getattr(os.environ, "_data", None)
        if variables is None:  # something else was put in its place
            raise self._wire.Unsuited
        if self._client.meta.config.proxies or any(name in variables for name in _PROXIES):
            raise self._wire.Unsuited
        headers = {"host": known.host, **given}
        if trace := variables.get(b"_X_AMZN_TRACE_ID"):
            headers.setdefault("x-amzn-trace-id", self._wire.typed(trace))
        headers |= {"content-length": str(len(body)), "x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
        return known.signer._credentials.get_frozen_credentials(), headers

    def _sign(self, known: _Known, credentials: Any, headers: dict[str, str]) -> None:
        """Add the signature."""
        stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        place = (stamp[:8], *known.scope, "aws4_request")
        headers["x-amz-date"] = stamp
        if credentials.token:
            headers["x-amz-security-token"] = credentials.token
        signed = sorted(name for name in headers if name == "host" or name.startswith(("x-amz-", "x-amzn-")))
        lines = [f"{name}:{' '.join(headers[name].split())}" for name in signed]
        canonical = "\n".join(["POST", known.target, "", *lines, "", ";".join(signed), "UNSIGNED-PAYLOAD"])
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = "\n".join(["AWS4-HMAC-SHA256", stamp, "/".join(place), digest])
        signature = hmac.digest(self._key(credentials.secret_key, place), text.encode(), "sha256").hex()
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{'/'.join(place)}, "
            f"SignedHeaders={';'.join(signed)}, Signature={signature}"
        )

    def _key(self, secret: str, place: tuple[str, ...]) -> bytes:
        key = self._keys.get((secret, *place))
        if key is None:
            key = ("AWS4" + secret).encode()
            for word in place:
                key = hmac.digest(key, word.encode(), "sha256")
            self._keys = {(secret, *place): key}
        return key

    def _send(self, known: _Known, credentials: Any, headers: dict[str, str], body: bytes) -> Any:
        if "rehearsing" in self._state.__dict__:
            return self._wire.Answer(200, "OK", [("x-amz-request-id", "-"), ("x-amz-id-2", "-")], b"")
        config, channel = self._client.meta.config, self._channel()
        timeout = max(config.connect_timeout, config.read_timeout)
        # The service knows who is at the other end of the channel: his own credentials need no proof there.
        if channel is not None and channel.leads_to(known.host, credentials.access_key) and self._wire.untouched():
            answer = channel.ask("POST", known.target, list(headers.items()), body=body, timeout=timeout)
            if answer is not None:
                return self._wire.Answer(*answer)
        self._sign(known, credentials, headers)
        rest = [(name, value) for name, value in headers.items() if name != "host"]
        return self._wires.ask("POST", known.host, known.target, rest, body=body, timeout=timeout)

    def _tell(
        self, known: _Known, members: dict[str, Any], credentials: Any, headers: dict[str, str], body: bytes
    ) -> Any:
        """Send an answer of which the service has said beforehand that it takes it; None when this is none."""
        channel = self._channel()
        if channel is None or not known.plain or not members.keys() <= _ORDINARY:
            return None
        ours = channel.leads_to(known.host, credentials.access_key) and self._wire.untouched()
        usual = len(members.get("ContentType", "")) <= _LONGEST_TYPE and members.get("StatusCode", 200) == 200
        if not ours or not usual:
            return None
        names = members["RequestRoute"], members["RequestToken"]
        answer = channel.tell(names, known.target, list(headers.items()), body=body)
        return None if answer is None else self._wire.Answer(*answer)

    def _parsed(self, known: _Known, answer: Any) -> Any:
        from botocore.awsrequest import AWSResponse, HeadersDict  # noqa: PLC0415

        headers, context = HeadersDict(answer.headers), {"operation_name": known.model.name}
        found = {"status_code": answer.status, "headers": headers, "body": answer.content, "context": context}
        parsed = self._client._response_parser.parse(found, known.model.output_shape)
        parsed["ResponseMetadata"]["RetryAttempts"] = 0
        response = AWSResponse(known.url, answer.status, headers, None)
        response._content = answer.content
        return response, parsed


def _read_to_the_end(body: Any) -> None:
    """Leave a file in memory where sending it leaves it."""
    if type(body) is io.BytesIO:
        body.seek(0, os.SEEK_END)


def _watched() -> list[tuple[Any, str]]:
    """Return the methods that tools change in order to see calls of the SDK."""
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415
    from botocore.endpoint import Endpoint  # noqa: PLC0415
    from botocore.httpsession import URLLib3Session  # noqa: PLC0415
    from botocore.signers import RequestSigner  # noqa: PLC0415

    return [
        (Endpoint, "make_request"),
        (Endpoint, "_send"),
        (URLLib3Session, "send"),
        (RequestSigner, "sign"),
        (AWSRequest, "prepare"),
    ]


def _written(answer: Any) -> dict[str, Any] | None:
    """Return what the SDK makes of an answer that says nothing but that it went well; None for one without an id."""
    headers = {name.lower(): value for name, value in answer.headers}
    if "x-amz-request-id" not in headers:
        return None
    metadata = {
        "RequestId": headers["x-amz-request-id"],
        "HostId": headers.get("x-amz-id-2", ""),
        "HTTPStatusCode": answer.status,
        "HTTPHeaders": headers,
        "RetryAttempts": 0,
    }
    return {"ResponseMetadata": metadata}
