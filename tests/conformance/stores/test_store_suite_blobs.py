"""The store over obstore passes the public suite against Azure's emulator.

There is none of Google Cloud Storage, on PyPI or npm, that knows the requests that obstore sends.
"""

import asyncio
import base64
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from objectlens.stores.protocols import StoreDenied, StoreUnreachable
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


@pytest.mark.parametrize(
    ("there", "key", "error", "reason"),
    [
        (True, base64.b64encode(b"another").decode(), StoreDenied, "the store refuses the server's credentials"),
        (True, "no base64", StoreUnreachable, "AZURE_STORAGE_ACCOUNT_KEY is no key of Azure's"),
        (False, azure.KEY, StoreUnreachable, "there is no such bucket"),
    ],
)
class TestWhatIsWrongWithAContainer:
    @pytest.fixture
    def url(self, azurite, there, key, monkeypatch):
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", key)
        container = azurite.container() if there else "not-there"
        return f"az://{container}?endpoint={azurite.url}&account={azure.ACCOUNT}"

    def test_it_is_told_with_its_remedy(self, url, key, error, reason, tmp_path):
        async def check():
            with ThreadPoolExecutor(1) as executor:
                await BlobStore(Location.parse(url), executor, tmp_path).check()

        with pytest.raises(error, match=reason) as raised:
            asyncio.run(check())
        assert key not in str(raised.value)
