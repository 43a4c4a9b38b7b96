"""What is kept of derived objects, for whom policies let see it: figures, what is used most, and forgetting.

The actions are our own, for AWS has no such thing: `objectlens:GetCacheStatistics`, `objectlens:ListCachedObjects` and
`objectlens:PurgeCache`, each on the Object Lambda access point that a request names, or on `*`.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from objectlens.access import Access
from objectlens.cache import Cache, Entry, Selection
from objectlens.catalog import Catalog
from objectlens.catalog.entities import ObjectLambdaAccessPoint
from objectlens.errors import InvalidAccessPoint, InvalidArgument, NoSuchBucket
from objectlens.gateway.errands import Place
from objectlens.gateway.fields import Fields
from objectlens.gateway.signed import Asked, Page, Pages
from objectlens.http import Headers, HttpResponse

STATS, TOP, PURGE, ENTRIES = "/-/cache/stats", "/-/cache/top", "/-/cache/purge", "/-/cache/entries"
MOST = 1000
_TOP = 20


class CachePages:
    """Answers for one cache."""

    def __init__(self, cache: Cache, access: Access, catalog: Catalog) -> None:
        self._cache = cache
        self._access = access
        self._catalog = catalog

    @property
    def pages(self) -> Pages:
        """The pages by path."""
        return {
            STATS: [Page(method="GET", operation="GetCacheStatistics", answer=self._stats)],
            TOP: [Page(method="GET", operation="ListCachedObjects", answer=self._top)],
            ENTRIES: [Page(method="GET", operation="ListCachedObjects", answer=self._entries)],
            PURGE: [Page(method="POST", operation="PurgeCache", answer=self._purge)],
        }

    async def _stats(self, asked: Asked) -> HttpResponse:
        await self._allow(asked, "GetCacheStatistics", None)
        return _json(asdict(await self._cache.stats()))

    async def _top(self, asked: Asked) -> HttpResponse:
        fields = _query(asked)
        limit = fields.number("limit", default=_TOP, most=MOST)
        fields.done()
        await self._allow(asked, "ListCachedObjects", None)
        return _json({"entries": [_told(entry) | {"hits": hits} for entry, hits in await self._cache.top(limit)]})

    async def _entries(self, asked: Asked) -> HttpResponse:
        fields = _query(asked)
        after, limit = fields.text("after") or "", fields.number("limit", default=MOST, most=MOST)
        selection = await self._selected(fields)
        await self._allow(asked, "ListCachedObjects", selection.access_point)
        found = await self._cache.entries(selection, after=after, limit=limit)
        return _json({"entries": [_told(one) for one in found], "after": found[-1].id if found else None})

    async def _purge(self, asked: Asked) -> HttpResponse:
        fields = Fields.parse(asked.body)
        everything = fields.flag("all", default=False)
        selection = await self._selected(fields)
        if everything == (selection != Selection()):
            # A purge of everything is asked for, and not what is left when somebody forgot a name.
            raise InvalidArgument("Say what to purge: 'access_point', 'bucket', 'prefix', 'function', or 'all': true.")
        await self._allow(asked, "PurgeCache", selection.access_point)
        return _json(asdict(await self._cache.purge(selection)))

    async def _selected(self, fields: Fields) -> Selection:
        where = fields.text("access_point")
        selection = Selection(
            access_point=None if where is None else await self._arn(where),
            bucket=fields.text("bucket"),
            prefix=fields.text("prefix"),
            function=fields.text("function"),
        )
        fields.done()
        return selection

    async def _arn(self, text: str) -> str:
        """Return the ARN of an access point; one that was deleted can still be named by it."""
        place = Place.parse(text)
        try:
            found = await self._catalog.resolve(place.address("-"))
        except (InvalidAccessPoint, NoSuchBucket):
            found = None
        if isinstance(found, ObjectLambdaAccessPoint):
            return found.arn
        if place.service != "s3-object-lambda":
            raise InvalidArgument(f"{text!r} is no Object Lambda access point.", ArgumentName="access_point")
        return text

    async def _allow(self, asked: Asked, action: str, access_point: str | None) -> None:
        await self._access.authorize(asked.caller, f"objectlens:{action}", access_point or "*", http=asked.http)


def _query(asked: Asked) -> Fields:
    values: dict[str, Any] = {
        name: int(text) if name == "limit" and text.isascii() and text.isdecimal() else text
        for name, text in asked.http.parameters()
        if not name.lower().startswith("x-amz-")
    }
    return Fields(values, "the query")


def _told(entry: Entry) -> dict[str, Any]:
    told = {name: value for name, value in asdict(entry).items() if name not in {"head", "_told"}}
    return told | {"created": entry.created.isoformat(), "content_type": dict(entry.head.system).get("Content-Type")}


def _json(value: object) -> HttpResponse:
    return HttpResponse(200, Headers([("Content-Type", "application/json")]), json.dumps(value).encode())
