import pytest

from objectlens.errors import InvalidPart, InvalidRange
from objectlens.s3.ranges import ByteRange, content_range, parse_range, part_span


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-499", ByteRange(0, 499)),
        ("bytes=500-", ByteRange(500, None)),
        ("bytes=-500", ByteRange(None, 500)),
        ("BYTES=1-1", ByteRange(1, 1)),
        ("bytes= 1-2 ", ByteRange(1, 2)),
        # Ignored, the whole object is sent.
        (None, None),
        ("", None),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=5-4", None),
        ("bytes=0-1,3-4", None),
        ("bytes=a-b", None),
        ("lines=0-1", None),
        ("0-1", None),
        ("bytes=1 - 2", None),
        ("bytes=\u0661-\u0662", None),
        ("bytes=" + "9" * 30 + "-", None),
    ],
)
def test_reading_the_header(header, expected):
    assert parse_range(header) == expected


@pytest.mark.parametrize(
    ("header", "size", "span"),
    [
        ("bytes=0-499", 1000, (0, 500)),
        ("bytes=0-0", 1, (0, 1)),
        ("bytes=900-2000", 1000, (900, 1000)),
        ("bytes=999-", 1000, (999, 1000)),
        ("bytes=-1", 1000, (999, 1000)),
        ("bytes=-5000", 1000, (0, 1000)),
    ],
)
def test_spans(header, size, span):
    assert parse_range(header).span(size) == span


@pytest.mark.parametrize(
    ("header", "size"), [("bytes=1000-", 1000), ("bytes=0-", 0), ("bytes=-0", 10), ("bytes=-1", 0)]
)
def test_a_range_outside_the_object(header, size):
    with pytest.raises(InvalidRange) as caught:
        parse_range(header).span(size)
    assert caught.value.detail == {"RangeRequested": header, "ActualObjectSize": str(size)}
    assert caught.value.headers == {"Content-Range": f"bytes */{size}"}


def test_content_range():
    assert content_range(0, 500, 1000) == "bytes 0-499/1000"


def test_parts():
    assert part_span(1, (), 7) == (0, 7)
    assert [part_span(one, (5, 5, 2), 12) for one in (1, 2, 3)] == [(0, 5), (5, 10), (10, 12)]
    for number, parts in ((2, ()), (4, (5, 5, 2))):
        with pytest.raises(InvalidPart):
            part_span(number, parts, 12)
