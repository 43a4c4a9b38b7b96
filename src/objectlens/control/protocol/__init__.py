"""The engine that serves AWS's management APIs from botocore's own models of them.

It knows no operation by name. A service room gives it a table of handlers; what flows through is

    HttpRequest -> route -> parameters -> checked -> authorised -> handler -> result -> HttpResponse

with parameters and results as plain dicts in the shape that boto3 gives and takes, and every `ServiceError` rendered
in the form of the API. It supports three protocols: `rest-xml` (S3 Control), `rest-json` (Lambda) and `query` (IAM,
STS); they are described in "AWS protocols" of the Smithy documentation (https://smithy.io/2.0/aws/protocols/).
"""

from __future__ import annotations

from objectlens.control.protocol.api import Authorize, ControlApi, Handler, Permission, Request
from objectlens.control.protocol.model import Model

__all__ = ["Authorize", "ControlApi", "Handler", "Model", "Permission", "Request"]
