"""The same refusals in the words of the API that was called.

S3 has its own codes; Lambda speaks those of AWS's JSON services, IAM and STS those of its query services ("Common
Errors" in the Lambda and the IAM API references).
"""

from __future__ import annotations

from objectlens import errors
from objectlens.access.authenticate import Unsigned
from objectlens.operation import Api

_LAMBDA: dict[type[errors.ServiceError], type[errors.ServiceError]] = {
    Unsigned: errors.MissingAuthenticationTokenException,
    errors.AccessDenied: errors.AccessDeniedException,
    errors.InvalidAccessKeyId: errors.UnrecognizedClientException,
    errors.InvalidToken: errors.UnrecognizedClientException,
    errors.ExpiredToken: errors.ExpiredTokenException,
    errors.SignatureDoesNotMatch: errors.InvalidSignatureException,
    errors.RequestTimeTooSkewed: errors.InvalidSignatureException,
    errors.AuthorizationHeaderMalformed: errors.IncompleteSignatureException,
    errors.AuthorizationQueryParametersError: errors.IncompleteSignatureException,
    errors.InvalidRequest: errors.IncompleteSignatureException,
    errors.InvalidArgument: errors.IncompleteSignatureException,
}
_QUERY: dict[type[errors.ServiceError], type[errors.ServiceError]] = {
    Unsigned: errors.MissingAuthenticationToken,
    errors.InvalidAccessKeyId: errors.InvalidClientTokenId,
    errors.InvalidToken: errors.InvalidClientTokenId,
    errors.RequestTimeTooSkewed: errors.SignatureDoesNotMatch,
    errors.AuthorizationHeaderMalformed: errors.IncompleteSignature,
    errors.AuthorizationQueryParametersError: errors.IncompleteSignature,
    errors.InvalidRequest: errors.IncompleteSignature,
    errors.InvalidArgument: errors.IncompleteSignature,
}
_DIALECTS: dict[Api, dict[type[errors.ServiceError], type[errors.ServiceError]]] = {
    "s3": {},
    "s3control": {},
    "lambda": _LAMBDA,
    "iam": _QUERY,
    "sts": _QUERY,
}
# These name the remedy by themselves; S3's texts about keys and tokens would mislead elsewhere.
_OWN_TEXT = (errors.InvalidAccessKeyId, errors.InvalidToken, Unsigned)


def in_dialect(api: Api, error: errors.ServiceError) -> errors.ServiceError:
    """Return a refusal of this room as `api` says it; errors that all APIs share come back unchanged."""
    other = _DIALECTS[api].get(type(error))
    if other is None:
        return error
    return other(None if isinstance(error, _OWN_TEXT) else error.message)
