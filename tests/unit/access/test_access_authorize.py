"""Who may do what: identity, resource, boundary and session policies over buckets, access points and functions."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from objectlens.access import Access, Caller, Credentials, Elsewhere, Session, Signature
from objectlens.access.sessions import SOURCE_FUNCTION
from objectlens.access.values import ANONYMOUS
from objectlens.catalog.entities import (
    AccessKey,
    AccessPoint,
    Bucket,
    Function,
    ManagedPolicy,
    ObjectLambdaAccessPoint,
    ObjectLambdaConfiguration,
    PublicAccessBlock,
    Role,
    User,
)
from objectlens.clock import FixedClock
from objectlens.errors import AccessDenied
from objectlens.http import Headers, HttpRequest

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ACCOUNT, OTHER = "123456789012", "999999999999"
OBJECT_LAMBDA = "s3-object-lambda.amazonaws.com"

BUCKET = Bucket(name="pics", account=ACCOUNT, region="us-east-1", created_at=NOW)
POINT = AccessPoint(
    name="my-ap",
    account=ACCOUNT,
    region="us-west-2",
    bucket="pics",
    alias="my-ap-x-s3alias",
    created_at=NOW,
    bucket_account=ACCOUNT,
)
LENS = ObjectLambdaAccessPoint(
    name="resize-ol",
    account=ACCOUNT,
    region="us-west-2",
    alias="resize-x--ol-s3",
    created_at=NOW,
    configuration=ObjectLambdaConfiguration(supporting_access_point=POINT.arn),
)
FUNCTION = Function(
    name="resize",
    account=ACCOUNT,
    region="us-west-2",
    version="$LATEST",
    runtime="python3.11",
    handler="app.handler",
    role="arn:aws:iam::123456789012:role/made-up",
    package="",
    code_sha256="",
    code_size=0,
    last_modified=NOW,
    revision_id="",
)
ROOT = Caller(
    kind="Root", account=ACCOUNT, arn=f"arn:aws:iam::{ACCOUNT}:root", principal_id=ACCOUNT, access_key_id="AKIAROOT"
)
ALICE = Caller(
    kind="IAMUser",
    account=ACCOUNT,
    arn=f"arn:aws:iam::{ACCOUNT}:user/alice",
    principal_id="AIDAALICE",
    access_key_id="AKIAALICE",
    user_name="alice",
)
TRAINER = Caller(
    kind="AssumedRole",
    account=ACCOUNT,
    arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/Trainer/run-7",
    principal_id="AROATRAINER:run-7",
    access_key_id="ASIATRAINER",
    session=Session(
        role_name="Trainer",
        role_id="AROATRAINER",
        role_arn=f"arn:aws:iam::{ACCOUNT}:role/Trainer",
        session_name="run-7",
        created_at=NOW,
    ),
)


@dataclass
class World:
    """A catalog of what this room asks for, in dictionaries."""

    users: dict[str, User] = field(default_factory=dict)
    roles: dict[str, Role] = field(default_factory=dict)
    managed: dict[str, ManagedPolicy] = field(default_factory=dict)
    buckets: dict[str, Bucket] = field(default_factory=lambda: {"pics": BUCKET})
    block: PublicAccessBlock | None = None
    # Unless it stands still, each look finds another version of the catalog, so that nothing is remembered.
    stands_still: bool = False
    number: int = 0

    async def access_key(self, access_key_id: str) -> AccessKey | None:
        return None

    async def user(self, name: str) -> User | None:
        return self.users.get(name)

    async def role(self, name: str) -> Role | None:
        return self.roles.get(name)

    async def version(self) -> int:
        self.number += 1 - self.stands_still
        return self.number

    async def managed_policy(self, arn: str) -> ManagedPolicy | None:
        return self.managed.get(arn)

    async def account_block(self) -> PublicAccessBlock | None:
        return self.block

    async def bucket(self, name: str) -> Bucket | None:
        return self.buckets.get(name)


def policy(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def allow(action="s3:GetObject", resource="*", **more) -> dict:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action="s3:GetObject", resource="*", **more) -> dict:
    return {**allow(action, resource, **more), "Effect": "Deny"}


def alice(*statements: dict, **more) -> World:
    user = User(
        name="alice",
        account=ACCOUNT,
        user_id="AIDAALICE",
        created_at=NOW,
        policies={"inline": policy(*statements)} if statements else {},
        **more,
    )
    return World(users={"alice": user})


def trainer(*statements: dict, **more) -> World:
    role = Role(
        name="Trainer",
        account=ACCOUNT,
        role_id="AROATRAINER",
        created_at=NOW,
        assume_role_policy="{}",
        policies={"inline": policy(*statements)} if statements else {},
        **more,
    )
    return World(roles={"Trainer": role})


def check(world: World, caller: Caller, action: str, resource, **options) -> None:
    access = Access(world, Credentials("AKIAROOT", "s"), FixedClock(NOW), secret_key=b"k" * 32)
    asyncio.run(access.authorize(caller, action, resource, **options))


def may(world: World, caller: Caller, action: str = "s3:GetObject", resource=BUCKET, **options) -> bool:
    try:
        check(world, caller, action, resource, **{"key": "a.jpg", **options})
    except AccessDenied:
        return False
    return True


def in_bucket(*statements: dict, **more) -> Bucket:
    return replace(BUCKET, policy=policy(*statements), **more)


def for_user(arn: str = ALICE.arn) -> dict:
    return {"Principal": {"AWS": arn}}


EVERYONE = {"Principal": "*"}
NOTHING_BLOCKED = PublicAccessBlock(
    block_public_acls=False, ignore_public_acls=False, block_public_policy=False, restrict_public_buckets=False
)


class TestRoot:
    def test_may_do_everything_in_the_account(self):
        assert may(World(), ROOT)
        assert may(World(), ROOT, resource=POINT)
        assert may(World(), ROOT, "s3-object-lambda:GetObject", LENS)
        assert may(World(), ROOT, "lambda:InvokeFunction", FUNCTION, key=None)
        assert may(World(), ROOT, "iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:user/x", key=None)

    def test_an_explicit_deny_binds_root_too(self):
        locked = in_bucket(deny("s3:*", "*", **EVERYONE))
        with pytest.raises(AccessDenied, match="with an explicit deny in a resource-based policy"):
            check(World(), ROOT, "s3:GetObject", locked, key="a.jpg")

    def test_but_never_from_mending_the_policy(self):
        locked = in_bucket(deny("s3:*", "*", **EVERYONE))
        for action in ("s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"):
            assert may(World(), ROOT, action, locked, key=None)
        assert not may(alice(allow("s3:*")), ALICE, "s3:DeleteBucketPolicy", locked, key=None)

    def test_of_another_account_has_no_say_here(self):
        stranger = replace(ROOT, account=OTHER, arn=f"arn:aws:iam::{OTHER}:root", principal_id=OTHER)
        assert not may(World(), stranger)
        assert may(World(), stranger, resource=in_bucket(allow(Principal={"AWS": OTHER})))


class TestIdentityPolicies:
    def test_nothing_is_allowed_by_itself(self):
        with pytest.raises(AccessDenied) as caught:
            check(alice(), ALICE, "s3:GetObject", BUCKET, key="a.jpg")
        assert caught.value.message == (
            "User: arn:aws:iam::123456789012:user/alice is not authorized to perform: s3:GetObject on resource: "
            '"arn:aws:s3:::pics/a.jpg" because no identity-based policy allows the s3:GetObject action'
        )

    def test_inline(self):
        world = alice(allow("s3:Get*", "arn:aws:s3:::pics/${aws:username}/*"))
        assert may(world, ALICE, key="alice/a.jpg")
        assert not may(world, ALICE, key="bob/a.jpg")
        assert not may(world, ALICE, "s3:PutObject", key="alice/a.jpg")

    def test_attached(self):
        assert may(alice(attached=("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess",)), ALICE)
        assert not may(alice(attached=("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess",)), ALICE, "s3:PutObject")
        assert may(alice(attached=("arn:aws:iam::aws:policy/AdministratorAccess",)), ALICE, "s3:PutObject")
        own = ManagedPolicy(
            name="read", account=ACCOUNT, policy_id="ANPA", created_at=NOW, document=policy(allow("s3:GetObject"))
        )
        world = alice(attached=(own.arn,))
        assert not may(world, ALICE)
        assert may(replace(world, managed={own.arn: own}), ALICE)

    def test_deny_wins(self):
        world = alice(allow("s3:*"), deny("s3:DeleteObject"))
        assert may(world, ALICE)
        with pytest.raises(AccessDenied, match="with an explicit deny in an identity-based policy"):
            check(world, ALICE, "s3:DeleteObject", BUCKET, key="a.jpg")

    def test_a_user_who_is_gone_or_made_anew_has_none(self):
        world = alice(allow("s3:*"))
        assert not may(World(), ALICE)
        assert not may(world, replace(ALICE, principal_id="AIDAEARLIER"))

    def test_a_boundary_narrows(self):
        world = alice(allow("s3:*"), boundary="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
        assert may(world, ALICE)
        with pytest.raises(AccessDenied, match="because no permissions boundary allows the s3:PutObject action"):
            check(world, ALICE, "s3:PutObject", BUCKET, key="a.jpg")
        assert not may(alice(allow("s3:*"), boundary=f"arn:aws:iam::{ACCOUNT}:policy/gone"), ALICE)

    def test_a_policy_that_cannot_be_read_allows_nothing(self):
        broken = replace(alice().users["alice"], policies={"inline": "{"})
        assert not may(World(users={"alice": broken}), ALICE)


class TestRoles:
    def test_sessions_have_their_roles_policies(self):
        assert may(trainer(allow()), TRAINER)
        assert not may(trainer(), TRAINER)
        assert not may(World(), TRAINER)

    def test_a_role_made_anew_is_another_role(self):
        world = trainer(allow())
        world.roles["Trainer"] = replace(world.roles["Trainer"], role_id="AROALATER")
        assert not may(world, TRAINER)

    def test_a_session_policy_narrows(self):
        assert TRAINER.session is not None
        narrowed = replace(TRAINER, session=replace(TRAINER.session, policy=policy(allow(resource="*/open/*"))))
        assert may(trainer(allow()), narrowed, key="open/a.jpg")
        with pytest.raises(AccessDenied, match="because no session policy allows the s3:GetObject action"):
            check(trainer(allow()), narrowed, "s3:GetObject", BUCKET, key="shut/a.jpg")
        assert not may(trainer(), narrowed, key="open/a.jpg")

    def test_principal_is_the_role_or_the_session(self):
        assert TRAINER.session is not None
        empty = replace(TRAINER, session=replace(TRAINER.session, policy=policy(allow("s3:ListBucket"))))
        by_role = in_bucket(allow(**for_user(TRAINER.session.role_arn)))
        by_session = in_bucket(allow(**for_user(TRAINER.arn)))
        assert may(trainer(), TRAINER, resource=by_role)
        assert not may(trainer(), empty, resource=by_role)
        assert may(trainer(), empty, resource=by_session)

    def test_a_function_whose_role_nobody_knows_may_answer_and_no_more(self):
        function = replace(TRAINER, attributes={SOURCE_FUNCTION: FUNCTION.arn})
        write = "s3-object-lambda:WriteGetObjectResponse"
        assert may(World(), function, write, "*", key=None)
        assert not may(World(), function)
        assert not may(World(), TRAINER, write, "*", key=None)
        assert not may(trainer(allow()), function, write, "*", key=None)
        assert may(trainer(allow()), function)
        assert TRAINER.session is not None
        elsewhere = replace(function, session=replace(TRAINER.session, role_arn=f"arn:aws:iam::{OTHER}:role/Trainer"))
        assert may(trainer(allow()), elsewhere, write, "*", key=None)
        assert not may(trainer(allow()), elsewhere)


class TestBucketPolicies:
    def test_one_side_is_enough_in_the_account(self):
        assert may(alice(), ALICE, resource=in_bucket(allow(**for_user())))
        assert may(alice(), ALICE, resource=in_bucket(allow(**EVERYONE)))
        assert not may(alice(), ALICE, resource=in_bucket(allow(**for_user(ROOT.arn))))
        assert may(alice(allow()), ALICE, resource=in_bucket(allow(**for_user(ROOT.arn))))
        assert may(alice(allow()), ALICE, resource=in_bucket(allow("s3:ListBucket", **for_user())))

    def test_deny_wins(self):
        assert not may(alice(allow()), ALICE, resource=in_bucket(deny(**EVERYONE)))
        assert not may(alice(allow()), ALICE, resource=in_bucket(deny(**for_user(ACCOUNT))))
        assert may(alice(allow()), ALICE, resource=in_bucket(deny(resource="arn:aws:s3:::pics/x/*", **EVERYONE)))

    def test_the_bucket_itself_and_its_objects_are_two_resources(self):
        world = alice(allow("s3:*", "arn:aws:s3:::pics"))
        assert may(world, ALICE, "s3:ListBucket", key=None)
        assert not may(world, ALICE)
        assert not may(alice(allow("s3:*", "arn:aws:s3:::pics/*")), ALICE, "s3:ListBucket", key=None)

    def test_across_accounts_both_sides_must_allow(self):
        bob = replace(ALICE, account=OTHER, arn=f"arn:aws:iam::{OTHER}:user/alice")
        named = in_bucket(allow(**for_user(bob.arn)))
        assert may(alice(allow()), bob, resource=named)
        assert may(alice(allow()), bob, resource=in_bucket(allow(**for_user(OTHER))))
        assert not may(alice(), bob, resource=named)
        with pytest.raises(AccessDenied, match="because no resource-based policy allows"):
            check(alice(allow()), bob, "s3:GetObject", BUCKET, key="a.jpg")

    def test_restrict_public_buckets(self):
        bob = replace(ALICE, account=OTHER, arn=f"arn:aws:iam::{OTHER}:user/alice")
        public = in_bucket(allow(**EVERYONE))
        opened = replace(public, public_access_block=PublicAccessBlock(restrict_public_buckets=False))
        assert not may(alice(allow()), bob, resource=public)
        assert may(alice(allow()), bob, resource=opened)
        assert may(alice(allow()), bob, resource=replace(public, public_access_block=None))

    def test_the_account_restricts_as_well(self):
        bob = replace(ALICE, account=OTHER, arn=f"arn:aws:iam::{OTHER}:user/alice")
        public = replace(in_bucket(allow(**EVERYONE)), public_access_block=None)
        with_acl = replace(BUCKET, public_access_block=None, ownership="ObjectWriter", acl="public-read-write")
        for flag, resource, action in (
            ("restrict_public_buckets", public, "s3:GetObject"),
            ("ignore_public_acls", with_acl, "s3:PutObject"),
        ):
            world = alice(allow("s3:*"))
            assert may(world, bob, resource=resource, action=action)
            world.block = replace(NOTHING_BLOCKED, **{flag: True})
            assert not may(world, bob, resource=resource, action=action)

    def test_acls_count_where_the_ownership_lets_them(self):
        with_acl = replace(BUCKET, public_access_block=None, ownership="ObjectWriter", acl="public-read-write")
        assert may(World(), ANONYMOUS, resource=with_acl, action="s3:PutObject")
        assert not may(World(), ANONYMOUS, resource=replace(with_acl, acl=None), action="s3:PutObject")
        enforced = replace(with_acl, ownership="BucketOwnerEnforced")
        assert not may(World(), ANONYMOUS, resource=enforced, action="s3:PutObject")


class TestAccessPoints:
    """Reference section 11.3, and "Configuring IAM policies for using access points" in the S3 User Guide."""

    DELEGATION = in_bucket(
        allow(
            "*",
            ["arn:aws:s3:::pics", "arn:aws:s3:::pics/*"],
            Condition={"StringEquals": {"s3:DataAccessPointAccount": ACCOUNT}},
            Principal={"AWS": "*"},
        )
    )
    JANE = replace(POINT, policy=policy(allow(resource=f"{POINT.arn}/object/Jane/*", **for_user())))

    def world(self, bucket: Bucket, *statements: dict) -> World:
        return replace(alice(*statements), buckets={"pics": bucket})

    def test_delegated_the_access_point_decides(self):
        world = self.world(self.DELEGATION)
        assert may(world, ALICE, resource=self.JANE, key="Jane/a.jpg")
        assert not may(world, ALICE, resource=self.JANE, key="John/a.jpg")
        assert not may(world, ALICE, "s3:PutObject", self.JANE, key="Jane/a.jpg")

    def test_delegation_opens_nothing_to_direct_requests(self):
        assert not may(self.world(self.DELEGATION), ALICE, resource=self.DELEGATION, key="Jane/a.jpg")

    def test_without_delegation_the_bucket_must_permit_too(self):
        assert not may(self.world(BUCKET), ALICE, resource=self.JANE, key="Jane/a.jpg")
        assert may(self.world(in_bucket(allow(**for_user()))), ALICE, resource=self.JANE, key="Jane/a.jpg")
        assert may(self.world(BUCKET, allow(resource="arn:aws:s3:::pics/*")), ALICE, resource=self.JANE, key="Jane/a")

    def test_an_identity_policy_may_satisfy_both_layers(self):
        assert may(self.world(BUCKET, allow()), ALICE, resource=POINT)
        assert not may(self.world(BUCKET, allow(resource=f"{POINT.arn}/object/*")), ALICE, resource=POINT)
        both = [f"{POINT.arn}/object/*", "arn:aws:s3:::pics/*"]
        assert may(self.world(BUCKET, allow(resource=both)), ALICE, resource=POINT)

    def test_a_deny_in_either_layer(self):
        denying = replace(POINT, policy=policy(deny(resource=f"{POINT.arn}/object/secret/*", **EVERYONE)))
        world = self.world(in_bucket(deny(resource="arn:aws:s3:::pics/hidden/*", **EVERYONE)), allow())
        assert may(world, ALICE, resource=denying, key="a")
        assert not may(world, ALICE, resource=denying, key="secret/a")
        assert not may(world, ALICE, resource=denying, key="hidden/a")

    def test_a_bucket_that_takes_requests_from_access_points_only(self):
        only = in_bucket(
            deny("s3:*", "*", Condition={"StringNotEquals": {"s3:DataAccessPointAccount": ACCOUNT}}, **EVERYONE)
        )
        world = self.world(only, allow())
        assert may(world, ALICE, resource=POINT)
        assert not may(world, ALICE, resource=only)

    def test_keys_of_the_access_point(self):
        condition = {
            "ArnLike": {"s3:DataAccessPointArn": "arn:aws:s3:us-west-2:123456789012:accesspoint/my-*"},
            "StringEquals": {"s3:AccessPointNetworkOrigin": "Internet"},
        }
        world = self.world(in_bucket(allow("*", Condition=condition, **EVERYONE)), allow(resource=f"{POINT.arn}/*"))
        assert may(world, ALICE, resource=POINT)
        assert not may(world, ALICE, resource=replace(POINT, name="other"))

    def test_a_vpc_access_point_refuses_even_root(self):
        with pytest.raises(AccessDenied, match="accepts requests from the VPC vpc-1 only"):
            check(World(), ROOT, "s3:GetObject", replace(POINT, vpc_id="vpc-1"), key="a")
        assert may(World(), ROOT, "s3:DeleteAccessPoint", replace(POINT, vpc_id="vpc-1"), key=None)

    def test_managing_it_is_no_access_to_the_bucket(self):
        world = self.world(in_bucket(deny("s3:*", **EVERYONE)), allow("s3:GetAccessPoint", POINT.arn))
        assert may(world, ALICE, "s3:GetAccessPoint", POINT, key=None)
        assert not may(world, ALICE, resource=POINT)

    def test_across_accounts(self):
        bob = replace(ALICE, account=OTHER, arn=f"arn:aws:iam::{OTHER}:user/alice")
        theirs = replace(POINT, policy=policy(allow(**for_user(bob.arn))))
        world = self.world(self.DELEGATION, allow())
        opened = replace(self.DELEGATION, public_access_block=PublicAccessBlock(restrict_public_buckets=False))
        # The idiom ties the bucket to access points of fixed accounts, so it is not public.
        assert may(world, bob, resource=theirs)
        assert may(self.world(opened, allow()), bob, resource=theirs)
        assert not may(world, bob, resource=POINT)
        assert not may(self.world(BUCKET, allow()), bob, resource=theirs)


class TestObjectLambda:
    def test_the_way_of_one_get(self):
        """Reference section 11.1: four checks, the last two only when the function reads as the caller."""
        world = alice(
            allow("s3-object-lambda:GetObject", LENS.arn),
            allow("lambda:InvokeFunction", f"{FUNCTION.arn}:$LATEST"),
            allow(
                "s3:GetObject",
                [f"{POINT.arn}/object/*", "arn:aws:s3:::pics/*"],
                Condition={"ForAnyValue:StringEquals": {"aws:CalledVia": OBJECT_LAMBDA}},
            ),
        )
        via = replace(ALICE, called_via=(OBJECT_LAMBDA,))
        assert may(world, ALICE, "s3-object-lambda:GetObject", LENS)
        assert may(world, ALICE, "lambda:InvokeFunction", FUNCTION, key=None)
        assert may(world, via, resource=POINT)
        assert not may(world, ALICE, resource=POINT)
        assert not may(world, ALICE)

    def test_its_own_policy(self):
        opened = replace(LENS, policy=policy(allow("s3-object-lambda:*", LENS.arn, **for_user())))
        assert may(alice(), ALICE, "s3-object-lambda:GetObject", opened)
        assert not may(alice(), ALICE, "s3-object-lambda:GetObject", LENS)

    @pytest.mark.parametrize("suffix", ["", ":$LATEST", ":*", "*"])
    def test_functions_by_either_name(self, suffix: str):
        world = alice(allow("lambda:InvokeFunction", f"{FUNCTION.arn}{suffix}"))
        bare_and_latest = may(world, ALICE, "lambda:InvokeFunction", FUNCTION, key=None)
        version = may(world, ALICE, "lambda:InvokeFunction", replace(FUNCTION, version="3"), key=None)
        assert (bare_and_latest, version) == (True, suffix in {":*", "*"})

    def test_a_function_policy(self):
        granted = replace(FUNCTION, policy=policy(allow("lambda:InvokeFunction", FUNCTION.arn, **for_user())))
        assert may(alice(), ALICE, "lambda:InvokeFunction", granted, key=None)
        assert not may(trainer(), TRAINER, "lambda:InvokeFunction", granted, key=None)


class TestConditionKeys:
    REQUEST = HttpRequest(
        "GET",
        "/pics",
        "list-type=2&prefix=a%2Fb&delimiter=/&max-keys=10&versionId=v7",
        Headers(
            [
                ("User-Agent", "boto3/1"),
                ("Referer", "http://example.org/x"),
                ("x-amz-acl", "private"),
                ("x-amz-tagging", "Team=red&b=2"),
            ]
        ),
        host="localhost",
        scheme="https",
        peer="10.1.2.3",
    )
    SIGNED = replace(
        ALICE,
        called_via=("first.amazonaws.com", OBJECT_LAMBDA),
        signature=Signature(
            kind="REST-QUERY-STRING",
            version="AWS4-HMAC-SHA256",
            age_ms=1500,
            service="s3",
            region="eu-central-1",
            payload_hash="UNSIGNED-PAYLOAD",
        ),
    )

    @pytest.mark.parametrize(
        ("operator", "key", "value"),
        [
            ("IpAddress", "aws:SourceIp", "10.0.0.0/8"),
            ("Bool", "aws:SecureTransport", "true"),
            ("StringLike", "aws:UserAgent", "boto3/*"),
            ("StringLike", "aws:Referer", "http://example.org/*"),
            ("ArnEquals", "aws:PrincipalArn", ALICE.arn),
            ("StringEquals", "aws:PrincipalAccount", ACCOUNT),
            ("StringEquals", "aws:PrincipalType", "User"),
            ("StringEquals", "aws:PrincipalTag/Team", "vision"),
            ("StringEquals", "aws:userid", "AIDAALICE"),
            ("StringEquals", "aws:username", "alice"),
            ("StringEquals", "aws:ResourceAccount", ACCOUNT),
            ("StringEquals", "s3:ResourceAccount", ACCOUNT),
            ("StringEquals", "aws:ResourceTag/Kind", "photos"),
            ("StringEquals", "aws:RequestedRegion", "eu-central-1"),
            ("DateGreaterThan", "aws:CurrentTime", "2026-01-01T00:00:00Z"),
            ("DateLessThan", "aws:CurrentTime", "2026-01-03"),
            ("NumericEquals", "aws:EpochTime", str(int(NOW.timestamp()))),
            ("ForAnyValue:StringEquals", "aws:CalledVia", OBJECT_LAMBDA),
            ("StringEquals", "aws:CalledViaFirst", "first.amazonaws.com"),
            ("StringEquals", "aws:CalledViaLast", OBJECT_LAMBDA),
            ("Bool", "aws:ViaAWSService", "true"),
            ("StringEquals", "s3:prefix", "a/b"),
            ("StringEquals", "s3:delimiter", "/"),
            ("NumericLessThanEquals", "s3:max-keys", "10"),
            ("StringEquals", "s3:authType", "REST-QUERY-STRING"),
            ("NumericLessThan", "s3:signatureAge", "2000"),
            ("StringEquals", "s3:signatureversion", "AWS4-HMAC-SHA256"),
            ("StringEquals", "s3:VersionId", "v7"),
            ("StringEquals", "s3:x-amz-acl", "private"),
            ("StringEquals", "s3:RequestObjectTag/Team", "red"),
            ("ForAllValues:StringEquals", "s3:RequestObjectTagKeys", ["Team", "b"]),
            ("StringEquals", "s3:ExistingObjectTag/Stage", "raw"),
            ("Null", "s3:DataAccessPointArn", "true"),
            ("Null", "aws:SourceVpc", "true"),
        ],
    )
    def test_key(self, operator: str, key: str, value):
        world = alice(allow("s3:ListBucket", Condition={operator: {key: value}}), tags={"team": "vision"})
        bucket = replace(BUCKET, tags={"Kind": "photos"})
        options = {"key": None, "http": self.REQUEST, "context": {"s3:ExistingObjectTag/Stage": "raw"}}
        assert may(world, self.SIGNED, "s3:ListBucket", bucket, **options)
        denied = alice(allow("s3:ListBucket"), deny("s3:ListBucket", Condition={operator: {key: value}}))
        denied.users["alice"] = replace(denied.users["alice"], tags={"team": "vision"})
        assert not may(denied, self.SIGNED, "s3:ListBucket", bucket, **options)

    def test_keys_of_listings_are_absent_elsewhere(self):
        world = alice(allow("s3:GetObject", Condition={"Null": {"s3:prefix": "true"}}))
        assert may(world, ALICE, http=self.REQUEST)

    def test_of_a_role_session(self):
        assert TRAINER.session is not None
        for operator, key, value in [
            ("ArnEquals", "aws:PrincipalArn", TRAINER.session.role_arn),
            ("StringLike", "aws:userid", "AROATRAINER:*"),
            ("StringEquals", "aws:PrincipalType", "AssumedRole"),
            ("Null", "aws:username", "true"),
            ("DateLessThanEquals", "aws:TokenIssueTime", "2026-01-02T03:04:05Z"),
        ]:
            assert may(trainer(allow(Condition={operator: {key: value}})), TRAINER)


class TestOfFunctionsElsewhere:
    """Their own policies are asked there; here the caller's decide, whatever the account in the ARN."""

    ARN = f"arn:aws:lambda:eu-west-1:{OTHER}:function:resize"
    THERE = Elsewhere(replace(FUNCTION, account=OTHER, region="eu-west-1"))

    def may(self, world: World, caller: Caller = ALICE, target: Elsewhere = THERE) -> bool:
        return may(world, caller, "lambda:InvokeFunction", target, key=None)

    def test_the_root_may(self):
        assert self.may(World(), ROOT)

    def test_others_need_an_allow(self):
        assert not self.may(alice())
        assert not self.may(alice(allow("lambda:InvokeFunction", self.ARN + "2")))
        assert not self.may(alice(allow("lambda:GetFunction", self.ARN)))
        assert self.may(alice(allow("lambda:InvokeFunction", self.ARN)))
        assert self.may(trainer(allow("lambda:*", "*")), TRAINER)

    def test_a_deny_wins(self):
        assert not self.may(alice(allow("lambda:*", "*"), deny("lambda:InvokeFunction", self.ARN)))

    def test_latest_may_be_written_or_not(self):
        assert self.may(alice(allow("lambda:InvokeFunction", f"{self.ARN}:$LATEST")))
        live = Elsewhere(replace(self.THERE.function, version="live"))
        assert not self.may(alice(allow("lambda:InvokeFunction", self.ARN)), target=live)
        assert self.may(alice(allow("lambda:InvokeFunction", f"{self.ARN}:live")), target=live)

    def test_the_account_is_that_of_the_arn(self):
        condition = {"StringEquals": {"aws:ResourceAccount": OTHER}}
        assert self.may(alice(allow("lambda:InvokeFunction", "*", Condition=condition)))

    def test_the_same_function_without_a_remote_stays_closed(self):
        world = alice(allow("lambda:InvokeFunction", "*"))
        assert not may(world, ALICE, "lambda:InvokeFunction", self.ARN, key=None)
        assert not may(world, ALICE, "lambda:InvokeFunction", self.THERE.function, key=None)


class TestRemembering:
    """What was allowed is not decided again before the catalog changes, unless a condition had a part in it."""

    async def is_allowed(self, access: Access, caller: Caller = ALICE, action: str = "s3:GetObject", **options) -> bool:
        try:
            await access.authorize(caller, action, options.pop("target", BUCKET), **{"key": "a.jpg", **options})
        except AccessDenied:
            return False
        return True

    def run(self, world: World, *steps) -> list[bool]:
        async def main() -> list[bool]:
            access = Access(world, Credentials("AKIAROOT", "s"), FixedClock(NOW), secret_key=b"k" * 32)
            found = []
            for step in steps:
                found.append(await step(access))
            return found

        return asyncio.run(main())

    def test_a_change_counts_with_the_next_version(self):
        world = alice(allow())
        world.stands_still = True

        async def forget(_: Access) -> bool:
            world.users.clear()
            return True

        async def move_on(_: Access) -> bool:
            world.number += 1
            return True

        steps = (self.is_allowed, forget, self.is_allowed, move_on, self.is_allowed)
        assert self.run(world, *steps) == [True, True, True, True, False]

    def test_it_is_for_that_caller_action_and_object_alone(self):
        world = alice(allow(resource=f"{BUCKET.arn}/a.jpg"))
        world.stands_still = True
        assert self.run(
            world,
            self.is_allowed,
            lambda access: self.is_allowed(access, key="b.jpg"),
            lambda access: self.is_allowed(access, action="s3:DeleteObject"),
            lambda access: self.is_allowed(access, TRAINER),
            lambda access: self.is_allowed(access, replace(ALICE, principal_id="AIDAANOTHER")),
            lambda access: self.is_allowed(access, target=in_bucket({**deny(), **for_user()})),
        ) == [True, False, False, False, False, False]

    def test_what_conditions_decide_is_decided_each_time(self):
        world = alice(allow(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.1/32"}}))
        world.stands_still = True
        there, elsewhere = (HttpRequest("GET", "/", peer=peer) for peer in ("10.0.0.1", "10.0.0.2"))
        assert self.run(
            world,
            lambda access: self.is_allowed(access, http=there),
            lambda access: self.is_allowed(access, http=elsewhere),
            lambda access: self.is_allowed(access, http=there),
        ) == [True, False, True]

    def test_refusals_are_not_remembered(self):
        world = alice()
        world.stands_still = True

        async def permit(_: Access) -> bool:
            world.users = alice(allow()).users
            return True

        assert self.run(world, self.is_allowed, permit, self.is_allowed) == [False, True, True]
