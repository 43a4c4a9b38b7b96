"""AWS's own test suite for Signature Version 4; see vectors/NOTICE."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from objectlens.errors import SignatureDoesNotMatch
from objectlens.http import Headers, HttpRequest
from objectlens.sigv4 import Secret, SigningKeys, read, verify

VECTORS = Path(__file__).parent / "vectors"
NAMES = sorted(path.stem for path in VECTORS.glob("*.sreq"))
SECRET = Secret("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
NOW = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)


def load(name: str) -> tuple[HttpRequest, bytes]:
    head, _, body = (VECTORS / f"{name}.sreq").read_bytes().replace(b"\r\n", b"\n").partition(b"\n\n")
    first, *lines = head.decode().split("\n")
    method, _, target = first.removesuffix(" HTTP/1.1").partition(" ")
    path, _, query = target.partition("?")
    headers = Headers((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
    return HttpRequest(method, path, query, headers, host=headers.get("host") or ""), body


def test_the_suite_is_here():
    assert len(NAMES) == 32


@pytest.mark.parametrize("name", NAMES)
def test_vector(name: str):
    http, body = load(name)
    claim = read(http)
    assert claim is not None
    assert claim.payload_hash is None or "sha256" in (VECTORS / f"{name}.sreq").read_text()
    claim = replace(claim, payload_hash=hashlib.sha256(body).hexdigest())

    seed = verify(http, claim, SECRET, NOW, SigningKeys())
    assert seed.signature == claim.signature

    with pytest.raises(SignatureDoesNotMatch) as caught:
        verify(http, replace(claim, signature="0" * 64), SECRET, NOW, SigningKeys())
    expected = (VECTORS / f"{name}.creq").read_bytes().decode().replace("\r\n", "\n")
    assert caught.value.detail["CanonicalRequest"] == expected
