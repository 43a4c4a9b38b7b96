"""Finding the function, asking whether the caller may invoke it, invoking it."""

from __future__ import annotations

import asyncio
import re

from objectlens import errors
from objectlens.access import Caller, Elsewhere
from objectlens.arn import Arn
from objectlens.call import Call
from objectlens.catalog.entities import LATEST, AccessPoint, Function, ObjectLambdaAccessPoint, Transformation
from objectlens.functions import Door, Invocation, Outcome
from objectlens.functions.remotes import remote_function
from objectlens.metering import current
from objectlens.objectlambda import event
from objectlens.objectlambda.context import SERVICE, ObjectLambda
from objectlens.objectlambda.native import check_signed

_FUNCTION = re.compile(r"function:([^:]+)(?::(.+))?")


async def function_of(
    lens: ObjectLambda, call: Call, transformation: Transformation, point: float | None = None
) -> Function:
    """Return the function that serves a call; an alias with weights chooses by `point`, drawn anew without one.

    Raises `LambdaNotFound` when there is none and `LambdaPermissionError` when the caller may not invoke it: the
    invocation happens as the caller (reference section 11.1).
    """
    arn = Arn.parse(transformation.function_arn)
    if lens.remotes.of(transformation.function_arn) is not None:
        elsewhere = remote_function(transformation.function_arn)
        await may_invoke(lens, call, Elsewhere(elsewhere))
        return elsewhere
    found = await known_function(lens, transformation, lens.draw() if point is None else point)
    if found is None and call.resource is not None and arn.account != call.resource.account:
        raise errors.LambdaNotFound(
            f"The AWS Lambda function {arn} is of another account, and no [remote.NAME] of the server's settings says "
            "where it runs."
        )
    await may_invoke(lens, call, str(arn) if found is None else found[1])
    if found is None:
        raise errors.LambdaNotFound(f"The AWS Lambda function {arn} was not found.")
    return found[0]


async def known_function(
    lens: ObjectLambda, transformation: Transformation, point: float
) -> tuple[Function, Function] | None:
    """Return what `Catalog.invoked` does for the function of a transformation."""
    arn = Arn.parse(transformation.function_arn)
    name, qualifier = qualified(arn)
    return await lens.catalog.invoked(arn.account, name, qualifier, point)


def qualified(arn: Arn) -> tuple[str, str]:
    """Return the name of a function and its qualifier."""
    match = _FUNCTION.fullmatch(arn.resource)
    name, qualifier = match.groups() if match else (arn.resource, None)
    return name, qualifier or LATEST


async def may_invoke(
    lens: ObjectLambda, call: Call, function: Function | Elsewhere | str, via: Caller | None = None
) -> None:
    """Return when the caller may invoke a function; raises `LambdaPermissionError`. `via` as of `at_source`."""
    caller = via or call.caller.via(SERVICE)
    try:
        await lens.access.authorize(caller, "lambda:InvokeFunction", function, http=call.http)
    except errors.AccessDenied:
        known = function.function if isinstance(function, Elsewhere) else function
        name = known if isinstance(known, str) else known.arn
        raise errors.LambdaPermissionError(
            f"The caller is not authorized to invoke {name}. Allow lambda:InvokeFunction on it for {call.caller.arn}."
        ) from None


def invocation(
    lens: ObjectLambda,
    call: Call,
    access_point: ObjectLambdaAccessPoint,
    source: AccessPoint,
    *,
    function: Function,
    transformation: Transformation,
    context: tuple[str, dict[str, str]],
    door: Door | None = None,
    anonymous: bool = False,
) -> Invocation:
    """Return the invocation with its event, which with `anonymous` does not tell who calls."""
    check_signed(call.http)
    remote = lens.remotes.of(transformation.function_arn)
    tally = current.get()
    if tally is not None:
        tally.reads(context[1]["inputS3Url"])
    payload = event.render(
        call,
        access_point,
        supporting=source.arn,
        context=context,
        payload=transformation.function_payload,
        anonymous=anonymous,
    )
    return Invocation(
        function=function,
        payload=payload,
        request_id=call.request_id,
        invoked_arn=transformation.function_arn,
        door=door,
        remote=None if remote is None else remote.name,
        patience=call.patience,
        tally=tally,
    )


def refusal(error: BaseException) -> errors.ServiceError:
    """Return what the caller sees when the function could not be invoked at all (reference section 8.2)."""
    if isinstance(error, errors.TooManyRequestsException):
        return errors.SlowDown(str(error), headers=error.headers)
    if isinstance(error, errors.ResourceNotFoundException):
        return errors.LambdaNotFound(str(error))
    if isinstance(error, errors.ServiceError) and error.status < 500:
        return errors.LambdaInvocationFailed(f"Lambda function invocation failed: {error.message}")
    return errors.LambdaInvocationFailed()


async def invoke_for_value(lens: ObjectLambda, request: Invocation) -> Outcome:
    """Invoke a function whose answer is its return value: HEAD and LIST.

    Raises what the caller is to see when it fails, or does not end in time.
    """
    task = lens.background.start(lens.executor.invoke(request))
    done, _ = await asyncio.wait({task}, timeout=lens.answer_seconds)
    if not done:
        raise errors.LambdaTimeout
    if (error := task.exception()) is not None:
        raise refusal(error) from error
    outcome = task.result()
    if outcome.failure is not None:
        raise failed(outcome)
    return outcome


class Failure(errors.LambdaRuntimeError):
    """How a function failed: `type` is AWS's, or the exception's, name for it."""

    code = errors.LambdaRuntimeError.code

    def __init__(self, message: str, type_: str) -> None:
        super().__init__(message)
        self.type = type_


def failed(outcome: Outcome) -> Failure:
    """Return what the caller sees of a function that raised, crashed or timed out.

    The reason stays in the function's log: an exception's text may hold what the caller must not see.
    """
    kind = "" if outcome.failure is None else outcome.failure.type
    said = f" ({kind})" if kind else ""
    return Failure(f"The Lambda function failed during execution{said}. Its log has the reason.", kind)
