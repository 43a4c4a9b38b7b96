"""What a function may reach: `OBJECTLENS_NETWORK` in its configuration.

`open` is what the server reaches (so it is when nothing is said), `none` is the Runtime API and this service alone, and
anything else a list of what is allowed beside these: `HOST`, `HOST:PORT`, an address or a network in CIDR notation,
with commas between. A host that begins with a dot stands for all names below it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass

VARIABLE = "OBJECTLENS_NETWORK"
_HOST = re.compile(r"\.?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Addresses = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Allowed:
    """One entry of a list: a host, or addresses; `port` is None for all."""

    host: str | None
    addresses: Addresses | None
    port: int | None


@dataclass(frozen=True, slots=True)
class Network:
    """A function's policy. `captured` tells that AWS's host names are this service's, as they are unless refused."""

    open: bool
    allowed: tuple[Allowed, ...] = ()
    captured: bool = True

    @property
    def reaches_loopback(self) -> bool:
        """Whether the list has something on this machine's loopback."""
        return any(one.host == "localhost" or _overlaps_loopback(one.addresses) for one in self.allowed)

    def by_name(self, host: str, port: int) -> bool:
        """Whether a host may be reached, whatever its address."""
        name = host.lower().rstrip(".")
        return any(
            one.host is not None
            and (name.endswith(one.host) if one.host.startswith(".") else name == one.host)
            and one.port in {None, port}
            for one in self.allowed
        )

    def by_address(self, address: Address, port: int) -> bool:
        """Whether an address may be reached, whatever its name."""
        return any(
            one.addresses is not None and address in one.addresses and one.port in {None, port} for one in self.allowed
        )


OPEN = Network(open=True)
_IPV4_LOOPBACK = ipaddress.ip_network("127.0.0.0/8")
_IPV6_LOOPBACK = ipaddress.ip_network("::1/128")


def _overlaps_loopback(addresses: Addresses | None) -> bool:
    if addresses is None:
        return False
    return addresses.overlaps(_IPV4_LOOPBACK if addresses.version == 4 else _IPV6_LOOPBACK)


def network_of(environment: Mapping[str, str]) -> Network:
    """Return the policy that a function's variables ask for; raises `ValueError` when it cannot be read."""
    text = environment.get(VARIABLE, "").strip().lower()
    if text in {"", "open"}:
        return OPEN
    if text == "none":
        return Network(open=False)
    allowed = tuple(_read(word.strip()) for word in text.split(",") if word.strip())
    return Network(open=False, allowed=allowed, captured=environment.get("OBJECTLENS_CAPTURE") != "0")


def _read(word: str) -> Allowed:
    try:
        return Allowed(None, ipaddress.ip_network(word), None)
    except ValueError:
        pass  # then it is a name, or has a port
    host, _, tail = word.rpartition(":")
    if not host:
        host, tail = word, ""
    port = int(tail) if tail.isdecimal() and 0 < int(tail) < 65536 else None
    if tail and port is None:
        raise _unreadable(word)
    try:
        return Allowed(None, ipaddress.ip_network(host.strip("[]")), port)
    except ValueError:
        if _HOST.fullmatch(host):
            return Allowed(host, None, port)
    raise _unreadable(word)


def _unreadable(word: str) -> ValueError:
    return ValueError(
        f"{VARIABLE} has {word!r}: it may be open, none, or a list of HOST, HOST:PORT, addresses and networks (CIDR)"
    )
