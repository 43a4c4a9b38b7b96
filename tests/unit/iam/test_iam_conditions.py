"""The condition operators, one by one."""

from __future__ import annotations

import pytest

from objectlens.iam.conditions import compile_condition

CONTEXT = {
    "aws:username": "alice",
    "aws:userid": "AIDA1",
    "s3:prefix": "a*c",
    "s3:max-keys": "10",
    "aws:sourceip": "10.1.2.3",
    "x:ipv6": "2001:db8::1",
    "x:mapped": "::ffff:10.1.2.3",
    "aws:securetransport": "true",
    "aws:currenttime": "2026-01-02T03:04:05Z",
    "aws:principalarn": "arn:aws:iam::111111111111:role/x/y",
    "aws:calledvia": ("cloudformation.amazonaws.com", "s3-object-lambda.amazonaws.com"),
    "x:empty": (),
    "x:blob": "YWJj",
    "x:odd": "neither",
}


def holds(name: str, key: str, *values: str) -> bool:
    return compile_condition(name, key, values, variables=True).holds(CONTEXT)


@pytest.mark.parametrize(
    ("name", "key", "values", "expected"),
    [
        ("StringEquals", "aws:username", ["alice"], True),
        ("StringEquals", "aws:username", ["bob", "alice"], True),
        ("StringEquals", "aws:username", ["Alice"], False),
        ("StringEquals", "aws:username", ["al*"], False),
        ("StringEquals", "AWS:UserName", ["${aws:username}"], True),
        ("StringEquals", "s3:prefix", ["a*c"], True),
        ("StringEquals", "s3:prefix", ["a${*}c"], True),
        ("StringNotEquals", "aws:username", ["bob"], True),
        ("StringNotEquals", "aws:username", ["bob", "alice"], False),
        ("StringEqualsIgnoreCase", "aws:username", ["ALICE"], True),
        ("StringNotEqualsIgnoreCase", "aws:username", ["ALICE"], False),
        ("StringLike", "aws:username", ["al*e"], True),
        ("StringLike", "s3:prefix", ["a${*}c"], True),
        ("StringLike", "aws:username", ["a${*}e"], False),
        ("StringNotLike", "aws:username", ["b*"], True),
        ("NumericEquals", "s3:max-keys", ["10.0"], True),
        ("NumericNotEquals", "s3:max-keys", ["10"], False),
        ("NumericLessThan", "s3:max-keys", ["10"], False),
        ("NumericLessThan", "s3:max-keys", ["9", "11"], True),
        ("NumericLessThanEquals", "s3:max-keys", ["10"], True),
        ("NumericGreaterThan", "s3:max-keys", ["9"], True),
        ("NumericGreaterThanEquals", "s3:max-keys", ["10"], True),
        ("NumericEquals", "x:odd", ["1"], False),
        ("NumericNotEquals", "x:odd", ["1"], True),
        ("DateEquals", "aws:currenttime", ["2026-01-02T04:04:05+01:00"], True),
        ("DateLessThan", "aws:currenttime", ["2026-01-03"], True),
        ("DateGreaterThan", "aws:currenttime", ["1767323045"], False),
        ("DateGreaterThanEquals", "aws:currenttime", ["1767323045"], True),
        ("DateNotEquals", "aws:currenttime", ["2026-01-02T03:04:05Z"], False),
        ("DateLessThan", "x:odd", ["2026-01-03"], False),
        ("Bool", "aws:securetransport", ["true"], True),
        ("Bool", "aws:securetransport", ["FALSE"], False),
        ("Bool", "x:odd", ["false"], False),
        ("BinaryEquals", "x:blob", ["YWJj"], True),
        ("BinaryEquals", "x:blob", ["YWJk"], False),
        ("BinaryEquals", "x:odd", ["YWJk"], False),
        ("IpAddress", "aws:sourceip", ["10.0.0.0/8"], True),
        ("IpAddress", "aws:sourceip", ["10.1.2.3"], True),
        ("IpAddress", "aws:sourceip", ["10.1.2.4/31", "11.0.0.0/8"], False),
        ("IpAddress", "aws:sourceip", ["2001:db8::/32"], False),
        ("IpAddress", "x:ipv6", ["2001:DB8::/32"], True),
        ("IpAddress", "x:mapped", ["10.0.0.0/8"], True),
        ("NotIpAddress", "aws:sourceip", ["10.0.0.0/8"], False),
        ("NotIpAddress", "aws:sourceip", ["192.168.0.0/16"], True),
        ("IpAddress", "x:odd", ["0.0.0.0/0"], False),
        ("ArnEquals", "aws:principalarn", ["arn:aws:iam::*:role/x/*"], True),
        ("ArnLike", "aws:principalarn", ["arn:aws:iam::111111111111:role/?/y"], True),
        ("ArnLike", "aws:principalarn", ["arn:aws:*:role/x/y"], True),
        ("ArnLike", "aws:principalarn", ["arn:aws:iam:*:role/x/y:z"], False),
        ("ArnNotLike", "aws:principalarn", ["arn:aws:iam::222222222222:*"], True),
        ("ArnNotEquals", "aws:principalarn", ["arn:aws:iam::*:role/*"], False),
    ],
)
def test_operator(name: str, key: str, values: list[str], expected: bool):
    assert holds(name, key, *values) is expected
    # With the key present, IfExists changes nothing.
    assert holds(f"{name}IfExists", key, *values) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("StringEquals", False),
        ("StringNotEquals", True),
        ("StringEqualsIfExists", True),
        ("StringNotEqualsIfExists", True),
        ("ForAnyValue:StringEquals", False),
        ("ForAnyValue:StringNotEquals", False),
        ("ForAllValues:StringEquals", True),
        ("ForAllValues:StringNotEquals", True),
        ("ForAnyValue:StringLikeIfExists", True),
    ],
)
@pytest.mark.parametrize("key", ["x:absent", "x:empty"])
def test_without_a_value(name: str, expected: bool, key: str):
    assert holds(name, key, "a") is expected


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("ForAnyValue:StringEquals", ["s3-object-lambda.amazonaws.com"], True),
        ("ForAnyValue:StringEquals", ["athena.amazonaws.com"], False),
        ("ForAnyValue:StringNotEquals", ["s3-object-lambda.amazonaws.com"], True),
        ("ForAllValues:StringEquals", ["s3-object-lambda.amazonaws.com"], False),
        ("ForAllValues:StringLike", ["*.amazonaws.com"], True),
        ("ForAllValues:StringNotEquals", ["athena.amazonaws.com"], True),
        ("ForAllValues:StringNotEquals", ["s3-object-lambda.amazonaws.com"], False),
    ],
)
def test_keys_with_several_values(name: str, values: list[str], expected: bool):
    assert holds(name, "aws:CalledVia", *values) is expected


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("aws:username", "false", True),
        ("aws:username", "true", False),
        ("x:absent", "true", True),
        ("x:absent", "false", False),
        ("aws:calledvia", "false", True),
    ],
)
def test_null(key: str, value: str, expected: bool):
    assert holds("Null", key, value) is expected


@pytest.mark.parametrize(
    ("name", "key", "value", "message"),
    [
        ("StringMatches", "aws:username", "a", "Invalid Condition type : StringMatches"),
        ("stringequals", "aws:username", "a", "Invalid Condition type"),
        ("ForSomeValues:StringEquals", "aws:username", "a", "Invalid Condition type"),
        ("NullIfExists", "aws:username", "true", "Invalid Condition type"),
        ("StringEquals", "username", "a", "must be prefaced by a vendor"),
        ("NumericEquals", "s3:max-keys", "ten", "'ten' is not a number"),
        ("NumericEquals", "s3:max-keys", "NaN", "'NaN' is not a number"),
        ("DateEquals", "aws:CurrentTime", "today", "'today' is not a date"),
        ("DateEquals", "aws:CurrentTime", "9" * 30, "is not a date"),
        ("Bool", "aws:SecureTransport", "yes", "neither true nor false"),
        ("BinaryEquals", "x:blob", "ab=c", "is not base64"),
        ("IpAddress", "aws:SourceIp", "10.0.0", "is not an IP address"),
        ("StringEquals", "aws:username", "${nothing}", "is not a policy variable"),
    ],
)
def test_conditions_that_are_none(name: str, key: str, value: str, message: str):
    with pytest.raises(ValueError, match=message.replace("$", r"\$")):
        compile_condition(name, key, [value], variables=True)
