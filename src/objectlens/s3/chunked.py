"""The `aws-chunked` framing of uploads, taken apart as bytes come in.

A body is a row of chunks, `SIZE[;chunk-signature=…]` + CRLF + data + CRLF, the last one empty, then perhaps trailing
headers (S3 API reference, "Transferring payload in multiple chunks" and the page on trailing headers). States:

    SIZE → DATA → GAP → SIZE …      a chunk with bytes
    SIZE → TRAILER → DONE           the empty chunk

Data is handed on before its chunk is proved; whoever stores it must keep it invisible until `close` has returned.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Protocol

from objectlens import errors
from objectlens.errors import (
    IncompleteBody,
    InvalidChunkSizeError,
    MalformedTrailerError,
    MissingContentLength,
    SignatureDoesNotMatch,
)
from objectlens.http import Headers

_SIGNED: Final = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
_SIGNED_TRAILER: Final = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
_UNSIGNED_TRAILER: Final = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
_TRAILER_SIGNATURE: Final = "x-amz-trailer-signature"

_SIZE_LINE: Final = re.compile(rb"([0-9a-fA-F]{1,16})(?:;chunk-signature=([0-9a-f]{64}))?")
_TRAILER_LINE: Final = re.compile(rb"([A-Za-z0-9-]{1,100})[ \t]*:[ \t]*([\x21-\x7e]{1,500})[ \t]*")
_MAX_LINE: Final = 1024
_MAX_TRAILERS: Final = 8
_MIN_CHUNK: Final = 8192


class Verifier(Protocol):
    """Proves the signatures of one body's chunks in their order; raises `SignatureDoesNotMatch`."""

    def chunk(self, sha256: str, claimed: str) -> None:
        """Verify the next chunk, the empty last one too, by the hexadecimal digest of its bytes."""
        ...

    def trailer(self, trailer: bytes, claimed: str) -> None:
        """Verify the trailing headers, given as `name:value` lines that each end in a line feed."""
        ...


@dataclass(frozen=True, slots=True)
class Framing:
    """How a body is framed. `length` is the payload's in bytes, `trailers` the announced names in lower case."""

    signed: bool
    length: int
    trailers: tuple[str, ...] = ()

    @classmethod
    def parse(cls, headers: Headers) -> Framing | None:
        """Read the headers; None for a body without this framing; raises `MissingContentLength`, `NotImplemented`."""
        payload = headers.get("x-amz-content-sha256") or ""
        if not payload.startswith("STREAMING-"):
            return None
        if payload not in {_SIGNED, _SIGNED_TRAILER, _UNSIGNED_TRAILER}:
            raise errors.NotImplemented(
                f"The payload signing {payload} is not implemented. Use {_SIGNED_TRAILER}.",
                Header="x-amz-content-sha256",
            )
        length = headers.get("x-amz-decoded-content-length") or ""
        if not (length.isascii() and length.isdigit() and len(length) < 20):
            raise MissingContentLength("You must provide the x-amz-decoded-content-length HTTP header.")
        return cls(payload != _UNSIGNED_TRAILER, int(length), _announced(headers) if payload != _SIGNED else ())


class _State(Enum):
    SIZE = auto()
    DATA = auto()
    GAP = auto()
    TRAILER = auto()
    DONE = auto()


class ChunkedDecoder:
    """Takes one body apart. `trailers` is filled when `close` returns; names in lower case."""

    def __init__(self, framing: Framing, verifier: Verifier | None = None) -> None:
        if framing.signed != (verifier is not None):
            raise ValueError("a verifier belongs to a signed body, and to no other")
        self._framing = framing
        self._verifier = verifier
        self._state = _State.SIZE
        self._line = bytearray()
        self._left = 0
        self._received = 0
        self._short_chunk = False
        self._sha256 = hashlib.sha256()
        self._claimed = ""
        self._trailer_signature = ""
        self.trailers: dict[str, str] = {}

    def feed(self, data: bytes) -> list[bytes]:
        """Take in bytes of the body, return the payload in them; raises S3's error for what is not well formed."""
        found = []
        at = 0
        while at < len(data):
            if self._state is _State.DATA:
                piece = data[at : at + self._left]
                at += len(piece)
                found.append(piece)
                self._take(piece)
            elif self._state is _State.DONE:
                if data[at:].strip(b"\r\n"):
                    raise IncompleteBody("The request body goes on after its last chunk.")
                break
            else:
                at = self._feed_line(data, at)
        return found

    def close(self) -> None:
        """Note that the body has ended; raises `IncompleteBody` when it should not have."""
        # Some clients leave out the empty line that ends the trailer.
        if self._state is _State.TRAILER and not self._line:
            self._finish()
        if self._state is not _State.DONE:
            raise IncompleteBody("The request body terminated unexpectedly")

    def _feed_line(self, data: bytes, at: int) -> int:
        end = data.find(b"\n", at)
        stop = len(data) if end < 0 else end + 1
        self._line += data[at:stop]
        if len(self._line) > _MAX_LINE:
            raise IncompleteBody("A chunk's header is too long.")
        if end >= 0:
            line = bytes(self._line).rstrip(b"\r\n")
            self._line.clear()
            self._end_line(line)
        return stop

    def _end_line(self, line: bytes) -> None:
        if self._state is _State.SIZE:
            self._begin_chunk(line)
        elif self._state is _State.GAP:
            if line:
                raise IncompleteBody("A chunk is longer than its size says.")
            self._state = _State.SIZE
        elif line:
            self._add_trailer(line)
        elif not self._awaits_signature():
            self._finish()

    def _begin_chunk(self, line: bytes) -> None:
        match = _SIZE_LINE.fullmatch(line)
        if match is None:
            raise IncompleteBody("A chunk's header is not well formed: SIZE[;chunk-signature=SIGNATURE].")
        self._left = int(match[1], 16)
        self._claimed = (match[2] or b"").decode()
        self._received += self._left
        if self._received > self._framing.length:
            raise IncompleteBody
        if self._left == 0:
            self._end_chunk()
            self._state = _State.TRAILER
            return
        if self._short_chunk:
            raise InvalidChunkSizeError
        self._short_chunk = self._left < _MIN_CHUNK
        self._state = _State.DATA

    def _take(self, piece: bytes) -> None:
        self._left -= len(piece)
        if self._verifier is not None:
            self._sha256.update(piece)
        if self._left == 0:
            self._end_chunk()
            self._state = _State.GAP

    def _end_chunk(self) -> None:
        if self._verifier is None:
            return
        if not self._claimed:
            raise SignatureDoesNotMatch("A chunk of a signed body has no signature.")
        self._verifier.chunk(self._sha256.hexdigest(), self._claimed)
        self._sha256 = hashlib.sha256()

    def _add_trailer(self, line: bytes) -> None:
        match = _TRAILER_LINE.fullmatch(line)
        if match is None or len(self.trailers) >= _MAX_TRAILERS:
            raise MalformedTrailerError
        name, value = match[1].decode().lower(), match[2].decode()
        if name == _TRAILER_SIGNATURE:
            # Without a verifier, where nobody asked for signatures, it proves nothing and is let be.
            self._trailer_signature = value
        elif name in self._framing.trailers and name not in self.trailers:
            self.trailers[name] = value
        else:
            raise MalformedTrailerError

    def _awaits_signature(self) -> bool:
        # Clients that follow the letter of the documentation send LF and CRLF between trailers and their signature.
        return self._verifier is not None and bool(self.trailers) and not self._trailer_signature

    def _finish(self) -> None:
        if self._received != self._framing.length:
            raise IncompleteBody
        if set(self.trailers) != set(self._framing.trailers):
            raise MalformedTrailerError
        if self._verifier is not None and self._framing.trailers:
            if not self._trailer_signature:
                raise SignatureDoesNotMatch("The trailing headers of a signed body have no signature.")
            lines = "".join(f"{name}:{value}\n" for name, value in self.trailers.items())
            self._verifier.trailer(lines.encode(), self._trailer_signature)
        self._state = _State.DONE


def _announced(headers: Headers) -> tuple[str, ...]:
    names = (one.strip().lower() for one in (headers.get("x-amz-trailer") or "").split(","))
    return tuple(dict.fromkeys(filter(None, names)))
