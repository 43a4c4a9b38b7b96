"""Every store of ours passes the public suites."""

import pytest

from objectlens.stores import FolderStore, MemoryStore
from objectlens.testing.stores import StoreSuite
from objectlens.testing.versions import VersionsSuite


class TestMemoryStore(StoreSuite, VersionsSuite):
    @pytest.fixture
    def factory(self):
        return MemoryStore


class TestFolderStore(StoreSuite, VersionsSuite):
    @pytest.fixture
    def factory(self, tmp_path):
        return lambda: FolderStore(tmp_path, durable=False)


class TestDurableFolderStore(StoreSuite, VersionsSuite):
    @pytest.fixture
    def factory(self, tmp_path):
        return lambda: FolderStore(tmp_path)


@pytest.mark.parametrize("ids", [True, False])
class TestFolderThatKeepsVersions(StoreSuite):
    """With versions it is the same store to whoever asks for none."""

    @pytest.fixture
    def factory(self, tmp_path, ids):
        return lambda: FolderStore(tmp_path, durable=False).keeping(ids=ids)
