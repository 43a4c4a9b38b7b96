"""What policies may say around an Object Lambda access point, and whom they let in (reference sections 4.3 and 11)."""

import json
import time
import uuid

import pytest
from botocore.exceptions import ClientError

from support.live import Lens, LiveServer, make_lens_on

SOURCE = """
import boto3, requests
s3 = boto3.client("s3")
def lambda_handler(event, context):
    if "getObjectContext" in event:
        c = event["getObjectContext"]
        source = requests.get(c["inputS3Url"])
        s3.write_get_object_response(RequestRoute=c["outputRoute"], RequestToken=c["outputToken"],
            Body=f"{source.status_code} {source.text}".encode())
    elif "headObjectContext" in event:
        source = requests.head(event["headObjectContext"]["inputS3Url"])
        return {"statusCode": source.status_code, "headers": dict(source.headers)}
    else:
        source = requests.get((event.get("listObjectsContext") or event["listObjectsV2Context"])["inputS3Url"])
        return {"statusCode": source.status_code, "listResultXml": source.text}
"""
ALL = ("GetObject", "HeadObject", "ListObjects", "ListObjectsV2")


def document(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, resource, **more) -> dict:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


@pytest.fixture(scope="module")
def lens(server: LiveServer) -> Lens:
    made = make_lens_on(server, SOURCE, actions=ALL)
    made.put("k", b"abc")
    return made


def person(server: LiveServer, *statements: dict):
    """Return an S3 client of a new user."""
    iam, name = server.client("iam"), f"u{uuid.uuid4().hex[:12]}"
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document(*statements))
    credentials = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    return server.client("s3", cached=False, credentials=credentials)


def code(call, **arguments) -> tuple[int, str]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response
    return error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"]


def source_rights(lens: Lens) -> dict:
    return allow("s3:*", [f"arn:aws:s3:::{lens.bucket}", f"arn:aws:s3:::{lens.bucket}/*", f"{lens.access_point_arn}*"])


def test_the_action_of_each_kind_of_call(lens, server) -> None:
    """Section 11.1: Head needs GetObject, both lists need ListBucket, all on the ARN of the access point."""
    invoke = allow("lambda:InvokeFunction", f"{lens.function_arn}:*")
    reader = person(server, allow("s3-object-lambda:GetObject", lens.arn), invoke, source_rights(lens))
    assert reader.get_object(Bucket=lens.arn, Key="k")["Body"].read() == b"200 abc"
    assert reader.head_object(Bucket=lens.arn, Key="k")["ContentLength"] == 3
    assert code(reader.list_objects_v2, Bucket=lens.arn) == (403, "AccessDenied")
    lister = person(server, allow("s3-object-lambda:ListBucket", lens.arn), invoke, source_rights(lens))
    assert [one["Key"] for one in lister.list_objects_v2(Bucket=lens.arn)["Contents"]] == ["k"]
    assert [one["Key"] for one in lister.list_objects(Bucket=lens.arn)["Contents"]] == ["k"]
    assert code(lister.get_object, Bucket=lens.arn, Key="k") == (403, "AccessDenied")
    assert code(lister.head_object, Bucket=lens.arn, Key="k") == (403, "403")


@pytest.mark.parametrize("operation", ["get_object", "head_object", "list_objects", "list_objects_v2"])
def test_a_caller_who_may_not_invoke(lens, server, operation) -> None:
    """Section 4.3: 403 `LambdaPermissionError`, whichever function it is."""
    someone = person(server, allow("s3-object-lambda:*", lens.arn), source_rights(lens))
    arguments = {"Bucket": lens.arn} | ({} if operation.startswith("list") else {"Key": "k"})
    found = code(getattr(someone, operation), **arguments)
    assert found == (403, "403" if operation == "head_object" else "LambdaPermissionError")


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ({"StringLike": {"s3:DataAccessPointArn": "{ap}"}}, True),
        ({"StringEquals": {"s3:DataAccessPointAccount": "{account}"}}, True),
        ({"StringEquals": {"s3:AccessPointNetworkOrigin": "Internet"}}, True),
        ({"StringEquals": {"s3:AccessPointNetworkOrigin": "VPC"}}, False),
        ({"ForAnyValue:StringEquals": {"aws:CalledVia": "s3-object-lambda.amazonaws.com"}}, True),
        ({"StringEquals": {"aws:CalledViaLast": "s3-object-lambda.amazonaws.com"}}, True),
        ({"StringEquals": {"s3:authType": "REST-QUERY-STRING"}}, True),
        ({"StringEquals": {"s3:authType": "REST-HEADER"}}, False),
        ({"StringEquals": {"s3:signatureversion": "AWS4-HMAC-SHA256"}}, True),
        ({"NumericLessThan": {"s3:signatureAge": "60000"}}, True),
        ({"Bool": {"aws:SecureTransport": "true"}}, False),
        ({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, True),
        ({"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, True),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::{account}:user/u*"}}, True),
    ],
)
def test_conditions_on_the_read_of_the_source(lens, server, condition, allowed) -> None:
    """Section 11.4: what the keys hold when a function uses `inputS3Url`."""
    text = json.dumps(condition).replace("{ap}", lens.access_point_arn).replace("{account}", server.account)
    someone = person(
        server,
        allow("s3-object-lambda:*", lens.arn),
        allow("lambda:InvokeFunction", "*"),
        allow("s3:GetObject", "*", Condition=json.loads(text)),
    )
    body = someone.get_object(Bucket=lens.arn, Key="k")["Body"].read()
    assert body.startswith(b"200 abc" if allowed else b"403 ")


def test_keys_of_object_lambda_itself(lens, server) -> None:
    """Section 11.1: `s3-object-lambda:AuthType`, `:signatureAge`, `:versionid`, `:TlsVersion`."""
    rest = (allow("lambda:InvokeFunction", "*"), allow("s3:GetObject*", "*"))
    for condition, allowed in (
        ({"StringEquals": {"s3-object-lambda:AuthType": "REST-HEADER"}}, True),
        ({"StringEquals": {"s3-object-lambda:AuthType": "REST-QUERY-STRING"}}, False),
        ({"NumericLessThan": {"s3-object-lambda:signatureAge": "600000"}}, True),
        ({"NumericGreaterThanEquals": {"s3-object-lambda:TlsVersion": "1.2"}}, False),
        ({"StringEquals": {"s3-object-lambda:versionid": "null"}}, False),
    ):
        someone = person(server, allow("s3-object-lambda:GetObject*", lens.arn, Condition=condition), *rest)
        if allowed:
            assert someone.get_object(Bucket=lens.arn, Key="k")["Body"].read() == b"200 abc"
        else:
            assert code(someone.get_object, Bucket=lens.arn, Key="k") == (403, "AccessDenied"), condition
    condition = {"StringEquals": {"s3-object-lambda:versionid": "null"}}
    someone = person(server, allow("s3-object-lambda:GetObjectVersion", lens.arn, Condition=condition), *rest)
    assert someone.get_object(Bucket=lens.arn, Key="k", VersionId="null")["Body"].read() == b"200 abc"


def test_policies_that_are_refused_when_they_are_put(lens, server) -> None:
    """Sections 11.2, 11.3 and 12.5: foreign resources, and what is public while public policies are blocked."""
    control, account = server.client("s3control"), server.account
    everyone = {"Principal": "*"}

    def put_lens(*statements: dict) -> tuple[int, str]:
        return code(
            control.put_access_point_policy_for_object_lambda,
            AccountId=account,
            Name=lens.name,
            Policy=document(*statements),
        )

    def put_point(*statements: dict) -> tuple[int, str]:
        return code(
            control.put_access_point_policy,
            AccountId=account,
            Name=lens.access_point,
            Policy=document(*statements),
        )

    assert put_lens(allow("s3-object-lambda:GetObject", lens.arn, **everyone)) == (403, "AccessDenied")
    assert put_point(allow("s3:GetObject", f"{lens.access_point_arn}/object/*", **everyone)) == (403, "AccessDenied")
    root = {"Principal": {"AWS": f"arn:aws:iam::{account}:root"}}
    assert put_point(allow("s3:GetObject", f"arn:aws:s3:::{lens.bucket}/*", **root)) == (400, "MalformedPolicy")
    assert put_lens(allow("s3-object-lambda:GetObject", lens.access_point_arn, **root)) == (400, "MalformedPolicy")
    assert put_lens({"Effect": "Allow"}) == (400, "MalformedPolicy")
    # What such a statement denies it would deny nobody.
    assert put_lens(allow("s3:GetObject", lens.arn, **root)) == (400, "MalformedPolicy")
    other = allow(["s3:Get*", "s3-object-lambda:GetObject"], f"{lens.access_point_arn}/object/*", **root)
    assert put_point(other) == (400, "MalformedPolicy")
    status = control.get_access_point_for_object_lambda(AccountId=account, Name=lens.name)
    assert set(status["PublicAccessBlockConfiguration"].values()) == {True}


def test_a_vpc_as_network_origin_refuses_what_comes_from_elsewhere(server) -> None:
    """Section 11.5: nothing comes through a VPC here."""
    lens = make_lens_on(server, SOURCE)
    lens.put("k", b"abc")
    control = server.client("s3control")
    name = f"{lens.bucket}-vpc"
    control.create_access_point(
        AccountId=server.account, Name=name, Bucket=lens.bucket, VpcConfiguration={"VpcId": "vpc-1"}
    )
    arn = f"arn:aws:s3:{server.region}:{server.account}:accesspoint/{name}"
    assert code(lens.s3.get_object, Bucket=arn, Key="k") == (403, "AccessDenied")
    given = control.get_access_point_configuration_for_object_lambda(AccountId=server.account, Name=lens.name)
    given["Configuration"]["SupportingAccessPoint"] = arn
    control.put_access_point_configuration_for_object_lambda(
        AccountId=server.account, Name=lens.name, Configuration=given["Configuration"]
    )
    assert lens.read("k").startswith(b"403 ")


def test_the_managed_policy_of_execution_roles(server) -> None:
    """Section 11.1: with `AmazonS3ObjectLambdaExecutionRolePolicy` a role may answer; without a right it may not."""
    iam, name = server.client("iam"), f"role-{uuid.uuid4().hex[:8]}"
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    lens = make_lens_on(server, SOURCE, role=role)
    lens.put("k", b"abc")
    status, found = code(lens.s3.get_object, Bucket=lens.arn, Key="k")
    assert (status, found) == (500, "LambdaRuntimeError")
    managed = "arn:aws:iam::aws:policy/service-role/AmazonS3ObjectLambdaExecutionRolePolicy"
    iam.attach_role_policy(RoleName=name, PolicyArn=managed)
    assert lens.read("k") == b"200 abc"


def test_a_throttled_function_is_slow_down(server) -> None:
    """Section 8.2: 503 `SlowDown`, for all four actions."""
    lens = make_lens_on(server, SOURCE, actions=ALL)
    lambdas = server.client("lambda")
    lambdas.put_function_concurrency(FunctionName=lens.function, ReservedConcurrentExecutions=0)
    for call, arguments in (
        (lens.s3.get_object, {"Key": "k"}),
        (lens.s3.list_objects, {}),
        (lens.s3.list_objects_v2, {}),
    ):
        began = time.monotonic()
        assert code(call, Bucket=lens.arn, **arguments) == (503, "SlowDown")
        assert time.monotonic() - began < 10
    assert code(lens.s3.head_object, Bucket=lens.arn, Key="k")[0] == 503
    lambdas.delete_function_concurrency(FunctionName=lens.function)
    lens.put("k", b"abc")
    assert lens.read("k") == b"200 abc"
