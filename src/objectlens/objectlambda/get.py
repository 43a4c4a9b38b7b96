"""GetObject on an Object Lambda access point: the story itself."""

from __future__ import annotations

import asyncio
from typing import Any

from objectlens import errors
from objectlens.call import Call
from objectlens.catalog.entities import AccessPoint, Function, ObjectLambdaAccessPoint, Transformation
from objectlens.functions import Invocation, Outcome
from objectlens.http import HttpResponse
from objectlens.objectlambda.context import ObjectLambda
from objectlens.objectlambda.inside import Inside
from objectlens.objectlambda.invoking import failed, function_of, invocation, refusal
from objectlens.objectlambda.rendezvous import Answer, BrokenAnswer, Route
from objectlens.objectlambda.reply import render
from objectlens.objectlambda.source import input_url, supporting_access_point

# Raised from what broke it: such an answer may go well when it is made again (`work`).
_BROKE_OFF = "The Lambda began to call WriteGetObjectResponse, but its body broke off."


async def get_object(
    lens: ObjectLambda, call: Call, access_point: ObjectLambdaAccessPoint, transformation: Transformation
) -> HttpResponse:
    """Invoke the function and answer with what it writes.

    Raises the errors of reference section 8.2.
    """
    function = await function_of(lens, call, transformation)
    source = await supporting_access_point(lens, access_point)
    return render(
        await answer_of(lens, call, access_point, source, function=function, transformation=transformation), call
    )


async def answer_of(
    lens: ObjectLambda,
    call: Call,
    access_point: ObjectLambdaAccessPoint,
    source: AccessPoint,
    *,
    function: Function,
    transformation: Transformation,
    state: str | None = None,
    anonymous: bool = False,
) -> Answer:
    """Invoke a function for a GET and return what it writes.

    With `state`, it can read no other state of the source; with `anonymous` it is not told who calls. Raises the
    errors of reference section 8.2.
    """
    remote = lens.remotes.of(transformation.function_arn)
    route = lens.rendezvous.open(elsewhere=remote is not None)
    deadline = asyncio.get_running_loop().call_later(lens.answer_seconds, route.expire)
    try:
        url = input_url(lens, call, source, "GET", remote, state=state)
        context = {
            "inputS3Url": url,
            "outputRoute": route.name,
            "outputToken": route.token,
        }
        request = invocation(
            lens,
            call,
            access_point,
            source,
            function=function,
            transformation=transformation,
            context=("getObjectContext", context),
            door=Inside(lens, call, source, function, url, route=route, state=state),
            anonymous=anonymous,
        )
        answer = await _answer(lens, route, request)
    except BaseException:
        deadline.cancel()
        route.close()
        raise
    if isinstance(answer.body, bytes):
        route.close()
    route.when_closed(deadline.cancel)
    return answer


async def _answer(lens: ObjectLambda, route: Route, request: Invocation) -> Answer:
    """Wait for the answer, the end of the function, or the deadline, whichever comes first."""
    running = lens.background.start(lens.executor.invoke(request))
    first: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def come(_: asyncio.Future[Any]) -> None:
        if not first.done():
            first.set_result(None)

    running.add_done_callback(come)
    route.answer.add_done_callback(come)
    await first
    if route.answer.done() or route.answering:
        # The function may return while its answer is still coming in: from a thread of its own, say.
        route.take_no_other()
        return await _arrival(route)
    return _missing(route, running)


async def _arrival(route: Route) -> Answer:
    try:
        return await route.answer
    except TimeoutError:
        raise errors.LambdaTimeout from None
    except BrokenAnswer as broken:
        raise errors.LambdaResponseNotReceived(_BROKE_OFF) from broken


def _missing(route: Route, running: asyncio.Task[Outcome]) -> Answer:
    """Raise what stands in the table for a function that ended without an answer."""
    if (error := running.exception()) is not None:
        raise refusal(error) from error
    outcome = running.result()
    if route.rejected is not None:
        raise errors.LambdaInvalidResponse(
            f"The response of the Lambda function is not valid: {route.rejected.message}"
        )
    if outcome.failure is not None:
        raise failed(outcome)
    if route.broken is not None:
        raise errors.LambdaResponseNotReceived(_BROKE_OFF) from route.broken
    raise errors.LambdaResponseNotReceived
