"""`/-/usage` and `/-/budgets`: what was used, and what may be used, for those who may know and decide it.

AWS has these under other APIs (Cost Explorer, Budgets), whose actions callers must be allowed:
`ce:GetCostAndUsage`, `budgets:ViewBudget`, `budgets:ModifyBudget`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import unquote

from objectlens.access import Access
from objectlens.catalog import Catalog
from objectlens.errors import InvalidArgument, NoSuchKey
from objectlens.gateway.signed import Asked, Page, Pages
from objectlens.gateway.subjects import subject_of
from objectlens.http import Headers, HttpResponse
from objectlens.metering import DIMENSIONS, BadBudget, Budget, Dimension, Meter, Selection
from objectlens.metering.budgets import MEASURES
from objectlens.metering.use import Use

USAGE = "/-/usage"
BUDGETS = "/-/budgets"
_TYPE = ("Content-Type", "application/json")
LARGEST_PAGE = 10_000
_SELECTING = frozenset({*DIMENSIONS, "by", "end", "limit", "offset", "start", "step"})
_CHANGING = frozenset({"bytes", "gb_seconds", "invocations", "kind", "period", "subject", "warn_percent"})


class LedgerPages:
    """Answers for one meter."""

    def __init__(self, meter: Meter, access: Access, catalog: Catalog) -> None:
        self._meter = meter
        self._access = access
        self._catalog = catalog

    @property
    def pages(self) -> Pages:
        """The pages by path."""
        listing = Page(method="GET", operation="ListBudgets", answer=self._list)
        put = Page(method="PUT", operation="PutBudget", answer=self._put)
        delete = Page(method="DELETE", operation="DeleteBudget", answer=self._delete)
        return {
            USAGE: [Page(method="GET", operation="GetUsage", answer=self._usage)],
            BUDGETS: [listing],
            f"{BUDGETS}/": [listing, put, delete],
        }

    async def _usage(self, asked: Asked) -> HttpResponse:
        """Tell rows of the ledger, in pages: `next` is the offset of the next one."""
        await self._allow(asked, "ce:GetCostAndUsage")
        selection = selected(_parameters(asked, _SELECTING))
        if not selection.offset:
            await self._meter.settle()
        rows = await self._meter.ledger.rows(selection)
        answer: dict[str, Any] = {"rows": [one.flat() for one in rows]}
        if len(rows) == selection.limit:
            answer["next"] = selection.offset + len(rows)
        return _json(answer)

    async def _list(self, asked: Asked) -> HttpResponse:
        await self._allow(asked, "budgets:ViewBudget")
        return self._told(_name(asked))

    async def _put(self, asked: Asked) -> HttpResponse:
        await self._allow(asked, "budgets:ModifyBudget")
        name, changes = _name(asked), _parameters(asked, _CHANGING)
        try:
            if "subject" in changes:
                kind, subject = changes.get("kind", ""), changes["subject"]
                changes["subject"] = await subject_of(self._catalog, asked.caller.account, kind, subject)
            await self._meter.put_budget(name, changes)
        except BadBudget as error:
            raise InvalidArgument(f"The budget cannot be: {error}.", ArgumentName=name) from None
        return self._told(name)

    async def _delete(self, asked: Asked) -> HttpResponse:
        await self._allow(asked, "budgets:ModifyBudget")
        name = _name(asked)
        if not await self._meter.remove_budget(name):
            raise NoSuchKey(f"There is no budget {name}.", Key=name)
        return self._told(name)

    def _told(self, name: str) -> HttpResponse:
        return _json({"budgets": [told(one) for one in self._meter.uses if name in {"", one.budget.name}]})

    async def _allow(self, asked: Asked, action: str) -> None:
        await self._access.authorize(asked.caller, action, "*", http=asked.http)


def _name(asked: Asked) -> str:
    return unquote(asked.http.path.removeprefix(BUDGETS).lstrip("/"))


def _parameters(asked: Asked, known: frozenset[str]) -> dict[str, str]:
    """Return the query but for what signs it; raises `InvalidArgument` for what would be passed over."""
    found = {name: value for name, value in asked.http.parameters() if not name.lower().startswith("x-amz-")}
    if unknown := sorted(found.keys() - known):
        raise InvalidArgument(f"There is no {unknown[0]!r} here: there are {', '.join(sorted(known))}.")
    return found


def selected(asked: Mapping[str, str]) -> Selection:
    """Read a selection: `start` and `end` in ISO 8601 or Unix time, `by`, `step`, `limit`, `offset`, and dimensions.

    Raises `InvalidArgument`.
    """
    by = asked.get("by")
    names = DIMENSIONS if by is None else tuple(name for name in by.split(",") if name)
    if unknown := sorted(set(names) - set(DIMENSIONS)):
        raise InvalidArgument(f"There is no {', '.join(unknown)} to group by: there are {', '.join(DIMENSIONS)}.")
    step = asked.get("step", "0")
    return Selection(
        start=_moment(asked, "start"),
        end=_moment(asked, "end"),
        by=cast("tuple[Dimension, ...]", names),
        step=None if step == "kept" else _whole("step", step),
        where={name: _value(name, asked[name]) for name in DIMENSIONS if name in asked},
        limit=min(LARGEST_PAGE, max(1, _whole("limit", asked.get("limit", str(LARGEST_PAGE))))),
        offset=_whole("offset", asked.get("offset", "0")),
    )


def _value(name: Dimension, text: str) -> str | int | bool:
    if name == "memory_size":
        return _whole(name, text)
    if name != "cold":
        return text
    if text.lower() not in {"true", "false"}:
        raise InvalidArgument(f"cold must be true or false, not {text!r}.", ArgumentName=name)
    return text.lower() == "true"


def _moment(asked: Mapping[str, str], name: str) -> datetime | None:
    text = asked.get(name)
    if not text:
        return None
    try:
        if text.isdigit():
            return datetime.fromtimestamp(int(text), UTC)
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise InvalidArgument(f"{name} must be a moment such as 2026-11-28T04:00:00Z, not {text!r}.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _whole(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise InvalidArgument(f"{name} must be a whole number, not {text!r}.", ArgumentName=name)
    return int(text)


def told(use: Use) -> dict[str, Any]:
    """Return a budget and its use as plain values; moments are Unix time."""
    about = {one.name: getattr(use.budget, one.name) for one in fields(Budget)}
    used = {name: use.spent.of(name) for name in MEASURES}
    return about | {"used": used, "start": use.start, "end": use.end, "warned": use.warned, "refusals": use.refusals}


def _json(answer: Mapping[str, Any]) -> HttpResponse:
    return HttpResponse(200, Headers([_TYPE]), json.dumps(answer).encode())
