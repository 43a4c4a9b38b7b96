"""What a prefetch is asked for: JSON, or keys one a line with the rest in the query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from objectlens.errors import InvalidRequest
from objectlens.gateway.errands import Place, Target
from objectlens.gateway.fields import Fields
from objectlens.gateway.keys import manifest_of, split
from objectlens.gateway.signed import Asked

MAX_CONCURRENCY = 64
MAX_DEADLINE = 86_400
_CONCURRENCY = 8
_DEADLINE = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a request asks for; `deadline` in seconds. Either `keys` or `manifest`, the place and key of a list."""

    place: Place
    keys: tuple[str, ...]
    manifest: Target | None
    arguments: Mapping[str, str]
    concurrency: int
    deadline: int
    refresh: bool


def plan_of(asked: Asked) -> Plan:
    """Read what a request asks for; raises `InvalidRequest` and `InvalidArgument` that name the wrong member.

    A body of `text/plain` is the keys themselves, one a line; the rest then stands in the query.
    """
    kind = (asked.http.headers.get("content-type") or "").partition(";")[0].strip().lower()
    if kind == "text/plain":
        fields: Fields = _of_query(asked)
        listed: list[str] | None = split(asked.body)
    else:
        fields = Fields.parse(asked.body)
        listed = fields.texts("keys")
    where, manifest = fields.text("access_point"), fields.text("manifest")
    plan = Plan(
        place=Place.parse(where or ""),
        keys=tuple(listed or ()),
        manifest=None if manifest is None else manifest_of(manifest),
        arguments=fields.arguments("arguments") or {},
        concurrency=fields.number("concurrency", default=_CONCURRENCY, most=MAX_CONCURRENCY),
        deadline=fields.number("deadline", default=_DEADLINE, most=MAX_DEADLINE),
        refresh=fields.flag("refresh", default=False),
    )
    fields.done()
    if (listed is None) == (manifest is None):
        raise InvalidRequest("Give 'keys', a list, or 'manifest', an object of one key a line: one of the two.")
    return plan


def _of_query(asked: Asked) -> Fields:
    """Return the query of an upload as the members that the JSON would have; `arg.NAME` is an argument."""
    values: dict[str, Any] = {}
    for name, value in asked.http.parameters():
        lower = name.lower()
        if lower.startswith("x-amz-"):
            continue  # a presigned URL's own
        if name.startswith("arg."):
            values.setdefault("arguments", {})[name.removeprefix("arg.")] = value
        elif name in {"concurrency", "deadline"}:
            values[name] = int(value) if value.isascii() and value.isdecimal() else value
        else:
            values[name] = {"true": True, "false": False}.get(value, value) if name == "refresh" else value
    return Fields(values, "the query")
