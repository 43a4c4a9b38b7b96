"""obstore's clients for one bucket."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from obstore.store import AzureStore, GCSStore

from objectlens.stores.remote.location import Location

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

Client = AzureStore | GCSStore

_RETRY: Final[RetryConfig] = {
    "max_retries": 3,
    "retry_timeout": timedelta(seconds=60),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=5), "base": 2},
}


def made(location: Location) -> Client:
    """Return the client of a bucket; it finds credentials in the environment or asks the machine's metadata service."""
    endpoint = location.endpoint
    client: ClientConfig = {
        "connect_timeout": timedelta(seconds=5),
        "read_timeout": timedelta(seconds=20),
        # Of a whole request with its body, which may be as slow as who reads it.
        "timeout": timedelta(days=1),
        "allow_http": bool(endpoint and endpoint.startswith("http://")),
        "user_agent": "objectlens",
    }
    shared: dict[str, Any] = {"client_options": client, "retry_config": _RETRY}
    if location.anonymous:
        shared["skip_signature"] = True
    if location.service == "gs":
        if endpoint:
            shared["base_url"] = endpoint
        return GCSStore(location.bucket, **shared)
    if endpoint:
        shared["endpoint"] = endpoint
    if "account" in location.options:
        shared["account_name"] = location.options["account"]
    return AzureStore(location.bucket, **shared)


def source_of_credentials(location: Location) -> str:
    """Return where the credentials come from, for messages."""
    if location.anonymous:
        return "no credentials (anonymous=true)"
    names = "GOOGLE_APPLICATION_CREDENTIALS" if location.service == "gs" else "AZURE_STORAGE_ACCOUNT_KEY and its like"
    return f"the credentials of the environment ({names}) or of the machine's role"
