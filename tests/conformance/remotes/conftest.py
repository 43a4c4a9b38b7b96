"""A server of ours with buckets that are elsewhere."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from objectlens.cli.main import main
from support.live import LiveServer, start_server, stop_server
from support.seaweed import KEY, SeaweedFS


@pytest.fixture(scope="session")
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of server and commands: a profile for SeaweedFS, and a misleading endpoint."""
    profiles = tmp_path_factory.mktemp("aws") / "credentials"
    profiles.write_text(
        f"[seaweed]\naws_access_key_id = {KEY[0]}\naws_secret_access_key = {KEY[1]}\n"
        f"[wrong]\naws_access_key_id = {KEY[0]}\naws_secret_access_key = not-the-secret\n"
    )
    return {"AWS_SHARED_CREDENTIALS_FILE": str(profiles), "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}


@pytest.fixture(scope="session")
def lens_server(tmp_path_factory: pytest.TempPathFactory, surroundings: dict[str, str]) -> Iterator[LiveServer]:
    """The server with the remote buckets."""
    live = start_server(tmp_path_factory.mktemp("remotes") / "data", env=surroundings)
    yield live
    assert stop_server(live) == 0


Command = Callable[..., Result]


@pytest.fixture
def command(surroundings: dict[str, str]) -> Command:
    """Return a function that runs `objectlens bucket`."""

    def run(data: Path, *arguments: str) -> Result:
        return CliRunner().invoke(main, ["bucket", *arguments, "--data", str(data)], env=surroundings)

    return run


@pytest.fixture
def attached(lens_server: LiveServer, seaweed: SeaweedFS, command: Command) -> tuple[str, str]:
    """Attach an empty bucket of SeaweedFS; return its name there and here."""
    there, here = seaweed.bucket(), f"r{uuid.uuid4().hex[:12]}"
    assert lens_server.data is not None
    done = command(lens_server.data, "add", here, "--store", f"s3://{there}?endpoint={seaweed.url}&profile=seaweed")
    assert done.exit_code == 0, done.output
    return there, here
