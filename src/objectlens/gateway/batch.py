"""GetBatch: many objects for one request, as one tar archive in the order that was asked for.

Each member is a GET of its own, authorised and logged as one; what goes wrong with it becomes a member as well, and the
others follow. Why so: docs/decisions/0022-prefetch-and-batch.md.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from objectlens.errors import EntityTooLarge
from objectlens.gateway import tar
from objectlens.gateway.ahead import Ahead
from objectlens.gateway.batch_order import Entry, Order, order_of
from objectlens.gateway.connection import file_chunks
from objectlens.gateway.errands import Errands, Fault
from objectlens.gateway.gather import Whole, close, gathered
from objectlens.gateway.signed import Asked, Page
from objectlens.http import Headers, HttpResponse
from objectlens.s3.dates import parse_http_date

_log = logging.getLogger(__name__)

PATH = "/-/batch"
MAX_MEMBER_BYTES = 1024 * 1024 * 1024
MEMBER_SECONDS = 900.0
ERROR_SUFFIX = ".error.json"
_TRIES = 4
_RETRIED = frozenset({"SlowDown"})
_RETRY_SECONDS = 1.0
_SOON = 60
# What an answer says of an object, by the names that stand in a member's extended header.
_FACTS = {
    "content-type": "content_type",
    "etag": "etag",
    "x-objectlens-cache": "cache",
    "x-amz-request-id": "request_id",
}
_METADATA = "x-amz-meta-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One member that is ready to go out; `failed` is the code of the error that it tells of, `retry_after` seconds."""

    name: str
    body: Whole
    modified: int = 0
    facts: Mapping[str, str] = field(default_factory=dict)
    failed: str | None = None
    retry_after: int = 0


class Batches:
    """Answers batches by `errands`; members too long for the memory wait for their turn in files below `folder`."""

    def __init__(self, errands: Errands, folder: Path) -> None:
        self._errands = errands
        self._folder = folder

    @property
    def page(self) -> Page:
        """The page of batches."""
        return Page(method="POST", operation="GetBatch", answer=self.answer, long=True)

    async def answer(self, asked: Asked) -> HttpResponse:
        """Answer with an archive that begins as soon as its first member is ready."""
        order = order_of(asked.body)
        work = (partial(self._member, asked, one) for one in order.entries)
        archive = Archive(Ahead(work, order.ahead, _drop), order)
        return HttpResponse(200, Headers([("Content-Type", tar.CONTENT_TYPE)]), archive)

    async def _member(self, asked: Asked, entry: Entry) -> Member:
        for attempt in range(1, _TRIES + 1):
            member = await self._fetched(asked, entry)
            # A budget that is used up is not tried again: its period does not end so soon.
            if member.failed not in _RETRIED or attempt == _TRIES or member.retry_after > _SOON:
                break
            await asyncio.sleep(attempt * _RETRY_SECONDS)
        return member

    async def _fetched(self, asked: Asked, entry: Entry) -> Member:
        try:
            async with (
                asyncio.timeout(MEMBER_SECONDS),
                self._errands.errand(asked.http, asked.caller, entry.target) as answer,
            ):
                fault = Fault.of(answer)
                if fault is None:
                    return _whole(entry, answer, await gathered(answer, self._folder, MAX_MEMBER_BYTES))
                return _failed(entry, fault)
        except EntityTooLarge as error:
            return _failed(entry, Fault(status=error.status, code=error.code, message=error.message))
        except TimeoutError:
            message = f"It was not whole after {MEMBER_SECONDS:g} seconds."
            return _failed(entry, Fault(status=504, code="RequestTimeout", message=message))
        except OSError as error:
            # A body that broke off is one as well: `ConnectionError`.
            _log.warning("a member of a batch, %s, is an error: %s", entry.name, error)
            return _failed(entry, Fault(status=500, code="InternalError", message=f"The answer broke off: {error}"))


class Archive:
    """The archive's bytes. A member's error ends it by cutting the connection, unless errors may be members."""

    def __init__(self, members: Ahead[Member], order: Order) -> None:
        self._members = members
        self._order = order
        self._chunks = self._written()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        return await anext(self._chunks)

    async def aclose(self) -> None:
        """Stop, and give back what is held."""
        await self._chunks.aclose()
        await self._members.aclose()

    async def _written(self) -> AsyncGenerator[bytes]:
        index = 0
        async for member in self._members:
            try:
                size = len(member.body) if isinstance(member.body, bytes) else member.body.length
                head = tar.head(member.name, size, modified=member.modified, facts=self._facts(index, member))
                if isinstance(member.body, bytes):
                    # One write for a small object: most are.
                    yield b"".join((head, member.body, tar.padding(size)))
                else:
                    yield head
                    async for chunk in file_chunks(member.body):
                        yield chunk
                    yield tar.padding(size)
            finally:
                close(member.body)
            index += 1
            if member.failed and not self._order.continue_on_error:
                raise ConnectionError(f"{member.name}: an entry of the batch failed, and it was to end so")
        yield tar.END

    def _facts(self, index: int, member: Member) -> Mapping[str, str] | None:
        # An error is never mistaken for an object, whatever its name.
        if self._order.extended_headers or member.failed:
            return {"index": str(index), "status": "200", **member.facts}
        return None


def _whole(entry: Entry, answer: HttpResponse, body: Whole) -> Member:
    said = answer.headers.lower()
    facts = {name: said[header] for header, name in _FACTS.items() if header in said}
    facts |= {f"meta.{name.removeprefix(_METADATA)}": text for name, text in said.items() if name.startswith(_METADATA)}
    moment = parse_http_date(said.get("last-modified", ""))
    return Member(name=entry.name, body=body, modified=0 if moment is None else int(moment.timestamp()), facts=facts)


def _failed(entry: Entry, fault: Fault) -> Member:
    told = {"bucket": entry.target.place.text, "key": entry.target.key, **fault.told()}
    facts = {"status": str(fault.status), "code": fault.code, "content_type": "application/json"}
    return Member(
        name=entry.name + ERROR_SUFFIX,
        body=json.dumps(told).encode(),
        facts=facts,
        failed=fault.code,
        retry_after=fault.retry_after,
    )


def _drop(member: Member) -> None:
    close(member.body)
