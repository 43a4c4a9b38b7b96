"""Wildcards, variables and ARNs."""

from __future__ import annotations

import time

import pytest

from objectlens.iam.matching import ArnTemplate, Template
from objectlens.iam.tokens import Variable, Wildcard, tokens


def like(pattern: str, text: str, context=None, *, variables: bool = True) -> bool:
    return Template(tokens(pattern, variables=variables)).matches(text, context or {})


def arn_like(pattern: str, arn: str, context=None) -> bool:
    return ArnTemplate(tokens(pattern, variables=True)).matches(arn, context or {})


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("", "", True),
        ("", "a", False),
        ("*", "", True),
        ("*", "anything\nat all", True),
        ("a*", "a", True),
        ("a*c", "abcbc", True),
        ("a*c", "abcb", False),
        ("*a*", "bab", True),
        ("*a*a*", "ba", False),
        ("a*a", "a", False),
        ("?", "", False),
        ("?", "é", True),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("*?b?*", "abc", True),
        ("*?b?*", "ab", False),
        ("??*", "a", False),
        ("*ab?d*d", "xabcabcdzd", True),
        ("*.jpg", "a.jpg.png", False),
        ("[a-z]", "b", False),
        ("a.c", "abc", False),
        ("A", "a", False),
    ],
)
def test_wildcards(pattern: str, text: str, fits: bool):
    assert like(pattern, text) is fits


def test_no_pattern_takes_long():
    began = time.perf_counter()
    assert not like("*a" * 200 + "b", "a" * 5000)
    assert not like("*a?" * 200 + "b", "a" * 5000)
    assert time.perf_counter() - began < 1


CONTEXT = {"aws:username": "al*ce", "aws:calledvia": ("a", "b"), "aws:principaltag/team": "x"}


class TestVariables:
    @pytest.mark.parametrize(
        ("pattern", "text", "fits"),
        [
            ("home/${aws:username}/*", "home/al*ce/a", True),
            ("home/${aws:username}/*", "home/alice/a", False),
            ("${aws:PrincipalTag/Team}", "x", True),
            ("${AWS:UserName}", "al*ce", True),
            ("${aws:absent}", "", False),
            ("${aws:absent, 'none'}/x", "none/x", True),
            ("${aws:username, 'none'}", "none", False),
            ("${aws:calledvia}", "a", False),
            ("${*}", "*", True),
            ("${*}", "a", False),
            ("${?}${$}", "?$", True),
            ("$", "$", True),
            ("$x{y}", "$x{y}", True),
            ("${aws:username", "${aws:username", True),
        ],
    )
    def test_variable(self, pattern: str, text: str, fits: bool):
        assert like(pattern, text, CONTEXT) is fits

    def test_old_policies_know_none(self):
        assert like("${aws:username}", "${aws:username}", CONTEXT, variables=False)
        assert like("${*}", "${anything}", CONTEXT, variables=False)

    @pytest.mark.parametrize("text", ["${}", "${username}", "${aws:username,none}", "${aws: username}"])
    def test_what_is_no_variable(self, text: str):
        with pytest.raises(ValueError, match="is not a policy variable"):
            tokens(text, variables=True)

    def test_tokens(self):
        assert tokens("a*${aws:x, 'd'}?", variables=True) == ("a", Wildcard.RUN, Variable("aws:x", "d"), Wildcard.ONE)

    def test_as_text(self):
        assert Template(tokens("a*${aws:username}", variables=True)).text(CONTEXT) == "a*al*ce"
        assert Template(tokens("${aws:absent}", variables=True)).text(CONTEXT) is None


class TestArns:
    @pytest.mark.parametrize(
        ("pattern", "arn", "fits"),
        [
            ("*", "arn:aws:s3:::pics", True),
            ("*", "*", True),
            ("arn:aws:s3:::*", "arn:aws:s3:::pics/a:b", True),
            ("arn:aws:s3:::pics/*", "arn:aws:s3:::pics", False),
            ("arn:aws:*", "arn:aws:s3:::pics", True),
            ("arn:*:s3:::pics", "arn:aws-cn:s3:::pics", True),
            ("arn:aws:s3:*:*:accesspoint/ap", "arn:aws:s3:us-west-2:1:accesspoint/ap", True),
            # A wildcard in one part does not reach over its colon.
            ("arn:aws:s3:*:accesspoint/ap:x", "arn:aws:s3:us-west-2:1:accesspoint/ap:x", False),
            ("arn:aws:lambda:*:1:function:f:*", "arn:aws:lambda:r:1:function:f:$LATEST", True),
            ("arn:aws:lambda:*:1:function:f", "arn:aws:lambda:r:1:function:f:$LATEST", False),
            ("arn:aws:s3:::pics", "pics", False),
        ],
    )
    def test_arn(self, pattern: str, arn: str, fits: bool):
        assert arn_like(pattern, arn) is fits

    def test_a_value_with_colons_stays_in_its_part(self):
        context = {"aws:userid": "AROA:session", "aws:x": "s3:::pics"}
        assert arn_like("arn:aws:s3:::pics/${aws:userid}/*", "arn:aws:s3:::pics/AROA:session/a", context)
        assert not arn_like("arn:aws:${aws:x}", "arn:aws:s3:::other", context)
        assert not arn_like("arn:aws:${aws:x}:::pics", "arn:aws:s3:::pics", context)

    def test_what_is_known_of_a_pattern(self):
        def template(text: str) -> ArnTemplate:
            return ArnTemplate(tokens(text, variables=True))

        assert template("arn:aws:s3:::pics").is_fixed
        assert not template("arn:aws:s3:::pics/*").is_fixed
        assert template("arn:aws:s3:::${aws:username}").has_variables
