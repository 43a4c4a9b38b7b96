import os
import threading
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from objectlens.clock import FixedClock
from objectlens.functions.logs import MAX_LINE, FunctionLog, LineSplitter, LogLine, Tail, read_log

CLOCK = FixedClock(datetime(2026, 11, 23, 1, 2, 3, 45678, tzinfo=UTC))


def log_in(folder, **sizes):
    return FunctionLog(folder, CLOCK, **{"max_bytes": 10_000, "files": 3, **sizes})


@given(st.lists(st.binary(max_size=30)))
def test_lines_do_not_depend_on_how_output_arrives(chunks):
    whole, pieces = LineSplitter(), LineSplitter()
    expected = whole.feed(b"".join(chunks).replace(b"\r", b"")) + whole.flush()
    seen = [line for chunk in chunks for line in pieces.feed(chunk.replace(b"\r", b""))] + pieces.flush()
    assert seen == expected


def test_carriage_returns_end_lines_too():
    assert LineSplitter().feed(b"[ERROR]\rTraceback\r\nnext\n") == [b"[ERROR]", b"Traceback", b"next"]


def test_long_lines_are_cut():
    splitter = LineSplitter()
    lines = splitter.feed(b"x" * (2 * MAX_LINE + 5))
    lines += splitter.feed(b"y" * MAX_LINE + b"\n" + b"z" * (MAX_LINE + 1) + b"\n") + splitter.flush()
    assert max(map(len, lines)) == MAX_LINE
    assert b"".join(lines) == b"x" * (2 * MAX_LINE + 5) + b"y" * MAX_LINE + b"z" * (MAX_LINE + 1)


def test_the_tail_is_the_last_four_kilobytes():
    tail = Tail()
    tail.add(str(number).encode() for number in range(100_000))
    text = tail.take()
    assert len(text) == 4096
    assert text.endswith(b"99998\n99999\n")
    assert tail.take() == b""


def test_a_line_has_its_time_and_its_stream(tmp_path):
    log = log_in(tmp_path)
    log.write("2026/11/23/[$LATEST]0123456789abcdef", [b"hello\tthere", b"\xff"])
    log.close()
    written = (tmp_path / "current.log").read_bytes()
    assert written.startswith(b"2026-11-23T01:02:03.045Z\t[$LATEST]89abcdef\thello\tthere\n")
    assert list(read_log(tmp_path)) == [
        LogLine("2026-11-23T01:02:03.045Z", "89abcdef", "hello\tthere", "$LATEST"),
        LogLine("2026-11-23T01:02:03.045Z", "89abcdef", "\ufffd", "$LATEST"),
    ]


def test_a_log_stays_within_its_bounds_and_keeps_the_newest(tmp_path):
    log = log_in(tmp_path)
    for number in range(2000):
        log.write("s", [f"line {number}".encode()])
    log.close()
    assert sorted(os.listdir(tmp_path)) == ["1.log", "2.log", "current.log"]
    assert all(path.stat().st_size <= 10_000 for path in tmp_path.iterdir())
    messages = [line.message for line in read_log(tmp_path)]
    assert messages == [f"line {number}" for number in range(2000 - len(messages), 2000)]


def test_a_log_goes_on_where_it_was(tmp_path):
    for word in (b"one", b"two"):
        log = log_in(tmp_path)
        log.write("s", [word])
        log.close()
    assert [line.message for line in read_log(tmp_path)] == ["one", "two"]


def test_no_log_is_an_empty_log(tmp_path):
    assert list(read_log(tmp_path / "none")) == []


def test_following_sees_every_line_over_rotations(tmp_path):
    seen, enough = [], threading.Event()

    def follow():
        for line in read_log(tmp_path, follow=True, wait=0.001):
            seen.append(line.message)
            if line.message == "last":
                enough.set()
                return

    reader = threading.Thread(target=follow, daemon=True)
    reader.start()
    log = log_in(tmp_path, max_bytes=4000)
    for number in range(300):
        log.write("s", [str(number).encode()])
        if number % 50 == 0:
            enough.wait(0.02)
    log.write("s", [b"last"])
    assert enough.wait(10)
    reader.join()
    log.close()
    assert seen == [*map(str, range(300)), "last"]


def test_a_full_disk_does_not_fail_the_function(tmp_path, caplog):
    log = log_in(tmp_path)
    log._fd = os.open("/dev/full", os.O_WRONLY)
    log.write("s", [b"lost"])
    assert "cannot be written" in caplog.text
    log.write("s", [b"kept"])
    log.close()
    assert [line.message for line in read_log(tmp_path)] == ["kept"]
