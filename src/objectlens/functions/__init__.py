"""Running user code.

What flows through: an `Invocation` comes in, an `Outcome` goes out. In between are packages made ready, environments
that each handle one invocation at a time, and the Lambda Runtime API that they speak. This room knows nothing of S3
or of Object Lambda: it runs a function on a payload.

It is two programs. The *gateway's* side queues, speaks the Runtime API and keeps the logs: `Pool` and what it uses. The
*function host* (`host`) owns all processes; `FunctionHost` speaks to it.

What it is not: it does not decide who may invoke (the `access` room) nor what the answer means (the `objectlambda`
room).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from objectlens.functions.capacity import suitable_environments
    from objectlens.functions.configuration import Credentials, CredentialSource, Limits, Surroundings
    from objectlens.functions.dispatch import Dispatch
    from objectlens.functions.packages import Package, PackageStore, merged_name
    from objectlens.functions.pool import Pool
    from objectlens.functions.reception import Entrances
    from objectlens.functions.remote import RemoteExecutor
    from objectlens.functions.remotes import Remote, Remotes
    from objectlens.functions.unzip import MAX_UNZIPPED
    from objectlens.functions.values import Arrangement, Door, Executor, Failure, Invocation, Outcome, Provision
    from objectlens.functions.zips import ZipStore

__all__ = [
    "MAX_UNZIPPED",
    "Arrangement",
    "CredentialSource",
    "Credentials",
    "Dispatch",
    "Door",
    "Entrances",
    "Executor",
    "Failure",
    "Invocation",
    "Limits",
    "Outcome",
    "Package",
    "PackageStore",
    "Pool",
    "Provision",
    "Remote",
    "RemoteExecutor",
    "Remotes",
    "Surroundings",
    "ZipStore",
    "merged_name",
    "suitable_environments",
]

# Looked up when they are asked for: the function host, which needs none of them, would else load the catalog and its
# SQL, at five times its own memory and time.
_HOMES = {
    "MAX_UNZIPPED": "unzip",
    "Dispatch": "dispatch",
    "Entrances": "reception",
    "Pool": "pool",
    "RemoteExecutor": "remote",
    "ZipStore": "zips",
    "suitable_environments": "capacity",
    **dict.fromkeys(("CredentialSource", "Credentials", "Limits", "Surroundings"), "configuration"),
    **dict.fromkeys(("Package", "PackageStore", "merged_name"), "packages"),
    **dict.fromkeys(("Remote", "Remotes"), "remotes"),
    **dict.fromkeys(("Arrangement", "Door", "Executor", "Failure", "Invocation", "Outcome", "Provision"), "values"),
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
