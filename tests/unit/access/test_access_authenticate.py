"""Requests signed in every way that clients sign, against a door with a root key, a user and temporary credentials."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from objectlens import errors
from objectlens.access import Access, Caller, Credentials
from objectlens.catalog.entities import AccessKey, Bucket, ManagedPolicy, PublicAccessBlock, Role, User
from objectlens.clock import FixedClock
from objectlens.http import Headers, HttpRequest
from objectlens.sigv4 import presign, sign

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ACCOUNT = "123456789012"
EMPTY = hashlib.sha256(b"").hexdigest()
ROOT = Credentials("AKIAROOT", "root-secret")
ALICE = Credentials("AKIAALICE", "alice-secret")
RETIRED = Credentials("AKIARETIRED", "retired-secret")
HOST = "pics.localhost:9000"


@dataclass
class People:
    """A catalog of what this room asks for, in dictionaries."""

    keys: dict[str, AccessKey] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)

    async def access_key(self, access_key_id: str) -> AccessKey | None:
        return self.keys.get(access_key_id)

    async def user(self, name: str) -> User | None:
        return self.users.get(name)

    async def role(self, name: str) -> Role | None:
        return None

    async def version(self) -> int:
        return 1

    async def managed_policy(self, arn: str) -> ManagedPolicy | None:
        return None

    async def account_block(self) -> PublicAccessBlock | None:
        return None

    async def bucket(self, name: str) -> Bucket | None:
        return None


def people() -> People:
    def key(credentials: Credentials, *, active: bool) -> AccessKey:
        return AccessKey(
            access_key_id=credentials.access_key_id,
            secret_access_key=credentials.secret_access_key,
            account=ACCOUNT,
            user_name="alice",
            created_at=NOW,
            active=active,
        )

    alice = User(name="alice", account=ACCOUNT, user_id="AIDAALICE", created_at=NOW, path="/team/")
    keys = {"AKIAALICE": key(ALICE, active=True), "AKIARETIRED": key(RETIRED, active=False)}
    return People(keys=keys, users={"alice": alice})


def door(clock: FixedClock | None = None) -> Access:
    return Access(people(), ROOT, clock or FixedClock(NOW), secret_key=b"k" * 32, account=ACCOUNT)


def signed(credentials: Credentials, *, service: str = "s3", now: datetime = NOW, payload: str = EMPTY) -> HttpRequest:
    headers = sign(
        "GET", HOST, "/a%20b", "x=1", credentials, region="xx-1", now=now, payload_hash=payload, service=service
    )
    return HttpRequest("GET", "/a%20b", "x=1", Headers([*headers.items(), ("Host", HOST)]), host=HOST)


def presigned(credentials: Credentials, *, now: datetime = NOW, expires: int = 60) -> HttpRequest:
    url = presign("GET", f"http://{HOST}/a%20b?x=1", credentials, region="xx-1", now=now, expires=expires)
    return HttpRequest("GET", "/a%20b", url.partition("?")[2], Headers([("Host", HOST)]), host=HOST)


def who(http: HttpRequest, access: Access | None = None, **options) -> Caller:
    return asyncio.run((access or door()).authenticate(http, **options))


@pytest.mark.parametrize("make", [signed, presigned])
def test_root(make):
    caller = who(make(ROOT))
    assert (caller.kind, caller.arn) == ("Root", "arn:aws:iam::123456789012:root")
    assert (caller.account, caller.principal_id, caller.access_key_id) == (ACCOUNT, ACCOUNT, "AKIAROOT")


@pytest.mark.parametrize("make", [signed, presigned])
def test_user(make):
    caller = who(make(ALICE))
    assert (caller.kind, caller.user_name, caller.principal_id) == ("IAMUser", "alice", "AIDAALICE")
    assert caller.arn == "arn:aws:iam::123456789012:user/team/alice"


def test_what_the_signature_says():
    clock = FixedClock(NOW)
    clock.advance(1.5)
    signature = who(signed(ROOT), door(clock)).signature
    assert signature is not None
    assert (signature.kind, signature.version, signature.age_ms) == ("REST-HEADER", "AWS4-HMAC-SHA256", 1500)
    assert (signature.service, signature.region, signature.payload_hash) == ("s3", "xx-1", EMPTY)
    assert signature.seed is not None
    assert "signing_key" not in repr(signature)


def test_unsigned_is_denied():
    with pytest.raises(errors.AccessDenied) as caught:
        who(HttpRequest("GET", "/a", host=HOST))
    assert caught.value.code == "AccessDenied"
    assert caught.value.message == "Access Denied"


@pytest.mark.parametrize("credentials", [RETIRED, Credentials("AKIANOBODY", "x"), Credentials("ASIANOBODY", "x", "t")])
def test_unknown_and_inactive_keys_look_the_same(credentials: Credentials):
    with pytest.raises(errors.InvalidAccessKeyId):
        who(signed(credentials))


def test_a_token_with_a_long_term_key_is_refused():
    with pytest.raises(errors.InvalidToken):
        who(signed(Credentials(ROOT.access_key_id, ROOT.secret_access_key, "token")))


def test_a_wrong_secret():
    with pytest.raises(errors.SignatureDoesNotMatch) as caught:
        who(signed(replace(ROOT, secret_access_key="wrong")))
    assert caught.value.detail["AWSAccessKeyId"] == "AKIAROOT"


def test_the_host_that_was_addressed_is_the_one_that_must_be_signed():
    http = signed(ROOT)
    with pytest.raises(errors.SignatureDoesNotMatch):
        who(replace(http, host="other.localhost:9000"))


def test_expiry_of_presigned_requests():
    clock = FixedClock(NOW)
    access = door(clock)
    http = presigned(ROOT, expires=60)
    clock.advance(60)
    who(http, access)
    clock.advance(1)
    with pytest.raises(errors.AccessDenied, match="Request has expired") as caught:
        who(http, access)
    assert caught.value.detail == {
        "X-Amz-Expires": "60",
        "Expires": "2026-01-02T03:05:05Z",
        "ServerTime": "2026-01-02T03:05:06Z",
    }


@pytest.mark.parametrize("off", [timedelta(minutes=16), timedelta(minutes=-16)])
def test_clock_skew(off: timedelta):
    with pytest.raises(errors.RequestTimeTooSkewed):
        who(signed(ROOT, now=NOW + off))


def test_services_at_s3():
    assert who(signed(ROOT, service="s3-object-lambda")).kind == "Root"
    with pytest.raises(errors.AuthorizationHeaderMalformed, match='incorrect service "lambda"'):
        who(signed(ROOT, service="lambda"))


@pytest.mark.parametrize("api", ["lambda", "iam", "sts"])
def test_other_apis_sign_the_digest_of_the_body(api):
    async def digest() -> str:
        return hashlib.sha256(b"body").hexdigest()

    http = signed(ALICE, service=api, payload=hashlib.sha256(b"body").hexdigest())
    assert who(http, api=api, digest=digest).user_name == "alice"
    with pytest.raises((errors.SignatureDoesNotMatch, errors.InvalidSignatureException)):
        who(http, api=api)


@pytest.mark.parametrize(
    ("api", "code"),
    [
        ("lambda", "UnrecognizedClientException"),
        ("iam", "InvalidClientTokenId"),
        ("sts", "InvalidClientTokenId"),
    ],
)
def test_refusals_in_the_words_of_the_api(api, code):
    with pytest.raises(errors.ServiceError) as caught:
        who(signed(Credentials("AKIANOBODY", "x"), service=api), api=api)
    assert (caught.value.code, caught.value.status) == (code, 403)


def test_every_api_names_a_missing_signature():
    http = HttpRequest("GET", "/", host=HOST)
    codes = []
    for api in ("s3", "s3control", "lambda", "iam"):
        with pytest.raises(errors.AccessDenied) as caught:
            who(http, api=api)
        codes.append(caught.value.code)
    assert codes == [
        "AccessDenied",
        "AccessDenied",
        "MissingAuthenticationTokenException",
        "MissingAuthenticationToken",
    ]
