"""The server that the suites share, and what they set up on it.

The suites run against a server of their own, or against any other: set `OBJECTLENS_TEST_ENDPOINT`,
`OBJECTLENS_TEST_ACCESS_KEY_ID` and `OBJECTLENS_TEST_SECRET_ACCESS_KEY`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from support.live import Lens, LiveServer, make_lens_on, start_server, stop_server
from support.seaweed import SeaweedFS


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """The server that most suites share."""
    if url := os.environ.get("OBJECTLENS_TEST_ENDPOINT"):
        key, secret = os.environ["OBJECTLENS_TEST_ACCESS_KEY_ID"], os.environ["OBJECTLENS_TEST_SECRET_ACCESS_KEY"]
        yield LiveServer(url, key, secret)
        return
    live = start_server(tmp_path_factory.mktemp("live") / "data")
    try:
        yield live
    finally:
        code = stop_server(live)
    assert code == 0


@pytest.fixture(scope="session")
def seaweed() -> Iterator[SeaweedFS]:
    """An S3 server that is none of ours."""
    started = SeaweedFS()
    yield started
    started.stop()


MakeLens = Callable[..., Lens]


@pytest.fixture
def make_lens(server: LiveServer) -> MakeLens:
    """Return `make_lens_on` for the shared server."""
    return partial(make_lens_on, server)
