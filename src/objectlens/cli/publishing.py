"""Putting a function behind an Object Lambda access point, by the AWS APIs that any other client would use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from objectlens.cli.building import MAX_DIRECT
from objectlens.cli.clients import Clients
from objectlens.cli.deployment import NotDeployable
from objectlens.functions.packages import describe

TIMEOUT = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A function as it is to be: `timeout` in seconds, `memory` in MiB. `code_bucket` takes packages over 50 MB."""

    name: str
    runtime: str
    handler: str
    memory: int
    timeout: int = TIMEOUT
    environment: Mapping[str, str] | None = None
    code_bucket: str | None = None


def put_function(clients: Clients, plan: Plan, package: bytes) -> str:
    """Create the function, or change what there is of it; returns its ARN when it is ready.

    Raises `NotDeployable` when the package is too large for a request, and botocore's errors.
    """
    code = _code(clients, plan, package)
    wanted: dict[str, Any] = {
        "Runtime": plan.runtime,
        "Handler": plan.handler,
        "Timeout": plan.timeout,
        "MemorySize": plan.memory,
    }
    if plan.environment is not None:
        wanted["Environment"] = {"Variables": dict(plan.environment)}
    role = f"arn:aws:iam::{clients.account}:role/{plan.name}"
    try:
        made = clients.functions.create_function(FunctionName=plan.name, Role=role, Code=code, **wanted)
    except clients.functions.exceptions.ResourceConflictException:
        made = _change(clients, plan.name, wanted, code)
    clients.functions.get_waiter("function_active_v2").wait(FunctionName=plan.name)
    return str(made["FunctionArn"])


def _code(clients: Clients, plan: Plan, package: bytes) -> dict[str, Any]:
    if len(package) <= MAX_DIRECT:
        return {"ZipFile": package}
    if plan.code_bucket is None:
        raise NotDeployable(
            f"the package has {len(package):,} bytes, and the Lambda API takes {MAX_DIRECT:,} in a request: name a "
            "bucket to upload it to with --code-bucket"
        )
    key = f"objectlens-code/{plan.name}-{describe(package).digest}.zip"
    clients.s3.put_object(Bucket=plan.code_bucket, Key=key, Body=package)
    return {"S3Bucket": plan.code_bucket, "S3Key": key}


def _change(clients: Clients, name: str, wanted: dict[str, Any], code: dict[str, Any]) -> Any:
    made = clients.functions.update_function_code(FunctionName=name, **code)
    if any(made.get(field) != value for field, value in wanted.items()):
        clients.functions.get_waiter("function_updated_v2").wait(FunctionName=name)
        clients.functions.update_function_configuration(FunctionName=name, **wanted)
    return made


def transformation(actions: tuple[str, ...], function: dict[str, str]) -> dict[str, Any]:
    """Return the part of an access point's configuration that names a function."""
    return {"Actions": list(actions), "ContentTransformation": {"AwsLambda": function}}


def put_access_point(clients: Clients, name: str, bucket: str, transformation: dict[str, Any]) -> dict[str, str]:
    """Create or change the Object Lambda access point; returns its ARN and alias."""
    configuration = {
        "SupportingAccessPoint": _supporting(clients, f"{name}-source", bucket),
        "TransformationConfigurations": [transformation],
    }
    here = {"AccountId": clients.account, "Name": name}
    try:
        clients.s3control.get_access_point_for_object_lambda(**here)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        clients.s3control.create_access_point_for_object_lambda(**here, Configuration=configuration)
    else:
        clients.s3control.put_access_point_configuration_for_object_lambda(**here, Configuration=configuration)
    alias = clients.s3control.get_access_point_for_object_lambda(**here).get("Alias", {}).get("Value", "")
    arn = f"arn:aws:s3-object-lambda:{clients.region}:{clients.account}:accesspoint/{name}"
    return {"access_point": arn, "alias": alias}


def _supporting(clients: Clients, name: str, bucket: str) -> str:
    """Return the ARN of the access point on the bucket, made when it is not there yet."""
    try:
        there = clients.s3control.get_access_point(AccountId=clients.account, Name=name)["Bucket"]
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        clients.s3control.create_access_point(AccountId=clients.account, Name=name, Bucket=bucket)
        there = bucket
    if there != bucket:
        raise NotDeployable(
            f"there is an access point {name} already, on the bucket {there}; choose another --access-point, or remove "
            f"it with: aws s3control delete-access-point --account-id {clients.account} --name {name}"
        )
    return f"arn:aws:s3:{clients.region}:{clients.account}:accesspoint/{name}"
