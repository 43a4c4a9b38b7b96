"""What a request counts for: its tally, and the budgets that it is admitted to."""

from __future__ import annotations

import re

from objectlens.call import Call
from objectlens.catalog.entities import ObjectLambdaAccessPoint, Transformation
from objectlens.http import HttpResponse
from objectlens.metering import OTHER, Meter, Tally, current, job_of
from objectlens.objectlambda.context import ObjectLambda
from objectlens.objectlambda.work import work_of

JOB = "x-objectlens-job"
CACHE = "x-objectlens-cache"
_OUTCOMES = frozenset({"hit", "miss", "fill", "bypass"})
_OUTCOME = re.compile(r"[a-z][a-z-]{0,31}")


async def transformation_of(
    lens: ObjectLambda, call: Call, access_point: ObjectLambdaAccessPoint
) -> Transformation | None:
    """Return what transforms the answer to a call: what its action names, or of a managed HEAD what makes the GET's."""
    configuration = access_point.configuration
    found = configuration.transformation(call.operation.name)
    if found is None and call.operation.name == "HeadObject" and await work_of(lens, call, access_point) is not None:
        return configuration.transformation("GetObject")
    return found


async def open_tally(
    meter: Meter, call: Call, access_point: ObjectLambdaAccessPoint, transformation: Transformation | None
) -> Tally | None:
    """Open the tally of an authorised call, for all that is done on its behalf; None for what is not transformed.

    Raises `SlowDown` when a budget is used up, and `InvalidArgument` for a job that is no label.
    """
    tally = None
    if transformation is not None:
        session = call.caller.session
        await meter.room(call.caller.arn, access_point.arn)
        tally = meter.open(
            function=transformation.function_arn,
            access_point=access_point.arn,
            caller=call.caller.arn,
            job=job_of(call.http.headers.get(JOB), "" if session is None else session.session_name),
        )
    current.set(tally)
    return tally


def cache_outcome(response: HttpResponse | None) -> str:
    """Return what an answer says of the cache of derived objects: its first word; empty when that was not asked."""
    said = None if response is None else response.headers.first(CACHE)
    if said is None or said in _OUTCOMES:
        return said or ""
    found = _OUTCOME.match(said.lower())
    return OTHER if found is None else found[0]
