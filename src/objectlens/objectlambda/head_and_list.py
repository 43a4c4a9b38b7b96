"""HeadObject, ListObjects and ListObjectsV2 on an Object Lambda access point: the return value is the answer."""

from __future__ import annotations

from objectlens.call import Call
from objectlens.catalog.entities import ObjectLambdaAccessPoint, Transformation
from objectlens.functions import Outcome
from objectlens.http import Headers, HttpResponse
from objectlens.objectlambda.context import ObjectLambda
from objectlens.objectlambda.invoking import function_of, invocation, invoke_for_value
from objectlens.objectlambda.source import input_url, supporting_access_point
from objectlens.s3 import lambda_results, xml

_CONTEXTS = {
    "HeadObject": ("headObjectContext", "HEAD"),
    "ListObjects": ("listObjectsContext", "GET"),
    "ListObjectsV2": ("listObjectsV2Context", "GET"),
}


async def head_object(
    lens: ObjectLambda, call: Call, access_point: ObjectLambdaAccessPoint, transformation: Transformation
) -> HttpResponse:
    """Answer with the status and headers that the function returns (reference section 10.1)."""
    outcome = await _outcome(lens, call, access_point, transformation)
    result = lambda_results.parse_head(outcome.payload)
    # Codes and messages cannot reach the caller of a HEAD, which has no body (section 10.1).
    return HttpResponse(result.status, Headers(result.headers))


async def list_objects(
    lens: ObjectLambda, call: Call, access_point: ObjectLambdaAccessPoint, transformation: Transformation
) -> HttpResponse:
    """Answer with the listing that the function returns (reference section 10.2)."""
    outcome = await _outcome(lens, call, access_point, transformation)
    result = lambda_results.parse_list(outcome.payload, 2 if call.operation.name == "ListObjectsV2" else 1)
    document = result.xml
    if result.error_code is not None:
        document = xml.render_object_lambda_error(result.error_code, result.error_message or "", call.request_id)
    return HttpResponse(result.status, Headers([("Content-Type", xml.CONTENT_TYPE)]), document)


async def _outcome(
    lens: ObjectLambda, call: Call, access_point: ObjectLambdaAccessPoint, transformation: Transformation
) -> Outcome:
    function = await function_of(lens, call, transformation)
    source = await supporting_access_point(lens, access_point)
    context, method = _CONTEXTS[call.operation.name]
    remote = lens.remotes.of(transformation.function_arn)
    request = invocation(
        lens,
        call,
        access_point,
        source,
        function=function,
        transformation=transformation,
        context=(context, {"inputS3Url": input_url(lens, call, source, method, remote)}),
    )
    return await invoke_for_value(lens, request)
