"""The store that speaks S3 passes the public suite against a real SeaweedFS, and against a server of ours."""

import pytest

from objectlens.stores.remote.location import Location
from objectlens.stores.remote.s3 import S3Store
from objectlens.testing.stores import HARD_KEYS, FarStoreSuite
from support.live import start_server, stop_server
from support.seaweed import KEY

# What is no plain path is kept under another name, which has room for less; names have at most 255 characters there.
REFUSED_BY_SEAWEEDFS = ("s" * 256, "k" * 1024, "/" * 1024)
# Each of a hundred folders would be a request for each page.
DEEP = tuple(key for key in HARD_KEYS if key.count("/") > 50)


class TestS3StoreOnSeaweedFS(FarStoreSuite):
    refused = REFUSED_BY_SEAWEEDFS
    keys = tuple(key for key in HARD_KEYS if key not in {*REFUSED_BY_SEAWEEDFS, *DEEP})

    @pytest.fixture
    def factory(self, seaweed, executor, tmp_path, monkeypatch):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY[0])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY[1])

        def make():
            location = Location.parse(f"s3://{seaweed.bucket()}?endpoint={seaweed.url}")
            return S3Store(location, executor, tmp_path)

        return make


@pytest.fixture(scope="module")
def upstream(tmp_path_factory):
    live = start_server(tmp_path_factory.mktemp("upstream") / "data")
    yield live
    assert stop_server(live) == 0


class TestS3StoreOnOurServer(FarStoreSuite):
    """Every key is kept to the letter, below a prefix."""

    refused = tuple(key for key in HARD_KEYS if len(key.encode()) > 1000)
    keys = tuple(key for key in HARD_KEYS if len(key.encode()) <= 1000)

    @pytest.fixture
    def factory(self, upstream, executor, tmp_path, monkeypatch):
        profiles = tmp_path / "credentials"
        profiles.write_text(
            f"[lab]\naws_access_key_id = {upstream.access_key_id}\n"
            f"aws_secret_access_key = {upstream.secret_access_key}\n"
        )
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(profiles))
        made = []

        def make():
            name = f"bucket-{tmp_path.name[-20:].strip('-_').replace('_', '-')}-{len(made)}".lower()
            upstream.client("s3").create_bucket(
                Bucket=name, CreateBucketConfiguration={"LocationConstraint": upstream.region}
            )
            made.append(name)
            location = Location.parse(f"s3://{name}/some/where?endpoint={upstream.url}&profile=lab&region=eu-west-1")
            return S3Store(location, executor, tmp_path)

        return make
