"""Signatures of browsers' forms, as boto3 makes them and as pages of old do."""

import base64
import hashlib
import hmac

import boto3
import pytest
from botocore.config import Config

from objectlens import errors
from objectlens.sigv4 import Secret, SigningKeys, read_form, verify_form

SECRET = Secret("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")


def boto_form(**session):
    client = boto3.session.Session().client(
        "s3",
        region_name="us-west-2",
        endpoint_url="http://localhost:9000",
        aws_access_key_id=SECRET.access_key_id,
        aws_secret_access_key=SECRET.secret_access_key,
        config=Config(signature_version="s3v4"),
        **session,
    )
    return client.generate_presigned_post("pics", "user/${filename}")["fields"]


def old_form(policy="cG9saWN5", secret=SECRET):
    digest = hmac.new(secret.secret_access_key.encode(), policy.encode(), hashlib.sha1).digest()
    return {
        "awsaccesskeyid": secret.access_key_id,
        "policy": policy,
        "signature": base64.b64encode(digest).decode(),
    }


@pytest.mark.parametrize("form", [boto_form(), old_form()], ids=["boto3", "old"])
def test_a_signature_is_proved(form):
    claim = read_form(form)
    assert claim is not None
    assert claim.access_key_id == SECRET.access_key_id
    assert claim.session_token is None
    verify_form(claim, SECRET, SigningKeys())
    with pytest.raises(errors.SignatureDoesNotMatch):
        verify_form(claim, Secret(SECRET.access_key_id, "another"), SigningKeys())
    other = read_form(form | {"policy": form["policy"] + "x"})
    assert other is not None
    with pytest.raises(errors.SignatureDoesNotMatch):
        verify_form(other, SECRET, SigningKeys())


def test_temporary_credentials_bring_their_token():
    claim = read_form(boto_form(aws_session_token="a token"))
    assert claim is not None
    assert claim.session_token == "a token"
    assert claim.signed_at is not None


def test_no_signature_at_all():
    assert read_form({"key": "k"}) is None


@pytest.mark.parametrize("missing", ["policy", "x-amz-credential", "x-amz-date", "x-amz-signature"])
def test_the_signature_must_be_whole(missing):
    form = boto_form()
    del form[missing]
    with pytest.raises(errors.InvalidArgument, match=missing):
        read_form(form)


@pytest.mark.parametrize("missing", ["policy", "awsaccesskeyid", "signature"])
def test_the_old_signature_must_be_whole(missing):
    form = old_form()
    del form[missing]
    with pytest.raises(errors.InvalidArgument, match=missing):
        read_form(form)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"x-amz-algorithm": "AWS4-HMAC-SHA1"}, errors.InvalidArgument),
        ({"x-amz-credential": "AKID/20260102/us-west-2/s3"}, errors.InvalidArgument),
        ({"x-amz-date": "20000102T030405Z"}, errors.AccessDenied),
        ({"x-amz-date": "today"}, errors.AccessDenied),
    ],
)
def test_what_does_not_parse(changes, error):
    with pytest.raises(error):
        read_form(boto_form() | changes)
