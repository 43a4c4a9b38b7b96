"""A session of boto3, with a client of S3, that a template makes for its forks.

To make one, and to write the first answer with it, takes 20 ms, nearly half of what a cold start does. So the first
session that a fork makes without arguments, as `boto3.client` does, takes over what the template's consists of, with
the fork's own credentials. That holds where the fork would come to the very same: in the same surroundings, with
nothing changed in the SDK. It runs inside the function's process, beside user code (see `accelerate`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

# What an environment has for itself; clients look there for credentials, and for files in its home directory.
_OWN = frozenset(
    {
        *(b"AWS_ACCESS_KEY_ID", b"AWS_ACCESS_KEY", b"AWS_SECRET_ACCESS_KEY", b"AWS_SECRET_KEY"),
        *(b"AWS_SESSION_TOKEN", b"AWS_SECURITY_TOKEN"),
        b"HOME",
        *(b"AWS_LAMBDA_LOG_STREAM_NAME", b"AWS_LAMBDA_RUNTIME_API", b"AWS_LAMBDA_INITIALIZATION_TYPE"),
    }
)
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
# Of modules and classes: what tools change in order to see sessions and clients being made.
_WATCHED = {
    ("boto3.session", "Session"): ("__init__", "client", "get_credentials"),
    ("botocore.session", "Session"): ("__init__", "create_client", "get_credentials"),
    ("botocore.client", "ClientCreator"): ("__init__", "create_client"),
    ("botocore.client", "BaseClient"): ("_make_api_call",),
    ("botocore.credentials", "Credentials"): ("__init__", "get_frozen_credentials"),
}


class Spare:
    """The session; `surroundings` returns what a client may take from the environment, `clients` names those it keeps.

    Raises `LookupError` where somebody would see it being made, and where the environment has no credentials: the SDK
    would look for some elsewhere.
    """

    def __init__(self, surroundings: Callable[[], Any], clients: str) -> None:
        self._surroundings, self._clients = surroundings, clients
        self._there, self._sdk = self._shared(), _sdk()
        made_in = [getattr(one, "__globals__", {}).get("__name__", "") for one in self._sdk]
        own = {"boto3", "botocore", surroundings.__module__}
        if not own.issuperset(name.partition(".")[0] for name in made_in) or not all(_keys()) or _has_files():
            raise LookupError
        self._session = sys.modules["boto3.session"].Session()
        self._credentials = self._session.get_credentials()
        if getattr(self._credentials, "method", None) != "env":
            raise LookupError
        self._session.client("s3").write_get_object_response.rehearse()

    def give(self, session: Any) -> bool:
        """Make a new session of the same class what the spare one is; returns whether it would have become that."""
        try:
            usual = type(session) is type(self._session) and self._there == self._shared() and self._same_sdk()
        except (AttributeError, KeyError, ValueError):  # something else was put in a place
            return False
        keys = _keys()
        if not usual or not all(keys) or _has_files():
            return False
        session.__dict__ |= self._session.__dict__
        self._credentials.access_key, self._credentials.secret_key, self._credentials.token = keys
        kept = session.__dict__[self._clients]
        session.__dict__[self._clients] = {(*key[:-1], self._surroundings()): one for key, one in kept.items()}
        return True

    def _same_sdk(self) -> bool:
        return all(one is other for one, other in zip(self._sdk, _sdk(), strict=True))

    def _shared(self) -> list[tuple[bytes, bytes]]:
        return [one for one in self._surroundings() if one[0] not in _OWN]


def _keys() -> list[str | None]:
    return [os.environ.get(name) for name in _KEYS]


def _has_files() -> bool:
    return os.path.exists(os.path.expanduser("~/.aws"))  # noqa: PTH110, PTH111  (pathlib costs its import)


def _sdk() -> list[Any]:
    """Return those methods as they are now."""
    kinds = {place: getattr(sys.modules[place[0]], place[1]) for place in _WATCHED}
    return [getattr(kinds[place], name) for place, names in _WATCHED.items() for name in names]
