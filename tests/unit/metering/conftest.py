import pytest

from objectlens.database import sqlite_url
from support.metering import Place


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path, sqlite_url(tmp_path))
