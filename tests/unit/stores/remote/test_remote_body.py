import asyncio
import io
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import EndpointConnectionError

from objectlens.stores import StoreUnreachable
from objectlens.stores.remote.s3_body import Body

WHOLE = bytes(range(256)) * 4096


class Breaking(io.BytesIO):
    """A connection that breaks after so many bytes, or ends there without a word."""

    def __init__(self, content, after, error):
        super().__init__(content)
        self.after, self.error = after, error

    def read(self, size=-1):
        left = self.after - self.tell()
        if left <= 0 and self.error:
            raise self.error
        return super().read(min(size, max(left, 0)))


def read(first, reopen):
    async def whole(body):
        return b"".join([chunk async for chunk in body])

    with ThreadPoolExecutor(1) as executor:
        return asyncio.run(whole(Body(first, len(WHOLE), executor, reopen, "reading 'k' at s3://b")))


@pytest.mark.parametrize("error", [OSError("reset"), None])
def test_a_broken_connection_is_taken_up_where_it_broke(error):
    asked = []

    def reopen(at):
        asked.append(at)
        return Breaking(WHOLE[at:], 300_000, error)

    assert read(Breaking(WHOLE, 300_000, error), reopen) == WHOLE
    assert asked == [300_000, 600_000, 900_000]


def test_a_store_that_stays_away_is_given_up():
    def reopen(_):
        raise EndpointConnectionError(endpoint_url="http://s3")

    with pytest.raises(StoreUnreachable, match=r"reading 'k' at s3://b broke off after 300000 bytes"):
        read(Breaking(WHOLE, 300_000, OSError("reset")), reopen)


def test_one_that_breaks_at_once_each_time_is_given_up():
    asked = []

    def reopen(at):
        asked.append(at)
        return Breaking(b"", 0, OSError("reset"))

    with pytest.raises(StoreUnreachable):
        read(Breaking(WHOLE, 10, OSError("reset")), reopen)
    assert asked == [10, 10]
