"""`objectlens cost` on a ledger that is known; and what `objectlens tune` refuses before it asks a server."""

import asyncio
import csv
import io
import json
import re
import time
from decimal import Decimal

import pytest
from click.testing import CliRunner
from sqlalchemy import insert

from objectlens.cli import tuning_plot
from objectlens.cli.charts import Bar, Point, bars, curves
from objectlens.cli.main import main
from objectlens.cli.tuning_runs import Run
from objectlens.cli.tuning_sums import Tuned, choose
from objectlens.database import Database, sqlite_url
from objectlens.metering import DIMENSIONS, SUMS, Key, Row, Sums, tables
from objectlens.metering.price_books import load, text_of

FUNCTION = "arn:aws:lambda:us-west-2:123456789012:function:"
POINT = "arn:aws:s3-object-lambda:us-west-2:123456789012:accesspoint/"
COMMANDS = [["cost", name] for name in ("report", "advice", "article", "books")] + [["tune"]]


def run(*arguments):
    clean = {"OBJECTLENS_DATA": None, "OBJECTLENS_CONFIG": None, "COLUMNS": "120"}
    return CliRunner().invoke(main, [str(one) for one in arguments], env=clean)


def used(function, point, memory, ms, *, ago=0, job="", cache="", **sums):
    """Return a row of the table: `ms` is what was billed, all other sums are 0 unless they are given."""
    start = int(time.time()) // 60 * 60 - ago
    key = {"function": FUNCTION + function, "version": "$LATEST", "access_point": POINT + point if point else ""}
    key |= {"caller": "arn:aws:iam::123456789012:user/alice", "job": job, "runtime": "lambda", "cold": False}
    sums = dict.fromkeys(SUMS, 0) | {"billed_duration_ms": ms, "memory_mb_ms": ms * memory} | sums
    return {"seconds": 60, "start": start, "memory_size": memory, "cache": cache} | key | sums


ROWS = [
    used(
        "thumbnails",
        "images",
        512,
        92_001,
        job="train",
        cache="miss",
        requests=1000,
        invocations=1000,
        duration_us=91_900_000,
        cpu_us=88_000_123,
        init_us=250_500,
    ),
    used("thumbnails", "images", 512, 0, job="train", cache="hit", requests=3000, bytes_out=6 * 10**8),
    used("redact", "documents", 300, 7777, requests=333, invocations=333, cpu_us=1_000_001, bytes_out=12_345_679),
    used("redact", "", 300, 41, ago=40 * 86_400, invocations=2, cpu_us=30_000),
]


@pytest.fixture
def data(tmp_path):
    async def fill():
        database = await Database.open(sqlite_url(tmp_path))
        await database.write(lambda connection: connection.execute(insert(tables.usage), ROWS))
        await database.close()

    asyncio.run(fill())
    return tmp_path


def report(data, *arguments):
    shown = run("cost", "report", "--data", data, "--json", *arguments)
    assert shown.exit_code == 0, shown.output
    return json.loads(shown.output)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_has_an_example_that_names_the_command(command):
    _, parted, examples = run(*command, "--help").output.partition("Example")
    assert parted
    assert f"objectlens {' '.join(command)}" in examples


@pytest.mark.parametrize("by", ["function", "access-point", "caller", "job"])
def test_the_report_adds_up_to_the_ledger(data, by):
    said = report(data, "--by", by)
    assert said["by"] == by.replace("-", "_")
    total = said["total"]
    for name in ("requests", "invocations", "billed_duration_ms", "bytes_out"):
        assert sum(one[name] for one in said["rows"]) == total[name] == sum(row[name] for row in ROWS)
    for name in ("cost", "gb_seconds"):
        assert sum(Decimal(one[name]) for one in said["rows"]) == Decimal(total[name])
    assert Decimal(total["gb_seconds"]) == Decimal(sum(row["memory_mb_ms"] for row in ROWS)) / 1_024_000
    assert {one["currency"] for one in (*said["rows"], total)} == {"USD"}


def test_what_a_row_says(data):
    thumbnails = next(one for one in report(data)["rows"] if one["name"] == "thumbnails")
    assert thumbnails["function"] == FUNCTION + "thumbnails"
    assert thumbnails["from_cache"] == 3000
    assert thumbnails["gb_seconds"] == "46.0005"
    assert thumbnails["cost_compute"] == str(Decimal("46.0005") * Decimal("0.0000166667"))
    assert thumbnails["cost_requests"] == "0.0002"
    # 88.000123 CPU seconds on 4 vCPUs.
    assert thumbnails["on_host"] == "0.0055000076875"


def test_what_lambda_bills_besides_is_told_and_in_no_figure(data):
    said = report(data)
    assert [one["init_ms"] for one in said["rows"]] == ["0", "250.5"]
    # 0.2505 s x 0.5 GB x 0.0000166667
    assert any("0.2505 seconds to initialise, 0.12525 GB-seconds" in one for one in said["arithmetic"])
    assert any("as much would be 0.00000209 USD more" in one for one in said["arithmetic"])
    assert Decimal(said["total"]["gb_seconds"]) == Decimal(sum(row["memory_mb_ms"] for row in ROWS)) / 1_024_000


def test_a_span_of_time(data):
    assert len(report(data, "--from", "1d", "--by", "access-point")["rows"]) == 2
    assert [one["name"] for one in report(data, "--to", "1d", "--by", "access-point")["rows"]] == ["(invoked directly)"]
    assert report(data, "--from", "2020-01-01", "--to", "2020-12-31")["rows"] == []
    refused = run("cost", "report", "--data", data, "--from", "yesterday")
    assert (refused.exit_code, "'yesterday' is no moment" in refused.output) == (1, True)


def test_moments_are_utc_unless_they_say_otherwise(data):
    asked = report(data, "--from", "2020-01-01T00:30+01:00", "--to", "20200131")
    assert (asked["from"], asked["to"]) == ("2019-12-31T23:30:00+00:00", "2020-02-01T00:00:00+00:00")
    exported = run(
        "usage", "export", "--data", data, "--from", "7d", "--by", "function", "--step", "all", "--format", "json"
    )
    assert len(json.loads(exported.output)) == len(report(data, "--from", "7d")["rows"])


def test_what_to_tell_apart_is_also_taken_as_rows_call_it(data):
    assert report(data, "--by", "access_point") == (asked := report(data, "--by", "access-point"))
    assert all(asked["by"] in row for row in asked["rows"])


def test_csv_has_the_rows_of_json(data):
    shown = run("cost", "report", "--data", data, "--csv")
    rows = list(csv.DictReader(io.StringIO(shown.output)))
    assert [(one["name"], one["cost"]) for one in rows] == [(one["name"], one["cost"]) for one in report(data)["rows"]]
    nothing = run("cost", "report", "--data", data, "--csv", "--to", "2000-01-01")
    assert nothing.output == shown.output.splitlines(keepends=True)[0]


def test_the_page_stands_alone(data, tmp_path):
    page = tmp_path / "report.html"
    assert run("cost", "report", "--data", data, "--html", page).exit_code == 0
    text = page.read_text()
    assert text.count("<svg") == 2
    assert "thumbnails" in text
    # Nothing is loaded and nothing runs; addresses are text.
    assert not re.search(r"<script|\bsrc=|\bhref=|url\(", text.replace("xmlns='http://www.w3.org/2000/svg'", ""))
    for arguments in (["--html", "--data", data], ["--data", data, "--html"]):
        printed = run("cost", "report", *arguments).output
        assert (printed.count("<svg"), printed.splitlines()[0]) == (2, text.splitlines()[0])
    refused = run("cost", "report", "--data", data, "--html", "--json")
    assert (refused.exit_code, "--json and --html all print" in refused.output) == (2, True)


def test_the_screen_has_the_articles_comparison_and_the_arithmetic(data):
    shown = run("cost", "report", "--data", data).output
    for text in ("ml.p2.xlarge, GPU idle", "aws-lambda-arm", "article, 1 h", "0.0610", "0.900", "GB-seconds"):
        assert text in shown
    assert "89.030124 CPU seconds / (4 vCPUs x 3,600) x 0.90 USD per hour" in " ".join(shown.split())
    assert "up to 90 % less. Measured here, the same CPU time costs 54 % less by aws-lambda-x86 (" in " ".join(
        shown.split()
    )
    empty = run("cost", "report", "--data", data, "--to", "2020-01-01").output
    assert empty == "Nothing was measured in this time.\n"


def test_other_books_and_hosts(data, tmp_path):
    book = tmp_path / "own.toml"
    book.write_text(text_of("own-hardware").replace("# amount", "amount"))
    assert report(data, "--price-book", "aws-lambda-arm")["total"]["cost"] < report(data)["total"]["cost"]
    assert report(data, "--against", "g5.xlarge")["against"] == "g5.xlarge"
    own = report(data, "--price-book", book)
    assert (own["currency"], own["against"], own["total"]["on_host"]) == ("EUR", None, None)
    refused = run("cost", "report", "--data", data, "--price-book", book, "--against", "g5.xlarge").output
    assert "g5.xlarge is priced in USD" in refused
    assert "no currency is converted" in refused


def test_what_is_refused(data, tmp_path):
    def said(*arguments):
        shown = run("cost", "report", *arguments)
        assert shown.exit_code != 0
        return shown.output

    assert "leave one of them" in said("--data", data, "--json", "--csv")
    assert "is not before --to" in said("--data", data, "--from", "2026-11-29", "--to", "2026-11-28T01:00")
    later = ("--from", "2020-01-01T03:00+02:00", "--to", "2020-01-01T01:30+01:00")
    assert "--from, 2020-01-01T01:00Z, is not before --to, 2020-01-01T00:30Z" in said("--data", data, *later)
    for text in ("9999-12-31", "99999999d", "0001-01-01T00:00+14:00"):
        assert "is no moment that can be" in said("--data", data, "--to", text)
    assert "no server has run on it" in said("--data", tmp_path / "none")
    (tmp_path / "bad.toml").write_text("name = 'x'")
    assert "bad.toml: prices stand in [[price]] tables" in said("--data", data, "--price-book", tmp_path / "bad.toml")
    assert "cannot write" in said("--data", data, "--html", tmp_path / "none" / "page.html")


def test_advice(data):
    found = {one["name"]: one for one in json.loads(run("cost", "advice", "--data", data, "--json").output)}
    about = {one["about"]: one["answer"] for one in found["images"]["advice"]}
    assert about["cache"] == "keep"
    assert set(about) == {"cache", "bake", "client", "memory"}
    assert "thumbnails has 512 MB" in run("cost", "advice", "--data", data).output
    assert "Nothing was measured" in run("cost", "advice", "--data", data, "--to", "2020-01-01").output


def test_the_article():
    said = json.loads(run("cost", "article", "--json").output)
    rows = {one["what"]: (one["lambda_x86"], one["lambda_arm"], one["host"]) for one in said["rows"]}
    assert rows["printed in the article"] == ("0.061", "0.049", "0.9")
    assert rows["one function of 256 MB, busy for an hour"] == ("0.01500003", "0.01200006", None)
    shown = " ".join(run("cost", "article").output.split())
    assert "0.25 GB x 3,600 s x 0.0000166667 (x86), 0.0000133334 (Arm)" in shown
    assert "a quarter of what the article prints" in shown


def test_books():
    listed = json.loads(run("cost", "books", "--json").output)
    assert {one["name"] for one in listed} == {"aws-ec2", "aws-lambda-arm", "aws-lambda-x86", "aws-sagemaker"}
    assert all(price["source"] and price["date"] and price["currency"] for one in listed for price in one["prices"])
    assert "To fill in: own-hardware" in run("cost", "books").output
    assert run("cost", "books", "--show", "own-hardware").output == text_of("own-hardware")
    assert "amount is missing" in run("cost", "books", "own-hardware").output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--memory", "64,128"], "'64,128' are no numbers from 128 to 10,240"),
        (["--memory", "lots"], "'lots' are no numbers"),
        (["--concurrency", "0"], "'0' are no numbers from 1 to 64"),
        (["--price-book", "none"], "there is no price book 'none'"),
    ],
)
def test_what_tuning_refuses(arguments, message, tmp_path):
    shown = run("tune", "f", "--keys", "k", "--data", tmp_path, *arguments)
    assert shown.exit_code != 0
    assert message in shown.output


def tuned(memory, milliseconds, billed, errors=0):
    seconds = milliseconds / 1000
    run = Run(
        memory=memory,
        concurrency=1,
        job="j",
        reads=4,
        errors=errors,
        first_error="Timeout" if errors else None,
        latencies=(seconds,) * (4 - errors),
        seconds=4 * seconds,
    )
    key = Key(**(dict.fromkeys(DIMENSIONS) | {"job": "j"}))
    sums = Sums(requests=4, invocations=4, billed_duration_ms=4 * billed, memory_mb_ms=4 * billed * memory)
    return Tuned.of(run, Row(start=0, seconds=0, key=key, sums=sums), load("aws-lambda-x86"))


def test_the_choice_of_a_setting():
    slow, middle, fast = tuned(128, 900, 800), tuned(512, 240, 210), tuned(3008, 200, 190)
    tiny = tuned(129, 100, 1, errors=1)
    choice = choose([slow, middle, fast, tiny])
    assert (choice.cheapest, choice.fastest, choice.balanced) == (slow, fast, middle)
    assert choose([tiny]) is None
    # 800 ms x 128 MB, and the requests of a million reads: Lambda's 0.20, S3's twice 0.40.
    assert slow.computing == round(Decimal("0.1") * Decimal("0.0000166667") * 10**6, 18)
    assert slow.cost - slow.computing == 1


def test_pictures_are_written_by_hand_and_escape_what_is_in_them(tmp_path):
    drawn = bars("<a>", [Bar("x & y", 1.0, "1", more=1.0), Bar("", 0.0, "0")], ["&"])
    assert "&lt;a&gt;" in drawn
    assert "x &amp; y" in drawn
    assert curves("t", ("x", "y"), []).startswith("<svg")
    assert curves("t", ("x", "y"), [("s", [Point(0.0, 0.0, "p")])]).count("<circle") == 1
    path = tmp_path / "plot.svg"
    tuning_plot.save_plot(path, "f", [tuned(128, 900, 800), tuned(512, 240, 210)], "USD")
    assert path.read_text().count("<circle") == 2


def test_a_plot_that_cannot_be_is_refused_before_anything_is_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(tuning_plot, "find_spec", lambda name: None)
    for path, message in (("p.png", "pip install matplotlib"), ("p.gif", "is .svg or .png"), ("no/p.svg", "no folder")):
        shown = run("tune", "f", "--keys", "k", "--data", tmp_path, "--plot", tmp_path / path)
        assert shown.exit_code != 0
        assert message in shown.output
