"""Names of places, requests of errands, faults of answers, bodies that ask for them."""

import asyncio
import json

import pytest

from objectlens.errors import InvalidArgument, InvalidRequest, KeyTooLongError, NoSuchKey
from objectlens.gateway import batch_order, keys, render, tar
from objectlens.gateway.errands import Counted, Fault, Place, Target
from objectlens.gateway.fields import Fields
from objectlens.http import Headers, HttpRequest, HttpResponse
from objectlens.s3.address import Address

OBJECT_LAMBDA = "arn:aws:s3-object-lambda:us-west-2:123456789012:accesspoint/lens"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("bucket", Address("object", "bucket", "k")),
        ("lens-abc--ol-s3", Address("object", "lens-abc--ol-s3", "k")),
        ("arn:aws:s3:::bucket", Address("object", "bucket", "k")),
        (OBJECT_LAMBDA, Address("object", "lens", "k", "123456789012", "s3-object-lambda")),
        (OBJECT_LAMBDA.replace("t/l", "t:l"), Address("object", "lens", "k", "123456789012", "s3-object-lambda")),
        (
            "arn:aws:s3:us-west-2:123456789012:accesspoint/plain",
            Address("object", "plain", "k", "123456789012", "s3-accesspoint"),
        ),
    ],
)
def test_a_place_is_a_name_an_alias_or_an_arn(text, address):
    assert Place.parse(text).address("k") == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a/b",
        "arn:aws:s3",
        "arn:aws:lambda:us-west-2:123456789012:function:f",
        OBJECT_LAMBDA + "/x",
        "arn:aws:s3:::a/b",
    ],
)
def test_anything_else_is_none(text):
    with pytest.raises(InvalidArgument):
        Place.parse(text)


def test_keys_are_checked_before_anything_is_done():
    place = Place.parse("bucket")
    with pytest.raises(KeyTooLongError):
        place.address("ü" * 513)
    with pytest.raises(InvalidArgument):
        place.address("")
    with pytest.raises(InvalidArgument):
        place.address("\ud800")


def test_a_request_is_as_the_caller_would_have_sent_it():
    outer = HttpRequest(
        method="POST",
        path="/-/batch",
        headers=Headers(
            [
                ("user-agent", "me"),
                ("Authorization", "secret"),
                ("Content-Type", "application/json"),
                ("X-Objectlens-Job", "j"),
            ]
        ),
        host="h:1",
        scheme="https",
        peer="10.0.0.1",
    )
    target = Target(
        place=Place.parse("bucket"), key="a b/ü&?.txt", arguments={"w&": "1 +"}, headers={"Cache-Control": "no-cache"}
    )
    made = target.request(outer)
    assert (made.method, made.path, made.query) == ("GET", "/bucket/a%20b/%C3%BC%26%3F.txt", "w%26=1%20%2B")
    assert list(made.headers) == [("User-Agent", "me"), ("x-objectlens-job", "j"), ("Cache-Control", "no-cache")]
    assert (made.host, made.scheme, made.peer) == ("h:1", "https", "10.0.0.1")
    assert made.parameters() == [("w&", "1 +")]


def test_a_fault_tells_what_the_answer_told():
    rendered = render.with_ids(render.s3_error(NoSuchKey('no <key> "&"', Key="k"), "r1"), "r1")
    assert Fault.of(rendered) == Fault(status=404, code="NoSuchKey", message='no <key> "&"', request_id="r1")
    assert Fault.of(HttpResponse(200, Headers(), b"<Error><Code>X</Code></Error>")) is None
    said = Fault.of(HttpResponse(418, Headers(), b"I am a teapot"))
    assert (said.status, said.code, said.retry_after) == (418, "Status418", 0)
    for text, seconds in (("90", 90), ("Sat, 28 Nov 2026 04:00:00 GMT", 0), ("-1", 0)):
        assert Fault.of(HttpResponse(503, Headers([("Retry-After", text)]))).retry_after == seconds


def test_a_body_that_comes_in_pieces_is_counted_as_it_is_taken():
    closed = []

    async def pieces():
        try:
            yield b"123"
            yield b"45"
        finally:
            closed.append(True)

    async def main():
        whole, left = Counted(pieces()), Counted(pieces())
        assert b"".join([chunk async for chunk in whole]) == b"12345"
        await anext(left)
        await left.aclose()
        return whole.taken, left.taken

    assert asyncio.run(main()) == (5, 3)
    assert closed == [True, True]


def test_manifests_and_lists_of_keys():
    assert keys.split("a\r\n\nü b\n".encode()) == ["a", "ü b"]
    with pytest.raises(InvalidRequest):
        keys.split(b"\xff")
    assert keys.manifest_of("s3://bucket/a/b.txt").place.name == "bucket"
    found = keys.manifest_of(f"s3://{OBJECT_LAMBDA}/a/b.txt")
    assert (found.place.text, found.key) == (OBJECT_LAMBDA, "a/b.txt")
    for wrong in ("bucket/key", "s3://bucket", "s3://bucket/", "x s3://bucket/key"):
        with pytest.raises(InvalidArgument):
            keys.manifest_of(wrong)


def order(**body):
    return batch_order.order_of(json.dumps(body).encode())


def test_entries_are_keys_or_objects_with_what_differs():
    found = order(
        bucket="b",
        arguments={"width": 64, "crop": True},
        entries=["k", {"key": "l", "bucket": "c", "arguments": {"width": "8"}, "name": "n", "version_id": "v"}],
        continue_on_error=False,
        extended_headers=False,
        concurrency=3,
    )
    assert (found.ahead, found.continue_on_error, found.extended_headers) == (3, False, False)
    first, second = found.entries
    assert (first.name, first.target.place.name, first.target.arguments) == ("k", "b", {"width": "64", "crop": "true"})
    assert (second.name, second.target.place.name) == ("n", "c")
    assert second.target.arguments == {"width": "8", "crop": "true", "versionId": "v"}


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "entries"),
        ({"entries": []}, "entries"),
        ({"entries": "k"}, "entries"),
        ({"entries": ["k"]}, "bucket"),
        ({"bucket": "b", "entries": [{}]}, "key"),
        ({"bucket": "b", "entries": [7]}, "entries[0]"),
        ({"bucket": "b", "entries": [{"key": "k", "nmae": "n"}]}, "nmae"),
        ({"bucket": "b", "entries": [{"key": "k", "name": "a\0b"}]}, "name"),
        ({"bucket": "b", "entries": ["k"], "concurrency": 0}, "concurrency"),
        ({"bucket": "b", "entries": ["k"], "concurrency": 17}, "concurrency"),
        ({"bucket": "b", "entries": ["k"], "concurrency": True}, "concurrency"),
        ({"bucket": "b", "entries": ["k"], "arguments": {"a": [1]}}, "arguments.a"),
        ({"bucket": "b", "entries": ["k"] * 10_001}, "10,000"),
    ],
)
def test_what_is_wrong_is_named(body, named):
    with pytest.raises((InvalidArgument, InvalidRequest)) as caught:
        batch_order.order_of(json.dumps(body).encode())
    assert named in caught.value.message


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_a_body_is_one_json_object(body):
    with pytest.raises(InvalidRequest):
        Fields.parse(body)


def test_a_member_is_padded_to_blocks():
    assert len(tar.head("n", 5)) % 512 == 0
    assert (len(tar.padding(0)), len(tar.padding(5)), len(tar.padding(512)), len(tar.END)) == (0, 507, 0, 1024)
