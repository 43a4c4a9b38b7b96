"""An ordinary handler in a folder, deployed by one command."""

import json
import os
import subprocess
import sys
import uuid

import pytest

from support.registries import make_wheel

HANDLER = """
import os, urllib.request
import boto3, loud
def lambda_handler(event, context):
    place = event["getObjectContext"]
    with urllib.request.urlopen(place["inputS3Url"]) as source:
        body = loud.shout(source.read()) + os.environ.get("MARK", "").encode()
    boto3.client("s3").write_get_object_response(
        RequestRoute=place["outputRoute"], RequestToken=place["outputToken"], Body=body
    )
"""


@pytest.fixture
def folder(tmp_path):
    make_wheel(tmp_path / "wheels", "loud", "def shout(data):\n    return data.upper()\n")
    made = tmp_path / "shouter"
    (made / "app").mkdir(parents=True)
    (made / "app" / "main.py").write_text(HANDLER)
    (made / "requirements.txt").write_text(f"--no-index --find-links {tmp_path / 'wheels'}\nloud\n")
    return made


@pytest.fixture
def bucket(server):
    name = f"t{uuid.uuid4().hex[:16]}"
    server.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": server.region})
    server.client("s3").put_object(Bucket=name, Key="a", Body=b"words")
    return name


@pytest.fixture
def deploy(server, bucket, folder, tmp_path):
    environ = os.environ | {
        "AWS_ACCESS_KEY_ID": server.access_key_id,
        "AWS_SECRET_ACCESS_KEY": server.secret_access_key,
        "AWS_DEFAULT_REGION": server.region,
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }

    def deploy(*arguments):
        command = ["function", "deploy", str(folder), "--access-point", f"{bucket}-ol", "--bucket", bucket]
        return subprocess.run(
            [sys.executable, "-m", "objectlens", *command, "--endpoint", server.url, "--json", *arguments],
            env=environ,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    return deploy


def test_a_folder_is_built_and_put_in_front_of_a_bucket(server, deploy, bucket, folder):
    done = deploy("--handler", "app.main.lambda_handler", "--env", "MARK=!", "--memory", "256")
    assert done.returncode == 0, done.stderr
    made, s3 = json.loads(done.stdout), server.client("s3")
    assert s3.get_object(Bucket=made["access_point"], Key="a")["Body"].read() == b"WORDS!"
    assert made["function"].endswith(f":function:{bucket}-ol")
    # Deploying again replaces code and configuration.
    (folder / "app" / "main.py").write_text(HANDLER.replace("loud.shout(source.read())", "source.read()[::-1]"))
    assert deploy("--handler", "app.main.lambda_handler", "--env", "MARK=?", "--timeout", "7").returncode == 0
    assert s3.get_object(Bucket=made["alias"], Key="a")["Body"].read() == b"sdrow?"
    found = server.client("lambda").get_function_configuration(FunctionName=f"{bucket}-ol")
    assert (found["Timeout"], found["MemorySize"], found["Handler"]) == (7, 512, "app.main.lambda_handler")


def test_a_package_too_large_for_a_request_goes_through_a_bucket(server, deploy, bucket, folder):
    (folder / "noise").write_bytes(os.urandom(51 * 1024 * 1024))
    refused = deploy("--handler", "app.main.lambda_handler")
    assert refused.returncode == 1
    assert "name a bucket to upload it to with --code-bucket" in refused.stderr
    done = deploy("--handler", "app.main.lambda_handler", "--code-bucket", bucket)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert server.client("s3").get_object(Bucket=made["access_point"], Key="a")["Body"].read() == b"WORDS"


def test_a_handler_that_is_not_in_the_folder_changes_nothing(server, deploy, bucket):
    done = deploy()
    assert done.returncode == 1
    assert "the handler lambda_function.lambda_handler needs lambda_function.py" in done.stderr
    lambdas = server.client("lambda")
    with pytest.raises(lambdas.exceptions.ResourceNotFoundException):
        lambdas.get_function(FunctionName=f"{bucket}-ol")
