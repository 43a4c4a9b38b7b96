"""Decisions: AWS's worked examples, and how closely a policy must name a caller."""

from __future__ import annotations

import json

import pytest

from objectlens.iam import Attached, Policies, Principal, Request, evaluate, parse

A, B = "111122223333", "444455556666"
USER = Principal(account=A, arn=f"arn:aws:iam::{A}:user/Bob")
SESSION = Principal(account=A, arn=f"arn:aws:sts::{A}:assumed-role/r/s", role_arn=f"arn:aws:iam::{A}:role/r")
ROOT = Principal(account=A, arn=f"arn:aws:iam::{A}:root")
SERVICE = Principal(service="lambda.amazonaws.com")


def policy(*statements: dict, kind="identity") -> tuple[Attached, ...]:
    full = [{"Effect": "Allow", "Action": "s3:*", "Resource": "*", **statement} for statement in statements]
    full = [
        {
            name: value
            for name, value in one.items()
            if not (name in ("Action", "Resource", "Principal") and f"Not{name}" in one)
        }
        for one in full
    ]
    return (Attached("p", parse(json.dumps({"Version": "2012-10-17", "Statement": full}), kind)),)


def bucket(*statements: dict) -> tuple[Attached, ...]:
    return policy(*({"Principal": "*", **one} for one in statements), kind="resource")


def ask(who=USER, action="s3:GetObject", arn="arn:aws:s3:::pics/a", **context) -> Request:
    return Request(principal=who, action=action, resources=(arn,), context=context)


def reason(request: Request, *, cross_account=False, must_be_named=False, **layers) -> str:
    return evaluate(request, Policies(**layers), cross_account=cross_account, must_be_named=must_be_named).reason


def test_nothing_is_denied():
    assert reason(ask()) == "implicitDeny"


def test_deny_beats_allow_wherever_it_stands():
    everything = {"identity": policy({}), "resource": bucket({}), "boundary": policy({}), "session": policy({})}
    assert reason(ask(), **everything) == "allowed"
    for layer in everything:
        make = bucket if layer == "resource" else policy
        assert reason(ask(), **everything | {layer: make({}, {"Effect": "Deny"})}) == "explicitDeny"


def test_the_decision_names_its_statements():
    decision = evaluate(
        ask(), Policies(identity=policy({"Sid": "A"}, {"Sid": "B", "Effect": "Deny"}), resource=bucket({}))
    )
    assert [(match.source, match.policy, match.statement.sid) for match in decision.matched] == [("identity", "p", "B")]
    decision = evaluate(ask(), Policies(identity=policy({"Sid": "A"}), boundary=()))
    assert (decision.missing, [match.statement.sid for match in decision.matched]) == ("boundary", ["A"])


@pytest.mark.parametrize(
    ("who", "principal", "in_account", "across"),
    [
        (USER, {"AWS": USER.arn}, "allowed", "implicitDeny"),
        (USER, {"AWS": A}, "implicitDeny", "implicitDeny"),
        (USER, "*", "allowed", "implicitDeny"),
        (USER, {"AWS": B}, "implicitDeny", "implicitDeny"),
        (ROOT, {"AWS": A}, "allowed", "implicitDeny"),
        (SESSION, {"AWS": SESSION.arn}, "allowed", "implicitDeny"),
        (SESSION, {"AWS": f"arn:aws:iam::{A}:role/r"}, "allowed", "implicitDeny"),
        (SERVICE, {"Service": "lambda.amazonaws.com"}, "allowed", "implicitDeny"),
        (SERVICE, {"Service": "s3.amazonaws.com"}, "implicitDeny", "implicitDeny"),
        (SERVICE, {"AWS": "*"}, "implicitDeny", "implicitDeny"),
    ],
)
def test_what_a_resource_policy_grants_alone(who, principal, in_account, across):
    resource = bucket({"Principal": principal})
    assert reason(ask(who), resource=resource) == in_account
    assert reason(ask(who), resource=resource, cross_account=True) == across
    named = in_account == "allowed" or principal == {"AWS": A}
    both = reason(ask(who), resource=resource, identity=policy({}), cross_account=True)
    assert both == ("allowed" if named else "implicitDeny")


@pytest.mark.parametrize("layer", ["boundary", "session"])
@pytest.mark.parametrize(
    ("who", "principal", "expected"),
    [
        (USER, {"AWS": USER.arn}, "allowed"),
        (USER, "*", "implicitDeny"),
        (SESSION, {"AWS": SESSION.arn}, "allowed"),
        (SESSION, {"AWS": f"arn:aws:iam::{A}:role/r"}, "implicitDeny"),
    ],
)
def test_what_passes_over_boundaries_and_session_policies(layer, who, principal, expected):
    """ "Permissions boundaries for IAM entities": grants to the user's or the session's own ARN are not limited."""
    limits = {layer: policy({"Action": "iam:*"})}
    assert reason(ask(who), resource=bucket({"Principal": principal}), **limits) == expected


def test_roles_take_only_those_whom_they_name():
    trust = policy({"Principal": {"AWS": A}}, kind="resource")
    assert reason(ask(), identity=policy({}), must_be_named=True) == "implicitDeny"
    assert reason(ask(), identity=policy({}), resource=trust, must_be_named=True) == "allowed"
    assert reason(ask(), resource=trust, must_be_named=True) == "implicitDeny"


class TestNot:
    def test_not_action(self):
        but_deleting = policy({"NotAction": ["s3:Delete*"]})
        assert reason(ask(), identity=but_deleting) == "allowed"
        assert reason(ask(action="s3:deleteobject"), identity=but_deleting) == "implicitDeny"

    def test_not_resource(self):
        but_secrets = policy({"NotResource": ["arn:aws:s3:::pics/secret/*", "arn:aws:s3:::other/*"]})
        assert reason(ask(), identity=but_secrets) == "allowed"
        assert reason(ask(arn="arn:aws:s3:::pics/secret/x"), identity=but_secrets) == "implicitDeny"

    @pytest.mark.parametrize(
        ("listed", "who", "expected"),
        [
            # "Specifying NotPrincipal with Deny" in the IAM User Guide: the user and his account must both be listed.
            ([f"arn:aws:iam::{A}:user/Bob", f"arn:aws:iam::{A}:root"], USER, "allowed"),
            ([f"arn:aws:iam::{A}:user/Bob"], USER, "explicitDeny"),
            ([f"arn:aws:iam::{A}:root"], USER, "explicitDeny"),
            ([f"arn:aws:iam::{A}:root"], ROOT, "allowed"),
            ([SESSION.arn, f"arn:aws:iam::{A}:role/r", A], SESSION, "allowed"),
            ([SESSION.arn, A], SESSION, "explicitDeny"),
            (["*"], USER, "allowed"),
            ([B], USER, "explicitDeny"),
        ],
    )
    def test_not_principal(self, listed, who, expected):
        resource = policy({"NotPrincipal": {"AWS": listed}, "Effect": "Deny"}, kind="resource")
        assert reason(ask(who), identity=policy({}), resource=resource) == expected


def test_actions_know_no_case_and_resources_do():
    own = policy({"Action": "S3:getOBJECT", "Resource": "arn:aws:s3:::pics/A"})
    assert reason(ask(arn="arn:aws:s3:::pics/A"), identity=own) == "allowed"
    assert reason(ask(arn="arn:aws:s3:::pics/a"), identity=own) == "implicitDeny"


def test_one_resource_by_several_names():
    arns = ("arn:aws:lambda:r:1:function:f", "arn:aws:lambda:r:1:function:f:$LATEST")
    request = Request(principal=USER, action="lambda:InvokeFunction", resources=arns)
    for arn in arns:
        allowed = policy({"Action": "lambda:*", "Resource": arn})
        assert reason(request, identity=allowed) == "allowed"
        denied = policy({"Action": "lambda:*"}, {"Effect": "Deny", "Action": "lambda:*", "Resource": arn})
        assert reason(request, identity=denied) == "explicitDeny"


def test_home_folders():
    """ "Amazon S3: Allows IAM users access to their S3 home directory" in the IAM User Guide."""
    identity = policy(
        {"Action": ["s3:ListAllMyBuckets", "s3:GetBucketLocation"]},
        {
            "Action": "s3:ListBucket",
            "Resource": "arn:aws:s3:::bucket",
            "Condition": {"StringLike": {"s3:prefix": ["", "home/", "home/${aws:username}/*"]}},
        },
        {"Resource": ["arn:aws:s3:::bucket/home/${aws:username}", "arn:aws:s3:::bucket/home/${aws:username}/*"]},
    )
    context = {"aws:username": "bob"}

    def may(action: str, arn: str, **more) -> bool:
        return reason(ask(action=action, arn=arn, **context, **more), identity=identity) == "allowed"

    assert may("s3:ListAllMyBuckets", "*")
    assert may("s3:ListBucket", "arn:aws:s3:::bucket", **{"s3:prefix": "home/bob/x"})
    assert not may("s3:ListBucket", "arn:aws:s3:::bucket", **{"s3:prefix": "home/alice/x"})
    assert not may("s3:ListBucket", "arn:aws:s3:::bucket")
    assert may("s3:PutObject", "arn:aws:s3:::bucket/home/bob/a")
    assert not may("s3:PutObject", "arn:aws:s3:::bucket/home/alice/a")
