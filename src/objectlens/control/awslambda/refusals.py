"""Errors of the Lambda API that no other API has, and the sentences that Lambda says them with."""

from __future__ import annotations

from objectlens.catalog.entities import Function
from objectlens.control.awslambda.names import FunctionName
from objectlens.errors import ResourceConflictException, ResourceNotFoundException, ServiceError


class PreconditionFailedException(ServiceError):
    """The function was changed since the caller looked at it."""

    status = 412
    text = (
        "The RevisionId provided does not match the latest RevisionId. Call the GetFunction/GetAlias API to retrieve "
        "the latest RevisionId"
    )


class RequestEntityTooLargeException(ServiceError):
    """A deployment package that is too long for a request."""

    status = 413


class PolicyLengthExceededException(ServiceError):
    """A function policy of more than 20 KB."""

    status = 400
    text = "The final policy size is bigger than the limit (20480)."


class ProvisionedConcurrencyConfigNotFoundException(ServiceError):
    """Nothing is kept ready of this version or alias."""

    status = 404
    text = "No Provisioned Concurrency Config found for this function"


def no_function(name: FunctionName, region: str) -> ResourceNotFoundException:
    """Say that there is no such function, version or alias."""
    return ResourceNotFoundException(f"Function not found: {name.arn(region)}")


def no_alias(arn: str) -> ResourceNotFoundException:
    """Say that there is no such alias."""
    return ResourceNotFoundException(f"Cannot find alias arn: {arn}")


def function_exists(name: str) -> ResourceConflictException:
    """Say that the name is taken."""
    return ResourceConflictException(f"Function already exist: {name}")


def check_revision(function: Function, wanted: str | None) -> None:
    """Refuse to change a function that is not the one that the caller has seen."""
    if wanted and wanted != function.revision_id:
        raise PreconditionFailedException
