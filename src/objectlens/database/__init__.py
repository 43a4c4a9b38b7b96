"""SQL: the engine and its migrations.

What flows through: a URL comes in, a `Database` goes out whose schema is up to date; functions over a connection go
in, and what they return comes out, with no SQL ever on the event loop. SQLite in one file is the embedded default,
PostgreSQL serves several machines. What the tables mean is the business of the rooms that own them; this room keeps
only the order in which they came to be (`migrations/`).
"""

from __future__ import annotations

from objectlens.database.engine import Database, Violation, normalise_url, sqlite_url, violation
from objectlens.database.schema import DatabaseTooNew

__all__ = ["Database", "DatabaseTooNew", "Violation", "normalise_url", "sqlite_url", "violation"]
