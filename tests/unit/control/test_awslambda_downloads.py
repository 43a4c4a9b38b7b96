from datetime import UTC, datetime

import pytest

from objectlens.clock import FixedClock
from objectlens.control.awslambda.downloads import LIFETIME, Downloads
from objectlens.functions import ZipStore
from objectlens.http import HttpRequest
from objectlens.streams import FileSlice

DIGEST = "0123456789abcdef" * 4
ASKED = HttpRequest("GET", "/2015-03-31/functions/f", host="127.0.0.1:9000")


@pytest.fixture
def clock():
    return FixedClock(datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
def downloads(tmp_path, clock):
    return Downloads(ZipStore(tmp_path / "zips"), b"key", clock)


def request_for(url, method="GET"):
    path, _, query = url.removeprefix("http://127.0.0.1:9000").partition("?")
    return HttpRequest(method, path, query, host="127.0.0.1:9000")


def test_what_is_not_kept_has_no_url(downloads):
    assert downloads.url(ASKED, DIGEST) is None


def test_a_url_holds_for_its_time(downloads, clock):
    downloads.zips.keep(DIGEST, b"the zip")
    asked = request_for(downloads.url(ASKED, DIGEST))
    answer = downloads.serve(asked)
    assert answer.status == 200
    assert isinstance(answer.body, FileSlice)
    assert answer.body.length == 7
    answer.body.close()
    clock.advance(LIFETIME + 1)
    answer = downloads.serve(asked)
    assert (answer.status, b"expired" in answer.body) == (403, True)


def test_only_what_was_signed_is_served(downloads, tmp_path, clock):
    downloads.zips.keep(DIGEST, b"the zip")
    url = downloads.url(ASKED, DIGEST)
    stranger = Downloads(downloads.zips, b"another key", clock).url(ASKED, DIGEST)
    for forged in (url[:-2], stranger, url + "&Expires=99999999999", url.replace("/-/code/", "/-/code/../"), url + "é"):
        assert downloads.serve(request_for(forged)).status == 403
    assert downloads.serve(request_for(url, "HEAD")).status == 403


def test_what_is_gone_is_said(downloads):
    downloads.zips.keep(DIGEST, b"the zip")
    url = downloads.url(ASKED, DIGEST)
    downloads.zips.collect((), before=2**40)
    assert downloads.serve(request_for(url)).status == 404


def test_zips_are_kept_as_long_as_they_are_named_or_new(tmp_path):
    zips = ZipStore(tmp_path / "zips")
    zips.collect((), before=0)
    zips.keep(DIGEST, b"one")
    zips.keep(DIGEST, b"one")
    zips.collect((), before=0)
    zips.collect({DIGEST}, before=2**40)
    assert zips.has(DIGEST)
    assert [path.stat().st_mode & 0o777 for path in (tmp_path / "zips").iterdir()] == [0o600]
    zips.collect((), before=2**40)
    assert list((tmp_path / "zips").iterdir()) == []
