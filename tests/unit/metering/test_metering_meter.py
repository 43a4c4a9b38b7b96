"""The meter over a real database: what is written, once, by whom, and what it becomes with age."""

import asyncio
from datetime import timedelta

import pytest

from objectlens.errors import InvalidArgument, ServiceUnavailable
from objectlens.metering import DIMENSIONS, Ledger, Row, Selection, current, job_of
from support.metering import CALLER, FUNCTION, POINT, answered, opened, ran, story


def test_a_request_and_its_invocation_are_one_usage_whichever_ends_last(place):
    async def work():
        async with place.meter() as meter:
            first = opened(meter)
            ran(first, init_ms=50.0)
            first.sent(100)
            second = opened(meter)
            second.begin()
            second.sent(100)
            await meter.flush()
            # The function still runs.
            assert (await meter.ledger.total(Selection())).requests == 1
            second.ended(
                version="7",
                runtime="lambda",
                memory_size=128,
                duration_ms=10.0,
                init_ms=None,
                cpu_us=1,
                peak_mb=50,
                failed=True,
                returned=4,
            )
            await meter.flush()
            return await meter.ledger.rows(Selection(step=None))

    warm, cold = sorted(story(work), key=lambda row: bool(row.key.cold))
    assert (warm.key.function, warm.key.version, warm.key.access_point) == (FUNCTION, "7", POINT)
    assert (warm.key.caller, warm.key.job, warm.key.memory_size) == (CALLER, "train", 128)
    assert (warm.start, warm.seconds) == (1_795_867_200, 60)
    assert (cold.sums.duration_us, cold.sums.billed_duration_ms, cold.sums.init_us) == (1200, 2, 50_000)
    assert (cold.sums.requests, cold.sums.invocations, cold.sums.errors, cold.sums.bytes_out) == (1, 1, 0, 100)
    assert (warm.sums.requests, warm.sums.invocations, warm.sums.errors, warm.sums.peak_mb) == (1, 1, 1, 50)
    assert f"{cold.sums.gb_seconds:f}" == "0.00025"


def test_what_ran_nothing_is_no_usage_and_what_the_cache_answered_is_one(place):
    async def work():
        async with place.meter() as meter:
            opened(meter).sent(0)
            refused = opened(meter)
            refused.begin()
            refused.refused()
            refused.sent(300)
            opened(meter).sent(100, "hit")
            await meter.flush()
            return await meter.ledger.rows(Selection())

    (row,) = story(work)
    assert (row.key.cache, row.sums.requests, row.sums.invocations, row.sums.bytes_out) == ("hit", 1, 0, 100)


def test_a_direct_invocation_counts_event_and_return_value(place):
    async def work():
        async with place.meter() as meter:
            tally = opened(meter, access_point="")
            tally.bytes_in = 17
            ran(tally, returned=11)
            tally.leave()
            await meter.flush()
            return await meter.ledger.rows(Selection())

    (row,) = story(work)
    assert (row.key.access_point, row.sums.requests, row.sums.invocations) == ("", 0, 1)
    assert (row.sums.bytes_in, row.sums.bytes_out) == (17, 11)


def test_a_native_transform_counts_what_its_thread_took(place):
    async def work():
        async with place.meter() as meter:
            tally = opened(meter)
            tally.transforms("digest", 1000)
            tally.took(1_000_000, 800_000, 70)
            tally.took(1, 100_000)
            tally.failed()
            tally.sent(5)
            await meter.flush()
            return await meter.ledger.rows(Selection())

    (row,) = story(work)
    assert (row.key.runtime, row.key.version, row.key.memory_size) == ("native", "digest", 1769)
    assert (row.sums.duration_us, row.sums.billed_duration_ms, row.sums.cpu_us) == (1000, 2, 900)
    assert (row.sums.bytes_in, row.sums.bytes_out, row.sums.errors, row.sums.memory_mb_ms) == (1000, 5, 1, 2 * 1769)
    assert row.sums.peak_mb == 70


def test_reads_are_counted_for_whom_the_url_was_made(place):
    url = "http://127.0.0.1:9000/p/k?X-Amz-Expires=61&X-Amz-Signature=" + "ab" * 32

    async def work():
        async with place.meter() as meter:
            tallies = [opened(meter, job=job) for job in ("one", "two")]
            for tally in tallies:
                tally.reads(url)
                tally.begin()
            query = url.partition("?")[2]
            meter.read(query, 10)
            meter.read(query, 10)
            meter.read("X-Amz-Signature=unknown", 10)
            meter.read("", 10)
            for tally in tallies:
                tally.refused()
                tally.sent(0, "miss")
            meter.read(query, 10)
            await meter.flush()
            return await meter.ledger.rows(Selection(by=("job",)))

    assert [(row.key.job, row.sums.bytes_in) for row in story(work)] == [("one", 10), ("two", 10)]


def test_what_is_made_again_is_read_by_another_url_and_nothing_is_left_of_the_first(place):
    urls = [f"http://h/k?X-Amz-Signature={digit * 64}" for digit in "aab"]

    async def work():
        async with place.meter() as meter:
            tally = opened(meter)
            for url in urls:
                tally.reads(url)
                tally.begin()
                meter.read(url.partition("?")[2], 10)
                tally.refused()
            tally.sent(0, "miss")
            assert not meter._readers
            await meter.flush()
            return await meter.ledger.total(Selection())

    assert story(work).bytes_in == 30


def test_what_goes_to_nobody_is_no_request(place):
    async def work():
        async with place.meter() as meter:
            made = opened(meter)
            ran(made)
            made.sent(0, "miss", answers=0)
            opened(meter).sent(0, "hit", answers=0)
            await meter.flush()
            return await meter.ledger.rows(Selection())

    (row,) = story(work)
    assert (row.key.cache, row.sums.requests, row.sums.invocations) == ("miss", 0, 1)


def test_a_batch_whose_commit_was_not_heard_of_is_not_counted_twice(place):
    async def work():
        async with place.meter() as meter:
            write, lost = meter._database.write, []

            async def committed_but_not_told(transaction):
                result = await write(transaction)
                if not lost:
                    lost.append(1)
                    raise ServiceUnavailable("the connection broke off")
                return result

            answered(meter)
            meter._database.write = committed_but_not_told
            with pytest.raises(ServiceUnavailable):
                await meter.flush()
            answered(meter)
            await meter.flush()
            await meter.flush()
            return await meter.ledger.total(Selection())

    assert story(work).invocations == 2


def test_what_cannot_be_written_is_kept_until_it_can(place):
    async def work():
        async with place.meter() as meter:
            write = meter._database.write

            async def broken(transaction):
                def failing(connection):
                    transaction(connection)
                    raise ServiceUnavailable("the disk is full")

                return await write(failing)

            meter._database.write = broken
            for _ in range(3):
                answered(meter)
                with pytest.raises(ServiceUnavailable):
                    await meter.flush()
            meter._database.write = write
            await meter.flush()
            return await meter.ledger.total(Selection())

    assert story(work).invocations == 3


def test_a_meter_that_is_closed_writes_what_is_left_and_one_that_is_killed_loses_it_alone(place):
    async def work():
        async with place.meter() as meter:
            answered(meter)
        async with place.meter(closing=False) as meter:
            answered(meter)
            await meter.flush()
            answered(meter)
        async with place.meter() as meter:
            answered(meter)
        async with place.database() as database:
            return await Ledger(database).total(Selection())

    assert story(work).invocations == 3


def test_it_writes_by_itself(place):
    async def work():
        async with place.meter(flush_seconds=0.01) as meter:
            answered(meter)
            async with asyncio.timeout(20):
                while meter.sums:  # noqa: ASYNC110  (it is nobody's business but a test's)
                    await asyncio.sleep(0.01)
            await meter.flush()
            assert (await meter.ledger.total(Selection())).invocations == 1

    story(work)


def test_without_metering_budgets_alone_are_counted(place):
    async def work():
        async with place.meter(enabled=False) as meter:
            assert meter.open(function=FUNCTION, access_point=POINT, caller=CALLER, job="") is None
            await meter.put_budget("b", {"kind": "caller", "subject": CALLER, "invocations": "10"})
            answered(meter)
            await meter.flush()
            assert meter.uses[0].spent.invocations == 1
            return await meter.ledger.total(Selection())

    assert story(work).invocations == 0


def test_minutes_become_hours_and_days_and_end_without_a_change_of_sums(place):
    async def work():
        async with place.meter(minutes_kept=7200, hours_kept=3 * 86_400, days_kept=10 * 86_400) as meter:
            for minutes in (0, 1, 61, 200, 30, 24 * 60):
                place.clock.advance(60 * minutes)
                answered(meter)
                await meter.flush()
            before = await meter.ledger.total(Selection())
            await meter.roll()
            assert await meter.ledger.total(Selection()) == before
            spans = [(row.seconds, row.sums.invocations) for row in await meter.ledger.rows(Selection(step=None))]
            await meter.roll()
            assert spans == [
                (row.seconds, row.sums.invocations) for row in await meter.ledger.rows(Selection(step=None))
            ]
            place.clock.advance(4 * 86_400)
            await meter.roll()
            assert await meter.ledger.total(Selection()) == before
            later = [(row.seconds, row.sums.invocations) for row in await meter.ledger.rows(Selection(step=None))]
            place.clock.advance(11 * 86_400)
            await meter.roll()
            return spans, later, await meter.ledger.rows(Selection())

    spans, later, last = story(work)
    assert spans == [(3600, 2), (3600, 1), (3600, 2), (60, 1)]
    assert later == [(86_400, 5), (86_400, 1)]
    assert last == []


def test_hours_have_a_bound_too(place):
    async def work():
        async with place.meter(minutes_kept=3600, most=4) as meter:
            for number in range(40):
                answered(meter, job=f"job-{number}")
                place.clock.advance(60)
                await meter.flush()
            place.clock.advance(86_400)
            await meter.roll()
            return await meter.ledger.rows(Selection(step=None))

    rows = story(work)
    assert len(rows) <= 2 * 4 + 1
    assert sum(row.sums.invocations for row in rows) == 40


def test_rows_are_selected_grouped_and_paged(place):
    async def work():
        async with place.meter() as meter:
            for job in ("a", "b", "a"):
                answered(meter, job=job)
                await meter.flush()
                place.clock.advance(3600)
            noon = place.clock.now() - timedelta(hours=3)
            ledger = meter.ledger
            by_job = await ledger.rows(Selection(by=("job",)))
            steps = await ledger.rows(Selection(by=(), step=7200))
            some = await ledger.rows(
                Selection(by=("job",), start=noon + timedelta(hours=1), end=noon + timedelta(hours=2))
            )
            where = await ledger.rows(Selection(by=(), where={"job": "a"}))
            pages = [await ledger.rows(Selection(by=("job",), limit=1, offset=at)) for at in range(3)]
            kept = await ledger.rows(Selection(step=None))
            assert [Row.of(row.flat()) for row in kept] == kept
            assert kept[0].flat().keys() >= set(DIMENSIONS)
            return by_job, steps, some, where, pages

    by_job, steps, some, where, pages = story(work)
    assert [(row.key.job, row.key.caller, row.sums.invocations) for row in by_job] == [("a", None, 2), ("b", None, 1)]
    assert [(row.start - 1_795_867_200, row.seconds, row.sums.invocations) for row in steps] == [
        (0, 7200, 2),
        (7200, 7200, 1),
    ]
    assert [row.key.job for row in some] == ["b"]
    assert [row.sums.invocations for row in where] == [2]
    assert [len(page) for page in pages] == [1, 1, 0]


def test_jobs_are_what_the_header_or_the_session_says():
    assert job_of("train/epoch-1", "session") == "train/epoch-1"
    assert job_of(None, "my-session@x") == "my-session@x"
    assert job_of(None, "") == ""
    for wrong in ("", " ", "a b", "x" * 129, "é", "a\n"):
        with pytest.raises(InvalidArgument, match="1 to 128 characters"):
            job_of(wrong, "session")


def test_nothing_is_current_but_for_a_request():
    assert current.get() is None
