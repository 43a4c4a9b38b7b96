import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from objectlens.catalog import tables as catalog_tables
from objectlens.database import Database, DatabaseTooNew, sqlite_url
from objectlens.database import schema as schema_module
from objectlens.metering import tables as metering_tables

TABLES = (catalog_tables.metadata, metering_tables.metadata)

MIGRATIONS = Path(schema_module.__file__).parent / "migrations" / "versions"
NEWEST = max(path.stem[1:5] for path in MIGRATIONS.glob("r*.py"))
STARTER = """
import asyncio, sys
from objectlens.database import Database
async def main():
    database = await Database.open(sys.argv[1])
    await database.close()
asyncio.run(main())
"""


async def opened(folder, look=lambda _: None):
    database = await Database.open(sqlite_url(folder))
    try:
        return await database.read(look)
    finally:
        await database.close()


# SQLite cannot tell what expressions its indexes are of; the same test over PostgreSQL sees them too.
@pytest.mark.filterwarnings("ignore:.*expression-based index")
def test_the_migrations_make_the_tables_that_the_code_sees(tmp_path):
    def differences(connection):
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return compare_metadata(context, TABLES)

    assert asyncio.run(opened(tmp_path, differences)) == []


def test_opening_again_changes_nothing(tmp_path):
    asyncio.run(opened(tmp_path))
    before = list(sqlite3.connect(tmp_path / "objectlens.db").execute("SELECT * FROM sqlite_master ORDER BY name"))
    asyncio.run(opened(tmp_path))
    after = list(sqlite3.connect(tmp_path / "objectlens.db").execute("SELECT * FROM sqlite_master ORDER BY name"))
    assert before == after
    assert (NEWEST,) in sqlite3.connect(tmp_path / "objectlens.db").execute("SELECT * FROM alembic_version")


def test_several_starters_at_once_are_safe(tmp_path):
    starters = [
        subprocess.Popen([sys.executable, "-c", STARTER, sqlite_url(tmp_path)], stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for starter in starters:
        _, errors = starter.communicate(timeout=60)
        assert (starter.returncode, errors) == (0, "")
    assert list(sqlite3.connect(tmp_path / "objectlens.db").execute("SELECT count(*) FROM catalog_version")) == [(1,)]


def test_several_opening_in_one_process_are_safe(tmp_path):
    async def main():
        folders = [tmp_path / "a", tmp_path / "b"]
        for folder in folders:
            folder.mkdir()
        databases = await asyncio.gather(*(Database.open(sqlite_url(folder)) for folder in folders * 3))
        for database in databases:
            await database.close()

    asyncio.run(main())


def test_a_database_of_a_later_release_is_refused_and_left_alone(tmp_path):
    asyncio.run(opened(tmp_path))
    connection = sqlite3.connect(tmp_path / "objectlens.db")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    with pytest.raises(DatabaseTooNew, match=f"revision 9999.* later release .* knows up to {NEWEST}"):
        asyncio.run(opened(tmp_path))
    assert list(connection.execute("SELECT version_num FROM alembic_version")) == [("9999",)]


def test_an_upgrade_that_fails_half_way_leaves_no_trace(tmp_path, monkeypatch):
    real = schema_module.command.upgrade

    def dies(config, revision):
        real(config, revision)
        raise LookupError("power failure")

    monkeypatch.setattr(schema_module.command, "upgrade", dies)
    with pytest.raises(LookupError):
        asyncio.run(opened(tmp_path))
    assert list(sqlite3.connect(tmp_path / "objectlens.db").execute("SELECT name FROM sqlite_master")) == []
    monkeypatch.undo()
    asyncio.run(opened(tmp_path))
