"""Asking why: the simulator answers from the evaluator that decides."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from support.identity import ACCOUNT, open_office

ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
POLICY = """{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
    {"Sid": "Never", "Effect": "Deny", "Action": "s3:Delete*",
     "Resource": "*"}
  ]
}"""


@pytest.fixture
def office(tmp_path):
    with open_office(tmp_path) as opened:
        yield opened


@pytest.fixture
def iam(office):
    client = office.client("iam")
    client.create_user(UserName="alice", Tags=[{"Key": "team", "Value": "vision"}])
    return client


def document(**statement) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Resource": "*", **statement}})


def decisions(answer) -> list[str]:
    return [one["EvalDecision"] for one in answer["EvaluationResults"]]


def test_which_statement_decided(iam):
    iam.put_user_policy(UserName="alice", PolicyName="mine", PolicyDocument=POLICY)
    answer = iam.simulate_principal_policy(
        PolicySourceArn=ALICE,
        ActionNames=["s3:GetObject", "s3:DeleteObject", "iam:CreateUser"],
        ResourceArns=["arn:aws:s3:::pics/a"],
    )
    assert decisions(answer) == ["allowed", "explicitDeny", "implicitDeny"]
    allowed, denied, nothing = (one["MatchedStatements"] for one in answer["EvaluationResults"])
    assert allowed == [
        {
            "SourcePolicyId": "user_alice_mine",
            "SourcePolicyType": "user",
            "StartPosition": {"Line": 4, "Column": 5},
            "EndPosition": {"Line": 4, "Column": 59},
        }
    ]
    assert (denied[0]["StartPosition"], denied[0]["EndPosition"]) == (
        {"Line": 5, "Column": 5},
        {"Line": 6, "Column": 22},
    )
    assert nothing == []
    assert answer["EvaluationResults"][0]["EvalResourceName"] == "arn:aws:s3:::pics/a"


def test_every_action_on_every_resource(iam):
    answer = iam.simulate_custom_policy(
        PolicyInputList=[document(Action="s3:GetObject", Resource="arn:aws:s3:::a/*")],
        ActionNames=["s3:GetObject", "s3:PutObject"],
        ResourceArns=["arn:aws:s3:::a/1", "arn:aws:s3:::b/1"],
    )
    assert decisions(answer) == ["allowed", "implicitDeny", "implicitDeny", "implicitDeny"]
    assert answer["EvaluationResults"][0]["MatchedStatements"][0]["SourcePolicyId"] == "PolicyInputList.1"


def test_context(iam):
    asked = document(
        Action="s3:GetObject",
        Condition={
            "ForAnyValue:StringEquals": {"aws:CalledVia": "s3-object-lambda.amazonaws.com"},
            "StringEquals": {"aws:username": "alice", "aws:PrincipalTag/team": "vision"},
        },
    )
    iam.put_user_policy(UserName="alice", PolicyName="p", PolicyDocument=asked)
    plain = iam.simulate_principal_policy(PolicySourceArn=ALICE, ActionNames=["s3:GetObject"])
    assert decisions(plain) == ["implicitDeny"]
    assert plain["EvaluationResults"][0]["MissingContextValues"] == ["aws:calledvia"]
    via = {
        "ContextKeyName": "aws:CalledVia",
        "ContextKeyType": "stringList",
        "ContextKeyValues": ["s3-object-lambda.amazonaws.com"],
    }
    given = iam.simulate_principal_policy(PolicySourceArn=ALICE, ActionNames=["s3:GetObject"], ContextEntries=[via])
    assert decisions(given) == ["allowed"]
    keys = ["aws:calledvia", "aws:principaltag/team", "aws:username"]
    assert iam.get_context_keys_for_principal_policy(PolicySourceArn=ALICE)["ContextKeyNames"] == keys
    assert iam.get_context_keys_for_custom_policy(PolicyInputList=[asked])["ContextKeyNames"] == keys


def test_boundaries_resource_policies_and_owners(iam):
    iam.attach_user_policy(UserName="alice", PolicyArn="arn:aws:iam::aws:policy/AmazonS3FullAccess")
    ask = {"PolicySourceArn": ALICE, "ActionNames": ["s3:PutObject"], "ResourceArns": ["arn:aws:s3:::pics/a"]}
    free = iam.simulate_principal_policy(**ask)
    assert decisions(free) == ["allowed"]
    assert free["EvaluationResults"][0]["MatchedStatements"][0]["SourcePolicyType"] == "aws-managed"
    bounded = iam.simulate_principal_policy(**ask, PermissionsBoundaryPolicyInputList=[document(Action="s3:Get*")])
    assert decisions(bounded) == ["implicitDeny"]
    detail = bounded["EvaluationResults"][0]["PermissionsBoundaryDecisionDetail"]
    assert detail == {"AllowedByPermissionsBoundary": False}
    bucket = json.dumps(
        {"Statement": {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::pics/*"}}
    )
    denied = iam.simulate_principal_policy(**ask, ResourcePolicy=bucket)
    assert decisions(denied) == ["explicitDeny"]
    assert denied["EvaluationResults"][0]["MatchedStatements"][0]["SourcePolicyType"] == "resource"
    elsewhere = iam.simulate_principal_policy(**ask, ResourceOwner="arn:aws:iam::999999999999:root")
    assert decisions(elsewhere) == ["implicitDeny"]


def test_of_a_role(iam):
    trust = json.dumps({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}})
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    own = iam.create_policy(PolicyName="own", PolicyDocument=document(Action="s3:GetObject"))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="r", PolicyArn=own)
    answer = iam.simulate_principal_policy(PolicySourceArn=role, ActionNames=["s3:GetObject"])
    matched = answer["EvaluationResults"][0]["MatchedStatements"]
    assert [(one["SourcePolicyId"], one["SourcePolicyType"]) for one in matched] == [(own, "user-managed")]


def test_too_many_questions(iam):
    arns = [f"arn:aws:s3:::b{number}" for number in range(501)]
    with pytest.raises(ClientError, match="At most 1000 pairs"):
        iam.simulate_custom_policy(
            PolicyInputList=[POLICY], ActionNames=["s3:GetObject", "s3:PutObject"], ResourceArns=arns
        )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"PolicySourceArn": f"arn:aws:iam::{ACCOUNT}:user/nobody"}, "NoSuchEntity"),
        ({"PolicySourceArn": f"arn:aws:iam::{ACCOUNT}:group/g"}, "NoSuchEntity"),
        ({"PolicySourceArn": "not-an-arn-but-long-enough"}, "InvalidInput"),
        ({"PolicySourceArn": ALICE, "PolicyInputList": ["{"]}, "InvalidInput"),
        ({"PolicySourceArn": ALICE, "CallerArn": "alice"}, "InvalidInput"),
    ],
)
def test_bad_questions(iam, arguments, code):
    with pytest.raises(ClientError) as caught:
        iam.simulate_principal_policy(ActionNames=["s3:GetObject"], **arguments)
    assert caught.value.response["Error"]["Code"] == code
