"""Roles and managed policies, through boto3."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from support.identity import ACCOUNT, open_office

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)
READ = json.dumps({"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}})
EXECUTION = "arn:aws:iam::aws:policy/service-role/AmazonS3ObjectLambdaExecutionRolePolicy"


@pytest.fixture
def office(tmp_path):
    with open_office(tmp_path) as opened:
        yield opened


@pytest.fixture
def iam(office):
    return office.client("iam")


def refused(call, *arguments, **keywords) -> tuple[str, int, str]:
    with pytest.raises(ClientError) as caught:
        call(*arguments, **keywords)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]


def test_a_role_from_birth_to_death(iam):
    made = iam.create_role(
        RoleName="resizer",
        Path="/service-role/",
        AssumeRolePolicyDocument=TRUST,
        Description="é <&>",
        MaxSessionDuration=7200,
        Tags=[{"Key": "a", "Value": "b"}],
    )["Role"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/service-role/resizer"
    assert made["AssumeRolePolicyDocument"] == json.loads(TRUST)
    assert (made["Description"], made["MaxSessionDuration"]) == ("é <&>", 7200)
    assert iam.get_role(RoleName="resizer")["Role"] == made
    assert refused(iam.create_role, RoleName="resizer", AssumeRolePolicyDocument=TRUST)[:2] == (
        "EntityAlreadyExists",
        409,
    )
    iam.update_role(RoleName="resizer", Description="new", MaxSessionDuration=3600)
    iam.update_assume_role_policy(
        RoleName="resizer", PolicyDocument=TRUST.replace("lambda", "s3").replace("Allow", "Deny")
    )
    changed = iam.get_role(RoleName="resizer")["Role"]
    assert (changed["Description"], changed["MaxSessionDuration"]) == ("new", 3600)
    assert changed["AssumeRolePolicyDocument"]["Statement"][0]["Effect"] == "Deny"
    assert iam.update_role_description(RoleName="resizer", Description="x")["Role"]["Description"] == "x"
    assert iam.list_instance_profiles_for_role(RoleName="resizer")["InstanceProfiles"] == []
    iam.delete_role(RoleName="resizer")
    assert refused(iam.get_role, RoleName="resizer") == (
        "NoSuchEntity",
        404,
        "The role with name resizer cannot be found.",
    )


def test_the_execution_role_of_every_tutorial(iam):
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    iam.attach_role_policy(RoleName="r", PolicyArn=EXECUTION)
    iam.put_role_policy(RoleName="r", PolicyName="read", PolicyDocument=READ)
    assert iam.list_role_policies(RoleName="r")["PolicyNames"] == ["read"]
    assert iam.get_role_policy(RoleName="r", PolicyName="read")["PolicyDocument"] == json.loads(READ)
    attached = iam.list_attached_role_policies(RoleName="r")["AttachedPolicies"]
    assert attached == [{"PolicyName": "AmazonS3ObjectLambdaExecutionRolePolicy", "PolicyArn": EXECUTION}]
    assert refused(iam.delete_role, RoleName="r")[:2] == ("DeleteConflict", 409)
    iam.delete_role_policy(RoleName="r", PolicyName="read")
    assert refused(iam.delete_role, RoleName="r")[:2] == ("DeleteConflict", 409)
    iam.detach_role_policy(RoleName="r", PolicyArn=EXECUTION)
    iam.delete_role(RoleName="r")


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (READ.replace('"Effect"', '"Principal": "*", "Effect"'), "Has prohibited field Resource"),
        ('{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole"}}', "Missing required field Principal"),
        (
            '{"Statement":{"Effect":"Allow","Principal":{"AWS":"bob"},"Action":"sts:AssumeRole"}}',
            "Invalid principal in policy: bob",
        ),
    ],
)
def test_trust_policies_that_are_none(iam, document, message):
    code, status, text = refused(iam.create_role, RoleName="r", AssumeRolePolicyDocument=document)
    assert (code, status) == ("MalformedPolicyDocument", 400)
    assert message in text


def test_lists_and_tags(iam):
    for number in range(3):
        iam.create_role(RoleName=f"r{number}", AssumeRolePolicyDocument=TRUST, Path=f"/p{number % 2}/")
    pages = list(iam.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 2}))
    assert [[one["RoleName"] for one in page["Roles"]] for page in pages] == [["r0", "r1"], ["r2"]]
    assert [one["RoleName"] for one in iam.list_roles(PathPrefix="/p0/")["Roles"]] == ["r0", "r2"]
    iam.tag_role(RoleName="r0", Tags=[{"Key": "k", "Value": "v"}])
    assert iam.list_role_tags(RoleName="r0")["Tags"] == [{"Key": "k", "Value": "v"}]
    iam.untag_role(RoleName="r0", TagKeys=["k"])
    assert iam.list_role_tags(RoleName="r0")["Tags"] == []
    many = [{"Key": f"k{number}", "Value": ""} for number in range(50)]
    iam.tag_role(RoleName="r0", Tags=many)
    assert refused(iam.tag_role, RoleName="r0", Tags=[{"Key": "more", "Value": ""}])[0] == "LimitExceeded"
    paged = [iam.list_role_tags(RoleName="r0", MaxItems=30)]
    paged.append(iam.list_role_tags(RoleName="r0", MaxItems=30, Marker=paged[0]["Marker"]))
    assert [len(page["Tags"]) for page in paged] == [30, 20]


def test_boundaries(iam):
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    iam.put_role_permissions_boundary(RoleName="r", PermissionsBoundary=EXECUTION)
    assert iam.get_policy(PolicyArn=EXECUTION)["Policy"]["PermissionsBoundaryUsageCount"] == 1
    iam.delete_role_permissions_boundary(RoleName="r")
    assert refused(iam.delete_role_permissions_boundary, RoleName="r")[0] == "NoSuchEntity"


def test_a_managed_policy_from_birth_to_death(iam):
    made = iam.create_policy(
        PolicyName="read", Path="/x/", PolicyDocument=READ, Description="d", Tags=[{"Key": "a", "Value": "b"}]
    )["Policy"]
    arn = made["Arn"]
    assert arn == f"arn:aws:iam::{ACCOUNT}:policy/x/read"
    assert (made["PolicyName"], made["DefaultVersionId"], made["AttachmentCount"]) == ("read", "v1", 0)
    assert refused(iam.create_policy, PolicyName="read", PolicyDocument=READ)[:2] == ("EntityAlreadyExists", 409)
    iam.create_user(UserName="alice")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    iam.attach_user_policy(UserName="alice", PolicyArn=arn)
    iam.attach_role_policy(RoleName="r", PolicyArn=arn)
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 2
    entities = iam.list_entities_for_policy(PolicyArn=arn)
    assert [one["UserName"] for one in entities["PolicyUsers"]] == ["alice"]
    assert [one["RoleName"] for one in entities["PolicyRoles"]] == ["r"]
    assert iam.list_entities_for_policy(PolicyArn=arn, EntityFilter="Role")["PolicyUsers"] == []
    version = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]
    assert (version["Document"], version["IsDefaultVersion"]) == (json.loads(READ), True)
    assert refused(iam.get_policy_version, PolicyArn=arn, VersionId="v2")[0] == "NoSuchEntity"
    assert [one["VersionId"] for one in iam.list_policy_versions(PolicyArn=arn)["Versions"]] == ["v1"]
    iam.tag_policy(PolicyArn=arn, Tags=[{"Key": "c", "Value": "d"}])
    iam.untag_policy(PolicyArn=arn, TagKeys=["a"])
    assert iam.list_policy_tags(PolicyArn=arn)["Tags"] == [{"Key": "c", "Value": "d"}]
    assert refused(iam.delete_policy, PolicyArn=arn) == (
        "DeleteConflict",
        409,
        "Cannot delete a policy attached to entities.",
    )
    iam.detach_user_policy(UserName="alice", PolicyArn=arn)
    iam.detach_role_policy(RoleName="r", PolicyArn=arn)
    iam.delete_policy(PolicyArn=arn)
    assert refused(iam.get_policy, PolicyArn=arn) == ("NoSuchEntity", 404, f"Policy {arn} was not found.")


def test_policies_of_aws_are_for_reading(iam):
    names = {one["PolicyName"] for page in iam.get_paginator("list_policies").paginate() for one in page["Policies"]}
    assert {"AdministratorAccess", "AmazonS3FullAccess", "AmazonS3ObjectLambdaExecutionRolePolicy"} <= names
    policy = iam.get_policy(PolicyArn=EXECUTION)["Policy"]
    assert (policy["Path"], policy["Arn"]) == ("/service-role/", EXECUTION)
    assert len(policy["PolicyId"]) == 21
    document = iam.get_policy_version(PolicyArn=EXECUTION, VersionId="v1")["PolicyVersion"]["Document"]
    assert "s3-object-lambda:WriteGetObjectResponse" in document["Statement"][0]["Action"]
    assert refused(iam.delete_policy, PolicyArn=EXECUTION)[:2] == ("AccessDenied", 403)
    assert refused(iam.tag_policy, PolicyArn=EXECUTION, Tags=[{"Key": "a", "Value": "b"}])[0] == "AccessDenied"


def test_which_policies_are_listed(iam):
    own = iam.create_policy(PolicyName="own", PolicyDocument=READ)["Policy"]["Arn"]
    iam.create_user(UserName="alice", PermissionsBoundary=own)
    iam.attach_user_policy(UserName="alice", PolicyArn=EXECUTION)
    arns = lambda **filters: [one["Arn"] for one in iam.list_policies(**filters)["Policies"]]  # noqa: E731
    assert arns(Scope="Local") == [own]
    assert arns(OnlyAttached=True) == [EXECUTION]
    assert arns(PolicyUsageFilter="PermissionsBoundary") == [own]
    assert EXECUTION in arns(Scope="AWS", PathPrefix="/service-role/")
    assert len(arns(Scope="AWS", MaxItems=1)) == 1


def test_too_long_a_policy(iam):
    many = [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::bucket-{n}"} for n in range(120)]
    assert refused(iam.create_policy, PolicyName="p", PolicyDocument=json.dumps({"Statement": many})) == (
        "LimitExceeded",
        409,
        "Cannot exceed quota for PolicySize: 6144",
    )


def test_odd_arns(iam):
    assert refused(iam.get_policy, PolicyArn="not-an-arn-but-long-enough")[:2] == ("InvalidInput", 400)
    assert refused(iam.get_policy, PolicyArn=f"arn:aws:iam::{ACCOUNT}:user/policy")[0] == "NoSuchEntity"
