"""The `/etc/hosts` of a sandbox: names of this service for programs that are neither Python nor Node.js.

Such a file has no wildcards. It names what is known when a sandbox is made: services and routes, not every bucket.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from objectlens.catalog.entities import Function
from objectlens.functions.configuration import Surroundings

_MACHINE = Path("/etc/hosts")
_LOOPBACK = "127.0.0.1"


def hosts_file(function: Function, surroundings: Surroundings) -> str:
    """Return the machine's file, and our names after it."""
    machine = _MACHINE.read_text(errors="replace") if _MACHINE.exists() else ""
    if surroundings.capture is None or function.environment.get("OBJECTLENS_CAPTURE") == "0":
        return machine
    ours = [f"{address} {name}" for address, name in _names(function.region, surroundings)]
    return "\n".join([*machine.splitlines(), *ours, ""])


def _names(region: str, surroundings: Surroundings) -> Iterator[tuple[str, str]]:
    capture = surroundings.capture
    assert capture is not None
    for address, host in _hosts(urlsplit(surroundings.endpoint_url).hostname or ""):
        for label in (capture.route, capture.account):
            yield address, f"{label}.{host}"
    if capture.address is not None:
        for name in aws_names(region, route=capture.route, account=capture.account):
            yield capture.address, name


def aws_names(region: str, *, route: str, account: str) -> Iterator[str]:
    """Yield the names of AWS's services in a region, and those of its global endpoints."""
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    for service in ("s3", "s3-object-lambda", "s3-control", "lambda", "sts", "iam"):
        yield f"{service}.{region}.{domain}"
    for service in ("s3", "sts", "iam"):
        yield f"{service}.{domain}"
    yield f"s3-{region}.{domain}"
    yield f"s3.dualstack.{region}.{domain}"
    yield f"{route}.s3-object-lambda.{region}.{domain}"
    yield f"{account}.s3-control.{region}.{domain}"


def _hosts(host: str) -> Iterator[tuple[str, str]]:
    """Yield addresses, and the hosts there before which a label can stand: not before an address of IPv6.

    A name before an address in numbers is no host for everybody (Java's URI, WHATWG URL), but before `localhost` it is.
    """
    try:
        address = ip_address(_LOOPBACK if host == "localhost" else host)
    except ValueError:
        return
    if address.version == 4:
        yield str(address), host
        if address.is_loopback and host != "localhost":
            yield str(address), "localhost"
