"""Answers made whole: small ones in memory, others in files without a name, broken ones not at all."""

import asyncio
import os

import pytest

from objectlens.errors import EntityTooLarge
from objectlens.gateway import gather
from objectlens.http import Headers, HttpResponse
from objectlens.streams import FileSlice


def answer(body, length=None):
    return HttpResponse(200, Headers(), body, length)


async def chunks(*parts, error=None):
    for part in parts:
        yield part
    if error is not None:
        raise error


async def read(whole):
    if isinstance(whole, bytes):
        return whole
    try:
        return b"".join([chunk async for chunk in whole])
    finally:
        whole.close()


def open_files():
    return len(os.listdir("/proc/self/fd"))


LONG = os.urandom(gather.IN_MEMORY // 2)


@pytest.mark.parametrize(
    ("parts", "in_memory"),
    [((), True), ((b"abc", b"", b"def"), True), ((LONG, LONG), True), ((LONG, LONG, b"!", LONG), False)],
)
@pytest.mark.parametrize("as_stream", [True, False])
def test_the_bytes_are_those_of_the_answer(tmp_path, parts, in_memory, as_stream):
    async def main():
        body = chunks(*parts) if as_stream else b"".join(parts)
        whole = await gather.gathered(answer(body, len(b"".join(parts))), tmp_path, 2**30)
        assert isinstance(whole, bytes) == in_memory
        assert os.listdir(tmp_path) == []
        assert await read(whole) == b"".join(parts)

    before = open_files()
    asyncio.run(main())
    assert open_files() == before


def test_a_file_stays_one_and_survives_its_owner(tmp_path):
    path = tmp_path / "kept"
    path.write_bytes(b"0123456789")

    async def main():
        theirs = FileSlice(os.open(path, os.O_RDONLY), 2, 5)
        whole = await gather.gathered(answer(theirs), tmp_path, 1)
        theirs.close()
        assert await read(whole) == b"23456"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("body", "length", "error"),
    [
        (lambda: chunks(b"abc"), 4, ConnectionError),
        (lambda: chunks(LONG, LONG, LONG), len(LONG), ConnectionError),
        (lambda: chunks(LONG, LONG, LONG, error=ConnectionResetError("gone")), None, ConnectionResetError),
        (lambda: chunks(*[LONG] * 5), None, EntityTooLarge),
        (lambda: LONG * 5, len(LONG) * 5, EntityTooLarge),
    ],
)
def test_what_goes_wrong_leaves_nothing_open(tmp_path, body, length, error):
    before = open_files()
    with pytest.raises(error):
        asyncio.run(gather.gathered(answer(body(), length), tmp_path, 4 * len(LONG)))
    assert open_files() == before
    assert os.listdir(tmp_path) == []
