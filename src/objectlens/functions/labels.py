"""Leads names below the service's own host to it, in a Python function's process, beside user code.

The SDK puts labels before the endpoint's host: an access point's name and account when a bucket is given by its ARN,
the account for S3 Control (reference sections 2.2 and 12.1). No resolver knows `my-ap-123456789012.127.0.0.1`, nor,
without wildcard records, such a name below any other host. Only where to connect changes: the Host header, and with it
the signature, stays. `OBJECTLENS_CAPTURE=0` in a function's environment leaves resolving as it is, as for Node.js.
"""

from __future__ import annotations

import os
import socket
from typing import Any
from urllib.parse import urlsplit


def install() -> None:
    """Have Python's own resolver answer for names below the service's host with that host's addresses."""
    host = urlsplit(os.environ.get("OBJECTLENS_ENDPOINT_URL", "")).hostname
    if not host or os.environ.get("OBJECTLENS_CAPTURE") == "0":
        return
    resolve, below = socket.getaddrinfo, f".{host}"

    def getaddrinfo(host_asked: Any, *arguments: Any, **options: Any) -> Any:
        name = host_asked.decode("latin-1") if isinstance(host_asked, bytes) else host_asked
        ours = isinstance(name, str) and name.lower().endswith(below)
        return resolve(host if ours else host_asked, *arguments, **options)

    getaddrinfo.__doc__ = resolve.__doc__
    socket.getaddrinfo = getaddrinfo  # type: ignore[assignment]
