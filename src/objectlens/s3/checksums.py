"""Object checksums: which one a request announces, and the arithmetic.

Values travel as base64 of the big-endian digest. The checksum of a multipart object is either *composite* (the digest
of the digests of its parts, with `-N` for N parts) or, for the CRCs, of the *full object* (S3 user guide, "Checking
object integrity").
"""

from __future__ import annotations

import hashlib
import zlib
from base64 import b64decode, b64encode
from binascii import Error as BadBase64
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from awscrt import checksums as crt

from objectlens.errors import BadDigest, InvalidRequest
from objectlens.http import Headers

Algorithm = Literal[
    "CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128"
]
ChecksumType = Literal["COMPOSITE", "FULL_OBJECT"]


class Digest(Protocol):
    """A checksum in the making; `digest` ends it."""

    def update(self, data: bytes, /) -> None:
        """Take in more bytes."""
        ...

    def digest(self) -> bytes:
        """Return the digest, big-endian."""
        ...


class _Crc:
    def __init__(self, step: Callable[[bytes, int], int], size: int) -> None:
        self._step, self._size, self._state = step, size, 0

    def update(self, data: bytes, /) -> None:
        self._state = self._step(data, self._state)

    def digest(self) -> bytes:
        return self._state.to_bytes(self._size, "big")


class _XxHash:
    def __init__(self, state: crt.XXHash) -> None:
        self._state = state

    def update(self, data: bytes, /) -> None:
        self._state.update(data)

    def digest(self) -> bytes:
        return bytes(self._state.finalize())


_MAKERS: Final[dict[Algorithm, tuple[int, Callable[[], Digest]]]] = {
    "CRC32": (4, lambda: _Crc(zlib.crc32, 4)),
    "CRC32C": (4, lambda: _Crc(crt.crc32c, 4)),
    "CRC64NVME": (8, lambda: _Crc(crt.crc64nvme, 8)),
    "SHA1": (20, lambda: hashlib.sha1(usedforsecurity=False)),
    "SHA256": (32, hashlib.sha256),
    "SHA512": (64, hashlib.sha512),
    "MD5": (16, lambda: hashlib.md5(usedforsecurity=False)),
    "XXHASH64": (8, lambda: _XxHash(crt.XXHash.new_xxhash64())),
    "XXHASH3": (8, lambda: _XxHash(crt.XXHash.new_xxhash3_64())),
    "XXHASH128": (16, lambda: _XxHash(crt.XXHash.new_xxhash3_128())),
}
_COMBINERS: Final[dict[str, Callable[[int, int, int], int]]] = {
    "CRC32": crt.combine_crc32,
    "CRC32C": crt.combine_crc32c,
    "CRC64NVME": crt.combine_crc64nvme,
}

ALGORITHMS: Final = tuple(_MAKERS)
FULL_OBJECT_ALGORITHMS: Final = frozenset(_COMBINERS)
_BY_HEADER: Final = {f"x-amz-checksum-{name.lower()}": name for name in ALGORITHMS}


@dataclass(frozen=True, slots=True)
class Announced:
    """The checksum that a request promises for its body; `value` is None when it follows in the trailer."""

    algorithm: Algorithm
    value: str | None


def new(algorithm: Algorithm) -> Digest:
    """Begin a checksum."""
    return _MAKERS[algorithm][1]()


def header_name(algorithm: str) -> str:
    """Return `x-amz-checksum-crc32`."""
    return f"x-amz-checksum-{algorithm.lower()}"


def encode(digest: bytes) -> str:
    """Return a digest as it travels."""
    return b64encode(digest).decode()


def algorithm_named(name: str, header: str = "x-amz-checksum-algorithm") -> Algorithm:
    """Return the algorithm of that name in any letter case; raises `InvalidRequest` that names `header`."""
    for algorithm in ALGORITHMS:
        if name.upper() == algorithm:
            return algorithm
    raise InvalidRequest(f"Value for {header} header is invalid. Use one of {', '.join(ALGORITHMS)}.")


def parse_announced(headers: Headers) -> Announced | None:
    """Read `x-amz-checksum-*`, `x-amz-trailer` and `x-amz-sdk-checksum-algorithm`.

    Raises `InvalidRequest`, and `BadDigest` for a value that no bytes can have.
    """
    found = [_BY_HEADER[name] for name in headers.lower() if name in _BY_HEADER]
    trailer = (headers.get("x-amz-trailer") or "").strip().lower()
    promised = _BY_HEADER.get(trailer)
    if len(found) + (promised is not None) > 1:
        raise InvalidRequest("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
    if trailer and promised is None:
        raise InvalidRequest("The value specified in the x-amz-trailer header is not supported")
    algorithm = promised or (found[0] if found else None)
    _check_sdk_algorithm(headers.get("x-amz-sdk-checksum-algorithm"), algorithm)
    if algorithm is None:
        return None
    if promised is not None:
        return Announced(algorithm, None)
    return Announced(algorithm, check_value(algorithm, headers.get(header_name(algorithm)) or ""))


def check_value(algorithm: Algorithm, value: str) -> str:
    """Return a base64 checksum of the right length as it is; raises `BadDigest` for what no bytes can have."""
    try:
        right = len(b64decode(value, validate=True)) == _MAKERS[algorithm][0]
    except (BadBase64, ValueError):
        right = False
    if not right:
        raise BadDigest(f"Value for {header_name(algorithm)} header is invalid.")
    return value


def composite(algorithm: Algorithm, parts: Iterable[str]) -> str:
    """Return the composite checksum of the parts' base64 checksums, `-N` included."""
    digest, count = new(algorithm), 0
    for part in parts:
        digest.update(b64decode(part))
        count += 1
    return f"{encode(digest.digest())}-{count}"


def combined(algorithm: Algorithm, parts: Sequence[tuple[str, int]]) -> str:
    """Return the full object's CRC from its parts' (base64 CRC, length in bytes), in order."""
    combine, total = _COMBINERS[algorithm], 0
    for value, length in parts:
        total = combine(total, int.from_bytes(b64decode(value), "big"), length)
    return encode(total.to_bytes(_MAKERS[algorithm][0], "big"))


def _check_sdk_algorithm(named: str | None, algorithm: Algorithm | None) -> None:
    if named is None:
        return
    if algorithm_named(named, "x-amz-sdk-checksum-algorithm") != algorithm:
        raise InvalidRequest(
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers "
            "were found."
        )
