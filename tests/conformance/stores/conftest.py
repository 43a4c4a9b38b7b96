"""The servers that stores elsewhere are tested against, each started once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.azurite import Azurite


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    """Threads for requests."""
    with ThreadPoolExecutor(16) as made:
        yield made


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    """Azure's own emulator."""
    server = Azurite()
    yield server
    server.stop()
