"""The platform's own lines in a function's log (reference section 16), and its error documents."""

from __future__ import annotations

import json
import math

from objectlens.functions.runtime_api import Answer
from objectlens.functions.values import Failure, Invocation


def start_line(invocation: Invocation) -> bytes:
    """Return the START line."""
    return f"START RequestId: {invocation.request_id} Version: {invocation.function.version}".encode()


def billed_ms(duration_ms: float, timeout: int) -> int:
    """Return what Lambda bills: rounded up to whole milliseconds, and no more than a function may take.

    What it takes to end one that runs over its timeout, of so many seconds, is the platform's.
    """
    return min(math.ceil(duration_ms), timeout * 1000)


def end_lines(
    invocation: Invocation, *, duration_ms: float, billed: int, memory_mb: int, init_ms: float | None
) -> list[bytes]:
    """Return the END and REPORT lines; `billed` is in milliseconds."""
    fields = [
        f"REPORT RequestId: {invocation.request_id}",
        f"Duration: {duration_ms:.2f} ms",
        f"Billed Duration: {billed} ms",
        f"Memory Size: {invocation.function.memory_size} MB",
        f"Max Memory Used: {memory_mb} MB",
    ]
    if init_ms is not None:
        fields.append(f"Init Duration: {init_ms:.2f} ms")
    return [f"END RequestId: {invocation.request_id}".encode(), "\t".join(fields).encode()]


def reason_lines(answer: Answer, failure: Failure | None, *, managed: bool) -> list[bytes]:
    """Return what a failure's log has of it when nobody has said it there; `managed` runtimes tell their own errors."""
    if failure is None or failure.type == "Sandbox.Timedout":
        return []
    if answer.platform:
        return _lines(failure.message) + _lines(failure.type)
    if managed or failure.type == "Runtime.InvalidEntrypoint":
        return []
    return _lines(f"[ERROR] {failure.type}: {failure.message}")


def _lines(text: str) -> list[bytes]:
    return [line.encode("utf-8", "replace") for line in text[:_REASON].splitlines()]


_REASON = 1000


def timeout_message(seconds: int) -> str:
    """Return what Lambda says of a function that ran too long."""
    return f"Task timed out after {seconds}.00 seconds"


def failure_of(answer: Answer, request_id: str) -> tuple[bytes, Failure | None]:
    """Return the payload for the caller and the failure, if the answer is one.

    What we say ourselves of a process names the request in the message. AWS's runtime reports errors of initialisation
    without the request that met them: that is filled in.
    """
    if answer.error_type is None:
        return answer.body, None
    content = json.loads(answer.body)
    if answer.platform and answer.error_type in _NAMES_THE_REQUEST:
        content["errorMessage"] = f"RequestId: {request_id} Error: {content['errorMessage']}"
    if content.get("requestId") == "":
        content["requestId"] = request_id
    failure = Failure(kind="Unhandled", type=answer.error_type, message=str(content.get("errorMessage", "")))
    return json.dumps(content, ensure_ascii=False).encode(), failure


_NAMES_THE_REQUEST = {"Runtime.ExitError", "Runtime.OutOfMemory", "Runtime.InvalidEntrypoint", "Sandbox.Timedout"}
