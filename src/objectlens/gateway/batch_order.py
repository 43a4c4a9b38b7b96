"""What a batch is asked for: JSON with its entries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from objectlens.errors import InvalidRequest
from objectlens.gateway.errands import Place, Target
from objectlens.gateway.fields import Fields

MAX_ENTRIES = 10_000
MAX_AHEAD = 16
_AHEAD = 8
_LONGEST_NAME = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One object that is asked for, and the name of its member."""

    target: Target
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a request asks for."""

    entries: tuple[Entry, ...]
    ahead: int
    continue_on_error: bool
    extended_headers: bool


def order_of(body: bytes) -> Order:
    """Read what a request asks for; raises `InvalidRequest` and `InvalidArgument` that name the wrong member."""
    fields = Fields.parse(body)
    asked = fields.take("entries")
    bucket, arguments = fields.text("bucket"), fields.arguments("arguments") or {}
    ahead = fields.number("concurrency", default=_AHEAD, most=MAX_AHEAD)
    continue_on_error = fields.flag("continue_on_error", default=True)
    extended_headers = fields.flag("extended_headers", default=True)
    fields.done()
    if not isinstance(asked, list) or not asked:
        raise InvalidRequest("'entries' is no list of keys or objects with at least one entry.")
    if len(asked) > MAX_ENTRIES:
        raise InvalidRequest(f"A batch has {MAX_ENTRIES:,} entries at most, and this one {len(asked):,}: send several.")
    places: dict[str, Place] = {}
    entries = tuple(_entry(one, number, bucket, arguments, places) for number, one in enumerate(asked))
    return Order(entries=entries, ahead=ahead, continue_on_error=continue_on_error, extended_headers=extended_headers)


def _entry(
    asked: object, number: int, bucket: str | None, arguments: Mapping[str, str], places: dict[str, Place]
) -> Entry:
    fields = Fields({"key": asked} if isinstance(asked, str) else asked, f"entries[{number}]")
    key, name, own, version = (
        fields.text("key"),
        fields.text("name"),
        fields.arguments("arguments"),
        fields.text("version_id"),
    )
    where = fields.text("bucket") or bucket
    fields.done()
    if key is None or where is None:
        raise fields.wrong("bucket" if where is None else "key", "is missing")
    place = places.get(where) or places.setdefault(where, Place.parse(where))
    place.address(key)
    given = dict(arguments) | dict(own or {}) | ({} if version is None else {"versionId": version})
    name = key if name is None else name
    if not name or "\0" in name or len(name) > _LONGEST_NAME:
        raise fields.wrong("name", f"is no name for a member: 1 to {_LONGEST_NAME:,} characters, none of them NUL")
    return Entry(target=Target(place=place, key=key, arguments=given), name=name)
