"""Budgets: what they refuse, what they forget, and what they do not."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import pytest

from objectlens.errors import SlowDown
from objectlens.metering import BadBudget, Budget, BudgetUsedUp, Selection
from objectlens.metering.budgets import edited, payers, span
from objectlens.metering.journal import Journal
from support.metering import CALLER, FUNCTION, POINT, answered, opened, ran, story

OF_POINT = {"kind": "access-point", "subject": POINT, "period": "day"}
OF_CALLER = {"kind": "caller", "subject": CALLER, "period": "day"}


def test_a_limit_of_invocations_is_not_passed_by_many_at_once(place):
    async def work():
        async with place.meter() as meter:
            await meter.put_budget("b", OF_POINT | {"invocations": "5"})
            running, refused = [], 0
            for _ in range(20):
                try:
                    running.append(opened(meter))
                except SlowDown:
                    refused += 1
            assert (len(running), refused) == (5, 15)
            with pytest.raises(SlowDown, match=r"used 0 of 5 .* under way may need the rest: 5") as held:
                opened(meter)
            assert held.value.headers == {"Retry-After": "1"}
            # One that ran nothing gives its place back.
            running.pop().sent(0)
            running.append(opened(meter))
            for tally in running:
                ran(tally)
                tally.sent(10)
            with pytest.raises(SlowDown) as caught:
                opened(meter)
            return caught.value

    error = story(work)
    assert error.status == 503
    assert error.message == (
        f"The budget b of {POINT} has used 5 of 5 invocations for this day, which ends 2026-11-29T00:00:00Z. Requests "
        "are taken again then, or when the limit is raised with: objectlens budget set b"
    )
    assert error.headers == {"Retry-After": str(12 * 3600)}


@pytest.mark.parametrize(
    ("limit", "said"),
    [({"gb_seconds": "0.0005"}, "0.0005 of 0.0005 GB-seconds"), ({"bytes": "150"}, "200 of 150 bytes")],
)
def test_other_limits_refuse_what_comes_after_they_are_reached(place, limit, said):
    async def work():
        async with place.meter() as meter:
            await meter.put_budget("b", OF_CALLER | limit)
            answered(meter)
            answered(meter)
            with pytest.raises(SlowDown) as caught:
                opened(meter)
            opened(meter, caller="arn:aws:iam::123456789012:user/bob").leave()
            return caught.value.message

    assert said in story(work)


def test_what_is_under_way_is_held_with_as_much_as_those_before_it_took(place):
    async def work():
        async with place.meter() as meter:
            await meter.put_budget("b", OF_CALLER | {"bytes": "1000"})
            answered(meter)  # 100 bytes
            under_way = [opened(meter) for _ in range(9)]
            with pytest.raises(SlowDown, match=r"used 100 of 1,000 bytes .* may need the rest: 9 here") as held:
                opened(meter)
            assert held.value.headers == {"Retry-After": "1"}
            for tally in under_way:
                tally.sent(90)
            answered(meter)  # of 90 that are left
            with pytest.raises(SlowDown, match="used 1,010 of 1,000 bytes"):
                opened(meter)

    story(work)


def test_the_period_ends_at_midnight_utc(place):
    async def work():
        async with place.meter() as meter:
            await meter.put_budget("b", OF_CALLER | {"invocations": "1"})
            answered(meter)
            place.clock.advance(12 * 3600 - 1)
            with pytest.raises(SlowDown):
                opened(meter)
            place.clock.advance(1)
            answered(meter)
            with pytest.raises(SlowDown, match="2026-11-30T00:00:00Z"):
                opened(meter)

    story(work)


def test_use_outlives_a_stop_a_kill_and_many_kills(place):
    async def work():
        async with place.meter() as meter:
            await meter.put_budget("b", OF_CALLER | {"invocations": "6"})
            answered(meter)
        for closing in (False, False, True):
            async with place.meter(closing=closing) as meter:
                answered(meter)
                assert meter.uses[0].spent.invocations in {2, 3, 4}
        async with place.meter() as meter:
            answered(meter)
            await meter.flush()
        # As another machine has it: nothing but the database.
        (place.folder / "budget-uses").unlink()
        async with place.meter() as meter:
            assert meter.uses[0].spent.invocations == 5
            answered(meter)
            with pytest.raises(SlowDown):
                opened(meter)

    story(work)


def test_what_is_under_way_when_the_server_is_killed_counts(place):
    async def work():
        async with place.meter(closing=False) as meter:
            await meter.put_budget("b", OF_CALLER | {"invocations": "3"})
            opened(meter)
            opened(meter).leave()
            opened(meter)
        async with place.meter() as meter:
            answered(meter)
            with pytest.raises(SlowDown):
                opened(meter)

    story(work)


def test_several_servers_hear_of_each_other_when_they_write(place, tmp_path):
    other = type(place)(tmp_path / "other", place.url)
    other.folder.mkdir()

    async def work():
        async with place.meter() as here, other.meter() as there:
            await here.put_budget("b", OF_CALLER | {"invocations": "3"})
            await there.flush()
            answered(here)
            answered(there)
            await here.flush()
            await there.flush()
            await here.flush()
            answered(here)
            await here.flush()
            await there.flush()
            for meter in (here, there):
                assert meter.uses[0].spent.invocations == 3
                with pytest.raises(SlowDown):
                    opened(meter)

    story(work)


def test_what_was_used_before_the_budget_counts(place):
    async def work():
        async with place.meter() as meter:
            for _ in range(3):
                answered(meter)
            await meter.put_budget("b", OF_POINT | {"invocations": "4"})
            answered(meter)
            with pytest.raises(SlowDown):
                opened(meter)
            await meter.put_budget("b", {"invocations": "5"})
            answered(meter)
            with pytest.raises(SlowDown, match="5 of 5"):
                opened(meter)
            # Of another subject it is another budget, under the same name.
            await meter.put_budget("b", {"subject": POINT.replace("/a", "/other")})
            assert meter.uses[0].spent.invocations == 0
            answered(meter)
            assert await meter.remove_budget("b")
            assert not await meter.remove_budget("b")
            assert meter.uses == ()

    story(work)


def test_a_change_takes_along_what_is_under_way(place):
    async def work():
        async with place.meter() as meter:
            await meter.put_budget("b", OF_POINT | {"invocations": "1"})
            running = opened(meter)
            await meter.put_budget("b", {"invocations": "2"})
            other = opened(meter)
            with pytest.raises(SlowDown):
                opened(meter)
            for tally in (running, other):
                ran(tally)
                tally.sent(1)
            await meter.flush()
            return meter.uses[0].spent

    assert story(work).invocations == 2


def test_when_one_of_several_refuses_the_others_hold_nothing(place):
    async def work():
        async with place.meter() as meter:
            await meter.put_budget("a", OF_CALLER | {"invocations": "2"})
            await meter.put_budget("b", OF_POINT | {"invocations": "1"})
            answered(meter)
            for _ in range(5):
                with pytest.raises(SlowDown, match="budget b"):
                    opened(meter)
            answered(meter, access_point="")
            with pytest.raises(SlowDown, match="budget a"):
                opened(meter, access_point="")

    story(work)


def test_the_warning_comes_once_a_period_also_over_restarts(place, caplog):
    caplog.set_level(logging.WARNING)

    async def work():
        async with place.meter() as meter:
            await meter.put_budget("b", OF_CALLER | {"invocations": "10", "warn_percent": "50"})
            for _ in range(7):
                answered(meter)
        async with place.meter() as meter:
            assert meter.uses[0].warned
            answered(meter)
            place.clock.advance(86_400)
            for _ in range(5):
                answered(meter)

    story(work)
    said = [record.message for record in caplog.records if "The budget b" in record.message]
    assert len(said) == 2
    assert "has used 5 of 10 invocations for this day" in said[0]


def test_sessions_count_against_their_role(place):
    session = "arn:aws:sts::123456789012:assumed-role/trainer/run-1"
    assert payers(session) == (session, "arn:aws:iam::123456789012:role/trainer")

    async def work():
        async with place.meter() as meter:
            subject = "arn:aws:iam::123456789012:role/teams/ml/trainer"
            await meter.put_budget("b", {"kind": "caller", "subject": subject, "invocations": "2"})
            answered(meter, caller=session)
            answered(meter, caller=session.replace("run-1", "run-2"))
            with pytest.raises(SlowDown):
                opened(meter, caller=session)

    story(work)


def test_periods_begin_and_end_at_midnight():
    at = datetime(2026, 12, 31, 23, 59, tzinfo=UTC)
    assert span("day", at) == (datetime(2026, 12, 31, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    assert span("month", at) == (datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    february = datetime(2028, 2, 29, tzinfo=UTC) + timedelta(hours=1)
    assert span("month", february) == (datetime(2028, 2, 1, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "there is no budget b"),
        (OF_CALLER, "needs a limit"),
        (OF_CALLER | {"invocations": "-1"}, "a limit must be from 0"),
        (OF_CALLER | {"invocations": "1.5"}, "invocations must be a whole number"),
        (OF_CALLER | {"invocations": "many"}, "invocations must be a number"),
        (OF_CALLER | {"gb_seconds": "NaN"}, "gb_seconds must be a number"),
        (OF_CALLER | {"bytes": "2000000000000000000"}, "a limit must be from 0"),
        (OF_CALLER | {"bytes": "1e30"}, r"bytes must be below 10\^19"),
        (OF_CALLER | {"invocations": "1e999999999"}, r"invocations must be below 10\^19"),
        (OF_CALLER | {"gb_seconds": "1e999999999"}, r"gb_seconds must be below 10\^19"),
        (OF_CALLER | {"bytes": "1", "warn_percent": "0"}, "1 to 100 percent"),
        (OF_CALLER | {"bytes": "1", "period": "year"}, "for a day or a month"),
        (OF_CALLER | {"bytes": "1", "subject": "ann"}, "is no ARN"),
    ],
)
def test_what_cannot_be_a_budget_is_told(changes, said):
    with pytest.raises(BadBudget, match=said):
        edited(None, "b", changes)


def test_names_are_checked_and_changes_keep_the_rest():
    with pytest.raises(BadBudget, match="cannot be a budget's name"):
        edited(None, "a b", OF_CALLER | {"bytes": "1"})
    old = Budget(name="b", kind="caller", subject=CALLER, period="day", invocations=5, bytes_out=7)
    new = edited(old, "b", {"invocations": "none", "warn_percent": "90"})
    assert (new.invocations, new.bytes_out, new.warn_percent, new.period) == (None, 7, 90, "day")


def test_the_journal_keeps_what_a_killed_process_wrote(tmp_path):
    journal = Journal(tmp_path / "uses")
    for number in range(3):
        journal.write(f"budget-{number}", 100, (number, 2, 3))
    journal.write("budget-0", 200, (9, 9, 9))
    again = Journal(tmp_path / "uses")
    assert again.read("budget-0", 200) == (9, 9, 9)
    assert again.read("budget-0", 100) is None
    assert again.read("budget-1", 100) == (1, 2, 3)
    assert again.read("another", 100) is None
    again.retain(["budget-1"])
    again.write("another", 100, (5, 5, 5))
    third = Journal(tmp_path / "uses")
    assert [third.read(name, 100) for name in ("budget-1", "budget-2", "another")] == [(1, 2, 3), None, (5, 5, 5)]
    for one in (journal, again, third):
        one.close()


def test_requests_are_admitted_while_budgets_are_read_anew(place):
    async def work():
        async with place.meter() as meter:
            await meter.put_budget("b", OF_CALLER | {"invocations": "1000"})
            flushing = asyncio.create_task(_flushed(meter, 20))
            for _ in range(300):
                answered(meter)
                await asyncio.sleep(0)
            await flushing
            await meter.flush()
            return meter.uses[0].spent.invocations

    assert story(work) == 300


async def _flushed(meter, times):
    for _ in range(times):
        await meter.flush()


def test_each_further_attempt_asks_the_budget_anew(place):
    async def work():
        async with place.meter() as meter:
            await meter.put_budget("b", {"kind": "caller", "subject": CALLER, "invocations": "3"})
            tally, other = opened(meter), opened(meter)
            await tally.attempt()
            ran(tally, failed=True)
            tally.done()
            # Of three, two are held and one more is left.
            await tally.attempt()
            await other.attempt()
            other.done()
            with pytest.raises(BudgetUsedUp):
                await other.attempt()
            ran(tally)
            tally.done()
            tally.sent(100)
            other.sent(0)
            assert meter.uses[0].spent.invocations == 2
            answered(meter)
            with pytest.raises(BudgetUsedUp):
                opened(meter)
            return await counted(meter)

    assert story(work).invocations == 3


def test_what_goes_on_after_its_request_counts_and_is_let_in_anew_or_not_at_all(place):
    async def work():
        async with place.meter() as meter:
            await meter.put_budget("b", {"kind": "caller", "subject": CALLER, "invocations": "2"})
            tally = opened(meter)
            await tally.attempt()
            tally.done()
            tally.sent(0)  # its client has gone, and others wait for what it asked for
            await tally.attempt()
            ran(tally)
            tally.done()
            assert meter.uses[0].spent.invocations == 1
            ran(tally)  # without a question, as functions do that were in line already
            assert meter.uses[0].spent.invocations == 2
            with pytest.raises(BudgetUsedUp):
                await tally.attempt()
            return await counted(meter)

    assert story(work).invocations == 2


def test_the_rest_of_a_stream_counts_when_its_client_has_gone(place):
    async def work():
        async with place.meter() as meter:
            await meter.put_budget("b", {"kind": "caller", "subject": CALLER, "gb_seconds": "1"})
            tally = opened(meter, function=f"{FUNCTION.rpartition(':')[0]}:objectlens-transform")
            tally.begin()
            tally.transforms("digest", 10)
            tally.took(5_000_000, 4_000_000)
            tally.done()
            tally.sent(0)
            tally.begin()
            tally.took(7_000_000, 6_000_000)
            tally.done()
            assert meter.uses[0].spent.memory_mb_ms == 12 * 1769
            return await counted(meter)

    found = story(work)
    assert (found.invocations, found.billed_duration_ms, found.cpu_us) == (1, 12, 10_000)


async def counted(meter):
    await meter.flush()
    return await meter.ledger.total(Selection())
