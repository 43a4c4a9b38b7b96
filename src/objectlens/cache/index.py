"""What is kept, and what goes first when room is short: a small SQLite database beside the files, seen by one thread.

Nothing is answered out of it: an entry is found by its name. So it may be lost at any time, and is then made again of
what the files say of themselves.

What goes first is said by GreedyDual-Size-Frequency (Cherkasova 1998, "Improving WWW proxies performance with
Greedy-Dual-Size-Frequency caching policy"): the entry whose making, for each byte that it takes, saves least. Its value
is L + uses * cost / size, where L, the value of what went last, lets what is used no more grow old.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

from objectlens.cache.entry import Entry, Selection

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    id TEXT PRIMARY KEY, stored INTEGER NOT NULL, worth REAL NOT NULL, uses INTEGER NOT NULL, value REAL NOT NULL,
    access_point TEXT NOT NULL, bucket TEXT NOT NULL, "key" TEXT NOT NULL, function TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_value ON entries (value);
CREATE INDEX IF NOT EXISTS by_uses ON entries (uses);
"""
_VERSION = 1
_BATCH = 256


class Index:
    """The rows; `stored` are bytes on the disk, `worth` milliseconds of making for each of them."""

    def __init__(self, path: bytes) -> None:
        self._path = os.fsdecode(path)
        self._database = self._open()
        (self._age,) = self._one("SELECT coalesce(min(value), 0) FROM entries")
        self.total, self.count = self._sums()

    def _open(self) -> sqlite3.Connection:
        try:
            return self._opened()
        except sqlite3.DatabaseError:
            # Damaged: the files tell it all again.
            for ending in ("", "-wal", "-shm"):
                with suppress(FileNotFoundError):
                    os.unlink(self._path + ending)
            return self._opened()

    def _opened(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, timeout=10, isolation_level=None, check_same_thread=False)
        try:
            # Losing the last rows in a power failure is no loss: they are looked for at every start.
            database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;")
            (found,) = database.execute("PRAGMA user_version").fetchone()
            if found != _VERSION:
                database.executescript(f"DROP TABLE IF EXISTS entries; PRAGMA user_version={_VERSION};")
            database.executescript(_SCHEMA)
        except BaseException:
            database.close()
            raise
        return database

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def add(self, entry: Entry, stored: int) -> None:
        """Put an entry in, or in the place of the one that there was."""
        worth = max(entry.duration_ms, 1) / stored
        row = (entry.id, stored, worth, self._age + worth, entry.access_point, entry.bucket, entry.key, entry.function)
        (old, known) = self._one("SELECT coalesce(sum(stored), 0), count(*) FROM entries WHERE id = ?", entry.id)
        self._database.execute("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?)", row)
        self.total += stored - int(old)
        self.count += 1 - int(known)

    def used(self, times: Mapping[str, int]) -> None:
        """Count uses."""
        self._database.execute("BEGIN")
        self._database.executemany(
            "UPDATE entries SET uses = uses + ?1, value = ?2 + (uses + ?1) * worth WHERE id = ?3",
            [(count, self._age, id_) for id_, count in times.items()],
        )
        self._database.execute("COMMIT")

    def remove(self, ids: Iterable[str]) -> int:
        """Take entries out; returns how many bytes they took on the disk."""
        before = self.total
        self._database.execute("BEGIN")
        for id_ in ids:
            for (stored,) in self._database.execute("DELETE FROM entries WHERE id = ? RETURNING stored", (id_,)):
                self.total -= stored
                self.count -= 1
        self._database.execute("COMMIT")
        return before - self.total

    def excess(self, limit: int) -> list[str]:
        """Return the ids that have to go for all to take at most `limit` bytes, those of least value first."""
        gone: list[str] = []
        over = self.total - limit
        if over <= 0:
            return gone
        for id_, stored, value in self._database.execute("SELECT id, stored, value FROM entries ORDER BY value"):
            gone.append(id_)
            over -= stored
            self._age = max(self._age, value)
            if over <= 0:
                break
        return gone

    def selected(self, selection: Selection, after: str = "", limit: int = -1) -> list[str]:
        """Return the ids of entries, in order."""
        conditions, values = ["id > ?"], [after]
        for column in ("access_point", "bucket"):
            if (wanted := getattr(selection, column)) is not None:
                conditions.append(f"{column} = ?")
                values.append(wanted)
        if selection.prefix:
            conditions.append('substr("key", 1, length(?)) = ?')
            values += [selection.prefix] * 2
        if selection.function is not None:
            conditions.append("(function = ? OR substr(function, 1, length(?) + 1) = ? || ':')")
            values += [selection.function] * 3
        query = f"SELECT id FROM entries WHERE {' AND '.join(conditions)} ORDER BY id LIMIT {limit:d}"  # noqa: S608
        return [id_ for (id_,) in self._database.execute(query, values)]

    def top(self, limit: int) -> list[tuple[str, int]]:
        """Return the ids used most, with how often."""
        return list(self._database.execute("SELECT id, uses FROM entries ORDER BY uses DESC, id LIMIT ?", (limit,)))

    def missing(self, files: Iterable[tuple[str, int]]) -> Iterator[str]:
        """Forget the rows whose files are not there, and yield the ids of files that have no row."""
        self._database.executescript("CREATE TEMP TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY) WITHOUT ROWID;")
        self._database.execute("DELETE FROM seen")
        self._database.executemany("INSERT OR IGNORE INTO seen VALUES (?)", ((id_,) for id_, _ in files))
        self._database.execute("DELETE FROM entries WHERE id NOT IN (SELECT id FROM seen)")
        self.total, self.count = self._sums()
        after = ""
        query = "SELECT id FROM seen WHERE id > ? AND id NOT IN (SELECT id FROM entries) ORDER BY id LIMIT ?"
        while rows := self._database.execute(query, (after, _BATCH)).fetchall():
            after = rows[-1][0]
            yield from (id_ for (id_,) in rows)

    def _sums(self) -> tuple[int, int]:
        total, count = self._one("SELECT coalesce(sum(stored), 0), count(*) FROM entries")
        return int(total), int(count)

    def _one(self, query: str, *values: object) -> tuple[float, ...]:
        found: tuple[float, ...] = self._database.execute(query, values).fetchone()
        return found
