"""Temporary credentials: whom they stand for, how long, and that nobody else can make them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from objectlens import errors
from objectlens.access import Access, Caller, Credentials, Session, Sessions, Signature
from objectlens.catalog.entities import Role
from objectlens.clock import FixedClock
from objectlens.http import Headers, HttpRequest
from objectlens.sigv4 import presign

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:resize"
ROLE = Role(
    name="Trainer",
    account="123456789012",
    role_id="AROATRAINER",
    created_at=NOW,
    assume_role_policy="{}",
    path="/ml/",
)
ALICE = Caller(
    kind="IAMUser",
    account="123456789012",
    arn="arn:aws:iam::123456789012:user/alice",
    principal_id="AIDAALICE",
    access_key_id="AKIAALICE",
    user_name="alice",
    attributes={"team": "é"},
)


def sessions(clock: FixedClock | None = None, key: bytes = b"k" * 32) -> Sessions:
    return Sessions(key, clock or FixedClock(NOW))


def opened(made: Credentials, room: Sessions) -> Caller:
    assert made.session_token is not None
    caller, secret = room.open(made.access_key_id, made.session_token)
    assert secret == made.secret_access_key
    return caller


def test_the_key_must_be_long():
    with pytest.raises(ValueError, match="at least 32 bytes"):
        sessions(key=b"short")


def test_forward_access_keeps_the_caller_whole():
    room = sessions()
    signature = Signature(
        kind="REST-HEADER", version="v", age_ms=1, service="s3", region="r", payload_hash="UNSIGNED-PAYLOAD"
    )
    made = room.forward(replace(ALICE, signature=signature), "s3-object-lambda.amazonaws.com", HOUR)
    assert opened(made, room) == replace(ALICE, called_via=("s3-object-lambda.amazonaws.com",))


def test_forwarding_twice_names_both_services():
    room = sessions()
    once = opened(room.forward(ALICE, "first.amazonaws.com", HOUR), room)
    twice = opened(room.forward(once, "second.amazonaws.com", HOUR), room)
    assert twice.called_via == ("first.amazonaws.com", "second.amazonaws.com")
    assert twice.access_key_id == "AKIAALICE"


def test_a_role_session():
    room = sessions()
    made = room.assume(ROLE, "trainer-7", HOUR, policy='{"Statement":[]}')
    assert made.expires == NOW + HOUR
    assert opened(made, room) == Caller(
        kind="AssumedRole",
        account="123456789012",
        arn="arn:aws:sts::123456789012:assumed-role/Trainer/trainer-7",
        principal_id="AROATRAINER:trainer-7",
        access_key_id=made.access_key_id,
        session=Session(
            role_name="Trainer",
            role_id="AROATRAINER",
            role_arn="arn:aws:iam::123456789012:role/ml/Trainer",
            session_name="trainer-7",
            created_at=NOW,
            policy='{"Statement":[]}',
        ),
    )


def test_a_function_under_a_role_that_nobody_knows():
    room = sessions()
    arn = "arn:aws:iam::123456789012:role/service-role/made-up"
    caller = opened(room.for_function(arn, FUNCTION, HOUR), room)
    assert caller.arn == "arn:aws:sts::123456789012:assumed-role/made-up/resize"
    assert caller.attributes == {"lambda:SourceFunctionArn": FUNCTION}
    again = opened(room.for_function(arn, FUNCTION, HOUR), room)
    assert caller.principal_id == again.principal_id
    assert len(caller.principal_id) == len("AROA") + 17 + len(":resize")


def test_a_user_session_has_a_key_of_its_own():
    room = sessions()
    made = room.for_user(ALICE, HOUR)
    assert opened(made, room) == replace(ALICE, access_key_id=made.access_key_id)


def test_made_here_tells_the_purpose_from_the_id_alone():
    room = sessions()
    assert room.made_here(room.forward(ALICE, "x", HOUR).access_key_id) == "forward"
    assert room.made_here(room.assume(ROLE, "s", HOUR).access_key_id) == "session"


def test_made_here_refuses_what_others_made():
    made = sessions().forward(ALICE, "x", HOUR).access_key_id
    assert sessions(key=b"o" * 32).made_here(made) is None
    for other in [
        "",
        "AKIAALICE",
        "ASIA" + "F" * 16,
        made[:-1] + ("A" if made[-1] != "A" else "B"),
        made + "A",
        "é" * 20,
    ]:
        assert sessions().made_here(other) is None
    # The letter of the purpose is under the mark too.
    assert sessions().made_here("ASIAS" + made[5:]) is None


def test_any_process_with_the_key_opens_it():
    made = sessions().forward(ALICE, "x", HOUR)
    assert opened(made, sessions()).arn == ALICE.arn


def test_expiry():
    clock = FixedClock(NOW)
    room = sessions(clock)
    made = room.forward(ALICE, "x", timedelta(seconds=61))
    clock.advance(60)
    opened(made, room)
    clock.advance(1)
    with pytest.raises(errors.ExpiredToken):
        opened(made, room)


def test_tokens_that_are_not_ours():
    room = sessions()
    made, other = room.forward(ALICE, "x", HOUR), room.forward(ALICE, "y", HOUR)
    assert made.session_token is not None
    tampered = made.session_token[:-2] + ("AA" if made.session_token[-2:] != "AA" else "BB")
    for token in ["", "x", "é", "A" * 100, "A" * 20_000, tampered]:
        with pytest.raises(errors.InvalidToken):
            room.open(made.access_key_id, token)
    with pytest.raises(errors.InvalidToken):
        room.open(other.access_key_id, made.session_token)
    with pytest.raises(errors.InvalidToken):
        sessions(key=b"o" * 32).open(made.access_key_id, made.session_token)


def test_the_same_are_forwarded_for_a_while_and_to_nobody_else():
    clock = FixedClock(NOW)
    room = Sessions(b"k" * 32, clock)
    made = room.forward(ALICE, "x", HOUR)
    clock.advance(29)
    assert room.forward(ALICE, "x", HOUR) is made
    others = [
        room.forward(ALICE, "y", HOUR),
        room.forward(ALICE, "x", 2 * HOUR),
        room.forward(replace(ALICE, access_key_id="AKIAOTHER"), "x", HOUR),
        room.forward(replace(ALICE, called_via=("z",)), "x", HOUR),
    ]
    clock.advance(2)
    others.append(room.forward(ALICE, "x", HOUR))
    assert len({one.access_key_id for one in (made, *others)}) == 6


def test_secrets_stay_out_of_repr():
    made = sessions().forward(ALICE, "x", HOUR)
    assert made.secret_access_key not in repr(made)
    assert str(made.session_token) not in repr(made)


def test_a_url_presigned_as_the_caller_authenticates_as_the_caller():
    clock = FixedClock(NOW)
    access = Access(None, Credentials("AKIAROOT", "s"), clock, secret_key=b"k" * 32)  # type: ignore[arg-type]
    made = access.sessions.forward(ALICE, "s3-object-lambda.amazonaws.com", timedelta(seconds=61))
    host = "my-ap-123456789012.localhost:9000"
    url = presign("GET", f"http://{host}/images/cat.jpg", made, region="us-east-1", now=NOW, expires=61)
    query = url.partition("?")[2]
    headers = Headers([("Host", host), ("Range", "bytes=0-9"), ("If-Match", '"x"')])
    http = HttpRequest("GET", "/images/cat.jpg", query, headers, host=host)
    caller = asyncio.run(access.authenticate(http))
    assert replace(caller, signature=None) == replace(ALICE, called_via=("s3-object-lambda.amazonaws.com",))
    assert len(query) < 1000
