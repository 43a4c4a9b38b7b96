"""Where a function's code comes from: the request itself, or an object in one of our buckets."""

from __future__ import annotations

import asyncio

from objectlens.access.values import Caller
from objectlens.control.awslambda.context import Lambda, Parameters
from objectlens.control.awslambda.refusals import RequestEntityTooLargeException
from objectlens.control.awslambda.settings import check_offered
from objectlens.errors import InvalidParameterValueException, ServiceError
from objectlens.functions import Package

NO_IMAGES = "This server does not run container images: give the code as ZipFile or S3Bucket and S3Key."
MAX_UPLOAD = 50 * 1024 * 1024
# From a bucket a package may be larger zipped: what counts is its unzipped size.
MAX_FROM_BUCKET = 250 * 1024 * 1024


async def store_code(surroundings: Lambda, caller: Caller, code: Parameters, operation: str) -> Package:
    """Fetch, check and unpack the code that a call names; raises what Lambda says of bad code."""
    check_offered(code)
    data = await _fetch(surroundings, caller, code, operation)
    if not data:
        raise InvalidParameterValueException("Uploaded file must be a non-empty zip")
    package = await asyncio.to_thread(surroundings.packages.add, data)
    await asyncio.to_thread(surroundings.downloads.zips.keep, package.digest, data)
    return package


async def _fetch(surroundings: Lambda, caller: Caller, code: Parameters, operation: str) -> bytes:
    sources = [name for name in ("ZipFile", "S3Bucket", "ImageUri") if code.get(name) is not None]
    if sources == ["ZipFile"]:
        data: bytes = code["ZipFile"]
        if len(data) > MAX_UPLOAD:
            raise RequestEntityTooLargeException(
                f"Request must be smaller than {MAX_UPLOAD} bytes for the {operation} operation"
            )
        return data
    if sources == ["S3Bucket"] and code.get("S3Key"):
        return await _from_bucket(surroundings, caller, code)
    if "ImageUri" in sources:
        raise InvalidParameterValueException(NO_IMAGES)
    if len(sources) > 1:
        raise InvalidParameterValueException(
            "Please do not provide other FunctionCode parameters when providing a ZipFile."
        )
    raise InvalidParameterValueException("Please provide a source for function code.")


async def _from_bucket(surroundings: Lambda, caller: Caller, code: Parameters) -> bytes:
    try:
        return await surroundings.read_object(
            caller, code["S3Bucket"], code["S3Key"], version=code.get("S3ObjectVersion"), limit=MAX_FROM_BUCKET
        )
    except ServiceError as error:
        raise InvalidParameterValueException(
            f"Error occurred while GetObject. S3 Error Code: {error.code}. S3 Error Message: {error.message}"
        ) from error
