"""The Lambda API of a running server, and its functions with and without what makes them cheaper."""

import contextlib
import io
import json
import sys
import uuid
import zipfile

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from support.archives import eventually

CODE = "def handler(event, context):\n    print('seen')\n    return {'event': event, 'name': context.function_name}"


def package(code):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", code)
    return buffer.getvalue()


@pytest.fixture
def client(server):
    return server.client("lambda")


@pytest.fixture
def name(client):
    chosen = f"f{uuid.uuid4().hex[:12]}"
    client.create_function(
        FunctionName=chosen,
        Runtime=f"python3.{sys.version_info.minor}",
        Role="arn:aws:iam::123456789012:role/function",
        Handler="app.handler",
        Code={"ZipFile": package(CODE)},
    )
    client.get_waiter("function_active_v2").wait(FunctionName=chosen)
    yield chosen
    with contextlib.suppress(client.exceptions.ResourceNotFoundException):  # the test did so
        client.delete_function(FunctionName=chosen)


def test_a_function_from_its_making_to_its_end(client, name):
    answer = client.invoke(FunctionName=name, Payload=b'{"a": 1}', LogType="Tail")
    assert json.load(answer["Payload"]) == {"event": {"a": 1}, "name": name}
    assert client.invoke(FunctionName=name, InvocationType="DryRun")["StatusCode"] == 204
    assert client.invoke(FunctionName=name, InvocationType="Event")["StatusCode"] == 202
    client.update_function_code(FunctionName=name, ZipFile=package("def handler(event, context):\n    return 2"))
    client.get_waiter("function_updated_v2").wait(FunctionName=name)
    assert client.invoke(FunctionName=name)["Payload"].read() == b"2"
    assert client.publish_version(FunctionName=name)["Version"] == "1"
    assert name in [
        one["FunctionName"] for page in client.get_paginator("list_functions").paginate() for one in page["Functions"]
    ]
    client.delete_function(FunctionName=name)
    with pytest.raises(ClientError) as caught:
        client.invoke(FunctionName=name)
    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_throttling_reaches_the_caller(client, name):
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError) as caught:
        client.invoke(FunctionName=name)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert caught.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"


HANDLER = """
import boto3, requests
from botocore.exceptions import ClientError
def lambda_handler(event, context):
    place = event["getObjectContext"]
    source = requests.get(place["inputS3Url"])
    s3 = boto3.client("s3")
    write = dict(RequestRoute=place["outputRoute"], RequestToken=place["outputToken"])
    kind = event["userRequest"]["url"].partition("?")[0].rpartition("/")[2]
    if kind == "denied":
        s3.write_get_object_response(**write, StatusCode=403, ErrorCode="AccessDenied", ErrorMessage="not yours: <&>")
    elif kind == "twice":
        s3.write_get_object_response(**write, Body=b"first")
        try:
            s3.write_get_object_response(**write, Body=b"second")
        except ClientError as error:
            print("CODE", error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"])
    elif kind == "forged":
        try:
            s3.write_get_object_response(RequestRoute=place["outputRoute"], RequestToken="AAAA", Body=b"no")
        except ClientError as error:
            print("CODE", error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"])
        s3.write_get_object_response(**write, Body=b"after all")
    elif kind == "streamed":
        s3.write_get_object_response(**write, Body=requests.get(place["inputS3Url"], stream=True).raw)
    else:
        s3.write_get_object_response(**write, Body=source.content[::-1], ContentType="text/x", Metadata={"K": "v"})
"""


def outcome(lens, key):
    try:
        answer = lens.get(key)
    except ClientError as error:
        found = error.response
        return found["Error"]["Code"], found["Error"]["Message"], found["ResponseMetadata"]["HTTPStatusCode"]
    return (
        answer["Body"].read(),
        answer.get("ContentType"),
        answer["Metadata"],
        answer["ResponseMetadata"]["HTTPStatusCode"],
    )


def test_acceleration_and_templates_change_nothing_that_is_seen(server, make_lens):
    seen, told = [], []
    for environment in ({}, {"OBJECTLENS_ACCELERATE": "0"}, {"OBJECTLENS_ACCELERATE": "0", "OBJECTLENS_TEMPLATE": "0"}):
        lens = make_lens(HANDLER, environment=environment)
        keys = ("plain", "denied", "twice", "forged", "streamed")
        for key in keys:
            lens.put(key, b"the original")
        seen.append([outcome(lens, key) for key in keys for _ in range(2)])
        if server.data is not None:
            log = (server.data / "functions" / "logs" / lens.function / "current.log").read_text()
            told.append([line.partition("CODE ")[2] for line in log.splitlines() if "CODE " in line])
    assert seen[0] == seen[1] == seen[2]
    assert seen[0][0][:3] == (b"lanigiro eht", "text/x", {"k": "v"})
    assert seen[0][2] == ("AccessDenied", "not yours: <&>", 403)
    assert seen[0][8][0] == b"the original"
    assert len({tuple(one) for one in told}) <= 1


LEFT = """
import boto3, time
from botocore.exceptions import ClientError
def lambda_handler(event, context):
    place = event["getObjectContext"]
    kind = event["userRequest"]["url"].partition("?")[0].rpartition("/")[2]
    if kind == "left":
        time.sleep(0.7)
    try:
        answer = boto3.client("s3").write_get_object_response(
            RequestRoute=place["outputRoute"], RequestToken=place["outputToken"], Body=kind.encode())
        print("SEEN", kind, answer["ResponseMetadata"]["HTTPStatusCode"])
        print("NUMBER", answer["ResponseMetadata"]["RequestId"])
    except ClientError as error:
        print("SEEN", kind, error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"])
"""


def test_a_function_hears_when_its_caller_has_left_though_it_was_told_otherwise(server, make_lens):
    told = []
    for environment in ({}, {"OBJECTLENS_ACCELERATE": "0"}):
        lens = make_lens(LEFT, environment=environment)
        for key in ("stays", "left"):
            lens.put(key, b"the original")
        assert [lens.read("stays") for _ in range(3)] == [b"stays"] * 3
        hasty = server.client("s3", read_timeout=0.2)
        with pytest.raises(ReadTimeoutError):
            hasty.get_object(Bucket=lens.arn, Key="left")
        path = server.data / "functions" / "logs" / lens.function / "current.log"
        eventually(lambda path=path: "SEEN left" in path.read_text())
        assert lens.read("stays") == b"stays"
        eventually(lambda path=path: path.read_text().count("NUMBER ") == 4)
        lines = path.read_text().splitlines()
        told.append(sorted(line.partition("SEEN ")[2] for line in lines if "SEEN " in line))
        numbers = [line.partition("NUMBER ")[2] for line in lines if "NUMBER " in line]
        assert len(set(numbers)) == 4
    assert told[0] == told[1] == ["left ValidationError 400", *["stays 200"] * 4]


def test_a_function_hears_when_its_role_may_not_answer_any_more(server, make_lens):
    iam = server.client("iam")
    name = f"r{uuid.uuid4().hex[:12]}"
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )["Role"]["Arn"]
    allow = {"Effect": "Allow", "Action": "s3-object-lambda:WriteGetObjectResponse", "Resource": "*"}
    iam.put_role_policy(
        RoleName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    )
    lens = make_lens(LEFT, role=role)
    lens.put("stays", b"the original")
    assert [lens.read("stays") for _ in range(3)] == [b"stays"] * 3
    iam.delete_role_policy(RoleName=name, PolicyName="p")
    with pytest.raises(ClientError):
        lens.read("stays")
    path = server.data / "functions" / "logs" / lens.function / "current.log"
    eventually(lambda: "AccessDenied" in path.read_text())
    assert [line.partition("SEEN ")[2] for line in path.read_text().splitlines() if "SEEN " in line] == [
        *["stays 200"] * 3, "stays AccessDenied 403",
    ]  # fmt: skip
