"""Leads the host names of AWS's services, and names below the service's own host, to the service.

It runs in a Python function's process, beside user code; `node/capture.cjs` does the same for Node.js. The SDK puts
labels before the endpoint's host: an access point's name and account when a bucket is given by its ARN, the account for
S3 Control (reference sections 2.2 and 12.1). No resolver knows `my-ap-123456789012.127.0.0.1`, nor, without wildcard
records, such a name below any other host. And code that names AWS's endpoints itself finds this service there, over TLS
with a certificate that the environment trusts.

Only where to connect changes: the host that TLS verifies, the Host header, and with it the signature, stay. Resolving
tells the port as well as the address, so nothing else has to be changed. `OBJECTLENS_CAPTURE=0` in a function's
environment leaves resolving as it is.
"""

from __future__ import annotations

import os
import re
import socket
from typing import Any
from urllib.parse import urlsplit

# S3 with its access points and control plane, at which any label may stand before; Lambda, STS, IAM.
_SERVICE = re.compile(
    r"(?:"
    r"(?:[a-z0-9._-]+\.)?"
    r"(?:(?:s3|s3-accesspoint|s3-object-lambda|s3-control)(?:-fips)?(?:\.dualstack)?(?:\.[a-z0-9-]+)?"
    r"|s3-[a-z]{2}-[a-z-]+-[0-9])"
    r"|(?:lambda|sts|iam)(?:-fips)?(?:\.dualstack)?(?:\.[a-z0-9-]+)?"
    r")\.amazonaws\.com(?:\.cn)?"
)


def is_service(name: str) -> bool:
    """Tell whether a host name in lower case is one at which AWS has a service that this one takes the place of."""
    return name.endswith((".amazonaws.com", ".amazonaws.com.cn")) and _SERVICE.fullmatch(name) is not None


def install() -> None:
    """Have Python's own resolver answer for these names with where the service is."""
    endpoint, secure = _place("OBJECTLENS_ENDPOINT_URL"), _place("OBJECTLENS_TLS_URL")
    if endpoint is None or os.environ.get("OBJECTLENS_CAPTURE") == "0":
        return
    resolve, below = socket.getaddrinfo, f".{endpoint[0]}"
    ways = dict.fromkeys((80, "80", b"80", "http", b"http"), endpoint)
    if secure is not None:
        ways |= dict.fromkeys((443, "443", b"443", "https", b"https"), secure)

    def getaddrinfo(host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0) -> Any:  # noqa: A002, PLR0917  (as it is)
        name = host.decode("latin-1") if isinstance(host, bytes) else host
        if isinstance(name, str) and not flags & socket.AI_NUMERICHOST:
            name = name.lower().removesuffix(".")
            if name.endswith(below):
                host = endpoint[0]
            elif is_service(name):
                host, port = ways.get(port, (host, port))
        return resolve(host, port, family, type, proto, flags)

    getaddrinfo.__doc__ = resolve.__doc__
    socket.getaddrinfo = getaddrinfo


def _place(variable: str) -> tuple[str, int] | None:
    """Return the host and port of the URL in a variable."""
    url = urlsplit(os.environ.get(variable, ""))
    return (url.hostname, url.port or (443 if url.scheme == "https" else 80)) if url.hostname else None
