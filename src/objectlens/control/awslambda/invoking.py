"""Invoke."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import replace
from functools import partial

from objectlens.catalog.entities import Function
from objectlens.control.awslambda.context import Lambda, Result
from objectlens.control.awslambda.events import Event
from objectlens.control.awslambda.metered import Measure, leave, tally_of
from objectlens.control.awslambda.names import FunctionName
from objectlens.control.awslambda.refusals import no_function
from objectlens.control.awslambda.retrying import limits_of
from objectlens.control.protocol import Request
from objectlens.errors import InvalidRequestContentException, RequestTooLargeException
from objectlens.functions import Invocation

# Reference section 14.7.
MAX_PAYLOAD = {"RequestResponse": 6 * 1024 * 1024, "Event": 1024 * 1024, "DryRun": 6 * 1024 * 1024}
MAX_CLIENT_CONTEXT = 3583


async def target(surroundings: Lambda, request: Request) -> Function | str:
    """Return what the caller must be allowed to invoke; of what does not exist, its ARN."""
    name = surroundings.name(request)
    found = await surroundings.catalog.invoked(name.account, name.name, name.version, surroundings.draw())
    return name.arn(surroundings.region_of(request)) if found is None else found[1]


async def invoke(surroundings: Lambda, request: Request) -> Result:
    """Run a function: wait for its answer, start it only (`Event`), or only check (`DryRun`)."""
    name = surroundings.name(request)
    found = await surroundings.catalog.invoked(name.account, name.name, name.version, surroundings.draw())
    if found is None:
        raise no_function(name, surroundings.region_of(request))
    function, _ = found
    kind = request.params.get("InvocationType") or "RequestResponse"
    invocation = Invocation(
        function=function,
        payload=_payload(request.params.get("Payload") or b"", kind),
        request_id=request.request_id,
        invoked_arn=name.arn(function.region),
        client_context=_client_context(request.params.get("ClientContext")),
        trace_id=request.http.headers.get("X-Amzn-Trace-Id"),
    )
    if kind == "DryRun":
        return {"StatusCode": 204, "ExecutedVersion": function.version}
    measure = partial(tally_of, surroundings, request, function, len(invocation.payload))
    if kind == "Event":
        await _accept(surroundings, name, invocation, measure)
        return {"StatusCode": 202}
    invocation = replace(invocation, tally=await measure())
    return await _answer(surroundings, invocation, tail=request.params.get("LogType") == "Tail")


async def _accept(surroundings: Lambda, name: FunctionName, invocation: Invocation, measure: Measure) -> None:
    """Take an event on."""
    surroundings.events.admit()
    # Each attempt has a tally of its own; what a budget would refuse now is not taken on.
    leave(await measure())
    retries, age = await limits_of(surroundings, name)
    function = invocation.function

    async def find() -> Function | None:
        # The version that an alias chose stays chosen; what changed of it meanwhile counts.
        return await surroundings.catalog.functions.get(function.account, function.name, function.version)

    event = Event(invocation=invocation, find=find, retries=retries, age=age, measure=measure)
    surroundings.tasks.start(surroundings.events.deliver(event))


async def _answer(surroundings: Lambda, invocation: Invocation, *, tail: bool) -> Result:
    try:
        outcome = await surroundings.executor.invoke(invocation)
    finally:
        leave(invocation.tally)
    result: Result = {
        "StatusCode": 200,
        "Payload": outcome.payload,
        "ExecutedVersion": outcome.executed_version,
    }
    if outcome.failure is not None:
        result["FunctionError"] = outcome.failure.kind
    if tail:
        result["LogResult"] = base64.b64encode(outcome.log_tail).decode()
    return result


def _payload(payload: bytes, kind: str) -> bytes:
    if len(payload) > MAX_PAYLOAD[kind]:
        raise RequestTooLargeException(
            f"{len(payload)} byte payload is too large for the {kind} invocation type (limit {MAX_PAYLOAD[kind]} bytes)"
        )
    if not payload:
        return b"{}"
    try:
        # Of bytes, `json` would take UTF-16 as well, and it knows words that are no JSON (NaN, Infinity). Whole numbers
        # are as long as they are; Python would make none of more than 4,300 digits.
        json.loads(payload.decode(), parse_constant=_refuse_constant, parse_int=str)
    except (ValueError, RecursionError) as error:
        raise InvalidRequestContentException(f"Could not parse request body into json: {error}") from None
    return payload


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def _client_context(header: str | None) -> str | None:
    if not header:
        return None
    if len(header) > MAX_CLIENT_CONTEXT:
        raise InvalidRequestContentException(f"The client context is longer than {MAX_CLIENT_CONTEXT} bytes.")
    try:
        content = json.loads(base64.b64decode(header, validate=True))
    except (binascii.Error, ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise InvalidRequestContentException("Client context must be a valid Base64-encoded JSON object.")
    return json.dumps(content)
