"""What direct invocations count for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from objectlens.catalog.entities import Function
from objectlens.control.awslambda.context import Lambda
from objectlens.control.protocol import Request
from objectlens.errors import InvalidArgument, InvalidParameterValueException, SlowDown, TooManyRequestsException
from objectlens.metering import Tally, job_of

Measure = Callable[[], Awaitable[Tally | None]]
"""Opens the tally of one attempt; raises `TooManyRequestsException` when a budget is used up."""


async def tally_of(surroundings: Lambda, request: Request, function: Function, size: int) -> Tally | None:
    """Open the tally of an invocation whose event has `size` bytes.

    Raises what `Measure` does, and `InvalidParameterValueException` for a job that is no label.
    """
    if surroundings.meter is None:
        return None
    caller = request.caller
    session = "" if caller.session is None else caller.session.session_name
    try:
        job = job_of(request.http.headers.get("x-objectlens-job"), session)
        await surroundings.meter.room(caller.arn, "")
        tally = surroundings.meter.open(function=function.arn, access_point="", caller=caller.arn, job=job)
    except InvalidArgument as error:
        raise InvalidParameterValueException(error.message) from None
    except SlowDown as error:
        reason = "CallerRateLimitExceeded"
        raise TooManyRequestsException(error.message, headers=error.headers, Reason=reason) from None
    if tally is not None:
        tally.bytes_in = size
    return tally


def leave(tally: Tally | None) -> None:
    """Take note that nobody waits for an invocation any more."""
    if tally is not None:
        tally.leave()
