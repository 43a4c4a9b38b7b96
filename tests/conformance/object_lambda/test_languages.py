"""Transformed GETs by functions in other languages, and by Python on other interpreters than the server's."""

import sys
import time
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from objectlens.testing.executors import make_zip
from support.debian import debian_program
from support.programs import SOURCES, compile_java

PYTHON = """
import boto3, sys, urllib.request
s3 = boto3.client("s3")
def lambda_handler(event, context):
    route = event["getObjectContext"]
    body = urllib.request.urlopen(route["inputS3Url"]).read().upper()
    s3.write_get_object_response(
        RequestRoute=route["outputRoute"], RequestToken=route["outputToken"], Body=body, ContentType="text/x-made",
        Metadata={"python": "%d.%d" % sys.version_info[:2]},
    )
    return {"statusCode": 200}
"""


def read_when_ready(lens, key):
    """GET an object; the first function of a runtime may have to wait until that is made ready."""
    end = time.monotonic() + 110
    while True:
        try:
            return lens.get(key)
        except ClientError:
            if time.monotonic() > end:
                raise


@pytest.mark.timeout(300)
@pytest.mark.parametrize("accelerate", ["1", "0"])
@pytest.mark.parametrize("runtime", ["python3.9", "python3.13"])
def test_python_of_any_version(make_lens, runtime, accelerate):
    lens = make_lens(PYTHON, runtime=runtime, environment={"OBJECTLENS_ACCELERATE": accelerate})
    lens.put("k", b"hello " * 10_000)
    versions = set()
    for _ in range(3):
        answer = read_when_ready(lens, "k")
        assert answer["Body"].read() == b"HELLO " * 10_000
        assert answer["ContentType"] == "text/x-made"
        versions.add(answer["Metadata"]["python"])
    # On a machine without that Python, functions run on the server's own.
    assert versions in ({runtime.removeprefix("python")}, {f"3.{sys.version_info.minor}"})


def test_a_shell_script(make_lens):
    debian_program("curl")
    package = make_zip({"bootstrap": (SOURCES / "bootstrap.sh").read_text()}, executable=("bootstrap",))
    lens = make_lens("", package=package, runtime="provided.al2023", handler="x")
    for number in range(3):
        lens.put(f"k {number}", b"hello %d\n" % number * 1000)
        answer = lens.get(f"k {number}")
        assert answer["Body"].read() == b"HELLO %d\n" % number * 1000
        assert answer["ContentType"] == "text/x-shell"


def test_java(make_lens, tmp_path: Path):
    package = make_zip(compile_java(tmp_path))
    lens = make_lens("", package=package, runtime="java17", handler="App::upper", memory=512)
    for number in range(3):
        lens.put(f"k {number}", b"hello %d\n" % number * 1000)
        assert lens.read(f"k {number}") == b"HELLO %d\n" % number * 1000


def test_layers_over_the_wire(make_lens, server):
    lambdas = server.client("lambda")
    layer = lambdas.publish_layer_version(
        LayerName="shared",
        Content={"ZipFile": make_zip({"python/shared.py": "def change(data): return data[::-1]"})},
        CompatibleRuntimes=["python3.11"],
    )
    lens = make_lens(
        PYTHON.replace("import boto3", "import shared, boto3").replace("Body=body", "Body=shared.change(body)")
    )
    lambdas.update_function_configuration(FunctionName=lens.function, Layers=[layer["LayerVersionArn"]])
    lambdas.delete_layer_version(LayerName="shared", VersionNumber=layer["Version"])
    lens.put("k", b"abc")
    assert lens.read("k") == b"CBA"
