"""What a caller may set of a function: from the parameters of a call to fields of the entity, with Lambda's checks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from objectlens.catalog.entities import LoggingConfig
from objectlens.control.awslambda.context import Parameters
from objectlens.control.protocol.faults import ValidationException
from objectlens.errors import InvalidParameterValueException
from objectlens.functions.configuration import LONGEST_TIMEOUT
from objectlens.functions.network import network_of
from objectlens.functions.variables import RESERVED

MAX_VARIABLES = 4096
# The public limits, which are lower than those of the service's model (reference section 14.7).
_MAXIMA = {"Timeout": LONGEST_TIMEOUT, "MemorySize": 10240}

# Parameters that would change what the function can do, or who sees it, and that this server cannot give it.
_REFUSED = {
    "VpcConfig": "VPCs (OBJECTLENS_NETWORK among the function's variables says what it may reach)",
    "DeadLetterConfig": "dead-letter queues (the server's log tells of events that were given up)",
    "KMSKeyArn": "keys of KMS",
    "SourceKMSKeyArn": "keys of KMS",
    "RuntimeConfig": "a choice of runtime versions",
    "PublishTo": "capacity providers",
    "FileSystemConfigs": "file systems",
    "ImageConfig": "container images",
    "CodeSigningConfigArn": "code signing",
    "CapacityProviderConfig": "capacity providers",
    "DurableConfig": "durable functions",
    "TenancyConfig": "tenant isolation",
    "AcceleratorConfig": "accelerators",
}
# What Lambda takes when JSON is chosen and nothing is said of levels (developer guide, "Log-level filtering").
_LEVEL = "INFO"
_FIELDS = {
    "Role": "role",
    "Handler": "handler",
    "Runtime": "runtime",
    "Description": "description",
    "Timeout": "timeout",
    "MemorySize": "memory_size",
}


def fields_of(parameters: Parameters) -> dict[str, Any]:
    """Return the entity's fields that the parameters set; raises `InvalidParameterValueException`."""
    check_offered(parameters)
    storage = parameters.get("EphemeralStorage")
    if storage is not None:
        _check_maximum("ephemeralStorage.size", storage["Size"], 10240)
    for name, most in _MAXIMA.items():
        _check_maximum(name[:1].lower() + name[1:], parameters.get(name, 0), most)
    fields = {field: parameters[name] for name, field in _FIELDS.items() if parameters.get(name) is not None}
    if storage is not None:
        fields["ephemeral_storage"] = storage["Size"]
    if (tracing := parameters.get("TracingConfig")) is not None:
        fields["tracing"] = tracing.get("Mode", "PassThrough")
    if (snap_start := parameters.get("SnapStart")) is not None:
        fields["snap_start"] = snap_start.get("ApplyOn", "None")
    if (environment := parameters.get("Environment")) is not None:
        fields["environment"] = _variables(environment.get("Variables") or {})
    return fields


def check_offered(parameters: Parameters) -> None:
    """Raise `InvalidParameterValueException` for parameters that ask for what this server does not offer."""
    for name, words in _REFUSED.items():
        if _asks(parameters.get(name)):
            raise InvalidParameterValueException(f"This server does not offer {words}: leave {name} out.")


def logging_of(old: LoggingConfig, parameters: Parameters) -> LoggingConfig:
    """Return how the log is to be written: what a call does not name stays; raises `InvalidParameterValueException`."""
    given = parameters.get("LoggingConfig") or {}
    kept = replace(old, format=given.get("LogFormat", old.format), group=given.get("LogGroup", old.group))
    application, system = given.get("ApplicationLogLevel"), given.get("SystemLogLevel")
    if kept.format == "JSON":
        return replace(
            kept,
            application_level=application or old.application_level or _LEVEL,
            system_level=system or old.system_level or _LEVEL,
        )
    if application or system:
        raise InvalidParameterValueException(
            "Levels can be chosen for logs in JSON alone: set LogFormat to JSON, or leave ApplicationLogLevel and "
            "SystemLogLevel out."
        )
    return replace(kept, application_level=None, system_level=None)


def _asks(value: Any) -> bool:
    """Whether a parameter asks for something: one that is empty, or a structure of such, takes it away."""
    return any(value.values()) if isinstance(value, Mapping) else bool(value)


def _check_maximum(name: str, value: int, most: int) -> None:
    if value > most:
        raise ValidationException(
            f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: Member must have "
            f"value less than or equal to {most}"
        )


def _variables(variables: Mapping[str, str]) -> dict[str, str]:
    if reserved := sorted(RESERVED & variables.keys()):
        raise InvalidParameterValueException(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided contains reserved keys that are currently not supported for modification. Reserved keys used in "
            f"this request: {', '.join(reserved)}"
        )
    for name, value in variables.items():
        if not _is_variable_name(name) or "\0" in value:
            raise InvalidParameterValueException(f"{name!r} cannot be an environment variable.")
    try:
        network_of(variables)
    except ValueError as error:
        raise InvalidParameterValueException(f"{error}.") from None
    text = json.dumps(dict(variables), separators=(",", ":"), ensure_ascii=False)
    if sum(len(name.encode()) + len(value.encode()) for name, value in variables.items()) > MAX_VARIABLES:
        raise InvalidParameterValueException(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            f"provided exceeded the 4KB limit. String measured: {text[:200]}"
        )
    return dict(variables)


def _is_variable_name(name: str) -> bool:
    """Whether a name is as Lambda wants it: at least two of `[a-zA-Z0-9_]`, a letter first."""
    return len(name) > 1 and name.isascii() and name[0].isalpha() and name.replace("_", "a").isalnum()
