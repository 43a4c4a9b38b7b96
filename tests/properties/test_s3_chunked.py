"""aws-chunked bodies, cut anywhere: the payload is the same, and a spoiled body is never taken for a whole one."""

import hashlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from objectlens.errors import ServiceError, SignatureDoesNotMatch
from objectlens.s3.chunked import ChunkedDecoder, Framing


class Digests:
    """A verifier that takes the digest itself for the signature."""

    def chunk(self, sha256, claimed):
        if sha256 != claimed:
            raise SignatureDoesNotMatch

    def trailer(self, trailer, claimed):
        self.chunk(hashlib.sha256(trailer).hexdigest(), claimed)


def encode(chunks, signed, trailers):
    body = b""
    for chunk in [*chunks, b""]:
        signature = f";chunk-signature={hashlib.sha256(chunk).hexdigest()}" if signed else ""
        body += f"{len(chunk):x}{signature}\r\n".encode() + (chunk + b"\r\n" if chunk else b"")
    lines = "".join(f"{name}:{value}\r\n" for name, value in trailers.items())
    if signed and trailers:
        digest = hashlib.sha256(lines.replace("\r", "").encode()).hexdigest()
        lines += f"x-amz-trailer-signature:{digest}\r\n"
    return body + lines.encode() + b"\r\n"


def cut(body, places):
    edges = sorted({0, len(body), *(place % (len(body) + 1) for place in places)})
    return [body[start:end] for start, end in itertools.pairwise(edges)]


def decode(pieces, framing):
    decoder = ChunkedDecoder(framing, Digests() if framing.signed else None)
    payload = b"".join(piece for data in pieces for piece in decoder.feed(data))
    decoder.close()
    return payload, decoder.trailers


# All chunks but the last have at least 8 KiB.
CHUNKS = st.tuples(
    st.lists(st.integers(8192, 9000).map(bytes), max_size=2), st.binary(min_size=1, max_size=50) | st.none()
).map(lambda pair: [*pair[0], *([pair[1]] if pair[1] else [])])
TRAILERS = st.sampled_from([{}, {"x-amz-checksum-crc32": "AAAAAA=="}])
CUTS = st.lists(st.integers(0, 30_000), max_size=12)


@given(CHUNKS, st.booleans(), TRAILERS, CUTS)
def test_any_cut_gives_the_same_payload(chunks, signed, trailers, places):
    payload = b"".join(chunks)
    framing = Framing(signed, len(payload), tuple(trailers))
    assert decode(cut(encode(chunks, signed, trailers), places), framing) == (payload, trailers)


@given(st.binary(min_size=1, max_size=40), st.booleans(), TRAILERS)
def test_byte_by_byte(data, signed, trailers):
    body = encode([data], signed, trailers)
    framing = Framing(signed, len(data), tuple(trailers))
    assert decode([bytes([one]) for one in body], framing) == (data, trailers)


@given(st.binary(min_size=1, max_size=40), st.booleans(), TRAILERS, st.integers(0, 10_000))
def test_a_body_that_breaks_off_is_an_error(data, signed, trailers, place):
    body = encode([data], signed, trailers)
    # Without the very last line end the body is whole already.
    short = body[: place % (len(body) - 2)]
    with pytest.raises(ServiceError):
        decode([short], Framing(signed, len(data), tuple(trailers)))


@given(st.binary(min_size=1, max_size=40), TRAILERS, st.integers(0, 10_000), st.integers(1, 255))
def test_a_signed_body_with_one_byte_changed_is_never_another_payload(data, trailers, place, change):
    body = bytearray(encode([data], True, trailers))
    body[place % len(body)] ^= change
    try:
        result = decode([bytes(body)], Framing(True, len(data), tuple(trailers)))
    except ServiceError:
        return
    assert result == (data, trailers)


@given(st.binary(max_size=300), st.booleans(), CUTS)
def test_garbage_is_refused_with_an_error_of_s3(data, signed, places):
    with pytest.raises(ServiceError) as caught:
        decode(cut(data, places), Framing(signed, 100))
    assert caught.value.status in {400, 403}
