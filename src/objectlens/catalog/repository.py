"""One kind of entity, as the rooms above see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar, cast

from objectlens.catalog.cache import ReadCache, Versioned
from objectlens.catalog.kinds import Shelves
from objectlens.catalog.shelf import Shelf

T = TypeVar("T")
E = TypeVar("E")


class Transactions(Protocol):
    """Where transactions run."""

    async def read(self, work: Callable[[Shelves], T]) -> tuple[int, T]:
        """Run `work` in a read transaction; returns the version that it saw, too."""
        ...

    async def change(self, work: Callable[[Shelves], T]) -> T:
        """Run `work` in a change."""
        ...


class Repository(Generic[E]):
    """The entities of one kind. Keys are given in the order of the primary key: `get(account, name)`."""

    def __init__(self, pick: Callable[[Shelves], Shelf[E]], kept: Transactions, cache: ReadCache) -> None:
        self._pick = pick
        self._kept = kept
        self._cache = cache

    async def get(self, *key: str) -> E | None:
        """Return the entity of that key, from the read cache when it is there."""
        return await self._remembered(key, lambda shelf: shelf.get(*key))

    async def find(self, **where: str) -> E | None:
        """Return the entity whose columns have these values, such as `alias=…`, from the read cache likewise."""
        return await self._remembered(tuple(sorted(where.items())), lambda shelf: shelf.find(**where))

    async def list(self, *, after: str = "", limit: int = 1000, prefix: str = "", **where: Any) -> list[E]:
        """Return up to `limit` entities in order of name, those behind `after` that start with `prefix`.

        `where` gives exact values of fields: `list(account=…, bucket=…)`. Of IAM's entities the prefix is of the path.
        """
        _, found = await self._kept.read(
            lambda all_: self._pick(all_).list(after=after, limit=limit, prefix=prefix, **where)
        )
        return found

    async def create(self, value: E) -> E:
        """Add an entity; raises `AlreadyExists`, and `NotFound` when what it belongs to is missing."""
        return await self._kept.change(lambda all_: self._pick(all_).create(value))

    async def update(self, *key: str, change: Callable[[E], E]) -> E:
        """Replace an entity by what `change` makes of it as it is now, atomically; raises `NotFound`.

        `change` must be pure: it runs on another thread. What it raises is raised here and nothing is changed.
        """
        return await self._kept.change(lambda all_: self._pick(all_).update(*key, change=change))

    async def delete(self, *key: str) -> bool:
        """Remove an entity and say whether it was there; raises `InUse` when something depends on it."""
        return await self._kept.change(lambda all_: self._pick(all_).delete(*key))

    async def _remembered(self, key: tuple[Any, ...], look: Callable[[Shelf[E]], E | None]) -> E | None:
        async def load() -> Versioned:
            return await self._kept.read(lambda all_: look(self._pick(all_)))

        return cast("E | None", await self._cache.get((id(self), *key), load))
