"""Whatever is put, it is a policy or it is refused as one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from objectlens.iam import Attached, Policies, PolicyError, Principal, Request, evaluate, is_public, parse

FIELDS = ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"]
WORDS = ["Allow", "Deny", "*", "s3:*", "arn:aws:s3:::${aws:username}", "123456789012", "2012-10-17", "", "${x}", "true"]
KEYS = [*FIELDS, "Version", "Id", "Statement", "AWS", "Service", "StringLike", "Null", "aws:SourceIp", "Bool"]

scalars = st.one_of(st.sampled_from(WORDS), st.text(max_size=5), st.none(), st.booleans(), st.integers(), st.floats())
anything = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)),
    max_leaves=12,
)
statements = st.fixed_dictionaries(
    {"Effect": st.sampled_from(["Allow", "Deny"])},
    optional=dict.fromkeys(FIELDS[2:], st.one_of(st.just("*"), anything)),
)
documents = st.one_of(
    st.text(max_size=30),
    anything.map(json.dumps),
    st.fixed_dictionaries({"Statement": st.one_of(anything, statements, st.lists(statements, max_size=2))}).map(
        json.dumps
    ),
)


@given(text=documents, kind=st.sampled_from(["identity", "resource", "trust"]))
@settings(deadline=None, max_examples=600)
def test_a_policy_or_a_refusal(text: str, kind):
    try:
        policy = parse(text, kind)
    except PolicyError:
        return
    assert isinstance(json.loads(text), dict)
    assert is_public(policy) in {True, False}
    request = Request(
        principal=Principal(account="123456789012", arn="arn:aws:iam::123456789012:user/a"),
        action="s3:GetObject",
        resources=("arn:aws:s3:::pics/a",),
        context={"aws:username": "a"},
    )
    layer = "identity" if kind == "identity" else "resource"
    assert evaluate(request, Policies(**{layer: (Attached("p", policy),)})).reason


@pytest.mark.parametrize("field", ["Version", "Statement", "Effect", "Sid", "Action", "Principal", "Condition"])
@pytest.mark.parametrize("value", [[], {}, [[]], None, 1, 1.5, True, {"a": {"b": []}}])
def test_odd_values_in_every_place(field: str, value):
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}
    whole = {"Version": "2012-10-17", "Statement": [statement]}
    (whole if field in whole else statement)[field] = value
    if (field, value) in [("Condition", {}), ("Sid", None)]:
        assert parse(json.dumps(whole), "resource").statements
        return
    with pytest.raises(PolicyError):
        parse(json.dumps(whole), "resource")
