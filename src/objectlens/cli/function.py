"""`objectlens function`: transforms written in Python, put behind an Object Lambda access point.

Everything is done by the AWS APIs that any other client would use; the server learns nothing but what they say.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import click
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from objectlens.arn import NATIVE_FUNCTION
from objectlens.cli import deployment
from objectlens.cli.execute import reachable, root_of, running
from objectlens.cli.options import ENDPOINT_NAME, config_option, data_option, json_option, print_json, read_settings

_EPILOG = """\b
Examples:
  objectlens function deploy thumbnails:normalize --access-point thumbnails --bucket photographs
  objectlens function deploy my_package.text:redact --access-point redacted --bucket documents --json

In thumbnails.py, either of these is `normalize`:
\b
  normalize = decode() >> resize(width=256, height=256) >> grayscale() >> encode(format="jpeg")
\b
  @transform
  def normalize(data: bytes, ctx: Context) -> bytes: ...

A chain of built-in steps is deployed as data; your own functions are packaged, with their module or package, as a
Lambda function. Deploying again replaces what was there. The same object runs in a notebook:
normalize("photograph.jpg").
"""
_ACTIONS = ("GetObject",)
_NATIVE_ACTIONS = ("GetObject", "HeadObject")
_TIMEOUT = 60


@dataclass(frozen=True, slots=True)
class Clients:
    """The APIs of one server, and whose key they are used with."""

    s3control: Any
    functions: Any
    account: str
    region: str


@click.group("function")
def command() -> None:
    """Deploy transforms that are written in Python."""


@command.command("deploy", epilog=_EPILOG)
@click.argument("target", metavar="MODULE:NAME")
@click.option("--access-point", "name", required=True, help="The Object Lambda access point to make, or to change.")
@click.option("--bucket", required=True, help="The bucket whose objects are transformed.")
@click.option("--function-name", help="The Lambda function's name.  [default: the access point's]")
@click.option(
    "--memory", type=click.IntRange(128, 10_240), default=512, show_default=True, help="MiB for the function."
)
@click.option(
    "--quality", type=click.Choice(["fast", "exact"]), default="fast", show_default=True, help="Of built-in steps."
)
@data_option
@config_option
@click.option("--endpoint", metavar="URL", help="A server elsewhere, with the AWS credentials of the environment.")
@json_option
def deploy(
    *,
    target: str,
    name: str,
    bucket: str,
    function_name: str | None,
    memory: int,
    quality: str,
    data: Path,
    config: Path | None,
    endpoint: str | None,
    as_json: bool,
) -> None:
    """Put the transform NAME of the Python module MODULE in front of a bucket."""
    try:
        found = deployment.load(target, Path.cwd())
        payload = deployment.as_data(found.pipeline, quality)
        clients = _clients(data, config, endpoint)
        if payload is not None:
            arn = f"arn:aws:lambda:{clients.region}:{clients.account}:function:{NATIVE_FUNCTION}"
            transformation = _transformation(_NATIVE_ACTIONS, {"FunctionArn": arn, "FunctionPayload": payload})
        else:
            arn = _function(clients, function_name or name, deployment.package(found), memory)
            transformation = _transformation(_ACTIONS, {"FunctionArn": arn})
        made = _access_point(clients, name, bucket, transformation)
    except deployment.NotDeployable as error:
        raise click.ClickException(str(error)) from error
    except (BotoCoreError, ClientError) as error:
        raise click.ClickException(f"the server refused: {error}") from error
    facts = made | {"function": arn, "payload": payload}
    if as_json:
        print_json(facts)
        return
    click.echo(f"{target} is deployed as {'data' if payload else 'a Lambda function'} behind {made['access_point']}")
    click.echo(
        f"Read through it: objectlens exec -- aws s3api get-object --bucket {made['access_point']} --key KEY OUT"
    )


def _clients(data: Path, config: Path | None, endpoint: str | None) -> Clients:
    settings = read_settings(data, config)
    url = reachable(endpoint or running(data), "--endpoint" if endpoint else str(data / ENDPOINT_NAME))
    if endpoint:
        session = boto3.Session()
    else:
        root = root_of(settings)
        session = boto3.Session(root.access_key_id, root.secret_access_key)
    region = session.region_name or settings.account.region
    # S3 Control's clients put the account before the host, a name that only the server itself knows.
    options = Config(proxies={"http": url})
    make = session.client
    s3control, functions, tokens = (
        make(service, endpoint_url=url, region_name=region, config=options)
        for service in ("s3control", "lambda", "sts")
    )
    return Clients(s3control, functions, tokens.get_caller_identity()["Account"], region)


def _transformation(actions: tuple[str, ...], function: dict[str, str]) -> dict[str, Any]:
    return {"Actions": list(actions), "ContentTransformation": {"AwsLambda": function}}


def _function(clients: Clients, name: str, package: bytes, memory: int) -> str:
    """Create or update the function; returns its ARN."""
    try:
        made = clients.functions.create_function(
            FunctionName=name,
            Runtime=f"python3.{sys.version_info.minor}",
            Handler=deployment.HANDLER,
            Role=f"arn:aws:iam::{clients.account}:role/{name}",
            Timeout=_TIMEOUT,
            MemorySize=memory,
            Code={"ZipFile": package},
        )
    except clients.functions.exceptions.ResourceConflictException:
        made = clients.functions.update_function_code(FunctionName=name, ZipFile=package)
    return str(made["FunctionArn"])


def _access_point(clients: Clients, name: str, bucket: str, transformation: dict[str, Any]) -> dict[str, str]:
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
        raise deployment.NotDeployable(
            f"there is an access point {name} already, on the bucket {there}; choose another --access-point, or remove "
            f"it with: aws s3control delete-access-point --account-id {clients.account} --name {name}"
        )
    return f"arn:aws:s3:{clients.region}:{clients.account}:accesspoint/{name}"
