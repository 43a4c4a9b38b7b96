"""If-* headers: the table of RFC 9110 section 13.2.2 with S3's notes."""

from datetime import UTC, datetime, timedelta

import pytest

from objectlens import errors
from objectlens.errors import NoSuchKey, NotModified, PreconditionFailed
from objectlens.http import Headers
from objectlens.s3.dates import http_date, parse_http_date, xml_date
from objectlens.s3.preconditions import DeleteConditions, ReadConditions, WriteConditions, range_applies

MODIFIED = datetime(2024, 1, 2, 3, 4, 5, 999_000, tzinfo=UTC)
SAME = "Tue, 02 Jan 2024 03:04:05 GMT"
BEFORE = "Tue, 02 Jan 2024 03:04:04 GMT"
AFTER = "Tue, 02 Jan 2024 03:04:06 GMT"
PASS, FAIL, UNCHANGED = None, PreconditionFailed, NotModified

READS = [
    ({}, PASS),
    ({"If-Match": '"abc"'}, PASS),
    ({"If-Match": "abc"}, PASS),
    ({"If-Match": "*"}, PASS),
    ({"If-Match": '"x", "abc"'}, PASS),
    ({"If-Match": '"x"'}, FAIL),
    ({"If-None-Match": '"abc"'}, UNCHANGED),
    ({"If-None-Match": 'W/"abc"'}, UNCHANGED),
    ({"If-None-Match": "*"}, UNCHANGED),
    ({"If-None-Match": '"x"'}, PASS),
    ({"If-None-Match": ""}, PASS),
    ({"If-Modified-Since": BEFORE}, PASS),
    ({"If-Modified-Since": SAME}, UNCHANGED),
    ({"If-Modified-Since": AFTER}, UNCHANGED),
    ({"If-Modified-Since": "yesterday"}, PASS),
    ({"If-Unmodified-Since": BEFORE}, FAIL),
    ({"If-Unmodified-Since": SAME}, PASS),
    ({"If-Unmodified-Since": AFTER}, PASS),
    # S3's special pairs.
    ({"If-Match": '"abc"', "If-Unmodified-Since": BEFORE}, PASS),
    ({"If-None-Match": '"abc"', "If-Modified-Since": BEFORE}, UNCHANGED),
    ({"If-None-Match": '"x"', "If-Modified-Since": AFTER}, PASS),
    ({"If-Match": '"abc"', "If-None-Match": '"abc"'}, UNCHANGED),
    ({"If-Match": '"x"', "If-None-Match": '"abc"'}, FAIL),
]


@pytest.mark.parametrize(("headers", "outcome"), READS)
def test_reads(headers, outcome):
    conditions = ReadConditions.parse(Headers(headers.items()))
    if outcome is PASS:
        conditions.check("abc", MODIFIED)
        return
    with pytest.raises(outcome) as caught:
        conditions.check("abc", MODIFIED)
    if outcome is UNCHANGED:
        assert caught.value.headers == {"ETag": '"abc"', "Last-Modified": SAME}
    else:
        assert caught.value.detail["Condition"] in headers


@pytest.mark.parametrize(("headers", "outcome"), READS)
def test_sources_of_copies_fail_where_reads_are_unchanged(headers, outcome):
    prefixed = Headers((f"x-amz-copy-source-{name.lower()}", value) for name, value in headers.items())
    conditions = ReadConditions.parse(prefixed, "x-amz-copy-source-")
    if outcome is PASS:
        conditions.check_source("abc", MODIFIED)
    else:
        with pytest.raises(PreconditionFailed):
            conditions.check_source("abc", MODIFIED)


@pytest.mark.parametrize(
    ("headers", "present", "outcome"),
    [
        ({}, None, None),
        ({}, "abc", None),
        ({"If-None-Match": "*"}, None, None),
        ({"If-None-Match": "*"}, "abc", PreconditionFailed),
        ({"If-Match": '"abc"'}, "abc", None),
        ({"If-Match": '"x"'}, "abc", PreconditionFailed),
        ({"If-Match": '"abc"'}, None, NoSuchKey),
        ({"If-Match": "*"}, "abc", None),
        ({"If-None-Match": '"abc"'}, "abc", PreconditionFailed),
        ({"If-None-Match": '"x"'}, "abc", None),
        ({"If-None-Match": '"x"'}, None, None),
        ({"If-None-Match": '"x"', "If-Match": '"abc"'}, "abc", None),
    ],
)
def test_writes(headers, present, outcome):
    conditions = WriteConditions.parse(Headers(headers.items()))
    assert bool(conditions) == bool(headers)
    if outcome is None:
        conditions.check(present)
    else:
        with pytest.raises(outcome):
            conditions.check(present)


WRITTEN = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("etag", "modified", "size", "holds"),
    [
        (None, None, None, True),
        ('"abc"', None, None, True),
        ("*", None, None, True),
        ('"x"', None, None, False),
        (None, "Tue, 02 Jan 2024 03:04:05 GMT", None, True),
        (None, "2024-01-02T03:04:05Z", None, True),
        (None, "Tue, 02 Jan 2024 03:04:06 GMT", None, False),
        (None, None, "7", True),
        (None, None, "8", False),
        ('"abc"', "2024-01-02T03:04:05Z", "8", False),
    ],
)
def test_deletes(etag, modified, size, holds):
    conditions = DeleteConditions.parse(etag, modified, size)
    assert bool(conditions) == any((etag, modified, size))
    if holds:
        conditions.check("abc", WRITTEN, 7)
    else:
        with pytest.raises(PreconditionFailed):
            conditions.check("abc", WRITTEN, 7)


@pytest.mark.parametrize(("modified", "size"), [("yesterday", None), (None, "-1"), (None, "x")])
def test_what_deletes_do_not_know(modified, size):
    with pytest.raises(errors.InvalidArgument):
        DeleteConditions.parse(None, modified, size)


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "1994-11-06T08:49:37Z",
        "1994-11-06T09:49:37+01:00",
        " Sun, 06 Nov 1994 08:49:37 GMT ",
    ],
)
def test_dates_are_read_in_all_forms(text):
    assert parse_http_date(text) == datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "0", "-1", "Sun, 32 Nov 1994 08:49:37 GMT", "tomorrow"])
def test_what_is_no_date(text):
    assert parse_http_date(text) is None


def test_dates_are_written():
    moment = datetime(2024, 1, 2, 3, 4, 5, 999_999, tzinfo=UTC)
    assert http_date(moment) == SAME
    assert xml_date(moment) == "2024-01-02T03:04:05.999Z"
    assert parse_http_date(http_date(moment + timedelta(seconds=1))) == datetime(2024, 1, 2, 3, 4, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "applies"),
    [(None, True), ('"abc"', True), ("abc", True), ('W/"abc"', False), ('"x"', False), (SAME, True), (BEFORE, False),
     (AFTER, False), ("nonsense", False)],
)  # fmt: skip
def test_a_range_counts_only_of_the_same_state(header, applies):
    assert range_applies(header, "abc", MODIFIED) is applies
