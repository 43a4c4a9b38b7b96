"""`/-/usage` and `/-/budgets`: what was used, and what may be used, for those who may know and decide it.

AWS has these under other APIs (Cost Explorer, Budgets), whose actions callers must be allowed:
`ce:GetCostAndUsage`, `budgets:ViewBudget`, `budgets:ModifyBudget`.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast
from urllib.parse import unquote

from objectlens.access import Access, Caller
from objectlens.catalog import Catalog
from objectlens.errors import InvalidArgument, MethodNotAllowed, NoSuchKey, ServiceError
from objectlens.gateway import render
from objectlens.gateway.subjects import Find, subject_of
from objectlens.http import Headers, HttpRequest, HttpResponse
from objectlens.metering import DIMENSIONS, BadBudget, Budget, Dimension, Meter, Selection
from objectlens.metering.budgets import MEASURES
from objectlens.metering.use import Use

USAGE = "/-/usage"
BUDGETS = "/-/budgets"
_TYPE = ("Content-Type", "application/json")
LARGEST_PAGE = 10_000


async def serve(http: HttpRequest, access: Access, catalog: Catalog, meter: Meter) -> HttpResponse:
    """Answer a request for one of the two; whoever may not gets S3's error."""
    try:
        if http.path == USAGE:
            return await _usage(http, access, meter)
        return await _budgets(http, access, meter, catalog)
    except ServiceError as error:
        request_id = str(uuid.uuid4())
        return render.with_ids(render.s3_error(error, request_id), request_id)


def is_ours(path: str) -> bool:
    """Whether a path is one that is answered here."""
    return path in {USAGE, BUDGETS} or path.startswith(f"{BUDGETS}/")


async def _allow(http: HttpRequest, access: Access, action: str) -> Caller:
    caller = await access.authenticate(http)
    await access.authorize(caller, action, "*", http=http)
    return caller


async def _usage(http: HttpRequest, access: Access, meter: Meter) -> HttpResponse:
    """Tell rows of the ledger, in pages: `next` is the offset of the next one."""
    if http.method != "GET":
        raise MethodNotAllowed
    await _allow(http, access, "ce:GetCostAndUsage")
    selection = selected(dict(http.parameters()))
    if not selection.offset:
        await meter.settle()
    rows = await meter.ledger.rows(selection)
    answer: dict[str, Any] = {"rows": [one.flat() for one in rows]}
    if len(rows) == selection.limit:
        answer["next"] = selection.offset + len(rows)
    return _json(answer)


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


async def _budgets(http: HttpRequest, access: Access, meter: Meter, catalog: Catalog) -> HttpResponse:
    name = unquote(http.path.removeprefix(BUDGETS).lstrip("/"))
    match http.method:
        case "GET":
            await _allow(http, access, "budgets:ViewBudget")
        case "PUT" if name:
            caller = await _allow(http, access, "budgets:ModifyBudget")
            await _put(name, dict(http.parameters()), meter, partial(subject_of, catalog, caller.account))
        case "DELETE" if name:
            await _allow(http, access, "budgets:ModifyBudget")
            if not await meter.remove_budget(name):
                raise NoSuchKey(f"There is no budget {name}.", Key=name)
        case _:
            raise MethodNotAllowed
    return _json({"budgets": [told(one) for one in meter.uses if name in {"", one.budget.name}]})


async def _put(name: str, changes: dict[str, str], meter: Meter, find: Find) -> None:
    try:
        if "subject" in changes:
            changes["subject"] = await find(changes.get("kind", ""), changes["subject"])
        await meter.put_budget(name, changes)
    except BadBudget as error:
        raise InvalidArgument(f"The budget cannot be: {error}.", ArgumentName=name) from None


def told(use: Use) -> dict[str, Any]:
    """Return a budget and its use as plain values; moments are Unix time."""
    about = {one.name: getattr(use.budget, one.name) for one in fields(Budget)}
    used = {name: use.spent.of(name) for name in MEASURES}
    return about | {"used": used, "start": use.start, "end": use.end, "warned": use.warned, "refusals": use.refusals}


def _json(answer: Mapping[str, Any]) -> HttpResponse:
    return HttpResponse(200, Headers([_TYPE]), json.dumps(answer).encode())
