"""A PostgreSQL for each module, and two servers' places over a database of it for each test."""

import pytest

from support.metering import pair
from support.postgres import Postgres


@pytest.fixture(scope="module")
def postgres():
    server = Postgres()
    yield server
    server.stop()


@pytest.fixture
def places(postgres, tmp_path):
    return pair(postgres.database(), tmp_path)
