"""The store over obstore passes the public suite against Azure's emulator.

There is none of Google Cloud Storage, on PyPI or npm, that knows the requests that obstore sends.
"""

from dataclasses import replace

import pytest

from objectlens.stores.remote.blobs import BlobStore
from objectlens.stores.remote.location import Location
from objectlens.testing.stores import HARD_KEYS, FarStoreSuite
from support import azurite as azure

# Another spelling has room for less.
TOO_LONG_WHEN_ODD = ("/" * 1024,)


class BlobSuite(FarStoreSuite):
    keeps_tags = False
    etag_is_md5 = False
    part = 1

    def kept(self, attributes):
        """Neither are checksums kept."""
        return replace(super().kept(attributes), checksums={}, checksum_type=None)


class TestBlobStoreOnAzurite(BlobSuite):
    refused = TOO_LONG_WHEN_ODD
    keys = tuple(key for key in HARD_KEYS if key not in TOO_LONG_WHEN_ODD)

    @pytest.fixture
    def factory(self, azurite, executor, tmp_path, monkeypatch):
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", azure.KEY)

        def make():
            url = f"az://{azurite.container()}?endpoint={azurite.url}&account={azure.ACCOUNT}"
            return BlobStore(Location.parse(url), executor, tmp_path)

        return make
