"""Bringing the schema up to date, by as many starters as there are at once."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, text

# Any constant of our own; the lock's name is the number.
_ADVISORY_LOCK = 0x6F626A6C656E73

# Alembic's `op` and `context` are one for the whole process.
_ALEMBIC = threading.Lock()


class DatabaseTooNew(RuntimeError):
    """The database was written by a later release; this one must not touch it."""


def migrate(engine: Engine) -> None:
    """Upgrade the schema to the newest revision that this release knows; raises `DatabaseTooNew`.

    The upgrade is one transaction: a starter that dies half way leaves the schema as it was.
    """
    config = Config()
    config.set_main_option("script_location", "objectlens.database:migrations")
    with _one_at_a_time(engine), engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            # Another starter's migration may take its time, and so may ours.
            connection.execute(text("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        _refuse_newer(connection, ScriptDirectory.from_config(config))
        config.attributes["connection"] = connection
        with _ALEMBIC:
            command.upgrade(config, "head")


def shown(url: URL) -> str:
    """Return a database's URL for messages, without the secrets that libpq takes in it."""
    return url.difference_update_query(["password", "sslpassword"]).render_as_string(hide_password=True)


def _refuse_newer(connection: Connection, script: ScriptDirectory) -> None:
    known = {revision.revision for revision in script.walk_revisions()}
    unknown = [head for head in MigrationContext.configure(connection).get_current_heads() if head not in known]
    if unknown:
        raise DatabaseTooNew(
            f"The database {shown(connection.engine.url)} is at schema revision "
            f"{', '.join(unknown)}, which a later release of objectlens made; this one knows up to "
            f"{script.get_current_head()}. Start that release, or restore a backup made before the upgrade."
        )


@contextmanager
def _one_at_a_time(engine: Engine) -> Iterator[None]:
    """Let one starter of a SQLite database in at a time, and switch its file to a write-ahead log.

    The switch is kept in the file and needs it alone; SQLite answers a second starter with SQLITE_BUSY without waiting
    (https://www.sqlite.org/wal.html, "Sometimes Queries Return SQLITE_BUSY In WAL Mode"). So the waiting is ours.
    """
    if engine.dialect.name != "sqlite":
        yield
        return
    lock = os.open(f"{engine.url.database}-lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _write_ahead(engine)
        yield
    finally:
        os.close(lock)


def _write_ahead(engine: Engine) -> None:
    connection = engine.raw_connection()
    try:
        connection.cursor().execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()
