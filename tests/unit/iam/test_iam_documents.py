"""Reading policy documents, and saying what is wrong with them."""

from __future__ import annotations

import json

import pytest

from objectlens.iam import PolicyCache, PolicyError, parse
from objectlens.iam.positions import Span

GOOD = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
FOR_ALL = GOOD | {"Principal": "*"}


def document(*statements, **more) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements), **more})


def changed(**changes) -> dict:
    return {name: value for name, value in (FOR_ALL | changes).items() if value is not None}


def test_scalars_and_lists_are_interchangeable():
    one = parse(json.dumps({"Statement": GOOD}), "identity").statements
    listed = {name: [value] if name != "Effect" else value for name, value in GOOD.items()}
    many = parse(json.dumps({"Statement": [listed]}), "identity").statements
    assert len(one) == len(many) == 1
    assert [len(one[0].actions), len(one[0].resources)] == [1, 1]


def test_numbers_and_booleans_in_conditions():
    statement = GOOD | {"Condition": {"NumericLessThan": {"s3:max-keys": 10}, "Bool": {"aws:SecureTransport": True}}}
    number, boolean = parse(document(statement), "identity").statements[0].conditions
    assert (number.values, boolean.values) == (("10",), ("true",))


def test_whether_the_request_matters():
    assert not parse(document(GOOD), "identity").uses_context
    assert parse(document(GOOD | {"Resource": "arn:aws:s3:::${aws:username}"}), "identity").uses_context
    assert parse(document(GOOD | {"Condition": {"Null": {"a:b": "true"}}}), "identity").uses_context


@pytest.mark.parametrize(
    "principal",
    [
        "*",
        {"AWS": "*"},
        {"AWS": "123456789012"},
        {"AWS": ["arn:aws:iam::123456789012:root", "arn:aws:iam::123456789012:user/team/alice"]},
        {"AWS": "arn:aws:sts::123456789012:assumed-role/r/session"},
        {"AWS": "arn:aws-cn:iam::123456789012:role/r"},
        {"Service": ["lambda.amazonaws.com", "s3.amazonaws.com"]},
        {"AWS": "*", "Service": "s3.amazonaws.com", "Federated": "accounts.google.com", "CanonicalUser": "79a5"},
    ],
)
def test_principals(principal):
    assert parse(document(changed(Principal=principal)), "resource").statements[0].principals is not None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Policies must be valid JSON and the first byte must be '{'"),
        ("[]", "Policies must be valid JSON"),
        ("{", "Policies must be valid JSON"),
        ("[" * 100_000, "Policies must be valid JSON"),
        ("{}", "Missing required field Statement"),
        ('{"Statement":[]}', "Statement is empty!"),
        ('{"Statement":"x"}', "a statement must be an object (statement 1)"),
        ('{"Version":"2020-01-01","Statement":{}}', "The policy must contain a valid version string"),
        ('{"Statements":[]}', "Unknown field Statements"),
        ('{"Statement":[],"Statement":[]}', "the field Statement stands twice"),
        (" " * 200_000, "at most 131072 characters"),
        (document(changed(Effect=None)), "Missing required field Effect (statement 1)"),
        (document(changed(Effect="Permit", Sid="One")), "Invalid effect : Permit (statement 1, Sid One)"),
        (document(FOR_ALL, changed(Principal=None)), "Missing required field Principal (statement 2)"),
        (document(changed(Action=None)), "Missing required field Action"),
        (document(changed(Resource=None)), "Missing required field Resource"),
        (document(changed(NotAction="s3:*")), "already has instance of Action"),
        (document(changed(NotResource="*")), "already has instance of Resource"),
        (document(changed(NotPrincipal="*")), "already has instance of Principal"),
        (document(changed(Action=[])), "Policy has invalid action"),
        (document(changed(Action=7)), "Policy has invalid action"),
        (document(changed(Action="GetObject")), "Policy has invalid action: GetObject"),
        (document(changed(Action="s3:Get Object")), "Policy has invalid action"),
        (document(changed(Resource="pics/*")), 'pics/* must be in ARN format or "*"'),
        (document(changed(Resource="arn:aws:s3:::${x}")), "Policy has invalid resource: ${x} is not a policy variable"),
        (document(changed(Principal="alice")), "Invalid principal in policy"),
        (document(changed(Principal={})), "Invalid principal in policy"),
        (document(changed(Principal={"User": "x"})), "Invalid principal in policy"),
        (document(changed(Principal={"AWS": "alice"})), "Invalid principal in policy: alice"),
        (document(changed(Principal={"AWS": "1234"})), "Invalid principal in policy: 1234"),
        (document(changed(Principal={"AWS": "arn:aws:iam::123456789012:user/*"})), "Invalid principal in policy"),
        (document(changed(Principal=None, NotPrincipal="*")), "Allow with NotPrincipal is not supported"),
        (document(changed(Sid=7)), "Sid must be a string"),
        (document(changed(Sid="a"), changed(Sid="a")), "must be unique: a stands twice"),
        (document(changed(Extra=1)), "Unknown field Extra (statement 1)"),
        (document(changed(Condition=[])), "Condition must be an object"),
        (document(changed(Condition={"Bool": []})), "Condition Bool must be an object"),
        (document(changed(Condition={"Bool": {"a:b": {}}})), "the values of condition key a:b must be scalars"),
        (document(changed(Condition={"Bool": {"a:b": None}})), "the values of condition key a:b must be scalars"),
        (document(changed(Condition={"Like": {"a:b": "c"}})), "Invalid Condition type : Like (statement 1)"),
    ],
)
def test_what_is_wrong(text: str, message: str):
    with pytest.raises(PolicyError) as caught:
        parse(text, "resource")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "statement", "message"),
    [
        ("identity", FOR_ALL, "Has prohibited field Principal"),
        ("identity", GOOD | {"Sid": "with blank"}, "must be alpha-numeric"),
        ("trust", FOR_ALL, "Has prohibited field Resource"),
        ("resource", GOOD, "Missing required field Principal"),
    ],
)
def test_each_kind_has_its_elements(kind, statement, message: str):
    with pytest.raises(PolicyError, match=message):
        parse(document(statement), kind)


def test_names_in_resource_policies_are_free():
    assert parse(document(FOR_ALL | {"Sid": "with blank"}), "resource").statements[0].sid == "with blank"


@pytest.mark.parametrize(
    "text",
    [
        '{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}',
        ' {\n "Id" : "a\\"}]" , "Statement" : [ {"Effect":"Allow","Action":"*","Resource":"*"} ] }',
        (
            '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}\r\n,\t'
            '{"Effect":"Deny","Action":"*","Resource":"*"}],"Id":"x"}'
        ),
    ],
)
def test_where_statements_stand(text: str):
    raw = json.loads(text)["Statement"]
    spans = [one.span for one in parse(text, "identity").statements]
    assert [json.loads(text[span.start : span.end]) for span in spans] == (raw if isinstance(raw, list) else [raw])


def test_lines_and_columns():
    assert Span(0, 4).lines("ab\ncd") == ((1, 1), (2, 2))


def test_policies_are_parsed_once():
    cache = PolicyCache(limit=2)
    first = cache.get(document(GOOD), "identity")
    assert cache.get(document(GOOD), "identity") is first
    cache.get(document(GOOD, GOOD), "identity")
    assert cache.get(document(GOOD), "identity") is first
    cache.get(document(GOOD, GOOD, GOOD), "identity")
    assert len(cache) == 2
    assert cache.get(document(GOOD), "identity") is first
    with pytest.raises(PolicyError):
        cache.get("{", "identity")
    with pytest.raises(PolicyError):
        cache.get(document(GOOD), "resource")
