"""AWS's own clients, led to one server: what the commands work with, as any other program would."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ConnectionError as Unconnected
from botocore.exceptions import HTTPClientError

from objectlens.cli.execute import reachable, root_of, running
from objectlens.cli.options import ENDPOINT_NAME, read_settings


@dataclass(frozen=True, slots=True)
class Clients:
    """The APIs of the server at `url`, and whose key they are used with."""

    url: str
    s3: Any
    s3control: Any
    functions: Any
    account: str
    region: str


def connect(data: Path, config: Path | None, endpoint: str | None) -> Clients:
    """Return clients of the server that runs on `data`, with the root's key, or of the one at `endpoint`.

    Ends the command when no server answers.
    """
    return clients_at(*reach(data, config, endpoint))


class Running:
    """Clients of the server that runs on `data`, also when it is started again and then listens elsewhere."""

    def __init__(self, data: Path, config: Path | None) -> None:
        self._data, self._config = data, config
        self._clients: Clients | None = None

    def __call__(self) -> Clients:
        """Return them; raises `click.ClickException` when no server answers."""
        url = reachable(running(self._data), str(self._data / ENDPOINT_NAME))
        if self._clients is None or self._clients.url != url:
            self._clients = connect(self._data, self._config, None)
        return self._clients


def refusal(error: Exception, url: str) -> str:
    """Return why a request to the server at `url` came to nothing; botocore would print the request's address."""
    if isinstance(error, (Unconnected, HTTPClientError)):
        return f"the server at {url} does not answer"
    return f"the server refused: {error}"


def clients_at(url: str, session: boto3.Session, region: str) -> Clients:
    """Return clients of the server at `url`."""
    # S3 Control's clients put the account before the host, a name that only the server itself knows. One GET is one
    # invocation of a function: a failure is shown, not tried again.
    options = Config(proxies={"http": url})
    once = options.merge(Config(retries={"total_max_attempts": 1}))
    s3, s3control, functions, tokens = (
        session.client(service, endpoint_url=url, region_name=region, config=once if service == "s3" else options)
        for service in ("s3", "s3control", "lambda", "sts")
    )
    return Clients(url, s3, s3control, functions, tokens.get_caller_identity()["Account"], region)


def reach(data: Path, config: Path | None, endpoint: str | None) -> tuple[str, boto3.Session, str]:
    """Return the URL of a server, a session with the key for it, and the region to sign for."""
    settings = read_settings(data, config)
    url = reachable(endpoint or running(data), "--endpoint" if endpoint else str(data / ENDPOINT_NAME))
    if endpoint:
        session = boto3.Session()
    else:
        root = root_of(settings)
        session = boto3.Session(root.access_key_id, root.secret_access_key)
    return url, session, session.region_name or settings.account.region
