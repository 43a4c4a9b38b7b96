"""`objectlens function`, also `functions`: what has to do with functions that AWS's own tools do not do.

Everything is done by the AWS APIs that any other client would use; the server learns nothing but what they say.
"""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError

from objectlens.arn import NATIVE_FUNCTION
from objectlens.cli import build, deployment, dev, top
from objectlens.cli.build import made, pair
from objectlens.cli.building import default_handler, default_runtime
from objectlens.cli.clients import Clients, connect
from objectlens.cli.options import config_option, data_option, json_option, print_json
from objectlens.cli.publishing import TIMEOUT, Plan, put_access_point, put_function, transformation
from objectlens.transforms import BadPipeline
from objectlens.transforms.limits import checked

_GROUP_EPILOG = """\b
Examples:
  objectlens function build image-normalizer
  objectlens function dev image-normalizer --source ./photographs
  objectlens functions top
"""
_EPILOG = """\b
Examples:
  objectlens function deploy thumbnails:normalize --access-point thumbnails --bucket photographs
  objectlens function deploy my_package.text:redact --access-point redacted --bucket documents --json
  objectlens function deploy ./image-normalizer --access-point normalized --bucket photographs \\
    --handler lambda_function.lambda_handler --runtime python3.12

In thumbnails.py, either of these is `normalize`:

\b
  normalize = decode() >> resize(width=256, height=256) >> grayscale() >> encode(format="jpeg")

\b
  @transform
  def normalize(data: bytes, ctx: Context) -> bytes: ...

A chain of built-in steps is deployed as data; your own functions are packaged, with their module or package, as a
Lambda function. Deploying again replaces what was there. The same object runs in a notebook:
normalize("photograph.jpg").

A folder is built as by `objectlens function build` and deployed as the ordinary Lambda function that it is.
"""
_ACTIONS = ("GetObject",)
_NATIVE_ACTIONS = ("GetObject", "HeadObject")


@click.group("function", epilog=_GROUP_EPILOG)
def command() -> None:
    """Build, try, deploy and watch functions."""


@command.command("deploy", epilog=_EPILOG)
@click.argument("target", metavar="MODULE:NAME|DIR")
@click.option("--access-point", "name", required=True, help="The Object Lambda access point to make, or to change.")
@click.option("--bucket", required=True, help="The bucket whose objects are transformed.")
@click.option("--function-name", help="The Lambda function's name.  [default: the access point's]")
@click.option(
    "--memory", type=click.IntRange(128, 10_240), default=512, show_default=True, help="MiB for the function."
)
@click.option(
    "--quality", type=click.Choice(["fast", "exact"]), default="fast", show_default=True, help="Of built-in steps."
)
@click.option(
    "--limit",
    "limits",
    metavar="NAME=NUMBER",
    multiple=True,
    help="What one run may cost, such as pixels=1000000; repeatable. A chain of built-in steps can only lower it.",
)
@click.option("--handler", help="Of a folder: where its handler is.  [default: lambda_function.lambda_handler]")
@click.option("--runtime", help="Of a folder: its runtime.  [default: by what is in it]")
@click.option(
    "--timeout",
    type=click.IntRange(1, 900),
    default=TIMEOUT,
    show_default=True,
    help="Seconds that an invocation may take.",
)
@click.option("--env", "variables", metavar="NAME=VALUE", multiple=True, help="A variable of the function; repeatable.")
@click.option("--code-bucket", help="A bucket for packages of more than 50 MB.")
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
    limits: tuple[str, ...],
    handler: str | None,
    runtime: str | None,
    timeout: int,
    variables: tuple[str, ...],
    code_bucket: str | None,
    data: Path,
    config: Path | None,
    endpoint: str | None,
    as_json: bool,
) -> None:
    """Put a transform (NAME of the Python module MODULE), or the Lambda handler in DIR, in front of a bucket."""
    folder = Path(target) if ":" not in target and Path(target).is_dir() else None
    try:
        if folder is not None:
            runtime = runtime or default_runtime(folder)
            handler = handler or default_handler(runtime)
        plan = Plan(
            name=function_name or name,
            runtime=runtime or default_runtime(Path()),
            handler=handler or deployment.HANDLER,
            memory=memory,
            timeout=timeout,
            environment=dict(pair(one) for one in variables) if variables else None,
            code_bucket=code_bucket,
        )
        package: bytes | None
        if folder is not None:
            if limits:
                raise click.UsageError("--limit is for transforms; a handler in a folder has limits of its own")
            package, payload = _built(folder, plan), None
            clients = connect(data, config, endpoint)
        else:
            found = deployment.load(target, Path.cwd())
            terms = _terms(quality, limits)
            payload = deployment.as_data(found.pipeline, terms)
            if payload is None and "cpu_seconds" in terms.get("limits", {}):
                raise click.UsageError(f"--limit cpu_seconds is for built-in steps alone; {target} has --timeout")
            clients = connect(data, config, endpoint)
            if payload is None:
                package = deployment.package(found)
                payload = json.dumps(terms) if terms != {"quality": "fast"} else None
            else:
                package = None
        facts = _put(clients, plan, package, payload, name=name, bucket=bucket)
    except deployment.NotDeployable as error:
        raise click.ClickException(str(error)) from error
    except (BotoCoreError, ClientError) as error:
        raise click.ClickException(f"the server refused: {error}") from error
    if as_json:
        print_json(facts)
        return
    point = facts["access_point"]
    click.echo(f"{target} is deployed as {'data' if package is None else 'a Lambda function'} behind {point}")
    click.echo(f"Read through it: objectlens exec -- aws s3api get-object --bucket {point} --key KEY OUT")


def _built(folder: Path, plan: Plan) -> bytes:
    with tempfile.TemporaryDirectory(prefix="objectlens-build-") as temporary:
        output = Path(temporary, "package.zip")
        return made(folder, output, runtime=plan.runtime, handler=plan.handler).path.read_bytes()


def _put(
    clients: Clients, plan: Plan, package: bytes | None, payload: str | None, *, name: str, bucket: str
) -> dict[str, str | None]:
    """Put the function of a package, or the built-in one, behind the access point."""
    actions = _ACTIONS if package is not None else _NATIVE_ACTIONS
    if package is None:
        arn = f"arn:aws:lambda:{clients.region}:{clients.account}:function:{NATIVE_FUNCTION}"
    else:
        arn = put_function(clients, plan, package)
    function = {"FunctionArn": arn} | ({"FunctionPayload": payload} if payload is not None else {})
    made = put_access_point(clients, name, bucket, transformation(actions, function))
    return {**made, "function": arn, "payload": payload}


def _terms(quality: str, limits: tuple[str, ...]) -> dict[str, Any]:
    """Return what a transform is to keep to, as it stands in a payload."""
    named = {}
    for name, value in map(pair, limits):
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise click.UsageError(f"--limit {name} is no number: {value!r}")
        named[name] = int(number) if number.is_integer() else number
    try:
        checked(named)
    except BadPipeline as error:
        raise click.UsageError(f"--limit: {error}") from error
    return {"quality": quality} | ({"limits": named} if named else {})


command.add_command(build.command)
command.add_command(dev.command)
command.add_command(top.command)
