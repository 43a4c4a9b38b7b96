"""One service's model, as botocore ships it."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel

from objectlens.operation import Api

Protocol = Literal["rest-xml", "rest-json", "query"]

# Not in S3 Control's model; every document of the API carries it (reference section 12.1).
S3_CONTROL_NAMESPACE = "http://awss3control.amazonaws.com/doc/2018-08-20/"


class Model:
    """The operations and shapes of a service; read from botocore's data when first asked for (about 20 ms)."""

    def __init__(self, service: Api) -> None:
        self.service = service

    @cached_property
    def _model(self) -> ServiceModel:
        return ServiceModel(Loader().load_service_model(self.service, "service-2"), self.service)

    @property
    def protocol(self) -> Protocol:
        """The protocol that the service speaks."""
        protocol: Protocol = self._model.metadata["protocol"]
        return protocol

    @property
    def version(self) -> str:
        """The version of the API, a date."""
        return str(self._model.api_version)

    @cached_property
    def namespace(self) -> str:
        """The XML namespace of the service's documents; empty for JSON services."""
        default = S3_CONTROL_NAMESPACE if self.protocol == "rest-xml" else ""
        return str(self._model.metadata.get("xmlNamespace", default))

    @cached_property
    def operations(self) -> dict[str, OperationModel]:
        """All operations by name."""
        return {name: self._model.operation_model(name) for name in self._model.operation_names}

    @cached_property
    def exceptions(self) -> dict[str, Any]:
        """The shapes of modelled errors by code."""
        return {shape.error_code: shape for shape in self._model.error_shapes}
