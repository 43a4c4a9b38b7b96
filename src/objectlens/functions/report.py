"""What the platform says of an invocation: what is billed, and error documents. Its lines in logs: see `saying`."""

from __future__ import annotations

import json
import math

from objectlens.functions.runtime_api import Answer
from objectlens.functions.values import Failure


def billed_ms(duration_ms: float, timeout: int) -> int:
    """Return what Lambda bills: rounded up to whole milliseconds, and no more than a function may take.

    What it takes to end one that runs over its timeout, of so many seconds, is the platform's.
    """
    return min(math.ceil(duration_ms), timeout * 1000)


def timeout_message(seconds: int) -> str:
    """Return what Lambda says of a function that ran too long."""
    return f"Task timed out after {seconds}.00 seconds"


def failure_of(answer: Answer, request_id: str) -> tuple[bytes, Failure | None]:
    """Return the payload for the caller and the failure, if the answer is one.

    What we say ourselves of a process names the request in the message. AWS's runtime reports errors of initialisation
    without the request that met them: that is filled in. All else that a runtime reports is passed on as it is.
    """
    if answer.error_type is None:
        return answer.body, None
    reported = json.loads(answer.body)
    content = dict(reported)
    # What cannot be executed is reported from its own process (see `entrypoint`), as if a runtime had.
    ours = answer.platform or answer.error_type == "Runtime.InvalidEntrypoint"
    if ours and answer.error_type in _NAMES_THE_REQUEST:
        content["errorMessage"] = f"RequestId: {request_id} Error: {content.get('errorMessage', '')}"
    if content.get("requestId") == "":
        content["requestId"] = request_id
    failure = Failure(kind="Unhandled", type=answer.error_type, message=str(content.get("errorMessage", "")))
    if content == reported:
        return answer.body, failure
    # Half a pair of surrogates, of a text that was cut, is escaped again as the runtime had it.
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="backslashreplace"), failure


_NAMES_THE_REQUEST = {"Runtime.ExitError", "Runtime.OutOfMemory", "Runtime.InvalidEntrypoint", "Sandbox.Timedout"}
