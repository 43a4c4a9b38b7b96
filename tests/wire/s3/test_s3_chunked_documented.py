"""The example of the S3 API reference, "Transferring payload in multiple chunks", framing and signatures together.

66,560 bytes of `a` in chunks of 64 KiB, signed with the documentation's key; its trailer twin is on the page about
trailing headers.
"""

import pytest

from objectlens.errors import SignatureDoesNotMatch
from objectlens.http import Headers
from objectlens.s3.chunked import ChunkedDecoder, Framing
from objectlens.sigv4.chunks import ChunkSeed
from objectlens.sigv4.claim import Scope
from objectlens.sigv4.keys import derive

SCOPE = Scope("20130524", "us-east-1", "s3")
KEY = derive("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", SCOPE)
PAYLOAD = b"a" * 66_560

PLAIN = {
    "seed": "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    "chunks": (
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    ),
}
TRAILED = {
    "seed": "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
    "chunks": (
        "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
        "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
        "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
    ),
    "trailer": "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435",
}


def body(example):
    chunks = [PAYLOAD[:65_536], PAYLOAD[65_536:], b""]
    framed = b"".join(
        f"{len(chunk):x};chunk-signature={signature}\r\n".encode() + (chunk + b"\r\n" if chunk else b"")
        for chunk, signature in zip(chunks, example["chunks"], strict=True)
    )
    if "trailer" not in example:
        return framed + b"\r\n"
    trailer = f"x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:{example['trailer']}\r\n\r\n"
    return framed + trailer.encode()


def decode(example, data):
    suffix = "-TRAILER" if "trailer" in example else ""
    framing = Framing.parse(
        Headers(
            [
                ("x-amz-content-sha256", f"STREAMING-AWS4-HMAC-SHA256-PAYLOAD{suffix}"),
                ("x-amz-decoded-content-length", "66560"),
                *([("x-amz-trailer", "x-amz-checksum-crc32c")] if suffix else []),
            ]
        )
    )
    seed = ChunkSeed(signing_key=KEY, timestamp="20130524T000000Z", scope=SCOPE, signature=example["seed"])
    decoder = ChunkedDecoder(framing, seed.verifier())
    payload = b"".join(piece for at in range(0, len(data), 1000) for piece in decoder.feed(data[at : at + 1000]))
    decoder.close()
    return payload, decoder.trailers


def test_the_plain_example():
    assert decode(PLAIN, body(PLAIN)) == (PAYLOAD, {})
    # The page gives the length of the whole request body.
    assert len(body(PLAIN)) == 66_824


def test_the_example_with_a_trailer():
    assert decode(TRAILED, body(TRAILED)) == (PAYLOAD, {"x-amz-checksum-crc32c": "sOO8/Q=="})


@pytest.mark.parametrize("example", [PLAIN, TRAILED])
@pytest.mark.parametrize("place", [100, 65_600, 66_700])
def test_one_changed_byte(example, place):
    data = bytearray(body(example))
    data[place] ^= 1
    with pytest.raises(SignatureDoesNotMatch):
        decode(example, bytes(data))


def test_a_changed_trailer():
    data = body(TRAILED).replace(b"sOO8/Q==", b"AAAAAA==")
    with pytest.raises(SignatureDoesNotMatch):
        decode(TRAILED, data)
