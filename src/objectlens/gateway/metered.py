"""What a request counts for: its tally, and the budgets that it is admitted to."""

from __future__ import annotations

from objectlens.call import Call
from objectlens.catalog.entities import ObjectLambdaAccessPoint
from objectlens.metering import Meter, Tally, current, job_of

JOB = "x-objectlens-job"
CACHE = "x-objectlens-cache"


def open_tally(meter: Meter, call: Call, access_point: ObjectLambdaAccessPoint) -> Tally | None:
    """Open the tally of an authorised call, for all that is done on its behalf; None for what is not transformed.

    Raises `SlowDown` when a budget is used up, and `InvalidArgument` for a job that is no label.
    """
    transformation = access_point.configuration.transformation(call.operation.name)
    tally = None
    if transformation is not None:
        session = call.caller.session
        tally = meter.open(
            function=transformation.function_arn,
            access_point=access_point.arn,
            caller=call.caller.arn,
            job=job_of(call.http.headers.get(JOB), "" if session is None else session.session_name),
        )
    current.set(tally)
    return tally
