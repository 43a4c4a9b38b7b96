"""Which of the three classes a call belongs to: transformed, proxied or refused (reference section 4)."""

from __future__ import annotations

from dataclasses import replace

from objectlens import errors
from objectlens.arn import NATIVE_FUNCTION
from objectlens.call import Call
from objectlens.catalog.entities import ObjectLambdaAccessPoint, Transformation
from objectlens.http import HttpResponse
from objectlens.objectlambda.context import SERVICE, ObjectLambda
from objectlens.objectlambda.get import get_object
from objectlens.objectlambda.head_and_list import head_object, list_objects
from objectlens.objectlambda.invoking import may_invoke
from objectlens.objectlambda.native import is_native
from objectlens.objectlambda.source import supporting_access_point
from objectlens.objects import OPERATIONS
from objectlens.objects.permitting import permit
from objectlens.objects.whole import open_whole

_TRANSFORMED = {
    "GetObject": get_object,
    "HeadObject": head_object,
    "ListObjects": list_objects,
    "ListObjectsV2": list_objects,
}


async def serve(lens: ObjectLambda, call: Call, access_point: ObjectLambdaAccessPoint) -> HttpResponse:
    """Answer a call on an Object Lambda access point."""
    transformation = access_point.configuration.transformation(call.operation.name)
    if transformation is None or call.operation.name not in _TRANSFORMED:
        return await _proxy(lens, call, access_point)
    _filter(call, access_point)
    if is_native(transformation.function_arn):
        return await _native(lens, call, access_point, transformation)
    return await _TRANSFORMED[call.operation.name](lens, call, access_point, transformation)


def _filter(call: Call, access_point: ObjectLambdaAccessPoint) -> None:
    """Refuse what the configuration does not allow (reference section 4.3)."""
    names = {name.lower() for name, _ in call.http.parameters()}
    asked = {
        "Range": "range" in call.http.headers or "range" in names,
        "PartNumber": "partnumber" in names,
    }
    for feature, wanted in asked.items():
        if wanted and f"{call.operation.name}-{feature}" not in access_point.configuration.allowed_features:
            raise errors.NotImplemented("Operation Not Implemented.")
    if any(name.startswith("x-amz-server-side-encryption-customer-") for name in call.http.headers.lower()):
        raise errors.InvalidRequest(
            "Object Lambda access points do not support SSE-C: send the request without its headers."
        )


async def _native(
    lens: ObjectLambda, call: Call, access_point: ObjectLambdaAccessPoint, transformation: Transformation
) -> HttpResponse:
    """Run the access point's pipeline on the source, read as the caller."""
    if call.operation.name not in {"GetObject", "HeadObject"}:
        raise errors.LambdaInvocationFailed(
            f"{NATIVE_FUNCTION} transforms objects and not listings: take {call.operation.name} out of its actions."
        )
    await may_invoke(lens, call, transformation.function_arn)
    program = lens.native.program(transformation.function_payload)
    arguments = lens.native.arguments(program, call.http)
    source = await _at_source(lens, call, access_point)
    ranged = f"{call.operation.name}-Range" in access_point.configuration.allowed_features
    opened = await open_whole(lens.objects, source)
    return await lens.native.respond(program, arguments, opened, call.http, ranged=ranged)


async def _proxy(lens: ObjectLambda, call: Call, access_point: ObjectLambdaAccessPoint) -> HttpResponse:
    """Do the operation on the supporting access point, under the caller's rights there."""
    source = await _at_source(lens, call, access_point)
    return await OPERATIONS[call.operation.name](lens.objects, source)


async def _at_source(lens: ObjectLambda, call: Call, access_point: ObjectLambdaAccessPoint) -> Call:
    """Return the same call, authorised, on the supporting access point."""
    source = await supporting_access_point(lens, access_point)
    caller = replace(call.caller, called_via=(*call.caller.called_via, SERVICE))
    bucket = await lens.catalog.buckets.get(source.bucket)
    if bucket is None:
        raise errors.NoSuchBucket(BucketName=source.bucket)
    there = replace(call, caller=caller, resource=source, bucket=bucket)
    await permit(lens.objects, there)
    return there
