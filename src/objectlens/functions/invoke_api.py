"""The client's side of the Lambda Invoke API (reference section 14.5). It blocks: threads call it."""

from __future__ import annotations

import base64
import json
import threading
from dataclasses import dataclass, replace
from typing import Any

import botocore.session
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from objectlens.functions.remotes import Remote
from objectlens.functions.runtime_api import MAX_RESPONSE
from objectlens.functions.values import Failure, Invocation

CONNECT_SECONDS = 5.0
# Of an event, reference section 14.7.
MAX_PAYLOAD = 6 * 1024 * 1024
_PIECE = 1024 * 1024

# The one function of a runtime emulator.
_EMULATED = "function"
_TIMED_OUT = b"Task timed out after "


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What an endpoint answered. `log_tail` is empty and `version` None where it does not tell."""

    payload: bytes
    failure: Failure | None = None
    version: str | None = None
    log_tail: bytes = b""
    request_id: str = ""


class InvokeApi:
    """Invokes functions at one remote. Its credentials are botocore's business, which renews those that end."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self._lock = threading.Lock()
        self._session: Any = None
        self._clients: dict[str, Any] = {}

    def invoke(self, invocation: Invocation) -> Reply:
        """Invoke a function once and wait for its answer; raises the errors of botocore."""
        client = self._client(self._remote.region or invocation.function.region)
        options: dict[str, str] = {}
        if invocation.client_context is not None:
            options["ClientContext"] = base64.b64encode(invocation.client_context.encode()).decode()
        if not self._remote.signed:
            return _emulated(client, invocation.payload, options)
        answer = client.invoke(
            FunctionName=invocation.invoked_arn, Payload=invocation.payload, LogType="Tail", **options
        )
        reply = _reply(answer)
        if (kind := answer.get("FunctionError")) is not None and reply.failure is None:
            return _failed(reply, kind)
        return reply

    def close(self) -> None:
        """Close the connections that nobody uses at the moment."""
        with self._lock:
            for client in self._clients.values():
                client.close()

    def _client(self, region: str) -> Any:
        with self._lock:
            if region not in self._clients:
                self._clients[region] = self._made(region)
            return self._clients[region]

    def _made(self, region: str) -> Any:
        remote = self._remote
        if self._session is None:
            self._session = botocore.session.Session(profile=remote.profile)
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=remote.timeout_seconds,
            max_pool_connections=remote.concurrency,
            # Nobody knows whether a request whose answer is lost ran: a second try might run it twice.
            retries={"total_max_attempts": 1},
            # Routers forget connections on which nothing moves while a function works.
            tcp_keepalive=True,
            # The variables that lead AWS's tools elsewhere are not meant for us: the settings say where.
            ignore_configured_endpoint_urls=True,
            **({} if remote.signed else {"signature_version": UNSIGNED}),
        )
        return self._session.create_client("lambda", region_name=region, endpoint_url=remote.endpoint, config=config)


def _reply(answer: dict[str, Any]) -> Reply:
    payload = _read(answer["Payload"])
    failure = None
    if len(payload) > MAX_RESPONSE:
        message = f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE} bytes)."
        failure = Failure(kind="Unhandled", type="Function.ResponseSizeTooLarge", message=message)
        payload = json.dumps({"errorMessage": message, "errorType": failure.type}).encode()
    return Reply(
        payload=payload,
        failure=failure,
        version=answer.get("ExecutedVersion"),
        log_tail=_decoded(answer.get("LogResult") or ""),
        request_id=answer["ResponseMetadata"].get("RequestId") or "",
    )


def _read(body: Any) -> bytes:
    """Read a body to its end, where botocore sees whether it is whole, or until it is too long."""
    payload = b""
    try:
        while len(payload) <= MAX_RESPONSE and (piece := body.read(_PIECE)):
            payload += piece
    finally:
        body.close()
    return payload


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except ValueError:  # no base64, or not even ASCII
        return b""


def _failed(reply: Reply, kind: str) -> Reply:
    document = _document(reply.payload)
    failure = Failure(
        kind=kind,
        type=str(document.get("errorType") or "Unknown"),
        message=str(document.get("errorMessage") or ""),
    )
    return replace(reply, failure=failure)


def _emulated(client: Any, payload: bytes, options: dict[str, str]) -> Reply:
    """Invoke the function of AWS's runtime emulator, which has no header that tells failures (its `handlers.go`).

    It answers 502 when the runtime ended, and text that is no JSON after the function's timeout.
    """
    try:
        reply = _reply(client.invoke(FunctionName=_EMULATED, Payload=payload, **options))
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 502:
            raise
        return _ended("Runtime.ExitError", "The runtime ended; the emulator's own output has the reason.")
    if reply.payload.startswith(_TIMED_OUT):
        return _ended("Sandbox.Timedout", reply.payload.decode("utf-8", "replace"))
    if {"errorType", "errorMessage"} <= _document(reply.payload).keys():
        return _failed(reply, "Unhandled")
    return reply


def _ended(kind: str, message: str) -> Reply:
    payload = json.dumps({"errorType": kind, "errorMessage": message}).encode()
    return Reply(payload=payload, failure=Failure(kind="Unhandled", type=kind, message=message))


def _document(payload: bytes) -> dict[str, Any]:
    try:
        content = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
