"""One class for each AWS error code that we send.

A room raises the error; the gateway alone renders it, in the format of the API that was called. The class name is the
code, unless `code` says otherwise; `status` and `text` are AWS's (S3 API reference, "Error responses"; reference
sections 8.2 and 12.5).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class ServiceError(Exception):
    """An error that goes to the client as an AWS error document.

    `message` replaces the class's text and should name the cause and the remedy. `headers` are added to the answer.
    `detail` are extra elements of the document (`Key="a.jpg"`, `BucketName="pics"`).
    """

    code: ClassVar[str] = "InternalError"
    status: ClassVar[int] = 500
    text: ClassVar[str] = "We encountered an internal error. Please try again."

    def __init_subclass__(cls) -> None:
        if "code" not in cls.__dict__:
            cls.code = cls.__name__

    def __init__(self, message: str | None = None, *, headers: Mapping[str, str] | None = None, **detail: str) -> None:
        super().__init__(message or self.text)
        self.message = message or self.text
        self.headers = dict(headers or {})
        self.detail = detail


class InternalError(ServiceError):
    """A fault of ours; the log has the traceback, the client does not."""


# --- access ---------------------------------------------------------------------------------------------------------


class AccessDenied(ServiceError):
    """The caller may not do this."""

    status = 403
    text = "Access Denied"


class SignatureDoesNotMatch(ServiceError):
    """The signature is not the one that the named key makes of this request."""

    status = 403
    text = (
        "The request signature we calculated does not match the signature you provided. Check your key and signing "
        "method."
    )


class InvalidAccessKeyId(ServiceError):
    """No such access key."""

    status = 403
    text = "The AWS Access Key Id you provided does not exist in our records."


class InvalidToken(ServiceError):
    """A session token that is not one of ours."""

    status = 400
    text = "The provided token is malformed or otherwise invalid."


class ExpiredToken(ServiceError):
    """A session token past its time."""

    status = 400
    text = "The provided token has expired."


class RequestTimeTooSkewed(ServiceError):
    """The client's clock is more than 15 minutes off."""

    status = 403
    text = "The difference between the request time and the current time is too large."


class AuthorizationHeaderMalformed(ServiceError):
    """An Authorization header that does not parse."""

    status = 400
    text = "The authorization header you provided is invalid."


class AuthorizationQueryParametersError(ServiceError):
    """Presigning parameters that do not parse."""

    status = 400
    text = "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed."


# --- S3: resources ----------------------------------------------------------------------------------------------------


class NoSuchBucket(ServiceError):
    """No bucket of that name."""

    status = 404
    text = "The specified bucket does not exist"


class NoSuchKey(ServiceError):
    """No object of that key."""

    status = 404
    text = "The specified key does not exist."


class NoSuchVersion(ServiceError):
    """No such version of that object."""

    status = 404
    text = "The specified version does not exist."


class IllegalVersioningConfigurationException(ServiceError):
    """A versioning configuration that says nothing."""

    status = 400
    text = "The Versioning element must be specified"


class NoSuchUpload(ServiceError):
    """No such multipart upload."""

    status = 404
    text = (
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or "
        "completed."
    )


class BucketAlreadyExists(ServiceError):
    """The name is taken by another account."""

    status = 409
    text = "The requested bucket name is not available. Please select a different name and try again."


class BucketAlreadyOwnedByYou(ServiceError):
    """The bucket is there already, and it is the caller's."""

    status = 409
    text = "Your previous request to create the named bucket succeeded and you already own it."


class BucketNotEmpty(ServiceError):
    """A bucket with objects in it cannot be deleted."""

    status = 409
    text = "The bucket you tried to delete is not empty"


class BucketHasAccessPointsAttached(ServiceError):
    """A bucket that access points still lead to cannot be deleted."""

    status = 400
    text = (
        "The bucket you tried to delete has access points attached. Delete your access points before deleting your "
        "bucket."
    )


class InvalidAccessPoint(ServiceError):
    """An access-point host that names nothing (data plane)."""

    status = 400
    text = "The specified access point name or account is not valid."


class InvalidAccessPointAliasError(ServiceError):
    """An alias that names nothing."""

    status = 400
    text = "The specified access point alias name is not valid."


# --- S3: requests -----------------------------------------------------------------------------------------------------


class MethodNotAllowed(ServiceError):
    """A known operation that this kind of resource refuses."""

    status = 405
    text = "The specified method is not allowed against this resource."


class NotImplemented(ServiceError):  # noqa: A001  (AWS's name for it)
    """A request that needs something we do not do."""

    status = 501
    text = "A header you provided implies functionality that is not implemented"


class InvalidArgument(ServiceError):
    """An argument out of its range."""

    status = 400
    text = "Invalid Argument"


class InvalidRequest(ServiceError):
    """A request that contradicts itself."""

    status = 400
    text = "Invalid Request"


class InvalidURI(ServiceError):
    """A path that does not decode."""

    status = 400
    text = "Couldn't parse the specified URI."


class InvalidBucketName(ServiceError):
    """A bucket name against the naming rules."""

    status = 400
    text = "The specified bucket is not valid."


class KeyTooLongError(ServiceError):
    """A key of more than 1,024 bytes of UTF-8."""

    status = 400
    text = "Your key is too long"


class MetadataTooLarge(ServiceError):
    """More than 2 KB of user metadata."""

    status = 400
    text = "Your metadata headers exceed the maximum allowed metadata size"


class MalformedXML(ServiceError):
    """A body that is not the XML it should be."""

    status = 400
    text = "The XML you provided was not well-formed or did not validate against our published schema"


class MissingContentLength(ServiceError):
    """An upload of unknown length."""

    status = 411
    text = "You must provide the Content-Length HTTP header."


class IncompleteBody(ServiceError):
    """Fewer bytes than announced."""

    status = 400
    text = "You did not provide the number of bytes specified by the Content-Length HTTP header"


class EntityTooLarge(ServiceError):
    """An upload over the limit."""

    status = 400
    text = "Your proposed upload exceeds the maximum allowed size"


class EntityTooSmall(ServiceError):
    """A part, not the last, of less than 5 MiB."""

    status = 400
    text = "Your proposed upload is smaller than the minimum allowed size"


class InvalidPart(ServiceError):
    """A part that was not uploaded, or has another ETag."""

    status = 400
    text = (
        "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified "
        "entity tag may not match the part's entity tag."
    )


class InvalidPartOrder(ServiceError):
    """Parts out of order."""

    status = 400
    text = "The list of parts was not in ascending order. Parts must be ordered by part number."


class BadDigest(ServiceError):
    """A body that does not have the digest announced."""

    status = 400
    text = "The Content-MD5 or checksum value that you specified did not match what the server received."


class InvalidDigest(ServiceError):
    """A Content-MD5 that is not one."""

    status = 400
    text = "The Content-MD5 you specified was invalid."


class XAmzContentSHA256Mismatch(ServiceError):
    """A body that does not have the SHA-256 that was signed."""

    status = 400
    text = "The provided 'x-amz-content-sha256' header does not match what was computed."


class PreconditionFailed(ServiceError):
    """An If-Match or If-Unmodified-Since that does not hold."""

    status = 412
    text = "At least one of the pre-conditions you specified did not hold"


class NotModified(ServiceError):
    """304, which has headers and no body."""

    status = 304
    text = "Not Modified"


class InvalidRange(ServiceError):
    """A range outside the object."""

    status = 416
    text = "The requested range is not satisfiable"


class MalformedPOSTRequest(ServiceError):
    """A form that is not multipart/form-data as it should be."""

    status = 400
    text = "The body of your POST request is not well-formed multipart/form-data."


class MaxPostPreDataLengthExceededError(ServiceError):
    """Fields of more than 20 KB in front of a form's file."""

    status = 400
    text = "Your POST request fields preceding the upload file were too large."


class InvalidPolicyDocument(ServiceError):
    """A form's policy that is not one."""

    status = 400
    text = "The content of the form does not meet the conditions specified in the policy document."


class RequestTimeout(ServiceError):
    """The client was too slow in sending."""

    status = 400
    text = "Your socket connection to the server was not read from or written to within the timeout period."


class InvalidTag(ServiceError):
    """A tag against the rules: length, characters, twice the same key."""

    status = 400
    text = "The tag provided was not a valid tag."


class BadRequest(ServiceError):
    """A preflight request that names no origin or no method."""

    status = 400
    text = "Bad Request"


class InvalidStorageClass(ServiceError):
    """A storage class that is not one of S3's."""

    status = 400
    text = "The storage class you specified is not valid"


class InvalidObjectState(ServiceError):
    """A restore of an object that is not archived."""

    status = 403
    text = "Restore is not allowed for the object's current storage class"


class InvalidBucketOwnerAWSAccountID(ServiceError):
    """An expected bucket owner that is not an account id."""

    status = 400
    text = "The value of the expected bucket owner parameter must be an AWS Account ID of 12 digits."


class AccessControlListNotSupported(ServiceError):
    """An ACL other than the bucket owner's full control, in a bucket where ACLs are disabled."""

    status = 400
    text = "The bucket does not allow ACLs"


class InvalidBucketAclWithObjectOwnership(ServiceError):
    """A bucket with an ACL that grants to others, and with ACLs disabled."""

    status = 400
    text = "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"


class IllegalLocationConstraintException(ServiceError):
    """A location constraint that does not fit the region."""

    status = 400
    text = "The location constraint is incompatible for the region specific endpoint this request was sent to."


class AccessForbidden(ServiceError):
    """A CORS preflight to a bucket without CORS."""

    status = 403
    text = "CORSResponse: CORS is not enabled for this bucket."


class MalformedTrailerError(ServiceError):
    """Trailers of an aws-chunked body that are not well formed, or not those announced."""

    status = 400
    text = "The request contained trailing data that was not well-formed or did not conform to our published schema."


class InvalidChunkSizeError(ServiceError):
    """A chunk, not the last, of less than 8 KiB."""

    status = 403
    text = "Only the last chunk is allowed to have a size less than 8192 bytes"


class RequestHeaderSectionTooLarge(ServiceError):
    """Headers over the limit."""

    status = 400
    text = "Your request header section exceeds the maximum allowed size."


class SlowDown(ServiceError):
    """Too much at once; try again."""

    status = 503
    text = "Please reduce your request rate."


class ServiceUnavailable(ServiceError):
    """Not now: the server is starting or draining."""

    status = 503
    text = "Service is unable to handle request."


class InternalStoreError(ServiceError):
    """The store behind a bucket failed."""

    code = "InternalError"
    status = 500


# --- S3: configurations that a bucket does not have -------------------------------------------------------------------


class NoSuchTagSet(ServiceError):
    """A bucket without tags."""

    status = 404
    text = "The TagSet does not exist"


class NoSuchPublicAccessBlockConfiguration(ServiceError):
    """A bucket whose Block Public Access was deleted."""

    status = 404
    text = "The public access block configuration was not found"


class NoSuchCORSConfiguration(ServiceError):
    """A bucket without CORS."""

    status = 404
    text = "The CORS configuration does not exist"


class NoSuchLifecycleConfiguration(ServiceError):
    """A bucket without lifecycle rules."""

    status = 404
    text = "The lifecycle configuration does not exist"


class NoSuchWebsiteConfiguration(ServiceError):
    """A bucket that is no website."""

    status = 404
    text = "The specified bucket does not have a website configuration"


class ReplicationConfigurationNotFoundError(ServiceError):
    """A bucket without replication."""

    status = 404
    text = "The replication configuration was not found"


class ServerSideEncryptionConfigurationNotFoundError(ServiceError):
    """A bucket without default encryption."""

    status = 404
    text = "The server side encryption configuration was not found"


class ObjectLockConfigurationNotFoundError(ServiceError):
    """A bucket without Object Lock."""

    status = 404
    text = "Object Lock configuration does not exist for this bucket"


# --- S3 Object Lambda (reference section 8.2) ------------------------------------------------------------------------


class LambdaInvalidResponse(ServiceError):
    """The function's response was invalid; its WriteGetObjectResponse got ValidationError."""

    status = 400
    text = "The response of the Lambda function is not valid."


class LambdaInvocationFailed(ServiceError):
    """Invoking the function failed."""

    status = 400
    text = "Lambda function invocation failed."


class LambdaPermissionError(ServiceError):
    """The caller may not invoke the function."""

    status = 403
    text = "The caller is not authorized to invoke the Lambda function."


class LambdaNotFound(ServiceError):
    """The function does not exist."""

    status = 404
    text = "The AWS Lambda function was not found."


class LambdaResponseNotReceived(ServiceError):
    """The function ended without a successful WriteGetObjectResponse."""

    status = 500
    text = "The Lambda exited without successfully calling WriteGetObjectResponse."


class LambdaRuntimeError(ServiceError):
    """The function raised or crashed."""

    status = 500
    text = "The Lambda function failed during execution."


class LambdaTimeout(ServiceError):
    """WriteGetObjectResponse was not completed in 60 seconds."""

    status = 500
    text = "The Lambda function did not respond within the allowed time."


class ValidationError(ServiceError):
    """Told to the function by WriteGetObjectResponse, and to callers of the IAM API."""

    status = 400
    text = "1 validation error detected."


class InvalidTransformInput(ServiceError):
    """The object is not what the pipeline of a native transform reads, or it is corrupt."""

    status = 422
    text = "The object cannot be read by the transform of this access point."


class TransformLimitExceeded(ServiceError):
    """The object would cost more than a native transform is allowed."""

    status = 422
    text = "The object is over a limit of the transform of this access point."


# --- S3 Control (reference section 12.5) -----------------------------------------------------------------------------


class AccessPointAlreadyOwnedByYou(ServiceError):
    """The access point is there already."""

    status = 409
    text = "Your previous request to create the named accesspoint succeeded and you already own it."


class NoSuchAccessPoint(ServiceError):
    """No access point of that name (control plane)."""

    status = 404
    text = "The specified accesspoint does not exist"


class NoSuchAccessPointPolicy(ServiceError):
    """The access point has no policy."""

    status = 404
    text = "The specified accesspoint policy does not exist"


class NoSuchBucketPolicy(ServiceError):
    """The bucket has no policy."""

    status = 404
    text = "The bucket policy does not exist"


class MalformedPolicy(ServiceError):
    """A policy document that is not valid (S3 and S3 Control)."""

    status = 400
    text = "Policies must be valid JSON and the first byte must be '{'"


# --- Lambda (reference section 14.5) ---------------------------------------------------------------------------------


class ResourceNotFoundException(ServiceError):
    """No such function, version or alias."""

    status = 404
    text = "The resource you requested does not exist."


class ResourceConflictException(ServiceError):
    """The resource exists already, or another change is under way."""

    status = 409
    text = "The resource already exists, or another operation is in progress."


class InvalidParameterValueException(ServiceError):
    """A parameter of a Lambda call is not valid."""

    status = 400
    text = "One of the parameters in the request is not valid."


class InvalidRequestContentException(ServiceError):
    """A body that is not JSON."""

    status = 400
    text = "The request body could not be parsed as JSON."


class RequestTooLargeException(ServiceError):
    """A payload over Lambda's limit."""

    status = 413
    text = "The request payload exceeded the Invoke request body JSON input quota."


class TooManyRequestsException(ServiceError):
    """A concurrency limit is reached."""

    status = 429
    text = "Rate Exceeded."


class ServiceException(ServiceError):
    """A fault of ours, as Lambda names it."""

    status = 500
    text = "The Lambda service encountered an internal error."


class InvalidZipFileException(ServiceError):
    """A deployment package that does not unpack."""

    status = 502
    text = "Lambda could not unzip the deployment package."


class InvalidRuntimeException(ServiceError):
    """A runtime that this machine does not have."""

    status = 502
    text = "The runtime or runtime version specified is not supported."


# --- Refusals as Lambda, IAM and STS name them ("Common Errors" in their API references) -----------------------------


class AccessDeniedException(AccessDenied):
    """Lambda's AccessDenied."""

    status = 403
    text = "You do not have permission to perform this operation."


class MissingAuthenticationToken(AccessDenied):
    """A request to IAM or STS without a signature."""

    status = 403
    text = "Request is missing Authentication Token"


class MissingAuthenticationTokenException(AccessDenied):
    """A request to Lambda without a signature."""

    status = 403
    text = "Missing Authentication Token"


class InvalidClientTokenId(ServiceError):
    """IAM's and STS's InvalidAccessKeyId and InvalidToken."""

    status = 403
    text = "The security token included in the request is invalid."


class UnrecognizedClientException(ServiceError):
    """Lambda's InvalidAccessKeyId and InvalidToken."""

    status = 403
    text = "The security token included in the request is invalid."


class ExpiredTokenException(ServiceError):
    """Lambda's ExpiredToken."""

    status = 403
    text = "The security token included in the request is expired"


class InvalidSignatureException(ServiceError):
    """Lambda's SignatureDoesNotMatch."""

    status = 403
    text = (
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
        "Key and signing method."
    )


class IncompleteSignature(ServiceError):
    """IAM and STS: the signature does not parse."""

    status = 400
    text = "The request signature does not conform to AWS standards."


class IncompleteSignatureException(ServiceError):
    """Lambda: the signature does not parse."""

    status = 400
    text = "The request signature does not conform to AWS standards."


# --- IAM and STS ------------------------------------------------------------------------------------------------------


class NoSuchEntity(ServiceError):
    """No user, role, policy or key of that name."""

    status = 404
    text = "The request was rejected because it referenced a resource entity that does not exist."


class EntityAlreadyExists(ServiceError):
    """The name is taken."""

    status = 409
    text = "The request was rejected because it attempted to create a resource that already exists."


class DeleteConflict(ServiceError):
    """Something still hangs on what was to be deleted."""

    status = 409
    text = "The request was rejected because it attempted to delete a resource that has attached subordinate entities."


class LimitExceeded(ServiceError):
    """One more than an account may have."""

    status = 409
    text = "The request was rejected because it attempted to create resources beyond the current account quotas."


class MalformedPolicyDocument(ServiceError):
    """A policy document that is not valid (IAM and STS)."""

    status = 400
    text = "The request was rejected because the policy document was malformed."


class InvalidInput(ServiceError):
    """A parameter of IAM that is out of its range."""

    status = 400
    text = "The request was rejected because an invalid or out-of-range value was supplied for an input parameter."


class PackedPolicyTooLarge(ServiceError):
    """A session policy over the limit of STS."""

    status = 400
    text = "The request was rejected because the session policy is longer than allowed."
