"""Every store of ours passes the public suite."""

import pytest

from objectlens.stores import FolderStore, MemoryStore
from objectlens.testing.stores import StoreSuite


class TestMemoryStore(StoreSuite):
    @pytest.fixture
    def factory(self):
        return MemoryStore


class TestFolderStore(StoreSuite):
    @pytest.fixture
    def factory(self, tmp_path):
        return lambda: FolderStore(tmp_path, durable=False)


class TestDurableFolderStore(StoreSuite):
    @pytest.fixture
    def factory(self, tmp_path):
        return lambda: FolderStore(tmp_path)
