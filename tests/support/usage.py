"""The ledger and the budgets of a live server, through the commands that people use."""

from __future__ import annotations

import json
from typing import Any

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session
from click.testing import CliRunner

from objectlens.cli.main import main
from support.live import Lens, LiveServer, make_lens_on

WRITE = """
import boto3, urllib.request
s3 = boto3.client("s3")
def lambda_handler(event, context):
    c = event["getObjectContext"]
    if "fail" in event["userRequest"]["url"]:
        raise ValueError("as asked")
    body = urllib.request.urlopen(c["inputS3Url"]).read() if "skip" not in event["userRequest"]["url"] else b""
    s3.write_get_object_response(RequestRoute=c["outputRoute"], RequestToken=c["outputToken"], Body=body * 2)
    return {"statusCode": 200}
"""
PIPELINE = json.dumps({"pipeline": [{"text.decode": {}}]})


def native_lens(server: LiveServer, pipeline: str = PIPELINE) -> Lens:
    """Set up an Object Lambda access point with a native transform."""
    return make_native(make_lens_on(server, WRITE), pipeline)


def make_native(lens: Lens, pipeline: str) -> Lens:
    """Let an Object Lambda access point have a pipeline where it had a function."""
    server = lens.server
    native = f"arn:aws:lambda:{server.region}:{server.account}:function:objectlens-transform"
    server.client("s3control").put_access_point_configuration_for_object_lambda(
        AccountId=server.account,
        Name=lens.name,
        Configuration={
            "SupportingAccessPoint": lens.access_point_arn,
            "TransformationConfigurations": [
                {
                    "Actions": ["GetObject"],
                    "ContentTransformation": {"AwsLambda": {"FunctionArn": native, "FunctionPayload": pipeline}},
                }
            ],
        },
    )
    return lens


def run(server: LiveServer, *arguments: str, code: int = 0) -> str:
    """Run a command of ours against a server with the root's key; returns what it prints, or says when it fails."""
    key = {"AWS_ACCESS_KEY_ID": server.access_key_id, "AWS_SECRET_ACCESS_KEY": server.secret_access_key}
    # In this process: starting Python and importing all takes longer than what is to be tested.
    done = CliRunner().invoke(
        main, [*arguments, "--endpoint", server.url], env=key | {"AWS_DEFAULT_REGION": "us-west-2"}
    )
    assert done.exit_code == code, done.output
    return done.stdout if code == 0 else done.stderr


def ask(
    server: LiveServer, path: str, method: str = "GET", credentials: dict[str, str] | None = None
) -> tuple[int, str]:
    """Return status and text of a signed request."""
    request = AWSRequest(method, f"{server.url}{path}")
    own = Credentials(server.access_key_id, server.secret_access_key)
    if credentials is not None:
        own = Credentials(*credentials.values())
    S3SigV4Auth(own, "s3", server.region).add_auth(request)
    session = URLLib3Session(timeout=30)
    try:
        answer = session.send(request.prepare())
        return answer.status_code, answer.text
    finally:
        session.close()


def rows(server: LiveServer, by: str = "", **where: str) -> list[dict[str, Any]]:
    """Return rows of the ledger, of what has the values of `where`."""
    query = "&".join([f"by={by}", *[f"{name}={value}" for name, value in where.items()]])
    status, text = ask(server, f"/-/usage?{query}")
    assert status == 200, text
    found: list[dict[str, Any]] = json.loads(text)["rows"]
    return found


def total(server: LiveServer, **where: str) -> dict[str, Any]:
    """Return the sums of what has the values of `where`."""
    found = rows(server, **where)
    return found[0] if found else dict.fromkeys(("requests", "invocations", "errors", "bytes_in", "bytes_out"), 0)
