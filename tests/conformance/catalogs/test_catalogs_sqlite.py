"""The catalog over SQLite."""

import pytest

from objectlens.database import sqlite_url
from objectlens.testing.catalogs import CatalogSuite


class TestSqliteCatalog(CatalogSuite):
    @pytest.fixture
    def url(self, tmp_path):
        return sqlite_url(tmp_path)
