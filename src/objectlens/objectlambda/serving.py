"""Which of the three classes a call belongs to: transformed, proxied or refused (reference section 4)."""

from __future__ import annotations

from objectlens import errors
from objectlens.arn import NATIVE_FUNCTION
from objectlens.call import Call
from objectlens.catalog.entities import ObjectLambdaAccessPoint
from objectlens.http import HttpResponse
from objectlens.objectlambda import derived_list, managed
from objectlens.objectlambda.context import ObjectLambda
from objectlens.objectlambda.get import get_object
from objectlens.objectlambda.head_and_list import head_object, list_objects
from objectlens.objectlambda.native import is_native
from objectlens.objectlambda.source import at_source
from objectlens.objectlambda.work import work_of
from objectlens.objects import OPERATIONS

_CUSTOMER_KEYS = tuple(f"x-amz-server-side-encryption-customer-{rest}" for rest in ("algorithm", "key", "key-md5"))
_TRANSFORMED = {
    "GetObject": get_object,
    "HeadObject": head_object,
    "ListObjects": list_objects,
    "ListObjectsV2": list_objects,
}


async def serve(lens: ObjectLambda, call: Call, access_point: ObjectLambdaAccessPoint) -> HttpResponse:
    """Answer a call on an Object Lambda access point."""
    name = call.operation.name
    if name in {"GetObject", "HeadObject"} and (work := await work_of(lens, call, access_point)) is not None:
        return await managed.answer(lens, call, access_point, work)
    transformation = access_point.configuration.transformation(name)
    if transformation is None or name not in _TRANSFORMED:
        if name in {"ListObjects", "ListObjectsV2"}:
            return await derived_list.list_objects(lens, call, access_point) or await _proxy(lens, call, access_point)
        return await _proxy(lens, call, access_point)
    _filter(call, access_point)
    if is_native(transformation.function_arn):
        raise errors.LambdaInvocationFailed(
            f"{NATIVE_FUNCTION} transforms objects and not listings: take {name} out of its actions."
        )
    return await _TRANSFORMED[name](lens, call, access_point, transformation)


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
    _refuse_customer_keys(call)


def _refuse_customer_keys(call: Call) -> None:
    if any(name in call.http.headers for name in _CUSTOMER_KEYS):
        raise errors.InvalidRequest(
            "Object Lambda access points do not support SSE-C: send the request without its headers."
        )


async def _proxy(lens: ObjectLambda, call: Call, access_point: ObjectLambdaAccessPoint) -> HttpResponse:
    """Do the operation on the supporting access point, under the caller's rights there."""
    source = await at_source(lens, call, access_point)
    return await OPERATIONS[call.operation.name](lens.objects, source)
