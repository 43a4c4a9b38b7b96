"""Functions, aliases and layers as the Lambda API shows them (reference section 14.6)."""

from __future__ import annotations

from datetime import datetime

from objectlens.arn import function_arn, layer_arn
from objectlens.catalog.entities import LATEST, Function, FunctionAlias, LayerVersion
from objectlens.control.awslambda.context import Result
from objectlens.functions.variables import log_group


def timestamp(moment: datetime) -> str:
    """Return a time as Lambda writes it: `2026-11-23T01:02:03.045+0000`."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+0000"


def configuration(function: Function, *, qualifier: str | None = None) -> Result:
    """Return a FunctionConfiguration; with a `qualifier`, its ARN is qualified by it."""
    result: Result = {
        "FunctionName": function.name,
        "FunctionArn": function_arn(function.region, function.account, function.name, qualifier),
        "Runtime": function.runtime,
        "Role": function.role,
        "Handler": function.handler,
        "CodeSize": function.code_size,
        "Description": function.description,
        "Timeout": function.timeout,
        "MemorySize": function.memory_size,
        "LastModified": timestamp(function.last_modified),
        "CodeSha256": function.code_sha256,
        "Version": function.version,
        "TracingConfig": {"Mode": function.tracing},
        "RevisionId": function.revision_id,
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": function.package_type,
        "Architectures": list(function.architectures),
        "EphemeralStorage": {"Size": function.ephemeral_storage},
        "SnapStart": _snap_start(function),
        "LoggingConfig": _logging(function),
    }
    if function.environment:
        result["Environment"] = {"Variables": dict(function.environment)}
    if function.layers:
        result["Layers"] = [{"Arn": one.arn, "CodeSize": one.code_size} for one in function.layers]
    return result


def _snap_start(function: Function) -> Result:
    """Return SnapStart: templates are to Python what snapshots are on Lambda, and published versions tell it there."""
    on = function.snap_start == "PublishedVersions" and function.version != LATEST
    status = "On" if on and function.runtime.startswith("python") else "Off"
    return {"ApplyOn": function.snap_start, "OptimizationStatus": status}


def _logging(function: Function) -> Result:
    logging = function.logging
    levels = {"ApplicationLogLevel": logging.application_level, "SystemLogLevel": logging.system_level}
    return {
        "LogFormat": logging.format,
        "LogGroup": log_group(function),
        **{name: level for name, level in levels.items() if level is not None},
    }


def version_of(function: Function) -> Result:
    """Return a FunctionConfiguration whose ARN names the version, `$LATEST` too."""
    return configuration(function, qualifier=function.version)


def alias(value: FunctionAlias, region: str) -> Result:
    """Return an AliasConfiguration."""
    result: Result = {
        "AliasArn": function_arn(region, value.account, value.function, value.name),
        "Name": value.name,
        "FunctionVersion": value.version,
        "Description": value.description,
        "RevisionId": value.revision_id,
    }
    if value.weights:
        result["RoutingConfig"] = {"AdditionalVersionWeights": dict(value.weights)}
    return result


def layer(value: LayerVersion, location: str | None) -> Result:
    """Return what PublishLayerVersion and GetLayerVersion tell; the content can be fetched at `location`."""
    content: Result = {"CodeSha256": value.code_sha256, "CodeSize": value.code_size}
    if location is not None:
        content["Location"] = location
    return {
        **layer_item(value),
        "LayerArn": layer_arn(value.region, value.account, value.name),
        "Content": content,
    }


def layer_item(value: LayerVersion) -> Result:
    """Return a LayerVersionsListItem; what was not given when it was published is left out."""
    optional = {
        "LicenseInfo": value.license,
        "CompatibleRuntimes": list(value.runtimes),
        "CompatibleArchitectures": list(value.architectures),
    }
    return {
        "LayerVersionArn": value.arn,
        "Version": int(value.version),
        "Description": value.description,
        "CreatedDate": timestamp(value.created_at),
        **{name: one for name, one in optional.items() if one},
    }
