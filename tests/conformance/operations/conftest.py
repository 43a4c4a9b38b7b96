"""Buckets and clients of the S3 suites."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.live import LiveServer
from support.wire import Wire


@pytest.fixture
def s3(server: LiveServer) -> Any:
    """A client without retries, and without a proxy: through one, urllib3 resolves `..` in keys, against S3's rules."""
    return server.client("s3", proxies={})


@pytest.fixture
def wire(server: LiveServer) -> Wire:
    """Signed requests over plain sockets."""
    return Wire(server)


@pytest.fixture
def make_bucket(s3: Any) -> Iterator[Callable[[], str]]:
    """Make buckets that are emptied and removed in the end."""
    made: list[str] = []

    def make() -> str:
        name = f"ops-{uuid.uuid4().hex[:20]}"
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name})
        made.append(name)
        return name

    yield make
    for name in made:
        for upload in s3.list_multipart_uploads(Bucket=name).get("Uploads", []):
            s3.abort_multipart_upload(Bucket=name, Key=upload["Key"], UploadId=upload["UploadId"])
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=name):
            keys = [one["Key"] for one in page.get("Contents", [])]
            writable = [{"Key": key} for key in keys if min(key) >= " "]
            if writable:
                assert "Errors" not in s3.delete_objects(Bucket=name, Delete={"Objects": writable, "Quiet": True})
            for key in keys:
                # XML has no way to name these.
                if min(key) < " ":
                    s3.delete_object(Bucket=name, Key=key)
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
            for one in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                s3.delete_object(Bucket=name, Key=one["Key"], VersionId=one["VersionId"])
        s3.delete_bucket(Bucket=name)


@pytest.fixture
def bucket(make_bucket: Callable[[], str]) -> str:
    """An empty bucket."""
    return make_bucket()
