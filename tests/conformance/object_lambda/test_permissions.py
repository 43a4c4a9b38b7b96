"""Who may do what along the way of a transformed GET (reference section 11)."""

import json
import uuid

import pytest
from botocore.exceptions import ClientError

from support.live import Lens, LiveServer, make_lens_on

FETCH = """
import boto3, json, requests
def lambda_handler(event, context):
    c = event["getObjectContext"]
    answer = requests.get(c["inputS3Url"])
    body = f"{answer.status_code} {answer.text}"
    boto3.client("s3").write_get_object_response(
        RequestRoute=c["outputRoute"], RequestToken=c["outputToken"], Body=body)
"""
VIA = {"ForAnyValue:StringEquals": {"aws:CalledVia": ["s3-object-lambda.amazonaws.com"]}}


def document(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str | list[str], resource: str | list[str], **more) -> dict:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


class Person:
    """A new user with the statements as an inline policy."""

    def __init__(self, server: LiveServer, *statements: dict) -> None:
        iam = server.client("iam")
        self.name = f"u{uuid.uuid4().hex[:12]}"
        self.arn = iam.create_user(UserName=self.name)["User"]["Arn"]
        key = iam.create_access_key(UserName=self.name)["AccessKey"]
        self.credentials = {
            "aws_access_key_id": key["AccessKeyId"],
            "aws_secret_access_key": key["SecretAccessKey"],
        }
        self.server = server
        if statements:
            iam.put_user_policy(UserName=self.name, PolicyName="p", PolicyDocument=document(*statements))
        self.s3 = server.client("s3", cached=False, credentials=self.credentials)


def steps(lens: Lens) -> dict[str, dict]:
    """Return the statements that a caller needs, by step."""
    return {
        "lens": allow("s3-object-lambda:GetObject", lens.arn),
        "invoke": allow("lambda:InvokeFunction", f"{lens.function_arn}*", Condition=VIA),
        "access point": allow("s3:GetObject", f"{lens.access_point_arn}/object/*", Condition=VIA),
        "bucket": allow("s3:GetObject", f"arn:aws:s3:::{lens.bucket}/*", Condition=VIA),
    }


def refused(call, *arguments, **members) -> str:
    with pytest.raises(ClientError) as caught:
        call(*arguments, **members)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    return caught.value.response["Error"]["Code"]


@pytest.fixture(scope="module")
def lens(server) -> Lens:
    made = make_lens_on(server, FETCH)
    made.put("k", b"secret")
    return made


def test_every_step_allowed_is_a_transformed_get(lens, server) -> None:
    person = Person(server, *steps(lens).values())
    assert person.s3.get_object(Bucket=lens.arn, Key="k")["Body"].read() == b"200 secret"


@pytest.mark.parametrize(("without", "code"), [("lens", "AccessDenied"), ("invoke", "LambdaPermissionError")])
def test_a_missing_right_before_the_function_refuses(lens, server, without, code) -> None:
    person = Person(server, *[one for name, one in steps(lens).items() if name != without])
    assert refused(person.s3.get_object, Bucket=lens.arn, Key="k") == code
    assert refused(person.s3.get_object, Bucket=lens.arn, Key="missing") == code


@pytest.mark.parametrize("without", ["access point", "bucket"])
def test_a_missing_right_at_the_source_is_seen_by_the_function(lens, server, without) -> None:
    person = Person(server, *[one for name, one in steps(lens).items() if name != without])
    for key in ("k", "missing"):
        text = person.s3.get_object(Bucket=lens.arn, Key=key)["Body"].read()
        assert text.startswith(b"403 ")
        assert b"<Code>AccessDenied</Code>" in text


def test_a_caller_bound_to_the_lens_cannot_go_around_it(lens, server) -> None:
    person = Person(server, *steps(lens).values())
    for bucket in (lens.bucket, lens.access_point_arn):
        assert refused(person.s3.get_object, Bucket=bucket, Key="k") == "AccessDenied"
    lambdas = server.client("lambda", cached=False, credentials=person.credentials)
    assert refused(lambdas.invoke, FunctionName=lens.function) == "AccessDeniedException"


def test_policies_of_the_resources_alone_suffice(server) -> None:
    lens = make_lens_on(server, FETCH)
    lens.put("k", b"shared")
    person = Person(server)
    control = server.client("s3control")
    principal = {"Principal": {"AWS": person.arn}}
    control.put_access_point_policy_for_object_lambda(
        AccountId=server.account, Name=lens.name,
        Policy=document(allow("s3-object-lambda:GetObject", lens.arn, **principal)),
    )  # fmt: skip
    assert refused(person.s3.get_object, Bucket=lens.arn, Key="k") == "LambdaPermissionError"
    server.client("lambda").add_permission(
        FunctionName=lens.function, StatementId="s", Action="lambda:InvokeFunction", Principal=person.arn
    )
    assert person.s3.get_object(Bucket=lens.arn, Key="k")["Body"].read().startswith(b"403 ")
    control.put_access_point_policy(
        AccountId=server.account, Name=lens.access_point,
        Policy=document(allow("s3:GetObject", f"{lens.access_point_arn}/object/*", **principal)),
    )  # fmt: skip
    assert person.s3.get_object(Bucket=lens.arn, Key="k")["Body"].read().startswith(b"403 ")
    # The bucket hands its decisions to the access points of its account: AWS's delegation idiom.
    server.client("s3").put_bucket_policy(
        Bucket=lens.bucket,
        Policy=document(
            allow("*", [f"arn:aws:s3:::{lens.bucket}", f"arn:aws:s3:::{lens.bucket}/*"], Principal={"AWS": "*"},
                  Condition={"StringEquals": {"s3:DataAccessPointAccount": server.account}})
        ),
    )  # fmt: skip
    assert person.s3.get_object(Bucket=lens.arn, Key="k")["Body"].read() == b"200 shared"
    assert person.s3.get_object(Bucket=lens.access_point_arn, Key="k")["Body"].read() == b"shared"
    assert refused(person.s3.get_object, Bucket=lens.bucket, Key="k") == "AccessDenied"


def test_an_explicit_deny_wins_everywhere(server) -> None:
    lens = make_lens_on(server, FETCH)
    lens.put("k", b"x")
    person = Person(server, allow("*", "*"))
    assert person.s3.get_object(Bucket=lens.arn, Key="k")["Body"].read() == b"200 x"
    server.client("s3control").put_access_point_policy_for_object_lambda(
        AccountId=server.account, Name=lens.name,
        Policy=document({"Effect": "Deny", "Principal": {"AWS": person.arn}, "Action": "s3-object-lambda:*",
                         "Resource": lens.arn}),
    )  # fmt: skip
    assert refused(person.s3.get_object, Bucket=lens.arn, Key="k") == "AccessDenied"


def test_proxied_calls_need_the_rights_of_the_supporting_access_point(lens, server) -> None:
    only_lens = Person(server, allow("s3-object-lambda:*", lens.arn))
    assert refused(only_lens.s3.put_object, Bucket=lens.arn, Key="new", Body=b"x") == "AccessDenied"
    assert refused(only_lens.s3.list_objects_v2, Bucket=lens.arn) == "AccessDenied"
    both = Person(
        server,
        allow("s3-object-lambda:*", lens.arn),
        allow("s3:PutObject", [f"{lens.access_point_arn}/object/*", f"arn:aws:s3:::{lens.bucket}/*"]),
    )
    both.s3.put_object(Bucket=lens.arn, Key="new", Body=b"x")
    assert refused(both.s3.list_objects_v2, Bucket=lens.arn) == "AccessDenied"


def test_a_denied_caller_learns_nothing_of_what_exists(lens, server) -> None:
    nobody = Person(server)
    for bucket in (lens.arn, lens.access_point_arn, lens.bucket):
        answers = set()
        for key in ("k", "missing"):
            for call in (nobody.s3.get_object, nobody.s3.head_object):
                with pytest.raises(ClientError) as caught:
                    call(Bucket=bucket, Key=key)
                answers.add((call.__name__, caught.value.response["ResponseMetadata"]["HTTPStatusCode"]))
        assert answers == {("get_object", 403), ("head_object", 403)}


def test_without_the_right_to_list_a_missing_key_looks_like_a_forbidden_one(lens, server) -> None:
    reader = Person(server, allow("s3:GetObject", [f"arn:aws:s3:::{lens.bucket}/*"]))
    assert reader.s3.get_object(Bucket=lens.bucket, Key="k")["Body"].read() == b"secret"
    assert refused(reader.s3.get_object, Bucket=lens.bucket, Key="missing") == "AccessDenied"


def test_the_identity_in_the_event_is_the_callers(server) -> None:
    lens = make_lens_on(
        server,
        """
import boto3, json
def lambda_handler(event, context):
    c = event["getObjectContext"]
    boto3.client("s3").write_get_object_response(
        RequestRoute=c["outputRoute"], RequestToken=c["outputToken"], Body=json.dumps(event["userIdentity"]))
""",
    )
    person = Person(server, allow("*", "*"))
    identity = json.loads(person.s3.get_object(Bucket=lens.arn, Key="k")["Body"].read())
    assert (identity["type"], identity["userName"], identity["arn"]) == ("IAMUser", person.name, person.arn)
    assert identity["accessKeyId"] == person.credentials["aws_access_key_id"]
    assert "sessionContext" not in identity
    role = f"r{uuid.uuid4().hex[:12]}"
    trust = document({"Effect": "Allow", "Principal": {"AWS": person.arn}, "Action": "sts:AssumeRole"})
    iam = server.client("iam")
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust)
    iam.put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=document(allow("*", "*")))
    sts = server.client("sts", cached=False, credentials=person.credentials)
    given = sts.assume_role(RoleArn=f"arn:aws:iam::{server.account}:role/{role}", RoleSessionName="training")[
        "Credentials"
    ]
    session = server.client(
        "s3",
        cached=False,
        credentials={
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        },
    )
    identity = json.loads(session.get_object(Bucket=lens.arn, Key="k")["Body"].read())
    assert identity["type"] == "AssumedRole"
    assert identity["arn"] == f"arn:aws:sts::{server.account}:assumed-role/{role}/training"
    assert identity["principalId"].endswith(":training")
    issuer = identity["sessionContext"]["sessionIssuer"]
    assert (issuer["type"], issuer["userName"]) == ("Role", role)


def test_a_functions_role_decides_what_its_own_credentials_may(server) -> None:
    lens = make_lens_on(
        server,
        """
import boto3, json
from botocore.exceptions import ClientError
def lambda_handler(event, context):
    c = event["getObjectContext"]
    s3 = boto3.client("s3")
    who = boto3.client("sts").get_caller_identity()["Arn"]
    try:
        own = s3.get_object(Bucket=event["configuration"]["payload"], Key="k")["Body"].read().decode()
    except ClientError as error:
        own = error.response["Error"]["Code"]
    s3.write_get_object_response(
        RequestRoute=c["outputRoute"], RequestToken=c["outputToken"], Body=json.dumps([who, own]))
""",
        payload="placeholder",
    )
    lens.put("k", b"own eyes")
    control = server.client("s3control")
    configuration = control.get_access_point_configuration_for_object_lambda(AccountId=server.account, Name=lens.name)[
        "Configuration"
    ]
    aws_lambda = configuration["TransformationConfigurations"][0]["ContentTransformation"]["AwsLambda"]
    aws_lambda["FunctionPayload"] = lens.bucket
    control.put_access_point_configuration_for_object_lambda(
        AccountId=server.account, Name=lens.name, Configuration=configuration
    )
    who, own = json.loads(lens.read("k"))
    assert who == f"arn:aws:sts::{server.account}:assumed-role/function-role/{lens.function}"
    assert own == "AccessDenied"
    role = f"r{uuid.uuid4().hex[:12]}"
    iam = server.client("iam")
    trust = document({"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"})
    arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(
        RoleName=role,
        PolicyName="read",
        PolicyDocument=document(allow("s3:GetObject", f"arn:aws:s3:::{lens.bucket}/*")),
    )
    server.client("lambda").update_function_configuration(FunctionName=lens.function, Role=arn)
    # The role says nothing of WriteGetObjectResponse yet, so the answer itself is refused.
    with pytest.raises(ClientError) as caught:
        lens.read("k")
    assert caught.value.response["Error"]["Code"] == "LambdaRuntimeError"
    iam.attach_role_policy(
        RoleName=role, PolicyArn="arn:aws:iam::aws:policy/service-role/AmazonS3ObjectLambdaExecutionRolePolicy"
    )
    assert json.loads(lens.read("k")) == [
        f"arn:aws:sts::{server.account}:assumed-role/{role}/{lens.function}", "own eyes"
    ]  # fmt: skip


def test_the_simulator_answers_as_the_gate_does(lens, server) -> None:
    person = Person(server, *steps(lens).values())
    iam = server.client("iam")

    def simulate(action: str, resource: str, **more) -> str:
        [result] = iam.simulate_principal_policy(
            PolicySourceArn=person.arn, ActionNames=[action], ResourceArns=[resource], **more
        )["EvaluationResults"]
        return result["EvalDecision"]

    assert simulate("s3-object-lambda:GetObject", lens.arn) == "allowed"
    assert simulate("s3:GetObject", f"arn:aws:s3:::{lens.bucket}/k") == "implicitDeny"
    via = [{"ContextKeyName": "aws:CalledVia", "ContextKeyType": "stringList",
            "ContextKeyValues": ["s3-object-lambda.amazonaws.com"]}]  # fmt: skip
    assert simulate("s3:GetObject", f"arn:aws:s3:::{lens.bucket}/k", ContextEntries=via) == "allowed"
