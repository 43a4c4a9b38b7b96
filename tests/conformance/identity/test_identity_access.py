"""Users, roles and policies at work, with real clients against a live server."""

from __future__ import annotations

import json
import time
import urllib.request
import uuid
from urllib.error import HTTPError

import pytest
from botocore.exceptions import ClientError

from support.live import zipped

OBJECT_LAMBDA = "s3-object-lambda.amazonaws.com"
HANDLER = """
import urllib.request
import boto3

def lambda_handler(event, context):
    ask = event["getObjectContext"]
    body = urllib.request.urlopen(ask["inputS3Url"]).read().upper()
    boto3.client("s3").write_get_object_response(
        Body=body, RequestRoute=ask["outputRoute"], RequestToken=ask["outputToken"]
    )
"""


def document(*statements: dict, **more) -> str:
    full = [{"Effect": "Allow", **one} for one in statements]
    return json.dumps({"Version": "2012-10-17", "Statement": full, **more})


def refused(call, *arguments, **keywords) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(*arguments, **keywords)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


class Person:
    """A user made for one test, with clients that sign as him."""

    def __init__(self, server, name: str) -> None:
        self.server, self.name, self.iam = server, name, server.client("iam")
        self.arn = self.iam.create_user(UserName=name)["User"]["Arn"]
        key = self.iam.create_access_key(UserName=name)["AccessKey"]
        self.credentials = {
            "aws_access_key_id": key["AccessKeyId"],
            "aws_secret_access_key": key["SecretAccessKey"],
        }

    def may(self, *statements: dict) -> None:
        self.iam.put_user_policy(UserName=self.name, PolicyName="p", PolicyDocument=document(*statements))

    def client(self, service: str = "s3", **config):
        return self.server.client(service, credentials=self.credentials, **config)


@pytest.fixture
def person(server) -> Person:
    return Person(server, f"u{uuid.uuid4().hex[:12]}")


@pytest.fixture
def bucket(server) -> str:
    name = f"b{uuid.uuid4().hex[:12]}"
    s3 = server.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": server.region})
    for key in ("open/a", "shut/a"):
        s3.put_object(Bucket=name, Key=key, Body=b"words")
    return name


def session(server, answer) -> dict[str, str]:
    made = answer["Credentials"]
    return {
        "aws_access_key_id": made["AccessKeyId"],
        "aws_secret_access_key": made["SecretAccessKey"],
        "aws_session_token": made["SessionToken"],
    }


def test_without_permission_nothing_is_learned(person, bucket):
    s3 = person.client()
    denied = ("AccessDenied", 403)
    assert refused(s3.get_object, Bucket=bucket, Key="open/a") == denied
    assert refused(s3.get_object, Bucket=bucket, Key="absent") == denied
    assert refused(s3.head_object, Bucket=bucket, Key="open/a") == ("403", 403)
    assert refused(s3.head_object, Bucket=bucket, Key="absent") == ("403", 403)
    assert refused(s3.list_objects_v2, Bucket=bucket) == denied
    assert refused(s3.list_buckets) == denied
    assert refused(s3.create_bucket, Bucket=f"{bucket}-2") == denied
    assert refused(person.client("lambda").list_functions)[1] == 403
    assert refused(person.client("iam").list_users) == denied


def test_a_user_may_do_what_his_policy_says(person, bucket):
    person.may(
        {"Action": ["s3:GetObject", "s3:PutObject"], "Resource": f"arn:aws:s3:::{bucket}/open/*"},
        {
            "Action": "s3:ListBucket",
            "Resource": f"arn:aws:s3:::{bucket}",
            "Condition": {"StringLike": {"s3:prefix": "open/*"}},
        },
    )
    s3 = person.client()
    assert s3.get_object(Bucket=bucket, Key="open/a")["Body"].read() == b"words"
    s3.put_object(Bucket=bucket, Key="open/b c+é", Body=b"x")
    assert refused(s3.get_object, Bucket=bucket, Key="shut/a") == ("AccessDenied", 403)
    assert refused(s3.delete_object, Bucket=bucket, Key="open/a") == ("AccessDenied", 403)
    listed = s3.list_objects_v2(Bucket=bucket, Prefix="open/")
    assert [one["Key"] for one in listed["Contents"]] == ["open/a", "open/b c+é"]
    assert refused(s3.list_objects_v2, Bucket=bucket) == ("AccessDenied", 403)


def test_a_bucket_policy_grants_and_denies(server, person, bucket):
    s3 = server.client("s3")
    principal = {"AWS": person.arn}
    resource = f"arn:aws:s3:::{bucket}/*"
    s3.put_bucket_policy(
        Bucket=bucket, Policy=document({"Principal": principal, "Action": "s3:GetObject", "Resource": resource})
    )
    assert person.client().get_object(Bucket=bucket, Key="shut/a")["ContentLength"] == 5
    person.may({"Action": "s3:*", "Resource": "*"})
    s3.put_bucket_policy(
        Bucket=bucket,
        Policy=document({"Effect": "Deny", "Principal": principal, "Action": "s3:GetObject", "Resource": resource}),
    )
    assert refused(person.client().get_object, Bucket=bucket, Key="shut/a") == ("AccessDenied", 403)
    person.client().put_object(Bucket=bucket, Key="shut/b", Body=b"")


def test_an_access_point_to_which_the_bucket_delegates(server, person, bucket):
    """Reference section 11.3."""
    control, account = server.client("s3control"), server.account
    point = f"{bucket}-ap"
    control.create_access_point(AccountId=account, Name=point, Bucket=bucket)
    arn = f"arn:aws:s3:{server.region}:{account}:accesspoint/{point}"
    control.put_access_point_policy(
        AccountId=account,
        Name=point,
        Policy=document(
            {"Principal": {"AWS": person.arn}, "Action": "s3:GetObject", "Resource": f"{arn}/object/open/*"}
        ),
    )
    s3 = person.client()
    assert refused(s3.get_object, Bucket=arn, Key="open/a") == ("AccessDenied", 403)
    server.client("s3").put_bucket_policy(
        Bucket=bucket,
        Policy=document(
            {
                "Principal": {"AWS": "*"},
                "Action": "*",
                "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
                "Condition": {"StringEquals": {"s3:DataAccessPointAccount": account}},
            }
        ),
    )
    assert s3.get_object(Bucket=arn, Key="open/a")["Body"].read() == b"words"
    assert refused(s3.get_object, Bucket=arn, Key="shut/a") == ("AccessDenied", 403)
    assert refused(s3.get_object, Bucket=bucket, Key="open/a") == ("AccessDenied", 403)


def test_only_through_the_lens(person, make_lens):
    """Reference section 11.1: the caller may read the source only by way of Object Lambda."""
    lens = make_lens(HANDLER)
    lens.put("a", b"words")
    through = {"ForAnyValue:StringEquals": {"aws:CalledVia": OBJECT_LAMBDA}}
    source = [f"{lens.access_point_arn}/object/*", f"arn:aws:s3:::{lens.bucket}/*"]
    at_lens = {"Action": "s3-object-lambda:GetObject", "Resource": lens.arn}
    invoke = {"Action": "lambda:InvokeFunction", "Resource": f"{lens.function_arn}:$LATEST", "Condition": through}
    read = {"Action": "s3:GetObject", "Resource": source, "Condition": through}
    s3 = person.client()

    assert refused(s3.get_object, Bucket=lens.arn, Key="a") == ("AccessDenied", 403)
    person.may(at_lens)
    assert refused(s3.get_object, Bucket=lens.arn, Key="a") == ("LambdaPermissionError", 403)
    person.may(at_lens, invoke)
    assert refused(s3.get_object, Bucket=lens.arn, Key="a")[1] == 500
    person.may(at_lens, invoke, read)
    assert s3.get_object(Bucket=lens.arn, Key="a")["Body"].read() == b"WORDS"
    assert refused(s3.get_object, Bucket=lens.access_point_arn, Key="a") == ("AccessDenied", 403)
    assert refused(s3.get_object, Bucket=lens.bucket, Key="a") == ("AccessDenied", 403)


def test_a_role_that_may_not_answer(server, make_lens):
    """Reference section 11.6: the function's own call is refused, so its caller gets an error."""
    lens = make_lens(HANDLER)
    lens.put("a", b"words")
    iam, name = server.client("iam"), f"r{uuid.uuid4().hex[:12]}"
    trust = document({"Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    lambdas = server.client("lambda")
    lambdas.update_function_configuration(FunctionName=lens.function, Role=role)
    lambdas.get_waiter("function_updated_v2").wait(FunctionName=lens.function, WaiterConfig={"Delay": 1})
    code, status = refused(lens.get, "a")
    assert (code in {"LambdaRuntimeError", "LambdaResponseNotReceived"}, status) == (True, 500)
    iam.attach_role_policy(
        RoleName=name, PolicyArn="arn:aws:iam::aws:policy/service-role/AmazonS3ObjectLambdaExecutionRolePolicy"
    )
    time.sleep(0.2)
    assert lens.read("a") == b"WORDS"


def test_a_role_session(server, person, bucket):
    iam, name = server.client("iam"), f"r{uuid.uuid4().hex[:12]}"
    trust = document({"Principal": {"AWS": person.arn}, "Action": "sts:AssumeRole"})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(
        RoleName=name, PolicyName="p", PolicyDocument=document({"Action": "s3:GetObject", "Resource": "*"})
    )
    narrow = document({"Action": "s3:*", "Resource": f"arn:aws:s3:::{bucket}/open/*"})
    answer = person.client("sts").assume_role(RoleArn=role, RoleSessionName="run-7", Policy=narrow)
    credentials = session(server, answer)
    who = server.client("sts", credentials=credentials).get_caller_identity()["Arn"]
    assert who == f"arn:aws:sts::{server.account}:assumed-role/{name}/run-7"
    s3 = server.client("s3", credentials=credentials, signature_version="s3v4")
    assert s3.get_object(Bucket=bucket, Key="open/a")["Body"].read() == b"words"
    assert refused(s3.get_object, Bucket=bucket, Key="shut/a") == ("AccessDenied", 403)
    assert refused(s3.put_object, Bucket=bucket, Key="open/a", Body=b"") == ("AccessDenied", 403)
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "open/a"})
    with urllib.request.urlopen(url, timeout=10) as got:
        assert got.read() == b"words"


@pytest.mark.parametrize(
    ("change", "status", "text"),
    [
        (lambda url: url.partition("?")[0], 403, "<Message>Access Denied</Message>"),
        (lambda url: url.replace("X-Amz-Expires=1", "X-Amz-Expires=2"), 403, "<Code>SignatureDoesNotMatch</Code>"),
        (
            lambda url: url.replace("AKIA", "AKIB").replace("X-Amz-Credential=", "X-Amz-Credential=x"),
            403,
            "<Code>InvalidAccessKeyId</Code>",
        ),
        (lambda url: url.replace("X-Amz-Date", "X-Amz-Dat"), 400, "<Code>AuthorizationQueryParametersError</Code>"),
        (lambda url: f"{url.partition('?')[0]}?AWSAccessKeyId=x&Expires=1&Signature=y", 400, "signature_version="),
    ],
)
def test_urls_that_are_refused(server, bucket, change, status: int, text: str):
    s3 = server.client("s3", signature_version="s3v4")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "open/a"}, ExpiresIn=1000)
    with pytest.raises(HTTPError) as caught:
        urllib.request.urlopen(change(url), timeout=10)
    with caught.value as answer:
        assert answer.code == status
        assert text in answer.read().decode()


def test_a_url_ends(server, bucket):
    s3 = server.client("s3", signature_version="s3v4")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "open/a"}, ExpiresIn=1)
    time.sleep(2.1)
    with pytest.raises(HTTPError) as caught:
        urllib.request.urlopen(url, timeout=10)
    with caught.value as answer:
        assert (answer.code, "Request has expired" in answer.read().decode()) == (403, True)


def test_why(server, person, bucket):
    person.may({"Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/open/*"})
    answer = server.client("iam").simulate_principal_policy(
        PolicySourceArn=person.arn,
        ActionNames=["s3:GetObject"],
        ResourceArns=[f"arn:aws:s3:::{bucket}/open/a", f"arn:aws:s3:::{bucket}/shut/a"],
    )
    results = answer["EvaluationResults"]
    assert [one["EvalDecision"] for one in results] == ["allowed", "implicitDeny"]
    assert results[0]["MatchedStatements"][0]["SourcePolicyId"] == f"user_{person.name}_p"


def test_a_role_is_handed_on_only_with_the_right_to_it(server, person):
    def function(name, role):
        return {
            "FunctionName": name, "Runtime": "python3.11", "Handler": "lambda_function.lambda_handler", "Role": role,
            "Code": {"ZipFile": zipped("def lambda_handler(event, context):\n    return 1")},
        }  # fmt: skip

    name, lambdas = f"f{uuid.uuid4().hex[:8]}", person.client("lambda")
    weak, strong = (f"arn:aws:iam::{server.account}:role/{name}-{kind}" for kind in ("weak", "strong"))
    person.may({"Effect": "Allow", "Action": "lambda:*", "Resource": "*"})
    assert refused(lambdas.create_function, **function(name, weak)) == ("AccessDeniedException", 403)
    person.may(
        {"Effect": "Allow", "Action": "lambda:*", "Resource": "*"},
        {"Effect": "Allow", "Action": "iam:PassRole", "Resource": [weak, "arn:aws:iam::999999999999:role/*"],
         "Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}},
    )  # fmt: skip
    lambdas.create_function(**function(name, weak))
    changed = {"FunctionName": name, "Role": strong}
    assert refused(lambdas.update_function_configuration, **changed) == ("AccessDeniedException", 403)
    lambdas.update_function_configuration(FunctionName=name, Timeout=5)
    foreign = function(f"{name}x", "arn:aws:iam::999999999999:role/x")
    assert refused(lambdas.create_function, **foreign) == ("AccessDeniedException", 403)
    assert refused(server.client("lambda").create_function, **foreign) == ("AccessDeniedException", 403)
    lambdas.delete_function(FunctionName=name)


def test_a_layer_is_taken_only_with_the_right_to_it(server, person):
    name, root, lambdas = f"l{uuid.uuid4().hex[:8]}", server.client("lambda"), person.client("lambda")
    layers = [
        root.publish_layer_version(LayerName=f"{name}-{kind}", Content={"ZipFile": zipped("value = 1")})
        for kind in ("open", "shut", "shared")
    ]
    open_, shut, shared = (layer["LayerVersionArn"] for layer in layers)
    person.may(
        {"Action": ["lambda:CreateFunction", "lambda:DeleteFunction", "iam:PassRole"], "Resource": "*"},
        {"Action": "lambda:GetLayerVersion", "Resource": f"{open_.rpartition(':')[0]}:*"},
    )

    def create(*arns):
        return lambdas.create_function(
            FunctionName=name, Runtime="python3.11", Handler="app.handler", Layers=arns,
            Role=f"arn:aws:iam::{server.account}:role/{name}", Code={"ZipFile": zipped("")},
        )  # fmt: skip

    assert refused(create, open_, shut) == ("AccessDeniedException", 403)
    assert refused(create, open_, shared) == ("AccessDeniedException", 403)
    foreign = open_.replace(server.account, "999999999999")
    assert refused(create, foreign) == ("AccessDeniedException", 403)
    root.add_layer_version_permission(
        LayerName=f"{name}-shared", VersionNumber=1, StatementId="all", Action="lambda:GetLayerVersion", Principal="*"
    )
    assert [one["Arn"] for one in create(open_, shared)["Layers"]] == [open_, shared]
    assert refused(lambdas.get_layer_version_by_arn, Arn=shut) == ("AccessDeniedException", 403)
    assert lambdas.get_layer_version_by_arn(Arn=shared)["LayerVersionArn"] == shared
    lambdas.delete_function(FunctionName=name)
    for kind in ("open", "shut", "shared"):
        root.delete_layer_version(LayerName=f"{name}-{kind}", VersionNumber=1)
