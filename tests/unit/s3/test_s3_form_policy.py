"""The policies of browsers' forms."""

import base64
import json
from datetime import UTC, datetime

import pytest

from objectlens.errors import AccessDenied, EntityTooLarge, EntityTooSmall, InvalidPolicyDocument
from objectlens.s3.form_policy import FormPolicy
from objectlens.s3.inputs import filled_in, redirected

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = "2026-01-02T04:00:00.000Z"


def encoded(document):
    text = document if isinstance(document, str) else json.dumps(document)
    return base64.b64encode(text.encode()).decode()


def policy(*conditions, expiration=LATER):
    return FormPolicy.parse(encoded({"expiration": expiration, "conditions": list(conditions)}))


FIELDS = {"key": "user/a.jpg", "bucket": "pics", "content-type": "image/jpeg", "policy": "p", "x-amz-signature": "s"}
ENOUGH = ({"bucket": "pics"}, ["starts-with", "$key", "user/"], ["starts-with", "$Content-Type", "image/"])


def test_a_form_as_it_should_be():
    policy(*ENOUGH).check(FIELDS, NOW)
    policy(*ENOUGH).check(FIELDS | {"x-ignore-me": "1", "awsaccesskeyid": "k", "x-amz-checksum-crc32": "c"}, NOW)
    spelled = ({"bUcKeT": "pics"}, ["StArTs-WiTh", "$KeY", "user/"], ["eq", "$content-type", "image/jpeg"])
    policy(*spelled).check(FIELDS, NOW)
    policy(*ENOUGH, {"success_action_status": 201}).check(FIELDS | {"success_action_status": "201"}, NOW)


@pytest.mark.parametrize(
    ("changes", "conditions", "text"),
    [
        ({}, ENOUGH[1:], "Extra input fields: bucket"),
        ({"x-amz-meta-a": "1"}, ENOUGH, "Extra input fields: x-amz-meta-a"),
        ({"key": "other/a"}, ENOUGH, 'Policy Condition failed: ["starts-with", "$key", "user/"]'),
        ({"content-type": "image/jpeg,text/html"}, ENOUGH, "Policy Condition failed"),
        ({}, (*ENOUGH, ["eq", "$acl", "private"]), "Policy Condition failed"),
        ({}, (*ENOUGH, ["starts-with", "$x-amz-meta-a", ""]), "Policy Condition failed"),
    ],
)
def test_forms_that_a_policy_does_not_allow(changes, conditions, text):
    with pytest.raises(AccessDenied) as caught:
        policy(*conditions).check(FIELDS | changes, NOW)
    assert text in caught.value.message


def test_a_policy_has_an_end():
    with pytest.raises(AccessDenied, match="Policy expired"):
        policy(*ENOUGH, expiration="2026-01-02T03:04:04Z").check(FIELDS, NOW)


@pytest.mark.parametrize(
    "document",
    [
        "{",
        "[]",
        {"conditions": []},
        {"expiration": LATER},
        {"EXPIRATION": LATER, "conditions": []},
        {"expiration": "2026-01-02 04:00:00+00:00", "conditions": []},
        {"expiration": "2026-13-02T04:00:00Z", "conditions": []},
        {"expiration": LATER, "conditions": [{}]},
        {"expiration": LATER, "conditions": [{"a": "1", "b": "2"}]},
        {"expiration": LATER, "conditions": ["a"]},
        {"expiration": LATER, "conditions": [["eq", "key", "x"]]},
        {"expiration": LATER, "conditions": [["matches", "$key", "x"]]},
        {"expiration": LATER, "conditions": [["eq", "$key", ["x"]]]},
        {"expiration": LATER, "conditions": [["content-length-range", 0]]},
        {"expiration": LATER, "conditions": [["content-length-range", -1, 5]]},
    ],
)
def test_what_is_no_policy(document):
    with pytest.raises(InvalidPolicyDocument):
        FormPolicy.parse(encoded(document))


def test_a_policy_is_base64():
    with pytest.raises(InvalidPolicyDocument):
        FormPolicy.parse("{}")


def test_sizes():
    limited = policy(*ENOUGH, ["content-length-range", 2, "5"])
    limited.check_size(0, ended=False)
    limited.check_size(5, ended=True)
    with pytest.raises(EntityTooLarge):
        limited.check_size(6, ended=False)
    with pytest.raises(EntityTooSmall):
        limited.check_size(1, ended=True)
    policy(*ENOUGH).check_size(10**12, ended=True)


def test_names_of_files_fill_keys_in():
    assert filled_in({"key": "u/${filename}", "x": "y"}, "C:\\pictures\\a.jpg") == {"key": "u/a.jpg", "x": "y"}
    assert filled_in({"key": "${filename}"}, "../../a") == {"key": "a"}


def test_where_browsers_are_sent():
    assert redirected("https://a/b", "pics", "ü/1", "e") == "https://a/b?bucket=pics&key=%C3%BC%2F1&etag=%22e%22"
    assert redirected("https://a/b?c=d", "pics", "k", "e").startswith("https://a/b?c=d&bucket=pics&")
