"""Ranges against a naive oracle: a list of byte positions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from objectlens.errors import InvalidRange
from objectlens.s3.ranges import parse_range, part_span

SIZES = st.integers(0, 50)
POSITIONS = st.integers(0, 60)


def check(header, size, wanted):
    found = parse_range(header)
    if not wanted:
        with pytest.raises(InvalidRange) as caught:
            found.span(size)
        assert caught.value.headers["Content-Range"] == f"bytes */{size}"
        return
    assert list(range(*found.span(size))) == wanted
    assert parse_range(str(found)) == found


@given(POSITIONS, POSITIONS, SIZES)
def test_from_to(first, last, size):
    if first > last:
        assert parse_range(f"bytes={first}-{last}") is None
    else:
        check(f"bytes={first}-{last}", size, [at for at in range(size) if first <= at <= last])


@given(POSITIONS, SIZES)
def test_from(first, size):
    check(f"bytes={first}-", size, [at for at in range(size) if first <= at])


@given(POSITIONS, SIZES)
def test_suffix(length, size):
    check(f"bytes=-{length}", size, [at for at in range(size) if at >= size - length])


@given(st.text(max_size=30))
def test_no_header_raises(text):
    found = parse_range(text)
    assert found is None or text.lower().startswith("bytes=")


@given(st.lists(st.integers(1, 20), min_size=1, max_size=8))
def test_parts_cover_the_object(sizes):
    spans = [part_span(number, tuple(sizes), sum(sizes)) for number in range(1, len(sizes) + 1)]
    assert [at for span in spans for at in range(*span)] == list(range(sum(sizes)))
