import json
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from objectlens.cli.developing import invocation
from objectlens.cli.log_filters import moment_of
from objectlens.cli.main import main
from objectlens.functions.logs import LogLine

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)


def line(minute, stream, message):
    return f"2026-01-01T00:{minute:02}:00.000Z\t{stream}\t{message}\n"


# Two environments at the same time, the second of version 2.
LOG = (
    line(0, "aaaaaaaa", "INIT_START Runtime Version: python:3.11")
    + line(1, "aaaaaaaa", "loading")
    + line(2, "bbbbbbbb", "INIT_START Runtime Version: python:3.11")
    + line(3, "aaaaaaaa", "START RequestId: 1111-a Version: $LATEST")
    + line(4, "bbbbbbbb", "START RequestId: 2222-b Version: 2")
    + line(5, "aaaaaaaa", "of the first")
    + line(6, "bbbbbbbb", "of the second")
    + line(7, "aaaaaaaa", "END RequestId: 1111-a")
    + line(8, "aaaaaaaa", "REPORT RequestId: 1111-a\tDuration: 1.00 ms\tBilled Duration: 1 ms")
    + line(9, "aaaaaaaa", "between")
    + line(10, "aaaaaaaa", "START RequestId: 3333-c Version: $LATEST")
    + line(11, "aaaaaaaa", "of the third")
)


@pytest.fixture
def logs(tmp_path):
    folder = tmp_path / "functions" / "logs" / "f"
    folder.mkdir(parents=True)
    (folder / "current.log").write_text(LOG)

    def logs(*arguments):
        shown = CliRunner().invoke(main, ["logs", "f", "--data", str(tmp_path), "--json", *arguments])
        assert shown.exit_code == 0, shown.output
        return [json.loads(one) for one in shown.stdout.splitlines()]

    return logs


def messages(found):
    return [one["message"].partition("\t")[0] for one in found]


def test_every_line_is_told_with_what_it_belongs_to(logs):
    found = logs()
    assert len(found) == 12
    assert [(one["version"], one["request_id"]) for one in found] == [
        *[(None, None)] * 3,
        ("$LATEST", "1111-a"),
        ("2", "2222-b"),
        ("$LATEST", "1111-a"),
        ("2", "2222-b"),
        *[("$LATEST", "1111-a")] * 2,
        ("$LATEST", None),
        *[("$LATEST", "3333-c")] * 2,
    ]


def test_one_invocation(logs):
    found = messages(logs("--request-id", "1111"))
    assert found == [
        "START RequestId: 1111-a Version: $LATEST",
        "of the first",
        "END RequestId: 1111-a",
        "REPORT RequestId: 1111-a",
    ]


def test_one_version_with_its_initialisation(logs):
    found = messages(logs("--function-version", "2"))
    assert found == ["INIT_START Runtime Version: python:3.11", "START RequestId: 2222-b Version: 2", "of the second"]


def test_one_version_with_what_its_template_said(logs, tmp_path):
    with (tmp_path / "functions" / "logs" / "f" / "current.log").open("a") as file:
        file.write(line(12, "[2]cccccccc", "imported") + line(13, "[3]dddddddd", "imported"))
    found = logs("--function-version", "2", "-n", "1")
    assert [(one["message"], one["stream"], one["version"]) for one in found] == [("imported", "cccccccc", "2")]


def test_that_there_are_no_such_lines_is_told_beside_the_output(logs, tmp_path):
    shown = CliRunner().invoke(main, ["logs", "f", "--data", str(tmp_path), "--function-version", "9"])
    assert (shown.exit_code, shown.stdout, shown.stderr) == (0, "", "no such lines in the log of f\n")


def test_the_last_lines(logs):
    assert messages(logs("-n", "1")) == ["of the third"]
    assert messages(logs("--tail", "2", "--function-version", "2"))[-1] == "of the second"
    assert logs("-n", "0") == []


def test_a_reader_that_has_seen_enough_is_no_error(logs, tmp_path):
    with (tmp_path / "functions" / "logs" / "f" / "current.log").open("a") as file:
        file.writelines(line(12, "aaaaaaaa", "x" * 1000) for _ in range(1000))
    command = [sys.executable, "-m", "objectlens", "logs", "f", "--data", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""


def test_from_a_time_on(logs):
    assert messages(logs("--since", "2026-01-01T00:10:00Z")) == [
        "START RequestId: 3333-c Version: $LATEST",
        "of the third",
    ]
    assert messages(logs("--since", "2026-01-01T01:11:00+01:00")) == ["of the third"]
    assert logs("--since", "1s") == []


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("30s", datetime(2026, 1, 2, 11, 59, 30, tzinfo=UTC)),
        ("2h", datetime(2026, 1, 2, 10, tzinfo=UTC)),
        ("1d", datetime(2026, 1, 1, 12, tzinfo=UTC)),
        ("2026-01-01", datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_moments(text, moment):
    assert moment_of(text, NOW) == moment


@pytest.mark.parametrize("text", ["yesterday", "5x", "999999999d"])
def test_what_is_no_moment_is_refused_in_words(tmp_path, text):
    (tmp_path / "functions" / "logs" / "f").mkdir(parents=True)
    shown = CliRunner().invoke(main, ["logs", "f", "--data", str(tmp_path), "--since", text])
    assert shown.exit_code == 2
    assert "is neither a time ago, such as 10m" in shown.output


def test_an_invocation_is_told_with_what_its_environment_said_before_it():
    lines = [LogLine(*one.split("\t", 2)) for one in LOG.splitlines()]
    assert invocation(lines, "1111-a")[:3] == [
        "INIT_START Runtime Version: python:3.11",
        "loading",
        "START RequestId: 1111-a Version: $LATEST",
    ]
    assert invocation(lines, "3333-c")[0] == "between"
    assert invocation(lines, "4444") == []
