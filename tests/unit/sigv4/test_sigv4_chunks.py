"""Chunk signatures, against the worked example of the S3 API reference and against a signer of our own."""

from __future__ import annotations

import hashlib

import pytest

from objectlens.errors import SignatureDoesNotMatch
from objectlens.sigv4 import ChunkSeed, Scope
from objectlens.sigv4.keys import derive

# "Signature calculations for the Authorization header: Transferring payload in multiple chunks", its example: 66,560
# bytes of `a` in chunks of 65,536, 1,024 and 0 bytes.
SCOPE = Scope("20130524", "us-east-1", "s3")
SEED = ChunkSeed(
    signing_key=derive("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", SCOPE),
    timestamp="20130524T000000Z",
    scope=SCOPE,
    signature="4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
)
CHUNKS = [
    (b"a" * 65_536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"),
    (b"a" * 1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"),
    (b"", "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"),
]


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_the_example_of_the_reference():
    verifier = SEED.verifier()
    for data, signature in CHUNKS:
        verifier.chunk(digest(data), signature)


@pytest.mark.parametrize(
    "chunks",
    [
        [CHUNKS[1]],
        [(b"b" * 65_536, CHUNKS[0][1])],
        [CHUNKS[0], CHUNKS[2]],
        [CHUNKS[0], CHUNKS[0]],
        [(CHUNKS[0][0], "")],
        [(CHUNKS[0][0], "é")],
    ],
)
def test_other_bytes_or_another_order(chunks):
    verifier = SEED.verifier()
    *right, (data, signature) = chunks
    for before, good in right:
        verifier.chunk(digest(before), good)
    with pytest.raises(SignatureDoesNotMatch, match="The signature of a chunk does not match"):
        verifier.chunk(digest(data), signature)


def test_trailers():
    trailer = b"x-amz-checksum-crc32c:sOO8/Q==\n"
    signer, verifier = SEED.verifier(), SEED.verifier()
    for data, signature in CHUNKS:
        assert signer.next_chunk(digest(data)) == signature
        verifier.chunk(digest(data), signature)
    verifier.trailer(trailer, signer.next_trailer(trailer))
    with pytest.raises(SignatureDoesNotMatch, match="The signature of the trailing headers does not match"):
        SEED.verifier().trailer(trailer, "0" * 64)
