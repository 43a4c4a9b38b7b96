"""The access log holds lines back for a moment, and loses none."""

import asyncio
import io

from objectlens.gateway.access_log import AccessLog
from objectlens.gateway.connection import Sent
from objectlens.http import HttpRequest, HttpResponse


def write(log, number):
    request = HttpRequest(method="GET", path=f"/b/{number}", peer="127.0.0.1")
    sent = Sent(request, HttpResponse(200), 3, complete=True)
    log.write(sent, caller="-", operation="GetObject", began=0.0, request_id=f"id-{number}")


def ids(stream):
    return [line.split()[-1] for line in stream.getvalue().splitlines()]


def test_lines_come_in_order_and_soon():
    async def run():
        stream = io.StringIO()
        log = AccessLog(stream)
        for number in range(3):
            write(log, number)
        await asyncio.sleep(0.5)
        assert ids(stream) == ["id-0", "id-1", "id-2"]
        write(log, 3)
        log.flush()
        assert ids(stream)[-1] == "id-3"
        log.flush()
        assert len(ids(stream)) == 4

    asyncio.run(run())


def test_many_lines_are_not_held_at_all():
    async def run():
        stream = io.StringIO()
        log = AccessLog(stream)
        for number in range(200):
            write(log, number)
        assert len(ids(stream)) >= 128
        log.flush()
        assert ids(stream) == [f"id-{number}" for number in range(200)]

    asyncio.run(run())


def test_a_stream_that_is_gone_is_told_of_once(caplog):
    async def run():
        stream = io.StringIO()
        stream.close()
        log = AccessLog(stream)
        for number in range(200):
            write(log, number)
        log.flush()
        assert len(caplog.records) == 1
        assert "no more lines for requests" in caplog.text

    asyncio.run(run())
