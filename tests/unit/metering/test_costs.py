"""What rows cost: exactly, by another arithmetic; and what they would cost elsewhere."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from objectlens.metering.costs import Library, UnknownHost, article, compare, make_report, price_rows, selection_of
from objectlens.metering.costs.comparing import on_host
from objectlens.metering.costs.money import EXACT
from objectlens.metering.costs.plain import report_value
from objectlens.metering.price_books import PriceBookError, load, text_of
from objectlens.metering.rows import DIMENSIONS, Key, Row, Sums

POINT = "arn:aws:s3-object-lambda:us-west-2:123456789012:accesspoint/images"
DAY = int(datetime(2026, 11, 28, tzinfo=UTC).timestamp())
X86 = load("aws-lambda-x86")


def row(function="f", access_point=POINT, cache="miss", start=DAY, **sums):
    key = dict.fromkeys(DIMENSIONS) | {"function": function, "access_point": access_point, "cache": cache}
    key |= {name: sums.pop(name, "") for name in ("job", "caller")}
    return Row(start=start, seconds=86_400, key=Key(**key), sums=Sums(**sums))


counts = st.integers(0, 10**7)
rows = st.lists(
    st.builds(
        row,
        function=st.sampled_from("fgh"),
        access_point=st.sampled_from(["", POINT]),
        cache=st.sampled_from(["miss", "hit", "fill"]),
        job=st.sampled_from(["", "train"]),
        caller=st.sampled_from(["a", "b"]),
        requests=counts,
        invocations=counts,
        billed_duration_ms=counts,
        memory_mb_ms=st.integers(0, 10**14),
        cpu_us=st.integers(0, 10**12),
        bytes_out=st.integers(0, 10**14),
    ),
    max_size=12,
)


def by_hand(rows):
    """Lambda's and S3's prices in fractions, without tiers, and without the bytes, which come to too many digits."""
    total = Fraction(0)
    for one in rows:
        sums, s3 = one.sums, one.key.access_point != ""
        total += Fraction(sums.memory_mb_ms, 1_024_000) * Fraction("0.0000166667")
        total += sums.invocations * Fraction("0.20") / 1_000_000
        total += s3 * (sums.requests + sums.invocations) * Fraction("0.0004") / 1000
    return total


@settings(max_examples=40, deadline=None)
@given(rows)
def test_lines_add_up_to_the_ledger_exactly(found):
    report = made(found)
    said = report_value(report, compare(found, report.book, report.host))
    # In the 28 digits that decimals have unless one asks for more.
    for name in ("cost", "gb_seconds", "cost_compute", "cost_requests", "cost_s3_requests", "cost_data_returned"):
        assert sum((Decimal(one[name]) for one in said["rows"]), Decimal(0)) == Decimal(said["total"][name])
    for name in ("invocations", "requests", "billed_duration_ms", "bytes_out"):
        ledger = sum(getattr(one.sums, name) for one in found)
        assert sum(one[name] for one in said["rows"]) == said["total"][name] == ledger
    assert Fraction(said["total"]["gb_seconds"]) == Fraction(sum(one.sums.memory_mb_ms for one in found), 1_024_000)
    if sum(one.sums.memory_mb_ms for one in found) <= 6 * 10**9 * 1_024_000:
        returned = Fraction(said["total"]["cost_data_returned"])
        assert Fraction(said["total"]["cost"]) == by_hand(found) + returned
        through_s3 = sum(one.sums.bytes_out for one in found if one.key.access_point)
        assert abs(returned - Fraction(through_s3, 2**30) * Fraction("0.005")) <= Fraction(1, 2 * 10**18)


def made(found, books=(), host=None, by="function"):
    library = Library.of(books)
    return make_report(found, selection_of(by, None, None), library, library.host(host))


def test_tiers_go_by_the_calendar_month():
    half = 3_500_000_000 * 1_024_000
    found = [
        row("a", memory_mb_ms=half),
        row("b", memory_mb_ms=half),
        row("c", start=DAY + 4 * 86_400, memory_mb_ms=half),
    ]
    first, second, next_month = (cost.compute for _, cost in price_rows(found, X86))
    assert first == next_month == Decimal("3500000000") * Decimal("0.0000166667")
    assert second == Decimal("2500000000") * Decimal("0.0000166667") + Decimal("1000000000") * Decimal("0.000015")


def test_an_hour_of_every_core_of_a_host_is_its_price():
    host = Library.of(()).host("ml.p2.xlarge")
    assert on_host(4 * 3600 * 10**6, host) == Decimal("0.90")


def test_who_invokes_directly_asks_s3_for_nothing():
    ((_, cost),) = price_rows([row(access_point="", invocations=5, bytes_out=2**30)], X86)
    assert (cost.requests, cost.s3_requests, cost.data_returned) == (Decimal("0.000001"), 0, 0)


def test_what_the_cache_answered_took_no_function():
    found = [
        row(requests=10, invocations=10, memory_mb_ms=1_024_000 * 100, cpu_us=10**6, bytes_out=1000),
        row(cache="hit", requests=30, bytes_out=3000),
    ]
    (line,) = made(found).lines
    # 10 GB-seconds, a request and one reading of the source for each: that is what a hit does not pay.
    each = 10 * Decimal("0.0000166667") + Decimal("0.0000002") + Decimal("0.0000004")
    assert (line.cached, line.cache_saved) == (30, 30 * each)
    assert line.copied == 1000


def test_without_any_invocation_nobody_knows_what_the_cache_saved():
    (line,) = made([row(cache="hit", requests=30)]).lines
    assert (line.cached, line.cache_saved) == (30, None)


def test_own_hardware(tmp_path):
    path = own_book(tmp_path)
    report = made([row(requests=1, invocations=1, cpu_us=3600 * 10**6, bytes_out=2**30)], [path])
    # One core-hour; 8 W for an hour at 0.28 a kWh; a gigabyte stored.
    assert report.total.cost.parts() == {
        "compute": Decimal("0.012"),
        "power": Decimal("0.00224"),
        "requests": 0,
        "s3_requests": 0,
        "data_returned": 0,
    }
    assert report.total.copy_month == Decimal("0.01")
    assert report.book.currency == "EUR"


def own_book(tmp_path, more=""):
    path = tmp_path / "own.toml"
    path.write_text(text_of("own-hardware").replace("# amount", "amount") + more)
    return str(path)


def test_currencies_are_never_mixed(tmp_path):
    path = own_book(tmp_path)
    assert made([row()], [path]).host is None
    with pytest.raises(UnknownHost, match=r"ml.p2.xlarge is priced in USD and the report, by own-hardware, in EUR"):
        made([row()], [path], "ml.p2.xlarge")
    host = '[[price]]\nitem = "host"\nhost = "gpu-1"\namount = 2\nunit = "hour"\nvcpus = 16\n'
    host += 'source = "our invoice"\ndate = 2026-01-01\n'
    assert made([row()], [own_book(tmp_path, host)], "gpu-1").host.amount == 2


def test_a_report_has_one_book():
    with pytest.raises(PriceBookError, match="aws-lambda-x86 and aws-lambda-arm both say what computing costs"):
        Library.of(["aws-lambda-x86", "aws-lambda-arm"])
    with pytest.raises(UnknownHost, match=r"no price book has the host ml.p99.xlarge: there are c5.xlarge, "):
        Library.of(()).host("ml.p99.xlarge")
    assert Library.of(["aws-ec2"]).book.name == "aws-lambda-x86"


def test_the_articles_table():
    rows = {one.what: one for one in article().rows}
    printed = rows["printed in the article"]
    assert (printed.functions, printed.host) == ((Decimal("0.061"), Decimal("0.049")), Decimal("0.90"))
    assert [round(one, 3) for one in printed.saved] == [Decimal("0.932"), Decimal("0.946")]

    def of(what):
        return [str(round(one, 4)) for one in rows[what].functions]

    assert of("one function of 256 MB, busy for an hour") == ["0.0150", "0.0120"]
    assert of("one GB for an hour") == ["0.0600", "0.0480"]
    assert of("one GB for an hour, and 5,000 requests") == ["0.0610", "0.0490"]
    assert of("one GB for an hour, by the table for milliseconds") == ["0.0605", "0.0490"]
    assert rows["one processor for an hour"].host == Decimal("0.225")


def test_the_articles_comparison_with_measured_work():
    # 1,000 answers, each a second of CPU time: 4 vCPUs of the host for 250 seconds.
    found = [row(requests=1000, invocations=1000, memory_mb_ms=512 * 10**6, cpu_us=10**9, bytes_out=0)]
    host, x86, arm = compare(found, X86, Library.of(()).host(None))
    assert (host.where, host.article, host.compute) == ("ml.p2.xlarge, GPU idle", Decimal("0.90"), Decimal("0.0625"))
    assert (x86.article, x86.compute) == (Decimal("0.061"), 500 * Decimal("0.0000166667"))
    # By Lambda's share of a processor a second of CPU time is 1,769/1,024 GB-seconds.
    assert round(x86.by_cpu, 6) == Decimal("0.028792")
    assert round(x86.of_host, 2) == Decimal("0.46")
    assert (arm.where, arm.article) == ("aws-lambda-arm", Decimal("0.049"))
    # The host reads the originals too.
    assert host.cost == Decimal("0.0625") + 1000 * Decimal("0.0000004")


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([1, 10**6]), rows)
def test_lines_and_total_are_the_same_however_they_are_told_apart(scale, found):
    # Up to beyond the first tier.
    found = [replace(one, sums=replace(one.sums, memory_mb_ms=one.sums.memory_mb_ms * scale)) for one in found]
    totals = set()
    for by in ("function", "access_point", "caller", "job"):
        report = made(found, by=by)
        said = report_value(report, compare(found, report.book, report.host))
        for name in ("cost", "on_host", "copy_per_month", "cache_saved"):
            known = [Decimal(one[name]) for one in said["rows"] if one[name] is not None]
            with localcontext(EXACT):
                assert sum(known, Decimal(0)) == Decimal(said["total"][name] or 0), (by, name)
        totals.add(json.dumps(said["total"], sort_keys=True))
    assert len(totals) == 1


def test_what_the_cache_saved_is_the_same_for_jobs_as_for_functions():
    # The job that was answered from the cache is not the one for which code ran, and of two functions.
    found = [
        row("f", job="first", requests=3, invocations=3, memory_mb_ms=1_024_000, cpu_us=1),
        row("g", job="first", requests=1, invocations=1, memory_mb_ms=7_168_000, cpu_us=1),
        row("f", job="second", cache="hit", requests=2),
        row("g", job="third", cache="fill", requests=1),
    ]
    by_job, by_function = made(found, by="job"), made(found, by="function")
    assert by_job.total.cache_saved == by_function.total.cache_saved
    first, second, third = by_job.lines
    assert first.cache_saved == 0
    # A third of a GB-second is rounded to 18 places.
    each = 3 * (Decimal("0.0000002") + Decimal("0.0000004")) + Decimal("0.0000166667")
    assert abs(second.cache_saved - 2 * each / 3) < Decimal("1e-18")
    assert third.cache_saved == 7 * Decimal("0.0000166667") + Decimal("0.0000006")
