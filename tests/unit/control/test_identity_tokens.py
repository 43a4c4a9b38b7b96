"""STS, through boto3: who one is, and temporary credentials."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from objectlens.errors import AccessDenied
from support.identity import ACCOUNT, open_office

ROLE = f"arn:aws:iam::{ACCOUNT}:role/Trainer"


def statement(**members) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **members}]})


def trust(principal, **more) -> str:
    return statement(Principal=principal, Action=["sts:AssumeRole", "sts:TagSession"], **more)


@pytest.fixture
def office(tmp_path):
    with open_office(tmp_path) as opened:
        yield opened


@pytest.fixture
def iam(office):
    return office.client("iam")


@pytest.fixture
def alice(iam):
    iam.create_user(UserName="alice")
    return iam.create_access_key(UserName="alice")["AccessKey"]


def refused(call, *arguments, **keywords) -> tuple[str, int, str]:
    with pytest.raises(ClientError) as caught:
        call(*arguments, **keywords)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]


def test_root(office):
    identity = office.client("sts").get_caller_identity()
    assert (identity["Account"], identity["UserId"]) == (ACCOUNT, ACCOUNT)
    assert identity["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"


def test_assuming_a_role(office, iam, alice):
    made = iam.create_role(
        RoleName="Trainer", AssumeRolePolicyDocument=trust({"AWS": f"arn:aws:iam::{ACCOUNT}:user/alice"})
    )
    answer = office.client("sts", alice).assume_role(RoleArn=ROLE, RoleSessionName="run-7", DurationSeconds=900)
    credentials = answer["Credentials"]
    assert credentials["AccessKeyId"].startswith("ASIA")
    left = credentials["Expiration"] - datetime.now(UTC)
    assert timedelta(seconds=880) < left <= timedelta(seconds=901)
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/Trainer/run-7"
    assert answer["AssumedRoleUser"] == {"AssumedRoleId": f"{made['Role']['RoleId']}:run-7", "Arn": arn}
    assert office.client("sts", credentials).get_caller_identity()["Arn"] == arn


@pytest.mark.parametrize(
    ("principal", "own_policy", "may"),
    [
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:user/alice"}, None, True),
        ({"AWS": ACCOUNT}, None, False),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, statement(Action="sts:AssumeRole", Resource=ROLE), True),
        ("*", None, True),
        ({"Service": "lambda.amazonaws.com"}, statement(Action="*", Resource="*"), False),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:user/bob"}, statement(Action="*", Resource="*"), False),
    ],
)
def test_who_may_assume_it(office, alice, principal, own_policy, may):
    iam = office.client("iam")
    iam.create_role(RoleName="Trainer", AssumeRolePolicyDocument=trust(principal))
    if own_policy is not None:
        iam.put_user_policy(UserName="alice", PolicyName="p", PolicyDocument=own_policy)
    sts = office.client("sts", alice)
    if may:
        assert sts.assume_role(RoleArn=ROLE, RoleSessionName="s-1")["Credentials"]
    else:
        assert refused(sts.assume_role, RoleArn=ROLE, RoleSessionName="s-1")[:2] == ("AccessDenied", 403)


def test_a_role_that_is_not_there_is_refused_alike(office, alice):
    sts = office.client("sts", alice)
    assert refused(sts.assume_role, RoleArn=ROLE, RoleSessionName="s-1")[:2] == ("AccessDenied", 403)
    assert refused(sts.assume_role, RoleArn="not-an-arn-but-long-enough", RoleSessionName="s-1")[0] == "ValidationError"


def test_conditions_of_the_trust_policy(office, iam, alice):
    condition = {"StringEquals": {"sts:ExternalId": "secret"}, "StringLike": {"sts:RoleSessionName": "run-*"}}
    iam.create_role(RoleName="Trainer", AssumeRolePolicyDocument=trust("*", Condition=condition))
    sts = office.client("sts", alice)
    assert refused(sts.assume_role, RoleArn=ROLE, RoleSessionName="run-1")[0] == "AccessDenied"
    assert refused(sts.assume_role, RoleArn=ROLE, RoleSessionName="other", ExternalId="secret")[0] == "AccessDenied"
    assert sts.assume_role(RoleArn=ROLE, RoleSessionName="run-1", ExternalId="secret")["Credentials"]


def may(office, credentials, action: str, resource: str) -> bool:
    """Ask the door itself what temporary credentials are good for."""
    caller, _ = office.access.sessions.open(credentials["AccessKeyId"], credentials["SessionToken"])
    try:
        office.runner.run(office.access.authorize(caller, action, resource))
    except AccessDenied:
        return False
    return True


def test_session_policies_narrow(office, iam, alice):
    iam.create_role(RoleName="Trainer", AssumeRolePolicyDocument=trust("*"))
    iam.put_role_policy(RoleName="Trainer", PolicyName="p", PolicyDocument=statement(Action="s3:*", Resource="*"))
    sts = office.client("sts", alice)
    whole = sts.assume_role(RoleArn=ROLE, RoleSessionName="s-1")
    assert "PackedPolicySize" not in whole
    narrowed = sts.assume_role(
        RoleArn=ROLE, RoleSessionName="s-1", Policy=statement(Action="s3:Get*", Resource="arn:aws:s3:::a/*")
    )
    assert narrowed["PackedPolicySize"] > 0
    by_arn = sts.assume_role(
        RoleArn=ROLE,
        RoleSessionName="s-1",
        Policy=statement(Action="s3:PutObject", Resource="*"),
        PolicyArns=[{"arn": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}],
    )
    answers = {
        name: [
            may(office, made["Credentials"], action, f"arn:aws:s3:::{key}")
            for action, key in [("s3:GetObject", "a/1"), ("s3:GetObject", "b/1"), ("s3:PutObject", "a/1")]
        ]
        for name, made in {"whole": whole, "narrowed": narrowed, "by_arn": by_arn}.items()
    }
    assert answers == {"whole": [True] * 3, "narrowed": [True, False, False], "by_arn": [True] * 3}
    assert not may(office, by_arn["Credentials"], "s3:DeleteObject", "arn:aws:s3:::a/1")


def test_bad_session_policies(office, iam, alice):
    iam.create_role(RoleName="Trainer", AssumeRolePolicyDocument=trust("*"))
    sts = office.client("sts", alice)
    ask = {"RoleArn": ROLE, "RoleSessionName": "s-1"}
    assert refused(sts.assume_role, **ask, Policy="{}")[:2] == ("MalformedPolicyDocument", 400)
    unknown = [{"arn": f"arn:aws:iam::{ACCOUNT}:policy/none"}]
    assert refused(sts.assume_role, **ask, PolicyArns=unknown)[0] == "NoSuchEntity"
    many = [{"Effect": "Allow", "Action": "s3:Get*", "Resource": f"arn:aws:s3:::b{n}"} for n in range(200)]
    long = json.dumps({"Statement": many})
    assert refused(sts.assume_role, **ask, Policy=long)[:2] == ("PackedPolicyTooLarge", 400)


def test_session_tags_and_source_identity(office, iam, alice):
    iam.create_role(RoleName="Trainer", AssumeRolePolicyDocument=trust("*"))
    tagged = statement(
        Action="s3:GetObject",
        Resource="arn:aws:s3:::pics/${aws:PrincipalTag/team}/*",
        Condition={"StringEquals": {"aws:SourceIdentity": "alice@example.org"}},
    )
    iam.put_role_policy(RoleName="Trainer", PolicyName="p", PolicyDocument=tagged)
    answer = office.client("sts", alice).assume_role(
        RoleArn=ROLE,
        RoleSessionName="s-1",
        Tags=[{"Key": "team", "Value": "vision"}],
        SourceIdentity="alice@example.org",
    )
    assert answer["SourceIdentity"] == "alice@example.org"
    assert may(office, answer["Credentials"], "s3:GetObject", "arn:aws:s3:::pics/vision/a")
    assert not may(office, answer["Credentials"], "s3:GetObject", "arn:aws:s3:::pics/audio/a")


def test_how_long_it_may_last(office, iam, alice):
    iam.create_role(RoleName="Trainer", AssumeRolePolicyDocument=trust("*"), MaxSessionDuration=7200)
    sts = office.client("sts", alice)
    ask = {"RoleArn": ROLE, "RoleSessionName": "s-1"}
    assert refused(sts.assume_role, **ask, DurationSeconds=7201)[:2] == ("ValidationError", 400)
    first = sts.assume_role(**ask, DurationSeconds=7200)["Credentials"]
    chained = office.client("sts", first)
    assert "role chaining" in refused(chained.assume_role, **ask, DurationSeconds=3601)[2]
    assert chained.assume_role(**ask, DurationSeconds=3600)["Credentials"]


def test_sessions_of_a_deleted_role_can_do_nothing(office, iam, alice):
    iam.create_role(RoleName="Trainer", AssumeRolePolicyDocument=trust("*"))
    iam.attach_role_policy(RoleName="Trainer", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    made = office.client("sts", alice).assume_role(RoleArn=ROLE, RoleSessionName="s-1")["Credentials"]
    assert office.client("iam", made).list_users()["Users"]
    iam.detach_role_policy(RoleName="Trainer", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    iam.delete_role(RoleName="Trainer")
    assert refused(office.client("iam", made).list_users)[:2] == ("AccessDenied", 403)


def test_get_session_token(office, alice):
    made = office.client("sts", alice).get_session_token(DurationSeconds=900)["Credentials"]
    again = office.client("sts", made)
    assert again.get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/alice"
    assert refused(again.get_session_token)[:2] == ("AccessDenied", 403)
    of_root = office.client("sts").get_session_token(DurationSeconds=36_000)["Credentials"]
    assert of_root["Expiration"] - datetime.now(UTC) < timedelta(minutes=61)
    assert office.client("iam", of_root).list_users()["Users"]


def test_tampered_and_foreign_tokens(office, alice):
    made = office.client("sts", alice).get_session_token()["Credentials"]
    for changes in [{"SessionToken": "x" * 300}, {"SessionToken": None}, {"SecretAccessKey": "wrong"}]:
        code, status, _ = refused(office.client("sts", made | changes).get_caller_identity)
        assert (code, status) in {("InvalidClientTokenId", 403), ("SignatureDoesNotMatch", 403)}


def test_get_access_key_info(office, alice):
    sts = office.client("sts")
    assert sts.get_access_key_info(AccessKeyId=alice["AccessKeyId"])["Account"] == ACCOUNT
    assert refused(sts.get_access_key_info, AccessKeyId="AKIANOBODY0000000000")[:2] == ("ValidationError", 400)
    assert (
        refused(office.client("sts", alice).get_access_key_info, AccessKeyId=alice["AccessKeyId"])[0] == "AccessDenied"
    )


def test_what_is_declined_says_why(office):
    code, status, text = refused(office.client("sts").get_federation_token, Name="bob")
    assert (code, status) == ("NotImplemented", 501)
    assert "AssumeRole with a session policy" in text
