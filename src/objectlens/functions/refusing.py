"""Why a remote did not run a function, in words for the one who can mend it."""

from __future__ import annotations

from botocore.exceptions import (
    ClientError,
    ConnectionError,  # noqa: A004  (botocore's own)
    CredentialRetrievalError,
    HTTPClientError,
    NoAuthTokenError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
    SSOError,
    TokenRetrievalError,
)

from objectlens.errors import (
    LambdaInvocationFailed,
    ResourceNotFoundException,
    ServiceError,
    TooManyRequestsException,
)
from objectlens.functions.remotes import Remote

_NO_CREDENTIALS = (
    CredentialRetrievalError,
    NoAuthTokenError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)


def refusal_of(error: Exception, remote: Remote, arn: str) -> ServiceError:
    """Return the error of an invocation that the remote refused, or that did not reach it.

    What the remote says in its own words is for the log only.
    """
    if isinstance(error, ClientError):
        return _refused(error, remote, arn)
    if isinstance(error, _NO_CREDENTIALS):
        return LambdaInvocationFailed(
            f"this server has no credentials for the remote {remote.name}. Set remote.{remote.name}.profile, or give "
            "the server credentials where AWS's tools look for them."
        )
    if isinstance(error, ReadTimeoutError):
        return timed_out(remote)
    trouble = "cannot be reached" if isinstance(error, HTTPClientError | ConnectionError) else "could not be asked"
    return LambdaInvocationFailed(
        f"the remote {remote.name} ({remote.address}) {trouble}. The server's log has the reason; see that the remote "
        f"runs, and remote.{remote.name} in the settings."
    )


def timed_out(remote: Remote) -> LambdaInvocationFailed:
    """Say that an endpoint did not answer in time; the function may run on."""
    return LambdaInvocationFailed(
        f"the remote {remote.name} ({remote.address}) did not answer within {remote.timeout_seconds:g} seconds, as "
        f"remote.{remote.name}.timeout_seconds has it."
    )


def throttled(reason: str, *, after: str = "1") -> TooManyRequestsException:
    """Say that there is no place at the moment; `after` is in seconds."""
    return TooManyRequestsException(headers={"Retry-After": after}, Reason=reason)


def _refused(error: ClientError, remote: Remote, arn: str) -> ServiceError:
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    code = error.response["Error"].get("Code", "")
    # An emulator that is at work answers 400 and nothing else.
    if status == 429 or (status == 400 and not remote.signed):
        headers = error.response["ResponseMetadata"]["HTTPHeaders"]
        reason = error.response.get("Reason") or "ConcurrentInvocationLimitExceeded"
        return throttled(reason, after=headers.get("retry-after", "1"))
    if status == 404:
        return ResourceNotFoundException(
            f"The remote {remote.name} ({remote.address}) does not know the function {arn}. Make it there, or see "
            f"remote.{remote.name}.functions in the settings."
        )
    if status in {401, 403}:
        return LambdaInvocationFailed(
            f"the remote {remote.name} ({remote.address}) refused this server's credentials ({code}). Allow them "
            f"lambda:InvokeFunction on {arn} there, or set remote.{remote.name}.profile."
        )
    # An answer that names no error is given its status for a name by the SDK.
    answer = f"{status}" if code == str(status) else f"{status} {code}"
    return LambdaInvocationFailed(f"the remote {remote.name} ({remote.address}) answered {answer}.")
