"""Leads the host names of AWS's services, and names below the service's own host, to the service.

It runs in a Python function's process, beside user code; `node/capture.cjs` does the same for Node.js. The SDK puts
labels before the endpoint's host: an access point's name and account when a bucket is given by its ARN, the account for
S3 Control (reference sections 2.2 and 12.1). No resolver knows `my-ap-123456789012.127.0.0.1`, nor, without wildcard
records, such a name below any other host. And code that names AWS's endpoints itself finds this service there, over TLS
with a certificate that the environment trusts.

Only where to connect changes: the host that TLS verifies, the Host header, and with it the signature, stay. AWS's
names resolve to an address that nobody has, and a connection to that goes to the service: to let resolving tell the
port would not do, because some libraries (anyio) take the addresses alone. `OBJECTLENS_CAPTURE=0` in a function's
environment leaves all of it as it is.
"""

from __future__ import annotations

import os
import re
import socket
from typing import Any
from urllib.parse import urlsplit

_Places = dict[int, tuple[str, int]]

HTTP = 80
HTTPS = 443
STAND_IN = "127.79.76.1"
"""What AWS's names resolve to."""

_PORTS = {HTTP: (80, "80", b"80", "http", b"http"), HTTPS: (443, "443", b"443", "https", b"https")}
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
    """Have Python's own resolver and sockets lead these names to where the service is."""
    endpoint, secure = _place("OBJECTLENS_ENDPOINT_URL"), _place("OBJECTLENS_TLS_URL")
    if endpoint is None or os.environ.get("OBJECTLENS_CAPTURE") == "0":
        return
    places = {} if ":" in endpoint[0] else {HTTP: endpoint}  # sockets for the stand-in are of IPv4
    if secure is not None:
        places[HTTPS] = secure
    _change_resolving(endpoint[0], places)
    for method in ("connect", "connect_ex"):
        _change_connecting(method, places)


def _change_resolving(endpoint: str, places: _Places) -> None:
    resolve, below = socket.getaddrinfo, f".{endpoint}"
    ports = {word for port in places for word in _PORTS[port]}

    def getaddrinfo(host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0) -> Any:  # noqa: A002, PLR0917  (as it is)
        name = host.decode("latin-1") if isinstance(host, bytes) else host
        if isinstance(name, str) and not flags & socket.AI_NUMERICHOST:
            name = name.lower().removesuffix(".")
            if name.endswith(below):
                host = endpoint
            elif port in ports and is_service(name):
                host = STAND_IN
        return resolve(host, port, family, type, proto, flags)

    getaddrinfo.__doc__ = resolve.__doc__
    socket.getaddrinfo = getaddrinfo


def _change_connecting(method: str, places: _Places) -> None:
    connect = getattr(socket.socket, method)

    def connect_to(self: socket.socket, address: Any) -> Any:
        if isinstance(address, tuple) and address[:1] == (STAND_IN,):
            address = places.get(address[1], address)
        return connect(self, address)

    connect_to.__doc__, connect_to.__name__ = connect.__doc__, method
    setattr(socket.socket, method, connect_to)


def _place(variable: str) -> tuple[str, int] | None:
    """Return the host and port of the URL in a variable."""
    url = urlsplit(os.environ.get(variable, ""))
    return (url.hostname, url.port or (443 if url.scheme == "https" else 80)) if url.hostname else None
