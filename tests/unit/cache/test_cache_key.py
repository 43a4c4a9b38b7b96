"""The names of derived objects."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from objectlens.cache import Derived, Entry, Head, Maker, Selection, Source
from objectlens.stores import Attributes, Stat

NOW = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
SOURCE = Source(bucket="b", key="k", etag="e", size=3, modified=NOW, state="s")
MAKER = Maker(access_point="arn:ap", function="arn:f:$LATEST", digest="d", since=NOW - timedelta(days=1))
DERIVED = Derived(source=SOURCE, maker=MAKER, arguments="{}")


@pytest.mark.parametrize(
    "other",
    [
        replace(DERIVED, source=replace(SOURCE, bucket="c")),
        replace(DERIVED, source=replace(SOURCE, key="l")),
        replace(DERIVED, source=replace(SOURCE, state="t")),
        replace(DERIVED, source=replace(SOURCE, version_id="1")),
        replace(DERIVED, maker=replace(MAKER, access_point="arn:ap2")),
        replace(DERIVED, maker=replace(MAKER, function="arn:f:2")),
        replace(DERIVED, maker=replace(MAKER, digest="e")),
        replace(DERIVED, arguments='{"a":"1"}'),
        # What plain joining would run together.
        replace(DERIVED, source=replace(SOURCE, bucket="bk", key="")),
    ],
)
def test_whatever_answers_depend_on_is_in_the_name(other: Derived) -> None:
    assert other.id != DERIVED.id
    assert other.etag != DERIVED.etag


def test_dates_are_not_in_the_name_but_in_the_date() -> None:
    later = replace(DERIVED, source=replace(SOURCE, modified=NOW + timedelta(days=3)))
    assert later.id == DERIVED.id
    assert later.modified == (NOW + timedelta(days=3)).replace(microsecond=0)
    updated = replace(DERIVED, maker=replace(MAKER, since=NOW + timedelta(days=9)))
    assert updated.modified == (NOW + timedelta(days=9)).replace(microsecond=0)
    assert DERIVED.modified == NOW.replace(microsecond=0)


def test_no_client_takes_the_etag_for_an_md5() -> None:
    assert len(DERIVED.etag) == 34
    assert DERIVED.etag.endswith("-1")


@pytest.mark.parametrize(
    "change",
    [
        {"etag": "f"},
        {"size": 4},
        {"attributes": Attributes(metadata={"a": "b"})},
        {"attributes": Attributes(headers={"Content-Type": "a/b"})},
        {"attributes": Attributes(tags={"a": "b"})},
    ],
)
def test_a_state_is_all_that_can_be_read(change: dict[str, Any]) -> None:
    stat = Stat(key="k", size=3, etag="e", modified=NOW, attributes=Attributes())
    assert replace(stat, **change).state() != stat.state()
    assert replace(stat, modified=NOW + timedelta(days=1)).state() == stat.state()


def test_entries_survive_json() -> None:
    head = Head(system=(("Content-Type", "a/b"),), metadata=(("ü", "é"),), extra=(("x-amz-a", "1"),))
    entry = Entry.of(DERIVED, head, size=3, crc32="AAAAAA==", created=NOW, duration_ms=7)
    assert Entry.from_json(entry.to_json()) == entry


@pytest.mark.parametrize(
    ("selection", "takes"),
    [
        (Selection(), True),
        (Selection(access_point="arn:ap", bucket="b", prefix="k", function="arn:f"), True),
        (Selection(function="arn:f:$LATEST"), True),
        (Selection(function="arn:f:1"), False),
        (Selection(function="arn"), True),
        (Selection(function="ar"), False),
        (Selection(prefix="l"), False),
        (Selection(access_point="arn:a"), False),
    ],
)
def test_selections(selection: Selection, takes: bool) -> None:
    assert selection.takes(DERIVED) is takes
