"""The catalog over PostgreSQL: a real server in a temporary directory."""

import asyncio
import threading

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from objectlens.catalog import tables as catalog_tables
from objectlens.database import Database
from objectlens.errors import ServiceUnavailable
from objectlens.metering import tables as metering_tables
from objectlens.testing.catalogs import CatalogSuite
from support.postgres import Postgres

TABLES = (catalog_tables.metadata, metering_tables.metadata)

# Where PostgreSQL has to be installed first, that counts into the first test.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def postgres():
    server = Postgres()
    yield server
    server.stop()


class TestPostgresCatalog(CatalogSuite):
    @pytest.fixture
    def url(self, postgres):
        return postgres.database()


def test_the_migrations_make_the_tables_that_the_code_sees(postgres):
    def differences(connection):
        return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), TABLES)

    async def story():
        database = await Database.open(postgres.database())
        try:
            return await database.read(differences)
        finally:
            await database.close()

    assert asyncio.run(story()) == []


def test_several_starters_at_once_are_safe(postgres):
    async def story():
        url = postgres.database()
        for database in await asyncio.gather(*(Database.open(url) for _ in range(4))):
            await database.close()

    asyncio.run(story())


def test_a_database_that_refuses_the_tables_is_told_in_its_words(postgres):
    url = postgres.database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE ROLE weak LOGIN")
    with pytest.raises(RuntimeError, match="refuses the tables: permission denied for schema public"):
        asyncio.run(Database.open(url.replace("objectlens@", "weak@")))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE buckets (owner integer)")
    with pytest.raises(RuntimeError, match='refuses the tables: relation "buckets" already exists'):
        asyncio.run(Database.open(url))


def test_a_server_that_goes_away_and_comes_back(postgres):
    """A connection that the server cut is replaced, and nobody is told of it."""

    async def story():
        url = postgres.database()
        database, other = await Database.open(url), await Database.open(url)
        try:
            ask = lambda connection: connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()  # noqa: E731
            first = await database.write(ask)
            await other.read(lambda connection: connection.exec_driver_sql(f"SELECT pg_terminate_backend({first})"))
            assert await database.write(ask) != first
        finally:
            await database.close()
            await other.close()

    asyncio.run(story())


def test_every_wait_has_a_deadline(postgres):
    """A lock that somebody holds, or a statement that does not end, becomes an error and not a hanging request."""

    async def story():
        url = postgres.database()
        database, other = await Database.open(url), await Database.open(url)
        held, leave = threading.Event(), threading.Event()

        def hold(connection):
            connection.exec_driver_sql("UPDATE catalog_version SET version = version + 1")
            held.set()
            leave.wait(60)

        def impatient(connection):
            connection.exec_driver_sql("SET LOCAL lock_timeout = 100")
            connection.exec_driver_sql("UPDATE catalog_version SET version = version + 1")

        def settings(connection):
            names = ("statement_timeout", "lock_timeout")
            return [connection.exec_driver_sql(f"SHOW {name}").scalar() for name in names]

        try:
            assert await database.read(settings) == ["30s", "10s"]
            holding = asyncio.create_task(other.write(hold))
            await asyncio.to_thread(held.wait, 10)
            with pytest.raises(ServiceUnavailable, match="lock timeout"):
                await database.write(impatient)
            leave.set()
            await holding
            await database.write(impatient)
        finally:
            leave.set()
            await database.close()
            await other.close()

    asyncio.run(story())
