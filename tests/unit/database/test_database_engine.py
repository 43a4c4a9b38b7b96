import asyncio
import os
import sqlite3
import stat
import sys
import threading

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from objectlens.database import Database, normalise_url, sqlite_url, violation
from objectlens.errors import ServiceUnavailable


def run(folder, story):
    async def main():
        database = await Database.open(sqlite_url(folder))
        try:
            return await story(database)
        finally:
            await database.close()

    return asyncio.run(main())


def one(statement):
    return lambda connection: connection.execute(text(statement)).scalar()


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("sqlite:////data/objectlens.db", "sqlite"),
        ("postgresql://ann@db.example/lens", "postgresql+psycopg"),
        ("postgres://ann@db.example/lens", "postgresql+psycopg"),
        ("postgresql+psycopg2://ann@db.example/lens", "postgresql+psycopg"),
    ],
)
def test_urls_name_the_driver_that_we_use(url, driver):
    assert normalise_url(url).drivername == driver


@pytest.mark.parametrize("url", ["mysql://ann:hush@db/lens", "sqlite://", "sqlite:///:memory:"])
def test_other_urls_are_refused_without_their_password(url):
    with pytest.raises(ValueError, match="is not a database we can use") as caught:
        normalise_url(url)
    assert "hush" not in str(caught.value)


def test_a_port_that_is_no_number_is_told_without_the_password():
    with pytest.raises(ValueError, match="port that is no number") as caught:
        normalise_url("postgresql://ann@db.example:hush/lens")
    assert "hush" not in str(caught.value)


def test_the_file_is_for_its_owner_alone(tmp_path):
    async def story(database):
        await database.write(one("UPDATE catalog_version SET version = 1 RETURNING version"))
        return {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}

    modes = run(tmp_path, story)
    assert {"objectlens.db", "objectlens.db-wal"} <= modes.keys()
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize(("pragma", "value"), [("journal_mode", "wal"), ("foreign_keys", 1), ("synchronous", 2)])
def test_every_connection_is_prepared(tmp_path, pragma, value):
    async def story(database):
        gate = threading.Barrier(4)

        def ask(connection):
            gate.wait(10)  # so that four connections are asked at the same time
            return connection.execute(text(f"PRAGMA {pragma}")).scalar()

        return await asyncio.gather(*(database.read(ask) for _ in range(4)))

    assert run(tmp_path, story) == [value] * 4


def test_readers_do_not_wait_for_a_writer(tmp_path):
    async def story(database):
        entered, leave = threading.Event(), threading.Event()

        def slow(connection):
            connection.execute(text("UPDATE catalog_version SET version = 7"))
            entered.set()
            assert leave.wait(10)

        writing = asyncio.create_task(database.write(slow))
        await asyncio.to_thread(entered.wait)
        before = await database.read(one("SELECT version FROM catalog_version"))
        leave.set()
        await writing
        return before, await database.read(one("SELECT version FROM catalog_version"))

    assert run(tmp_path, story) == (0, 7)


def test_what_raises_is_rolled_back(tmp_path):
    async def story(database):
        def fail(connection):
            connection.execute(text("UPDATE catalog_version SET version = 7"))
            raise LookupError("no")

        with pytest.raises(LookupError):
            await database.write(fail)
        return await database.read(one("SELECT version FROM catalog_version"))

    assert run(tmp_path, story) == 0


def test_work_is_done_off_the_event_loop(tmp_path):
    async def story(database):
        return {await database.read(lambda _: threading.current_thread().name) for _ in range(3)}

    assert all(name.startswith("database-read") for name in run(tmp_path, story))


def test_a_reader_cannot_write_by_accident_over_another(tmp_path):
    """A transaction that began as a reader has no write lock; its statements fail rather than overtake a writer."""

    async def story(database):
        other = sqlite3.connect(tmp_path / "objectlens.db", isolation_level=None, check_same_thread=False)
        try:

            def read_then_write(connection):
                connection.execute(text("SELECT version FROM catalog_version")).scalar()
                other.execute("UPDATE catalog_version SET version = version + 1")
                connection.execute(text("UPDATE catalog_version SET version = 100"))

            with pytest.raises(ServiceUnavailable, match="does not answer: database is locked"):
                await database.read(read_then_write)
        finally:
            other.close()
        return await database.read(one("SELECT version FROM catalog_version"))

    assert run(tmp_path, story) == 1


BUCKET = "INSERT INTO buckets (name,account,region,created_at,store,tags) VALUES ('b','1','r','t','s','{}')"


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        (BUCKET, "unique"),
        (
            "INSERT INTO access_keys VALUES ('AKIA', '1', 'nobody', 's', 't', 1)",
            "foreign",
        ),
        ("INSERT INTO accounts (account) VALUES (NULL)", None),
    ],
)
def test_violations_are_told_apart(tmp_path, statement, kind):
    async def story(database):
        await database.write(lambda c: c.execute(text(BUCKET)))
        with pytest.raises(IntegrityError) as caught:
            await database.write(lambda c: c.execute(text(statement)))
        return violation(caught.value)

    assert run(tmp_path, story) == kind


def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / "objectlens.db").write_bytes(b"this is no database, though it is long enough to be one" * 100)
    with pytest.raises(ServiceUnavailable, match="file is not a database"):
        run(tmp_path, lambda database: database.read(one("SELECT 1")))


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ServiceUnavailable, match="cannot be opened: No such file or directory"):
        run(tmp_path / "nowhere", lambda database: database.read(one("SELECT 1")))


@pytest.mark.parametrize("url", ["ann:hush@/lens?host={}", "ann@/lens?host={}&password=hush&sslpassword=hush"])
def test_a_server_that_is_not_there_is_named(tmp_path, url):
    async def main():
        await Database.open("postgresql://" + url.format(tmp_path))

    with pytest.raises(ServiceUnavailable, match="does not answer") as caught:
        asyncio.run(main())
    assert "hush" not in str(caught.value)


def test_an_answer_does_not_tell_where_the_database_is_and_the_log_does_once(tmp_path, caplog):
    async def story(database):
        (tmp_path / "objectlens.db").rename(tmp_path / "elsewhere.db")
        (tmp_path / "objectlens.db").mkdir()
        database._engine.dispose()  # as when a connection was lost
        failures = []
        for _ in range(2):
            with pytest.raises(ServiceUnavailable) as caught:
                await database.read(one("SELECT 1"))
            failures.append(caught.value)
        (tmp_path / "objectlens.db").rmdir()
        (tmp_path / "elsewhere.db").rename(tmp_path / "objectlens.db")
        assert await database.read(one("SELECT 1")) == 1
        return failures

    failures = run(tmp_path, story)
    assert {failure.message for failure in failures} == {"The database does not answer; the server's log says why."}
    assert all(str(tmp_path) in str(failure) for failure in failures)
    assert [record.getMessage() for record in caplog.records] == [str(failures[0])]


def test_without_the_driver_the_remedy_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(RuntimeError, match=r"pip install 'objectlens\[postgres\]'"):
        asyncio.run(Database.open(f"postgresql://ann@/lens?host={tmp_path}"))


def test_closing_leaves_no_file_open(tmp_path):
    before = len(os.listdir("/proc/self/fd"))
    run(tmp_path, lambda database: database.read(one("SELECT 1")))
    assert len(os.listdir("/proc/self/fd")) == before
