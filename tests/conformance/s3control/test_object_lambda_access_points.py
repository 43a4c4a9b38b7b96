"""Object Lambda access points through the whole server, with a real client and with the AWS CLI."""

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

FUNCTION = "arn:aws:lambda:us-west-2:123456789012:function:not-made-yet"


@pytest.fixture
def control(server):
    return server.client("s3control")


@pytest.fixture
def name(server, control):
    """Return the name of a new bucket with an access point of that name on it."""
    name = f"ol-{uuid.uuid4().hex[:12]}"
    server.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": server.region})
    control.create_access_point(AccountId=server.account, Name=name, Bucket=name)
    return name


def configuration(server, name, actions=("GetObject",)):
    return {
        "SupportingAccessPoint": f"arn:aws:s3:{server.region}:{server.account}:accesspoint/{name}",
        "CloudWatchMetricsEnabled": False,
        "AllowedFeatures": ["GetObject-Range"],
        "TransformationConfigurations": [
            {"Actions": list(actions), "ContentTransformation": {"AwsLambda": {"FunctionArn": FUNCTION}}}
        ],
    }


def test_the_life_of_one(server, control, name):
    lens = {"AccountId": server.account, "Name": f"{name}-ol"}
    wanted = configuration(server, name)
    made = control.create_access_point_for_object_lambda(Configuration=wanted, **lens)
    arn = f"arn:aws:s3-object-lambda:{server.region}:{server.account}:accesspoint/{name}-ol"
    assert made["ObjectLambdaAccessPointArn"] == arn
    assert made["Alias"]["Status"] == "READY"
    got = control.get_access_point_configuration_for_object_lambda(**lens)["Configuration"]
    assert got == wanted
    wanted = configuration(server, name, actions=["HeadObject"])
    control.put_access_point_configuration_for_object_lambda(Configuration=wanted, **lens)
    assert control.get_access_point_configuration_for_object_lambda(**lens)["Configuration"] == wanted
    # GetObject is no longer transformed: it goes straight to the supporting access point.
    s3 = server.client("s3")
    s3.put_object(Bucket=name, Key="a", Body=b"one")
    assert s3.get_object(Bucket=arn, Key="a")["Body"].read() == b"one"
    assert s3.get_object(Bucket=made["Alias"]["Value"], Key="a")["Body"].read() == b"one"
    control.delete_access_point_for_object_lambda(**lens)
    with pytest.raises(ClientError, match="InvalidAccessPoint"):
        s3.get_object(Bucket=arn, Key="a")


def test_a_policy_is_kept_and_removed(server, control, name):
    lens = {"AccountId": server.account, "Name": f"{name}-ol"}
    made = control.create_access_point_for_object_lambda(Configuration=configuration(server, name), **lens)
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{server.account}:root"},
        "Action": "s3-object-lambda:GetObject",
        "Resource": made["ObjectLambdaAccessPointArn"],
    }
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=1)
    control.put_access_point_policy_for_object_lambda(Policy=text, **lens)
    assert control.get_access_point_policy_for_object_lambda(**lens)["Policy"] == text
    status = control.get_access_point_policy_status_for_object_lambda(**lens)
    assert status["PolicyStatus"] == {"IsPublic": False}
    control.delete_access_point_policy_for_object_lambda(**lens)
    with pytest.raises(ClientError, match="NoSuchAccessPointPolicy"):
        control.get_access_point_policy_for_object_lambda(**lens)


def test_the_aws_cli_speaks_to_it(server, name):
    def aws(*arguments):
        environment = os.environ | {
            "AWS_ACCESS_KEY_ID": server.access_key_id,
            "AWS_SECRET_ACCESS_KEY": server.secret_access_key,
            "AWS_DEFAULT_REGION": server.region,
            "AWS_ENDPOINT_URL": server.url,
            "HTTP_PROXY": server.url,
            "AWS_MAX_ATTEMPTS": "1",
        }
        command = [Path(sys.executable).with_name("aws"), "s3control", *arguments, "--account-id", server.account]
        done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=60)
        return json.loads(done.stdout) if done.stdout else done.stderr

    made = aws(
        "create-access-point-for-object-lambda",
        "--name",
        f"{name}-ol",
        "--configuration",
        json.dumps(configuration(server, name)),
    )
    assert made["ObjectLambdaAccessPointArn"].endswith(f":accesspoint/{name}-ol")
    got = aws("get-access-point-configuration-for-object-lambda", "--name", f"{name}-ol")
    assert got["Configuration"] == configuration(server, name)
    text = aws("get-access-point", "--name", "nobody")
    assert "(NoSuchAccessPoint) when calling the GetAccessPoint operation" in text
