"""Cross-origin rules: the document and which rule counts."""

import pytest

from objectlens.errors import InvalidRequest, MalformedXML
from objectlens.http import Headers
from objectlens.s3.cors import CorsRule, asked_headers, parse_rules, render_rules, rule_for


def document(*rules):
    inside = "".join(f"<CORSRule>{rule}</CORSRule>" for rule in rules)
    return f"<CORSConfiguration>{inside}</CORSConfiguration>".encode()


RULE = "<AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin>"


def test_a_document_comes_back():
    rules = (
        CorsRule(
            id="first",
            origins=("https://*.example.com", "http://a"),
            methods=("GET", "PUT"),
            headers=("x-amz-*", "Range"),
            exposed=("ETag", "x-amz-meta-a&b"),
            max_age=3000,
        ),
        CorsRule(origins=("*",), methods=("HEAD",)),
    )
    assert parse_rules(render_rules(rules)) == rules


@pytest.mark.parametrize(
    "body",
    [
        document(),
        document("<AllowedMethod>GET</AllowedMethod>"),
        document("<AllowedOrigin>*</AllowedOrigin>"),
        document(RULE + "<MaxAgeSeconds>soon</MaxAgeSeconds>"),
        document(RULE + "<ExposeHeader>a&#10;b</ExposeHeader>"),
        document(RULE + f"<ID>{'x' * 256}</ID>"),
        document(*[RULE] * 101),
        b"<x/>",
    ],
)
def test_what_is_no_document(body):
    with pytest.raises(MalformedXML):
        parse_rules(body)


@pytest.mark.parametrize(
    ("inside", "text"),
    [
        ("<AllowedMethod>PATCH</AllowedMethod><AllowedOrigin>*</AllowedOrigin>", "Unsupported method is PATCH"),
        ("<AllowedMethod>GET</AllowedMethod><AllowedOrigin>*.*</AllowedOrigin>", "more than one wildcard"),
        (RULE + "<AllowedHeader>*-*</AllowedHeader>", "more than one wildcard"),
        (RULE + "<ExposeHeader>x-*</ExposeHeader>", "contains wildcard"),
    ],
)
def test_what_no_rule_can_say(inside, text):
    with pytest.raises(InvalidRequest) as caught:
        parse_rules(document(inside))
    assert text in caught.value.message


@pytest.mark.parametrize(
    ("pattern", "origin", "fits"),
    [
        ("*", "https://a", True),
        ("https://a", "https://a", True),
        ("https://a", "https://a.b", False),
        ("*suffix", "foo.suffix", True),
        ("*suffix", "foo.suffix.get", False),
        ("start*end", "startend", True),
        ("start*end", "start12end", True),
        ("start*end", "0startend", False),
        ("aba*aba", "aba", False),
        ("prefix*", "prefix", True),
        ("HTTPS://a", "https://a", False),
    ],
)
def test_origins(pattern, origin, fits):
    assert CorsRule(origins=(pattern,), methods=("GET",)).admits(origin, "GET") is fits


def test_the_first_rule_that_fits_counts():
    narrow = CorsRule(origins=("https://a",), methods=("PUT",), headers=("X-Amz-*",))
    wide = CorsRule(origins=("*",), methods=("GET",))
    assert rule_for((narrow, wide), "https://a", "GET") is wide
    assert rule_for((narrow, wide), "https://a", "PUT", ("x-amz-acl", "x-amz-meta-a")) is narrow
    assert rule_for((narrow, wide), "https://a", "PUT", ("authorization",)) is None
    assert rule_for((narrow, wide), "https://b", "PUT") is None


def test_what_a_browser_is_told():
    rule = CorsRule(origins=("https://*",), methods=("GET", "PUT"), headers=("*",), exposed=("ETag",), max_age=60)
    told = dict(rule.answer("https://a", asked_headers(Headers([("Access-Control-Request-Headers", "X-A, x-b")]))))
    assert told == {
        "Access-Control-Allow-Origin": "https://a",
        "Access-Control-Allow-Methods": "GET, PUT",
        "Access-Control-Allow-Headers": "x-a, x-b",
        "Access-Control-Expose-Headers": "ETag",
        "Access-Control-Max-Age": "60",
        "Access-Control-Allow-Credentials": "true",
        "Vary": "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
    }
    everyone = dict(CorsRule(origins=("*",), methods=("GET",)).answer("https://a"))
    assert everyone["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in everyone
