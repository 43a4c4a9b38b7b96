"""The policy evaluator agrees with an oracle that knows no cleverness.

The oracle reads the JSON anew for each question, turns patterns into regular expressions letter by letter, and follows
the flow chart of "Policy evaluation logic" in the IAM User Guide. Set OBJECTLENS_ORACLE_CASES for a longer run.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import os
import re
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from objectlens.iam import Attached, Policies, Principal, Request, evaluate, parse

CASES = int(os.environ.get("OBJECTLENS_ORACLE_CASES", "3000"))
PER_EXAMPLE = 10
A, B = "111111111111", "222222222222"

# --- the oracle -------------------------------------------------------------------------------------------------------


def listed(value):
    return value if isinstance(value, list) else [value]


def fill(text, context, variables):
    """Return (letter, is_wildcard) pairs, or None when a variable has no value."""
    out, i = [], 0
    while i < len(text):
        end = text.find("}", i)
        if variables and text.startswith("${", i) and end > 0:
            inner = text[i + 2 : end]
            if inner in ("*", "?", "$"):
                value = inner
            else:
                key, _, default = inner.partition(",")
                value = context.get(key.strip().lower())
                if not isinstance(value, str):
                    value = default.strip().strip("'") if default else None
            if value is None:
                return None
            out += [(letter, False) for letter in value]
            i = end + 1
        else:
            out.append((text[i], text[i] in "*?"))
            i += 1
    return out


def regex(pairs):
    return "".join({"*": ".*", "?": "."}[letter] if wild else re.escape(letter) for letter, wild in pairs)


def like(pattern, value, context, variables):
    pairs = fill(pattern, context, variables)
    return pairs is not None and re.fullmatch(regex(pairs), value, re.DOTALL) is not None


def arn_like(pattern, value, context, variables):
    # Colons that come out of a variable do not separate: split before filling in.
    pieces, depth = [""], 0
    for i, letter in enumerate(pattern):
        if variables and pattern.startswith("${", i):
            depth += 1
        if letter == "}" and depth:
            depth -= 1
        if letter == ":" and not depth and len(pieces) < 6:
            pieces.append("")
        else:
            pieces[-1] += letter
    if len(pieces) < 6:
        return like(pattern, value, context, variables)
    values = value.split(":", 5)
    return len(values) == 6 and all(like(p, v, context, variables) for p, v in zip(pieces, values, strict=True))


def as_date(text):
    if re.fullmatch("[0-9]+", text):
        return datetime.fromtimestamp(int(text), UTC)
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def compare(operator, wanted, actual, context, variables):
    pairs = fill(wanted, context, variables)
    text = None if pairs is None else "".join(letter for letter, _ in pairs)
    if operator == "StringEquals":
        return text is not None and text == actual
    if operator == "StringEqualsIgnoreCase":
        return text is not None and text.lower() == actual.lower()
    if operator == "StringLike":
        return like(wanted, actual, context, variables)
    if operator in ("ArnEquals", "ArnLike"):
        return arn_like(wanted, actual, context, variables)
    if operator == "Bool":
        return actual.lower() in ("true", "false") and wanted.lower() == actual.lower()
    if operator == "IpAddress":
        try:
            return ipaddress.ip_address(actual) in ipaddress.ip_network(wanted, strict=False)
        except ValueError:
            return False
    if operator == "BinaryEquals":
        try:
            return base64.b64decode(wanted) == base64.b64decode(actual, validate=True)
        except ValueError:
            return False
    convert = float if operator.startswith("Numeric") else as_date
    try:
        left, right = convert(actual), convert(wanted)
    except ValueError:
        return False
    kind = operator.removeprefix("Numeric").removeprefix("Date")
    return {
        "Equals": left == right,
        "LessThan": left < right,
        "LessThanEquals": left <= right,
        "GreaterThan": left > right,
        "GreaterThanEquals": left >= right,
    }[kind]


def condition_holds(name, key, wanted, context, variables):
    quantifier, _, operator = name.rpartition(":")
    actual = context.get(key.lower())
    if operator == "Null":
        return any((actual is None) == (value.lower() == "true") for value in wanted)
    if_exists = operator.endswith("IfExists")
    operator = operator.removesuffix("IfExists")
    negated = "Not" in operator
    operator = operator.replace("Not", "")
    values = [] if actual is None else [actual] if isinstance(actual, str) else list(actual)
    if not values:
        return if_exists or quantifier == "ForAllValues" or (negated and not quantifier)
    hits = [any(compare(operator, w, value, context, variables) for w in wanted) != negated for value in values]
    if quantifier == "ForAnyValue":
        return any(hits)
    if quantifier == "ForAllValues" or negated:
        return all(hits)
    return any(hits)


def principal_rank(statement, who):
    """0 not meant, 1 through the account, 2 anyone, 3 the role, 4 the caller himself."""
    element = statement.get("Principal", statement.get("NotPrincipal"))
    if element is None:
        return 4
    names = ["*"] if element == "*" else listed(element.get("AWS", []))
    names = [name.split(":")[4] if name.endswith(":root") else name for name in names]
    is_root = who.arn.endswith(":root")
    if "NotPrincipal" in statement:
        everyone_of_him = {who.account} | ({who.arn} if not is_root else set()) | ({who.role_arn} - {None})
        return 0 if "*" in names or everyone_of_him <= set(names) else 2
    if who.arn in names or (is_root and who.account in names and "*" not in names):
        return 4
    if who.role_arn in names:
        return 3
    if "*" in names:
        return 2
    return 1 if who.account in names else 0


def statement_rank(statement, version, request):
    """0 when the statement does not apply, else how closely it means the caller."""
    variables = version == "2012-10-17"
    rank = principal_rank(statement, request.principal)
    action = request.action.lower()
    acts = [like(one.lower(), action, {}, False) for one in listed(statement.get("Action", statement.get("NotAction")))]
    if any(acts) != ("Action" in statement):
        return 0
    patterns = listed(statement.get("Resource", statement.get("NotResource")))
    hits = [arn_like(one, arn, request.context, variables) for one in patterns for arn in request.resources]
    if any(hits) != ("Resource" in statement):
        return 0
    for name, block in statement.get("Condition", {}).items():
        for key, wanted in block.items():
            if not condition_holds(name, key, listed(wanted), request.context, variables):
                return 0
    return rank


def oracle(request, documents, cross_account):
    ranks = {}
    for layer, texts in documents.items():
        for text in texts or []:
            document = json.loads(text)
            for statement in listed(document["Statement"]):
                rank = statement_rank(statement, document.get("Version"), request)
                if rank and statement["Effect"] == "Deny":
                    return "explicitDeny"
                ranks[layer] = max(ranks.get(layer, 0), rank)
    identity, resource = ranks.get("identity", 0) > 0, ranks.get("resource", 0)
    bounded = all(documents[layer] is None or ranks.get(layer, 0) > 0 for layer in ("boundary", "session"))
    if cross_account:
        ok = resource > 0 and identity and bounded
    else:
        ok = resource == 4 or ((resource >= 2 or identity) and bounded)
    return "allowed" if ok else "implicitDeny"


# --- the cases: few names, so that things meet -----------------------------------------------------------------------

ACTIONS = ["s3:GetObject", "s3:PutObject", "s3:ListBucket", "lambda:InvokeFunction"]
ACTION_PATTERNS = [
    "*",
    "*",
    "*",
    "s3:*",
    "s3:Get*",
    "S3:getobject",
    "s3:?utObject",
    "s3:*Object",
    "lambda:*",
    "s3:ListBucket",
]
RESOURCES = [
    "arn:aws:s3:::pics",
    "arn:aws:s3:::pics/a.jpg",
    "arn:aws:s3:::pics/alice/a:b",
    "arn:aws:s3:us-west-2:111111111111:accesspoint/ap/object/alice/a.jpg",
    "arn:aws:lambda:us-west-2:111111111111:function:f:$LATEST",
    "*",
]
RESOURCE_PATTERNS = [
    "*",
    "*",
    "*",
    "*",
    "arn:aws:s3:::*",
    "arn:aws:s3:::pics/*",
    "arn:aws:s3:::pics",
    "arn:aws:s3:::p?cs/*a*",
    "arn:aws:s3:::pics/${aws:username}/*",
    "arn:aws:s3:::pics/${aws:PrincipalTag/team, 'alice'}/a*b",
    "arn:aws:s3:::pics/${*}",
    "arn:aws:*",
    "arn:aws:s3:*:accesspoint/*",
    "arn:aws:s3:*:*:accesspoint/ap/object/${aws:username}/*.jpg",
    "arn:aws:lambda:*:111111111111:function:f*",
    "arn:*:${aws:username}:::*",
]
KEYS = [
    "aws:username",
    "aws:SourceIp",
    "s3:prefix",
    "s3:max-keys",
    "aws:CalledVia",
    "aws:CurrentTime",
    "aws:PrincipalArn",
]
VALUES = {
    "aws:username": ["alice", "Alice", "bob", "s3"],
    "aws:sourceip": ["10.0.0.1", "192.168.1.1", "::1", "nonsense"],
    "s3:prefix": ["", "alice", "alice/", "a*c", "abc", "true"],
    "s3:max-keys": ["1", "10", "1e1", "x"],
    "aws:calledvia": [(), ("a.com",), ("a.com", "b.com"), ("b.com", "c.com")],
    "aws:currenttime": ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "1767225600"],
    "aws:principalarn": ["arn:aws:iam::111111111111:user/alice", "arn:aws:iam::111111111111:role/r"],
    "aws:principaltag/team": ["alice", "*"],
}
WANTED = {
    "String": [
        "alice",
        "ALICE",
        "a*c",
        "${aws:username}",
        "${aws:PrincipalTag/team, 'abc'}/",
        "a${*}c",
        "*",
        "?????",
        "a.com",
        "",
    ],
    "Numeric": ["1", "10", "5.5", "-1"],
    "Date": ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "1767225601"],
    "Ip": ["10.0.0.0/8", "192.168.1.1", "::/0", "0.0.0.0/0"],
    "Bool": ["true", "false"],
    "Binary": ["YWJj", "YWxpY2U="],
    "Arn": [
        "arn:aws:iam::111111111111:user/*",
        "arn:aws:iam::*:role/r",
        "arn:aws:iam::111111111111:user/${aws:username}",
        "*",
    ],
}
ORDERS = ["Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"]
OPERATORS = {
    "String": [f"String{n}{k}" for n in ("", "Not") for k in ("Equals", "EqualsIgnoreCase", "Like")],
    "Numeric": [f"Numeric{kind}" for kind in ORDERS],
    "Date": [f"Date{kind}" for kind in ORDERS],
    "Ip": ["IpAddress", "NotIpAddress"],
    "Bool": ["Bool", "Null"],
    "Binary": ["BinaryEquals"],
    "Arn": ["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"],
}  # fmt: skip
PEOPLE = [
    Principal(account=A, arn=f"arn:aws:iam::{A}:user/alice"),
    Principal(account=A, arn=f"arn:aws:iam::{A}:root"),
    Principal(account=A, arn=f"arn:aws:sts::{A}:assumed-role/r/s", role_arn=f"arn:aws:iam::{A}:role/r"),
    Principal(account=B, arn=f"arn:aws:iam::{B}:user/alice"),
]
NAMES = ["*", A, B, *(one.arn for one in PEOPLE), f"arn:aws:iam::{A}:role/r"]


def one_or_many(values, most=3):
    return st.one_of(st.sampled_from(values), st.lists(st.sampled_from(values), min_size=1, max_size=most))


@st.composite
def conditions(draw):
    family = draw(st.sampled_from(sorted(OPERATORS)))
    operator = draw(st.sampled_from(OPERATORS[family]))
    if operator != "Null":
        operator += draw(st.sampled_from(["", "", "IfExists"]))
        operator = draw(st.sampled_from(["", "", "ForAnyValue:", "ForAllValues:"])) + operator
    return operator, {draw(st.sampled_from(KEYS)): draw(one_or_many(WANTED[family]))}


@st.composite
def statements(draw, *, with_principal):
    statement = {"Effect": draw(st.sampled_from(["Allow", "Allow", "Allow", "Allow", "Deny"]))}
    if with_principal:
        negated = statement["Effect"] == "Deny" and draw(st.booleans())
        element = draw(st.one_of(st.just("*"), st.builds(lambda names: {"AWS": names}, one_or_many(NAMES))))
        statement["NotPrincipal" if negated else "Principal"] = element
    statement[draw(st.sampled_from(["Action", "Action", "Action", "NotAction"]))] = draw(one_or_many(ACTION_PATTERNS))
    statement[draw(st.sampled_from(["Resource", "Resource", "Resource", "NotResource"]))] = draw(
        one_or_many(RESOURCE_PATTERNS)
    )
    blocks = dict(draw(st.one_of(st.just([]), st.lists(conditions(), max_size=2))))
    if blocks:
        statement["Condition"] = blocks
    return statement


def policies(*, with_principal=False):
    version = st.sampled_from(["2012-10-17", "2012-10-17", "2012-10-17", "2008-10-17"])
    body = st.lists(statements(with_principal=with_principal), min_size=1, max_size=3)
    return st.builds(lambda v, s: json.dumps({"Version": v, "Statement": s}), version, body)


requests = st.builds(
    Request,
    principal=st.sampled_from(PEOPLE),
    action=st.sampled_from(ACTIONS),
    resources=st.lists(st.sampled_from(RESOURCES), min_size=1, max_size=2, unique=True).map(tuple),
    context=st.fixed_dictionaries({}, optional={key: st.sampled_from(values) for key, values in VALUES.items()}),
)
documents = st.fixed_dictionaries(
    {
        "identity": st.lists(policies(), min_size=1, max_size=2),
        "boundary": st.one_of(st.none(), st.none(), st.lists(policies(), min_size=1, max_size=1)),
        "session": st.one_of(st.none(), st.none(), st.lists(policies(), min_size=1, max_size=1)),
        "resource": st.lists(policies(with_principal=True), max_size=1),
    }
)


def attached(texts, kind):
    return None if texts is None else tuple(Attached(str(i), parse(text, kind)) for i, text in enumerate(texts))


questions = st.lists(st.tuples(requests, st.booleans()), min_size=PER_EXAMPLE, max_size=PER_EXAMPLE)


def decide(request, texts, cross_account):
    policies = Policies(
        identity=attached(texts["identity"], "identity"),
        boundary=attached(texts["boundary"], "identity"),
        session=attached(texts["session"], "identity"),
        resource=attached(texts["resource"], "resource"),
    )
    return evaluate(request, policies, cross_account=cross_account).reason


@pytest.mark.timeout(0)
@settings(max_examples=CASES // PER_EXAMPLE, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(texts=documents, asked=questions)
def test_the_evaluator_agrees_with_the_oracle(texts, asked):
    for request, cross_account in asked:
        assert decide(request, texts, cross_account) == oracle(request, texts, cross_account)


def test_the_cases_meet_every_outcome():
    """A generator that only ever denies would prove nothing."""
    outcomes = set()

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True)
    @given(texts=documents, asked=questions)
    def gather(texts, asked):
        outcomes.update((oracle(request, texts, cross), cross) for request, cross in asked)

    gather()
    assert outcomes == {(o, c) for o in ("allowed", "explicitDeny", "implicitDeny") for c in (True, False)}
