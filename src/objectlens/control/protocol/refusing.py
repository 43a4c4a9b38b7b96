"""Which error of which API a bad request gets."""

from __future__ import annotations

from typing import Any

from objectlens import errors
from objectlens.control.protocol import checking, faults
from objectlens.control.protocol.model import Model
from objectlens.control.protocol.reading_json import NotJson
from objectlens.http import HttpRequest
from objectlens.operation import Api


def malformed(service: Api, error: faults.Malformed) -> errors.ServiceError:
    """Return the error for a request that cannot be read."""
    if service == "s3control":
        return errors.MalformedXML(f"{errors.MalformedXML.text}: {error}.")
    if service == "lambda":
        kind = errors.InvalidRequestContentException if isinstance(error, NotJson) else faults.SerializationException
        return kind(str(error))
    return faults.MalformedQueryString(str(error))


def invalid(service: Api, shape: Any, failed: list[checking.Failed]) -> errors.ServiceError:
    """Return the error for values outside their constraints."""
    text = checking.message(failed)
    if service == "lambda":
        return faults.ValidationException(text)
    if service == "s3control":
        # What is missing from a document makes the document wrong; the rest are wrong values.
        inside = all(one.missing and "location" not in shape.members[one.top].serialization for one in failed)
        return errors.MalformedXML(f"{errors.MalformedXML.text}: {text}") if inside else errors.InvalidRequest(text)
    return errors.ValidationError(text)


def unknown(model: Model, http: HttpRequest, name: str | None) -> errors.ServiceError:
    """Return the error for what is no operation of the API."""
    if model.service == "s3control":
        return errors.InvalidURI(f"{http.method} {http.path} is no operation of S3 Control.")
    if model.service == "lambda":
        return faults.UnknownOperationException(f"{http.method} {http.path} is no operation of Lambda.")
    if not name:
        return faults.MissingAction()
    return faults.InvalidAction(f"Could not find operation {name} for version {model.version}")
