"""The catalog over PostgreSQL: a real server in a temporary directory."""

import pytest

from objectlens.testing.catalogs import CatalogSuite
from support.postgres import Postgres

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
