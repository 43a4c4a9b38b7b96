"""What counts as public; the examples are those of "The meaning of public" in the S3 User Guide."""

from __future__ import annotations

import json

import pytest

from objectlens.iam import is_public, parse


def judged(principal="*", condition=None, *, effect="Allow", element="Principal") -> bool:
    statement = {"Effect": effect, element: principal, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::pics/*"}
    if condition is not None:
        statement["Condition"] = condition
    return is_public(parse(json.dumps({"Version": "2012-10-17", "Statement": statement}), "resource"))


@pytest.mark.parametrize("principal", ["*", {"AWS": "*"}, {"AWS": ["123456789012", "*"]}])
def test_anyone(principal):
    assert judged(principal)


@pytest.mark.parametrize(
    "principal",
    [{"AWS": "123456789012"}, {"AWS": "arn:aws:iam::123456789012:user/alice"}, {"Service": "s3.amazonaws.com"}],
)
def test_someone(principal):
    assert not judged(principal)


def test_denials_open_nothing():
    assert not judged(effect="Deny")
    assert not judged({"AWS": "123456789012"}, effect="Deny", element="NotPrincipal")


@pytest.mark.parametrize(
    ("condition", "public"),
    [
        ({"StringLike": {"aws:SourceVpc": "vpc-*"}}, True),
        ({"StringEquals": {"aws:SourceVpc": "vpc-91237329"}}, False),
        ({"StringEquals": {"aws:SourceVpc": "${aws:username}"}}, True),
        ({"StringEqualsIfExists": {"aws:SourceVpc": "vpc-91237329"}}, True),
        ({"StringNotEquals": {"aws:SourceVpc": "vpc-91237329"}}, True),
        ({"ForAllValues:StringEquals": {"aws:SourceVpc": "vpc-91237329"}}, True),
        ({"Null": {"aws:SourceVpc": "false"}}, True),
        ({"StringEquals": {"aws:UserAgent": "mine"}}, True),
        ({"StringEquals": {"aws:SourceVpc": []}}, True),
        ({"StringEquals": {"aws:UserAgent": "mine", "aws:SourceAccount": "123456789012"}}, False),
        ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, False),
        ({"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "0.0.0.0/1"]}}, True),
        ({"IpAddress": {"aws:SourceIp": "2001:db8::/32"}}, False),
        ({"IpAddress": {"aws:SourceIp": "2001::/16"}}, True),
        ({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, True),
        ({"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::123456789012:role/r"}}, False),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/r"}}, True),
        ({"StringLike": {"aws:userid": "AROAEXAMPLE:*"}}, False),
        ({"StringLike": {"aws:userid": "*"}}, True),
        ({"StringEquals": {"s3:DataAccessPointAccount": "123456789012"}}, False),
        ({"ArnLike": {"s3:DataAccessPointArn": "arn:aws:s3:us-west-2:123456789012:accesspoint/*"}}, False),
        ({"ArnLike": {"s3:DataAccessPointArn": "arn:aws:s3:us-west-2:*:accesspoint/x"}}, True),
    ],
)
def test_conditions(condition, public: bool):
    assert judged(condition=condition) is public
