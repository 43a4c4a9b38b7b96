"""The store over obstore passes the public suite against emulators of Azure and of Google Cloud Storage."""

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
        """Neither are checksums told."""
        return super().kept(attributes)


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


class TestBlobStoreOnFakeGCS(BlobSuite):
    refused = TOO_LONG_WHEN_ODD
    keys = tuple(key for key in HARD_KEYS if key not in TOO_LONG_WHEN_ODD)

    @pytest.fixture
    def factory(self, fakegcs, executor, tmp_path):
        def make():
            url = f"gs://{fakegcs.bucket()}?endpoint={fakegcs.url}&anonymous=true"
            return BlobStore(Location.parse(url), executor, tmp_path)

        return make
