"""aws-chunked transcripts: the documentation's own examples, what botocore sends, and what must be refused."""

import hashlib
import io

import pytest
from botocore.httpchecksum import AwsChunkedWrapper, Crc32Checksum

from objectlens import errors
from objectlens.errors import (
    IncompleteBody,
    InvalidChunkSizeError,
    MalformedTrailerError,
    MissingContentLength,
    SignatureDoesNotMatch,
)
from objectlens.http import Headers
from objectlens.s3.chunked import ChunkedDecoder, Framing

UNSIGNED = Framing(False, 5, ("x-amz-checksum-crc32",))


class Recorder:
    """Accepts every signature and writes them down."""

    def __init__(self):
        self.seen = []

    def chunk(self, sha256, claimed):
        self.seen.append((sha256[:6], claimed[:4]))

    def trailer(self, trailer, claimed):
        self.seen.append((trailer, claimed[:4]))


def decode(body, framing, verifier=None):
    decoder = ChunkedDecoder(framing, verifier)
    payload = b"".join(decoder.feed(body))
    decoder.close()
    return payload, decoder.trailers


def framing(**headers):
    return Framing.parse(Headers((name.replace("_", "-"), value) for name, value in headers.items()))


def test_what_the_headers_announce():
    sha = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    given = framing(x_amz_content_sha256=sha, x_amz_decoded_content_length="5", x_amz_trailer=" x-amz-checksum-CRC32 ")
    assert given == UNSIGNED
    assert framing() is None
    assert framing(x_amz_content_sha256="UNSIGNED-PAYLOAD", content_encoding="aws-chunked") is None
    signed = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    assert framing(x_amz_content_sha256=signed, x_amz_decoded_content_length="0") == Framing(True, 0)
    both = framing(x_amz_content_sha256=signed + "-TRAILER", x_amz_decoded_content_length="7", x_amz_trailer="a,b")
    assert both == Framing(True, 7, ("a", "b"))


@pytest.mark.parametrize("length", [None, "", "-1", "five", "1" * 20])
def test_the_payload_needs_a_length(length):
    headers = {"x_amz_content_sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}
    with pytest.raises(MissingContentLength):
        framing(**headers, **({} if length is None else {"x_amz_decoded_content_length": length}))


def test_other_ways_to_sign_are_declined_by_name():
    with pytest.raises(errors.NotImplemented, match="ECDSA"):
        framing(x_amz_content_sha256="STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", x_amz_decoded_content_length="0")


def test_the_body_that_botocore_sends():
    data = bytes(range(256)) * 20_000
    wrapper = AwsChunkedWrapper(
        io.BytesIO(data), checksum_cls=Crc32Checksum, checksum_name="x-amz-checksum-crc32", chunk_size=1024 * 1024
    )
    payload, trailers = decode(b"".join(wrapper), Framing(False, len(data), ("x-amz-checksum-crc32",)))
    checksum = Crc32Checksum()
    checksum.update(data)
    assert payload == data
    assert trailers == {"x-amz-checksum-crc32": checksum.b64digest()}


def test_a_signed_body_is_verified_chunk_by_chunk():
    recorder = Recorder()
    body = (
        b"2000;chunk-signature=" + b"aaaa" * 16 + b"\r\n" + b"x" * 8192 + b"\r\n"
        b"3;chunk-signature=" + b"bbbb" * 16 + b"\r\nabc\r\n"
        b"0;chunk-signature=" + b"cccc" * 16 + b"\r\n\r\n"
    )  # fmt: skip
    assert decode(body, Framing(True, 8195), recorder) == (b"x" * 8192 + b"abc", {})
    digests = [hashlib.sha256(chunk).hexdigest()[:6] for chunk in (b"x" * 8192, b"abc", b"")]
    assert recorder.seen == list(zip(digests, ["aaaa", "bbbb", "cccc"], strict=True))


@pytest.mark.parametrize(
    "trailer",
    [
        b"x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:%s\r\n\r\n",
        b"x-amz-checksum-crc32c:sOO8/Q==\n\r\nx-amz-trailer-signature:%s\r\n\r\n",  # as the documentation prints it
        b"x-amz-checksum-crc32c: sOO8/Q==\r\nx-amz-trailer-signature:%s\r\n",
    ],
)
def test_signed_trailers(trailer):
    recorder = Recorder()
    body = b"0;chunk-signature=" + b"cccc" * 16 + b"\r\n" + trailer % (b"dddd" * 16)
    assert decode(body, Framing(True, 0, ("x-amz-checksum-crc32c",)), recorder) == (
        b"",
        {"x-amz-checksum-crc32c": "sOO8/Q=="},
    )
    assert recorder.seen[-1] == (b"x-amz-checksum-crc32c:sOO8/Q==\n", "dddd")


GOOD = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"


def test_the_transcript_that_the_next_tests_spoil():
    assert decode(GOOD, UNSIGNED) == (b"hello", {"x-amz-checksum-crc32": "NhCmhg=="})
    assert decode(GOOD + b"\r\n", UNSIGNED)[0] == b"hello"
    signed = GOOD.replace(b"\r\n\r\n", b"\r\nx-amz-trailer-signature:00\r\n\r\n")
    assert decode(signed, UNSIGNED) == (b"hello", {"x-amz-checksum-crc32": "NhCmhg=="})


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", IncompleteBody),
        (b"hello", IncompleteBody),
        (GOOD.replace(b"5\r\n", b"4\r\n"), IncompleteBody),
        (GOOD.replace(b"5\r\n", b"6\r\n"), IncompleteBody),
        (GOOD.replace(b"5\r\n", b"-5\r\n"), IncompleteBody),
        (GOOD.replace(b"5\r\n", b"0x5\r\n"), IncompleteBody),
        (GOOD.replace(b"5\r\n", b"5;ext=1\r\n"), IncompleteBody),
        (GOOD.replace(b"5\r\n", b"fffffffffffffffff\r\n"), IncompleteBody),
        (GOOD.replace(b"5\r\n", b"0" * 2000 + b"5\r\n"), IncompleteBody),
        (GOOD.replace(b"hello", b"hello!"), IncompleteBody),
        (GOOD + b"5\r\nhello\r\n", IncompleteBody),
        (b"0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", IncompleteBody),
        (GOOD.replace(b"crc32:", b"crc32c:"), MalformedTrailerError),
        (GOOD.replace(b"x-amz-checksum-crc32:", b"nothing "), MalformedTrailerError),
        (GOOD.replace(b"x-amz-checksum-crc32:NhCmhg==\r\n", b""), MalformedTrailerError),
        (GOOD.replace(b"\r\n\r\n", b"\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"), MalformedTrailerError),
        (b"1\r\nh\r\n4\r\nello\r\n0\r\n\r\n", InvalidChunkSizeError),
    ],
)  # fmt: skip
def test_what_is_refused(body, error):
    with pytest.raises(error):
        decode(body, UNSIGNED)


def test_a_signed_body_needs_all_its_signatures():
    with pytest.raises(SignatureDoesNotMatch):
        decode(b"5\r\nhello\r\n0\r\n\r\n", Framing(True, 5), Recorder())
    last = b"0;chunk-signature=" + b"cccc" * 16 + b"\r\n"
    with pytest.raises(SignatureDoesNotMatch):
        decode(last + b"a:b\r\n", Framing(True, 0, ("a",)), Recorder())


def test_a_verifier_belongs_to_a_signed_body():
    with pytest.raises(ValueError, match="signed body"):
        ChunkedDecoder(Framing(True, 0))
    with pytest.raises(ValueError, match="signed body"):
        ChunkedDecoder(Framing(False, 0), Recorder())
