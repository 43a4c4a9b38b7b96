"""Requests and answers as frozen values.

Header names keep the letter case they came in: functions look them up in the caller's spelling, and clients expect
S3's. Paths and queries stay percent-encoded as received, because signatures are computed over them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote, unquote_plus

from objectlens.streams import BytesBody, FileSlice, RequestBody


class Headers:
    """An immutable list of `(name, value)` with look-up by name in any letter case."""

    __slots__ = ("_items", "_made")

    def __init__(self, items: Iterable[tuple[str, str]] = ()) -> None:
        self._items = tuple(items)
        self._made: dict[str, str] | None = None

    @property
    def _index(self) -> dict[str, str]:
        # Made when the first one asks: of the headers that an answer goes through, most are only handed on.
        if self._made is None:
            index: dict[str, str] = {}
            for name, value in self._items:
                lower = name.lower()
                # Repeated headers mean the same as one with commas (RFC 9110 section 5.3).
                index[lower] = f"{index[lower]},{value}" if lower in index else value
            self._made = index
        return self._made

    def get(self, name: str) -> str | None:
        """Return the value, repeated headers joined with commas; None when absent. `name` in any case."""
        return (self._made or self._index).get(name.lower())

    def first(self, name: str) -> str | None:
        """Return the first value of that name, given in lower case; for who asks for one header of an answer once."""
        length = len(name)
        for one, value in self._items:
            if len(one) == length and one.lower() == name:
                return value
        return None

    def any_of(self, names: frozenset[str]) -> bool:
        """Tell whether one of these is there; `names` in lower case."""
        return not names.isdisjoint(self._made or self._index)

    def lower(self) -> dict[str, str]:
        """Return all headers by lower-case name, repeated ones joined with commas."""
        return dict(self._index)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in (self._made or self._index)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._items == other._items

    def __hash__(self) -> int:
        return hash(self._items)

    def __repr__(self) -> str:
        return f"Headers({list(self._items)!r})"


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request as it came in.

    `host` is the authority of an absolute-form target or else the `Host` header, port included; `path` and `query`
    are the raw, percent-encoded text (`query` without its `?`). `peer` is the address of the client's socket.
    """

    method: str
    path: str
    query: str = ""
    headers: Headers = field(default_factory=Headers)
    host: str = ""
    scheme: str = "http"
    body: RequestBody = field(default_factory=BytesBody, compare=False)
    peer: str = ""

    def parameters(self) -> list[tuple[str, str]]:
        """Return the query's decoded `(name, value)` pairs in order; a name without `=` has the value ""."""
        return parse_query(self.query)


def parse_query(query: str) -> list[tuple[str, str]]:
    """Decode a query string; `+` means space, bytes that are not UTF-8 become U+FFFD."""
    pairs = []
    for part in query.split("&"):
        if part:
            name, _, value = part.partition("=")
            pairs.append((unquote_plus(name), unquote_plus(value)))
    return pairs


def decode_path(path: str) -> str:
    """Percent-decode a path; `+` stays a plus. Bytes that are not UTF-8 raise `UnicodeDecodeError`."""
    return unquote(path, errors="strict")


ResponseBody = bytes | FileSlice | AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """One answer.

    `length` of a streamed body may be given when it is known; otherwise the answer goes out chunked. A stream that
    raises cuts the connection, so that a broken body never looks complete.
    """

    status: int
    headers: Headers = field(default_factory=Headers)
    body: ResponseBody = b""
    length: int | None = None
    reason: str | None = None
