"""A client of S3 for one bucket: AWS's own, so that credentials, regions and retries are what users know.

It blocks, and is made when it is first needed: its credentials may take a request to find.
"""

from __future__ import annotations

import threading
from typing import Any, Final

import botocore.session
from botocore import UNSIGNED
from botocore.config import Config

from objectlens.stores.remote.faults import told
from objectlens.stores.remote.location import Location

CONNECT_SECONDS: Final = 5.0
# Without a byte in either direction.
READ_SECONDS: Final = 20.0
# Of one request. `standard` also has a budget for all of a client's: where most fail, they are not tried again.
ATTEMPTS: Final = 4


class S3Client:
    """Makes the client once, for all threads."""

    def __init__(self, location: Location, connections: int) -> None:
        self._location = location
        self._connections = connections
        self._lock = threading.Lock()
        self._client: Any = None

    def get(self) -> Any:
        """Return the client; raises `StoreDenied` for a profile that is not there."""
        with self._lock:
            if self._client is None:
                with told("find credentials", self._location.shown):
                    self._client = self._made()
            return self._client

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            if self._client is not None:
                self._client.close()
            self._client = None

    def _made(self) -> Any:
        location = self._location
        options = location.options
        session = botocore.session.Session(profile=options.get("profile"))
        style = options.get("addressing", "path" if location.endpoint else "auto")
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            max_pool_connections=self._connections,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            s3={"addressing_style": style},
            tcp_keepalive=True,
            # The store's URL says where; the variables are meant for the AWS tools of whoever started the server, and
            # within `objectlens exec` they lead to this very server.
            ignore_configured_endpoint_urls=True,
            # Not every store knows checksums that nobody asked for.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            user_agent_extra="objectlens",
            **({"signature_version": UNSIGNED} if location.anonymous else {}),
        )
        region = options.get("region") or session.get_config_variable("region") or "us-east-1"
        return session.create_client("s3", region_name=region, endpoint_url=location.endpoint, config=config)


def source_of_credentials(location: Location) -> str:
    """Return where the credentials for a bucket of S3 come from, for messages."""
    if location.anonymous:
        return "no credentials (anonymous=true)"
    profile = location.options.get("profile")
    if profile:
        return f"the profile {profile!r}"
    return "the credentials of the environment or of the machine's role"
