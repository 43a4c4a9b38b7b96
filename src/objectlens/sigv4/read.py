"""Finding the signature in a request: in the `Authorization` header or in the query.

Both carriers and S3's complaints: "Authenticating Requests (AWS Signature Version 4)" in the S3 API reference. Nothing
here needs a secret.
"""

from __future__ import annotations

from objectlens.errors import InvalidArgument, InvalidRequest
from objectlens.http import HttpRequest
from objectlens.sigv4.claim import Claim
from objectlens.sigv4.header import from_header
from objectlens.sigv4.query import from_query, is_presigned

_USE_SIGV4 = (
    "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256. SDKs that sign or "
    "presign with Signature Version 2 have a setting for it; in boto3: Config(signature_version='s3v4')."
)
_ONE_CARRIER = (
    "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or "
    "the Authorization header should be specified"
)


def read(http: HttpRequest) -> Claim | None:
    """Return what the request claims about its signature, None when it carries none.

    Raises `InvalidRequest` for Signature Version 2, `InvalidArgument` for two carriers at once or an unknown scheme,
    `AuthorizationHeaderMalformed` or `AuthorizationQueryParametersError` for what does not parse, and `AccessDenied`
    without a date.
    """
    authorization = http.headers.get("authorization")
    # Most queries hold nothing of this and need not be taken apart; of repeated parameters the first counts.
    in_query = "X-Amz-" in http.query or "AWSAccessKeyId" in http.query
    parameters = dict(reversed(http.parameters())) if in_query else {}
    presigned = is_presigned(parameters)
    if authorization is not None:
        if presigned:
            raise InvalidArgument(_ONE_CARRIER, ArgumentName="Authorization", ArgumentValue=authorization)
        if authorization.startswith("AWS "):
            raise InvalidRequest(_USE_SIGV4)
        return from_header(http, authorization.strip())
    if presigned:
        return from_query(http, parameters)
    if "AWSAccessKeyId" in parameters:
        raise InvalidRequest(_USE_SIGV4)
    return None
