"""Faults of requests that the engine itself finds."""

from __future__ import annotations

from objectlens.errors import ServiceError


class Malformed(ValueError):
    """A body or a parameter that cannot be read as what the model says; the message tells why."""


class ValidationException(ServiceError):
    """Lambda's refusal of values outside their constraints."""

    status = 400
    text = "1 validation error detected."


class SerializationException(ServiceError):
    """Lambda's refusal of JSON of another shape than the operation's."""

    status = 400
    text = "The request body has another shape than the operation's."


class UnknownOperationException(ServiceError):
    """A path of Lambda's that is no operation."""

    status = 404
    text = "The requested operation does not exist."


class InvalidAction(ServiceError):
    """An `Action` that IAM or STS do not have."""

    status = 400
    text = "The action or operation requested is invalid. Verify that the action is typed correctly."


class MissingAction(ServiceError):
    """A request to IAM or STS without an `Action`."""

    status = 400
    text = "The request is missing an action or a required parameter."


class MalformedQueryString(ServiceError):
    """A form of IAM or STS that cannot be read as the operation's parameters."""

    status = 400
    text = "The query string contains a syntax error."
