"""Users, their keys and their policies, through boto3."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from support.identity import ACCOUNT, open_office

READ = json.dumps(
    {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}}
)
S3_READ_ONLY = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"


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


def test_a_user_from_birth_to_death(iam):
    made = iam.create_user(UserName="alice", Path="/team/", Tags=[{"Key": "Team", "Value": "vision"}])["User"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/team/alice"
    assert made["UserId"].startswith("AIDA")
    assert len(made["UserId"]) == 21
    assert abs((datetime.now(UTC) - made["CreateDate"]).total_seconds()) < 60
    assert iam.get_user(UserName="alice")["User"] == made
    assert refused(iam.create_user, UserName="ALICE") == (
        "EntityAlreadyExists",
        409,
        "User with name ALICE already exists.",
    )
    iam.update_user(UserName="alice", NewUserName="alicia", NewPath="/")
    assert iam.get_user(UserName="alicia")["User"]["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/alicia"
    iam.delete_user(UserName="alicia")
    assert refused(iam.get_user, UserName="alicia") == (
        "NoSuchEntity",
        404,
        "The user with name alicia cannot be found.",
    )


def test_lists_come_in_pages(iam):
    for number in range(5):
        iam.create_user(UserName=f"u{number}", Path="/a/" if number % 2 else "/b/")
    first = iam.list_users(MaxItems=2)
    assert (first["IsTruncated"], [one["UserName"] for one in first["Users"]]) == (True, ["u0", "u1"])
    pages = iam.get_paginator("list_users").paginate(PaginationConfig={"PageSize": 2})
    assert [one["UserName"] for page in pages for one in page["Users"]] == [f"u{n}" for n in range(5)]
    assert [one["UserName"] for one in iam.list_users(PathPrefix="/a/")["Users"]] == ["u1", "u3"]


def test_root_asks_who_it_is(iam):
    assert iam.get_user()["User"]["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"


def test_keys(office, iam):
    iam.create_user(UserName="alice")
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    assert key["AccessKeyId"].startswith("AKIA")
    assert (len(key["AccessKeyId"]), len(key["SecretAccessKey"]), key["Status"]) == (20, 40, "Active")
    sts = office.client("sts", key)
    assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/alice"

    listed = iam.list_access_keys(UserName="alice")["AccessKeyMetadata"]
    assert [(one["AccessKeyId"], one["Status"]) for one in listed] == [(key["AccessKeyId"], "Active")]
    assert "SecretAccessKey" not in listed[0]

    iam.update_access_key(UserName="alice", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    assert refused(sts.get_caller_identity)[:2] == ("InvalidClientTokenId", 403)
    iam.update_access_key(UserName="alice", AccessKeyId=key["AccessKeyId"], Status="Active")
    assert sts.get_caller_identity()["Account"] == ACCOUNT

    assert refused(iam.delete_user, UserName="alice") == (
        "DeleteConflict",
        409,
        "Cannot delete entity, must delete access keys first.",
    )
    iam.delete_access_key(UserName="alice", AccessKeyId=key["AccessKeyId"])
    assert refused(iam.delete_access_key, UserName="alice", AccessKeyId=key["AccessKeyId"])[0] == "NoSuchEntity"
    assert refused(sts.get_caller_identity)[0] == "InvalidClientTokenId"
    iam.delete_user(UserName="alice")


def test_two_keys_are_enough_and_those_of_others_are_out_of_reach(iam):
    iam.create_user(UserName="alice")
    iam.create_user(UserName="bob")
    keys = [iam.create_access_key(UserName="alice")["AccessKey"]["AccessKeyId"] for _ in range(2)]
    assert refused(iam.create_access_key, UserName="alice")[:2] == ("LimitExceeded", 409)
    assert refused(iam.delete_access_key, UserName="bob", AccessKeyId=keys[0])[0] == "NoSuchEntity"
    assert len(iam.list_access_keys(UserName="alice")["AccessKeyMetadata"]) == 2


def test_renaming_keeps_the_keys(office, iam):
    iam.create_user(UserName="alice")
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    iam.update_user(UserName="alice", NewUserName="alicia")
    assert office.client("sts", key).get_caller_identity()["Arn"].endswith("user/alicia")


def test_inline_policies(iam):
    iam.create_user(UserName="alice")
    text = '{"Version":"2012-10-17",\n  "Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'
    iam.put_user_policy(UserName="alice", PolicyName="all", PolicyDocument=text)
    shown = iam.get_user_policy(UserName="alice", PolicyName="all")
    assert shown["PolicyDocument"] == json.loads(text)
    assert iam.list_user_policies(UserName="alice")["PolicyNames"] == ["all"]
    assert refused(iam.delete_user, UserName="alice")[2] == "Cannot delete entity, must delete policies first."
    iam.delete_user_policy(UserName="alice", PolicyName="all")
    assert refused(iam.get_user_policy, UserName="alice", PolicyName="all") == (
        "NoSuchEntity",
        404,
        "The user policy with name all cannot be found.",
    )


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "Policies must be valid JSON"),
        ("[]", "Policies must be valid JSON"),
        ('{"Statement":{"Effect":"Maybe","Action":"s3:*","Resource":"*"}}', "Invalid effect : Maybe (statement 1)"),
        ('{"Statement":{"Effect":"Allow","Action":"s3:*"}}', "Missing required field Resource"),
        (
            '{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}}',
            "Has prohibited field Principal",
        ),
        ('{"Statement":{"Effect":"Allow","Action":"GetObject","Resource":"*"}}', "Policy has invalid action"),
    ],
)
def test_policies_that_are_none(iam, document, message):
    iam.create_user(UserName="alice")
    code, status, text = refused(iam.put_user_policy, UserName="alice", PolicyName="p", PolicyDocument=document)
    assert (code, status) == ("MalformedPolicyDocument", 400)
    assert message in text


def test_too_much_inline(iam):
    iam.create_user(UserName="alice")
    many = [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::b{n}"} for n in range(40)]
    text = json.dumps({"Statement": many})
    assert refused(iam.put_user_policy, UserName="alice", PolicyName="p", PolicyDocument=text) == (
        "LimitExceeded",
        409,
        "Maximum policy size of 2048 bytes exceeded for user alice",
    )


def test_attached_policies_and_boundaries(iam):
    iam.create_user(UserName="alice", PermissionsBoundary=S3_READ_ONLY)
    boundary = iam.get_user(UserName="alice")["User"]["PermissionsBoundary"]
    assert boundary == {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": S3_READ_ONLY}
    own = iam.create_policy(PolicyName="own", PolicyDocument=READ, Path="/x/")["Policy"]["Arn"]
    for arn in (S3_READ_ONLY, own, own):
        iam.attach_user_policy(UserName="alice", PolicyArn=arn)
    attached = iam.list_attached_user_policies(UserName="alice")["AttachedPolicies"]
    assert attached == [
        {"PolicyName": "AmazonS3ReadOnlyAccess", "PolicyArn": S3_READ_ONLY},
        {"PolicyName": "own", "PolicyArn": own},
    ]
    filtered = iam.list_attached_user_policies(UserName="alice", PathPrefix="/x/")["AttachedPolicies"]
    assert [one["PolicyName"] for one in filtered] == ["own"]
    unknown = f"arn:aws:iam::{ACCOUNT}:policy/none"
    assert refused(iam.attach_user_policy, UserName="alice", PolicyArn=unknown) == (
        "NoSuchEntity",
        404,
        f"Policy {unknown} does not exist or is not attachable.",
    )
    assert refused(iam.delete_policy, PolicyArn=own)[:2] == ("DeleteConflict", 409)
    iam.detach_user_policy(UserName="alice", PolicyArn=own)
    assert refused(iam.detach_user_policy, UserName="alice", PolicyArn=own)[0] == "NoSuchEntity"
    iam.delete_policy(PolicyArn=own)
    iam.delete_user_permissions_boundary(UserName="alice")
    assert "PermissionsBoundary" not in iam.get_user(UserName="alice")["User"]
    assert refused(iam.delete_user, UserName="alice")[2] == "Cannot delete entity, must detach all policies first."


def test_tags(iam):
    iam.create_user(UserName="alice", Tags=[{"Key": "Team", "Value": "vision"}])
    iam.tag_user(UserName="alice", Tags=[{"Key": "team", "Value": "audio"}, {"Key": "b", "Value": ""}])
    assert iam.list_user_tags(UserName="alice")["Tags"] == [
        {"Key": "b", "Value": ""},
        {"Key": "team", "Value": "audio"},
    ]
    iam.untag_user(UserName="alice", TagKeys=["TEAM", "absent"])
    assert [tag["Key"] for tag in iam.list_user_tags(UserName="alice")["Tags"]] == ["b"]
    twice = [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]
    assert refused(iam.create_user, UserName="bob", Tags=twice)[:2] == ("InvalidInput", 400)


def test_a_user_may_do_what_his_policies_say(office, iam):
    iam.create_user(UserName="alice", Path="/team/")
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    hers = office.client("iam", key)
    code, status, text = refused(hers.get_user)
    assert (code, status) == ("AccessDenied", 403)
    assert f'not authorized to perform: iam:GetUser on resource: "arn:aws:iam::{ACCOUNT}:user/team/alice"' in text
    # The same answer whether the other exists or not.
    assert refused(hers.get_user, UserName="nobody")[0] == "AccessDenied"
    own = {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": "iam:*", "Resource": "arn:aws:iam::*:user/team/${aws:username}"},
    }
    iam.put_user_policy(UserName="alice", PolicyName="self", PolicyDocument=json.dumps(own))
    assert hers.get_user()["User"]["UserName"] == "alice"
    assert hers.create_access_key()["AccessKey"]["UserName"] == "alice"
    assert refused(hers.list_users)[0] == "AccessDenied"
    assert refused(hers.attach_user_policy, UserName="root", PolicyArn=S3_READ_ONLY)[0] == "AccessDenied"


def test_attaching_may_be_limited_to_some_policies(office, iam):
    iam.create_user(UserName="alice")
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    limited = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Action": "iam:AttachUserPolicy",
            "Resource": "*",
            "Condition": {"ArnEquals": {"iam:PolicyARN": S3_READ_ONLY}},
        },
    }
    iam.put_user_policy(UserName="alice", PolicyName="p", PolicyDocument=json.dumps(limited))
    hers = office.client("iam", key)
    hers.attach_user_policy(UserName="alice", PolicyArn=S3_READ_ONLY)
    admin = "arn:aws:iam::aws:policy/AdministratorAccess"
    assert refused(hers.attach_user_policy, UserName="alice", PolicyArn=admin)[0] == "AccessDenied"


def test_what_tools_ask_in_passing(iam):
    iam.create_user(UserName="alice")
    assert iam.list_groups_for_user(UserName="alice")["Groups"] == []
    assert iam.list_account_aliases()["AccountAliases"] == []
    summary = iam.get_account_summary()["SummaryMap"]
    assert (summary["Users"], summary["Roles"], summary["AccessKeysPerUserQuota"]) == (1, 0, 2)


def test_what_is_declined_says_why(iam):
    code, status, text = refused(iam.create_group, GroupName="g")
    assert (code, status) == ("NotImplemented", 501)
    assert "attach policies to users and roles" in text


def test_names_are_checked(iam):
    assert refused(iam.create_user, UserName="a b")[:2] == ("ValidationError", 400)
    assert refused(iam.get_user, UserName="nobody")[0] == "NoSuchEntity"
