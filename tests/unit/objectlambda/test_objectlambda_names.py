"""Names of derived objects are remembered, and never those of another state."""

from dataclasses import replace
from datetime import UTC, datetime

from objectlens.cache import Maker
from objectlens.objectlambda.names import Names
from objectlens.stores import Attributes, Stat

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
STAT = Stat(key="a.jpg", size=3, etag="e" * 32, modified=NOON, attributes=Attributes())
MAKER = Maker(access_point="arn:of:point", function="arn:of:function:1", digest="d" * 64, since=NOON)


def test_the_same_state_and_maker_have_the_same_name_object():
    names = Names()
    assert names.of("b", STAT, MAKER, "{}") is names.of("b", STAT, MAKER, "{}")


def test_another_state_maker_bucket_or_argument_has_another_name():
    names = Names()
    first = names.of("b", STAT, MAKER, "{}")
    others = [
        names.of("b", replace(STAT, etag="f" * 32), MAKER, "{}"),
        names.of("b", replace(STAT, attributes=Attributes(tags={"team": "a"})), MAKER, "{}"),
        names.of("b", replace(STAT, version="v1"), MAKER, "{}"),
        names.of("b", STAT, replace(MAKER, digest="c" * 64), "{}"),
        names.of("c", STAT, MAKER, "{}"),
        names.of("b", STAT, MAKER, '{"width":1}'),
    ]
    assert len({first.id, *(one.id for one in others)}) == 1 + len(others)
    assert names.of("b", STAT, MAKER, "{}").id == first.id


def test_only_so_many_are_remembered():
    names = Names(most=2)
    stats = [replace(STAT, key=str(number)) for number in range(3)]
    made = [names.of("b", one, MAKER, "{}") for one in stats]
    assert names.of("b", stats[2], MAKER, "{}") is made[2]
    assert names.of("b", stats[0], MAKER, "{}") is not made[0]
    assert names.of("b", stats[0], MAKER, "{}").id == made[0].id
