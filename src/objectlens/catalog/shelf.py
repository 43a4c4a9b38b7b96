"""The entities of one kind, inside a transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from objectlens.catalog.refusals import AlreadyExists, InUse, NotFound
from objectlens.database import Violation, violation

E = TypeVar("E")


def _nothing(_: Any) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True)
class Kind(Generic[E]):
    """How one kind of entity is kept.

    The primary key of `table` is the entity's key. `order` is the column that listings are ordered by and page
    through, `prefix` the one that their prefix is of. `derived` makes the columns that are not fields.
    """

    entity: type[E]
    noun: str
    table: Table
    order: str = "name"
    prefix: str = "name"
    derived: Callable[[Any], Mapping[str, Any]] = _nothing

    def row(self, value: E) -> dict[str, Any]:
        """Return the columns of an entity."""
        return {name: getattr(value, name) for name in self.fields} | dict(self.derived(value))

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the columns that are fields."""
        return tuple(one.name for one in fields(self.entity) if one.init)  # type: ignore[arg-type]

    def key_of(self, value: E) -> tuple[str, ...]:
        """Return the key of an entity."""
        return tuple(getattr(value, column.name) for column in self.table.primary_key)

    def named(self, key: tuple[str, ...]) -> str:
        """Name an entity in a message."""
        return f"{self.noun} {'/'.join(key)}"


class Shelf(Generic[E]):
    """All entities of one kind, over the connection of one transaction."""

    def __init__(self, kind: Kind[E], connection: Connection) -> None:
        self.kind = kind
        self._connection = connection

    def get(self, *key: str) -> E | None:
        """Return the entity of that key."""
        return self._one(self._is(key), key)

    def find(self, **where: Any) -> E | None:
        """Return the entity whose columns have these values, any one of several."""
        return self._one(self._where(where), tuple(where.values()))

    def list(self, *, after: str = "", limit: int = 1000, prefix: str = "", **where: Any) -> list[E]:
        """Return the first `limit` entities behind `after` whose columns have the values of `where`, in order."""
        order, start = self.kind.table.c[self.kind.order], self.kind.table.c[self.kind.prefix]
        query = select(*self._columns()).where(order > after, self._where(where)).order_by(order).limit(limit)
        if prefix:
            # Not LIKE: SQLite's knows no case, and `_` is a letter like any other here.
            query = query.where(func.substr(start, 1, len(prefix)) == prefix)
        return [self.kind.entity(**row) for row in self._connection.execute(query).mappings()]

    def create(self, value: E) -> E:
        """Add an entity; raises `AlreadyExists`, and `NotFound` when what it belongs to is missing."""
        named = self.kind.named(self.kind.key_of(value))
        self._run(insert(self.kind.table).values(self.kind.row(value)), named)
        return value

    def update(self, *key: str, change: Callable[[E], E]) -> E:
        """Replace an entity by what `change` makes of it as it is now; raises `NotFound`.

        No other change comes between the reading and the writing, so none is lost. What `change` raises undoes all.
        """
        old = self.get(*key)
        if old is None:
            raise NotFound(f"The {self.kind.named(key)} does not exist.")
        new = change(old)
        if new != old:
            self._run(update(self.kind.table).where(self._is(key)).values(self.kind.row(new)), self.kind.named(key))
        return new

    def delete(self, *key: str) -> bool:
        """Remove an entity, and say whether it was there; raises `InUse` when something depends on it."""
        statement = delete(self.kind.table).where(self._is(key))
        try:
            return bool(self._connection.execute(statement).rowcount)
        except IntegrityError as error:
            if violation(error) == "foreign":
                raise InUse(f"The {self.kind.named(key)} is in use.") from error
            raise

    def _run(self, statement: Any, named: str) -> None:
        try:
            self._connection.execute(statement)
        except IntegrityError as error:
            raise self._refusal(violation(error), named) or error from error

    def _refusal(self, kind: Violation | None, named: str) -> Exception | None:
        if kind == "unique":
            return AlreadyExists(f"The {named} exists already.", self.kind.noun)
        if kind == "foreign":
            return NotFound(f"What the {named} belongs to does not exist.")
        return None

    def _one(self, condition: ColumnElement[bool], sought: tuple[str, ...]) -> E | None:
        if any("\0" in text for text in sought):
            return None  # A path may hold `%00`; PostgreSQL's text may not, and nothing here has such a name.
        row = self._connection.execute(select(*self._columns()).where(condition).limit(1)).mappings().first()
        return None if row is None else self.kind.entity(**row)

    def _columns(self) -> tuple[ColumnElement[Any], ...]:
        return tuple(self.kind.table.c[name] for name in self.kind.fields)

    def _is(self, key: tuple[str, ...]) -> ColumnElement[bool]:
        columns = list(self.kind.table.primary_key)
        if len(columns) != len(key):
            raise TypeError(f"a {self.kind.noun} is found by {', '.join(column.name for column in columns)}")
        return and_(*(column == value for column, value in zip(columns, key, strict=True)))

    def _where(self, where: Mapping[str, Any]) -> ColumnElement[bool]:
        unknown = where.keys() - self.kind.table.c.keys()
        if unknown:
            raise TypeError(f"a {self.kind.noun} has no {', '.join(sorted(unknown))}")
        return and_(True, *(self.kind.table.c[name] == value for name, value in where.items()))
