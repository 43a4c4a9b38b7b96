"""The engine: connections, threads and transactions.

Reads run on a few threads, writes on one: SQLite lets one writer in at a time anyway, and waiting in a queue is
cheaper and fairer than SQLite's busy handler, which sleeps and tries again. The busy timeout remains for the writers
of other processes.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DatabaseError, IntegrityError, InterfaceError, OperationalError

from objectlens import errors
from objectlens.database.schema import migrate, shown

_LOGGER = logging.getLogger(__name__)

T = TypeVar("T")
Violation = Literal["unique", "foreign"]

READERS = 4
BUSY_TIMEOUT_MS = 10_000
STATEMENT_TIMEOUT_MS = 30_000

# https://www.sqlite.org/rescode.html and https://www.postgresql.org/docs/current/errcodes-appendix.html
_VIOLATIONS: dict[str, Violation] = {
    "SQLITE_CONSTRAINT_PRIMARYKEY": "unique",
    "SQLITE_CONSTRAINT_UNIQUE": "unique",
    "SQLITE_CONSTRAINT_FOREIGNKEY": "foreign",
    "SQLITE_CONSTRAINT_TRIGGER": "foreign",  # how SQLite reports ON DELETE RESTRICT
    "23505": "unique",
    "23503": "foreign",
    "23001": "foreign",
}


def sqlite_url(directory: Path) -> str:
    """Return the URL of the embedded database in a data directory: `DIR/objectlens.db`."""
    return URL.create("sqlite", database=str(directory.absolute() / "objectlens.db")).render_as_string()


def normalise_url(url: str) -> URL:
    """Parse a database URL; raises `ValueError` for what is neither SQLite in a file nor PostgreSQL."""
    try:
        parsed = make_url(url)
    except ValueError:  # of which the password may be the cause
        raise ValueError(
            "the database's URL has a port that is no number; a `:`, `/` or `@` of a password is %3A, %2F, %40"
        ) from None
    kind = parsed.get_backend_name()
    if kind in {"postgresql", "postgres"}:
        return parsed.set(drivername="postgresql+psycopg")
    if kind == "sqlite" and parsed.database not in {None, "", ":memory:"}:
        return parsed.set(drivername="sqlite")
    raise ValueError(
        f"{shown(parsed)} is not a database we can use: give sqlite:////PATH/FILE or postgresql://USER@HOST/NAME"
    )


def violation(error: IntegrityError) -> Violation | None:
    """Say which kind of constraint refused a statement; None when it was another kind, such as NOT NULL."""
    cause = error.orig
    code = getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None)
    return _VIOLATIONS.get(str(code))


class Database:
    """A database whose schema is up to date.

    Open one in each process, after any fork. Functions given to `read` and `write` run on a thread in a transaction of
    their own and must not keep the connection; they may not touch the event loop.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="database-read")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="database-write")
        self._answers = True

    @classmethod
    async def open(cls, url: str) -> Database:
        """Connect and bring the schema up to date.

        Any number of processes may do so at once. Raises `DatabaseTooNew` when a later release wrote the database,
        `ValueError` for a URL of another kind, `RuntimeError` when the database refuses the tables or the `postgres`
        extra is needed and missing, and `errors.ServiceUnavailable` when the database does not answer.
        """
        engine = _engine(normalise_url(url))
        try:
            await asyncio.to_thread(_guarded, migrate, engine)
        except DatabaseError as error:
            engine.dispose()
            raise RuntimeError(
                f"The database {shown(engine.url)} refuses the tables: {_brief(error.orig)}. It must be this service's "
                "alone, and its user must be allowed to make tables in it."
            ) from error
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    @property
    def shared(self) -> bool:
        """Whether other servers may have it open, too: a data directory, and the file in it, is one server's alone."""
        return self._engine.dialect.name != "sqlite"

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a read transaction; raises `errors.ServiceUnavailable` when the database does not answer."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._run, work, False)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a write transaction, committed when it returns and rolled back when it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._run, work, True)

    async def close(self) -> None:
        """Finish what is running and close the connections."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._writer.shutdown()
        self._readers.shutdown()
        self._engine.dispose()

    def _run(self, work: Callable[[Connection], T], writes: bool) -> T:
        def transaction(engine: Engine) -> T:
            with engine.connect() as connection:
                connection.execution_options(objectlens_writes=writes)
                with connection.begin():
                    return work(connection)

        try:
            result = _guarded(transaction, self._engine)
        except errors.ServiceUnavailable as error:
            if self._answers:
                _LOGGER.warning("%s", error)
            self._answers = False
            raise
        self._answers = True
        return result


def _guarded(work: Callable[[Engine], T], engine: Engine) -> T:
    try:
        return work(engine)
    except DatabaseError as error:
        # SQLite reports a damaged file as the class above all others; the other classes are about one statement.
        if not isinstance(error, OperationalError) and type(error) is not DatabaseError:
            raise
        raise _unavailable(engine, error.orig) from error
    except InterfaceError as error:
        raise _unavailable(engine, error.orig) from error
    except sqlite3.DatabaseError as error:  # from preparing a connection, which goes past SQLAlchemy
        raise _unavailable(engine, error) from error


def _unavailable(engine: Engine, error: BaseException | None) -> errors.ServiceUnavailable:
    unavailable = errors.ServiceUnavailable("The database does not answer; the server's log says why.")
    # Where it is and who we are there is for the log and the terminal: answers go to strangers as well.
    unavailable.args = (f"The database {shown(engine.url)} does not answer: {_brief(error)}",)
    return unavailable


def _brief(error: BaseException | None) -> str:
    return str(error).partition("\n")[0]


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        return _sqlite(url)
    try:
        return create_engine(
            url, pool_size=READERS + 1, max_overflow=0, pool_pre_ping=True, connect_args=_deadlines(url)
        )
    except ModuleNotFoundError as error:
        raise RuntimeError("PostgreSQL needs its driver: pip install 'objectlens[postgres]'") from error


def _deadlines(url: URL) -> dict[str, str]:
    """Return libpq's parameters that bound every wait, without those that the URL sets itself."""
    wanted = {
        "connect_timeout": "10",
        "tcp_user_timeout": "15000",
        "keepalives_idle": "15",
        "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={BUSY_TIMEOUT_MS}",
    }
    return {name: value for name, value in wanted.items() if name not in url.query}


def _sqlite(url: URL) -> Engine:
    # The file holds secret keys. SQLite gives its -wal and -shm files the permissions of the database file.
    try:
        os.close(os.open(str(url.database), os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise errors.ServiceUnavailable(f"The database {url.database} cannot be opened: {error.strerror}") from error
    engine = create_engine(url, pool_size=READERS + 1, max_overflow=0)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    # The driver's own transactions start too late (at the first write) and not at all for DDL; we begin them ourselves.
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "foreign_keys = ON",
        # FULL, not NORMAL: with a WAL, NORMAL may lose the last commits when the power fails
        # (https://www.sqlite.org/pragma.html#pragma_synchronous). An access key that was handed out must not vanish,
        # and the catalog is written too rarely for one fsync a commit to matter.
        "synchronous = FULL",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later cannot wait for another writer: SQLite refuses it at once
    # (https://www.sqlite.org/lang_transaction.html). IMMEDIATE takes the write lock, or waits for it, at the start.
    writes = connection.get_execution_options().get("objectlens_writes", True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
