"""URLs of buckets elsewhere, such as `s3://bucket/prefix?endpoint=http://127.0.0.1:8333&profile=lab`.

A URL is kept in the catalog and shown by commands, so nothing secret may stand in it: it names where credentials come
from, never the credentials.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit


class UnknownStore(ValueError):
    """A store URL that we cannot open; the message says which there are."""


SERVICES: Final = {"s3": "Amazon S3 and what speaks like it", "gs": "Google Cloud Storage", "az": "Azure Blob Storage"}

_COMMON = frozenset({"endpoint", "anonymous"})
_OPTIONS: Final = {
    "s3": _COMMON | {"region", "profile", "addressing", "keys"},
    "gs": _COMMON,
    "az": _COMMON | {"account"},
}
_NAMES: Final = {
    "s3": re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}"),
    "gs": re.compile(r"[a-z0-9][a-z0-9._-]{1,221}"),
    "az": re.compile(r"\$root|\$web|[a-z0-9](?:-?[a-z0-9]){2,62}"),
}
_REGION = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_CHOICES: Final = {
    "anonymous": ("true", "false"),
    "addressing": ("path", "virtual"),
    "keys": ("exact", "encoded"),
}
# What names of parameters that hold credentials have in common.
_SECRET = re.compile(
    r"key.?id|secret|token|password|passwd|account.?key|access.?key|sas|sig\b|signature|credential", re.I
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where a bucket elsewhere is. `prefix` is empty or ends in a slash; `options` are as the URL had them."""

    service: str
    bucket: str
    prefix: str = ""
    options: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, url: str) -> Location:
        """Read a URL; raises `UnknownStore` with the remedy."""
        parts = urlsplit(url)
        _refuse_secrets(parts)
        service = parts.scheme
        name = unquote(parts.netloc)
        if not _NAMES[service].fullmatch(name):
            raise UnknownStore(f"{name!r} cannot be a bucket of {SERVICES[service]}; write {service}://BUCKET/PREFIX")
        prefix = _prefix(unquote(parts.path))
        options = _options(service, parts.query)
        if parts.fragment:
            raise UnknownStore(f"{url!r} has a part after #; write # in a prefix as %23")
        return cls(service=service, bucket=name, prefix=prefix, options=options)

    @property
    def endpoint(self) -> str | None:
        """Return the URL of the server, None for the service's own."""
        return self.options.get("endpoint")

    @property
    def anonymous(self) -> bool:
        """Tell whether requests go without credentials, as public buckets allow."""
        return self.options.get("anonymous") == "true"

    @property
    def shown(self) -> str:
        """Return what errors call the store: the URL without its options."""
        return f"{self.service}://{self.bucket}/{quote(self.prefix, safe='/-_.~')}".rstrip("/")

    @property
    def at(self) -> str:
        """Return how errors say which server was asked."""
        return self.endpoint or f"the service's own endpoint of {SERVICES[self.service]}"


def is_remote(url: str) -> bool:
    """Tell whether a store URL names a bucket elsewhere."""
    return urlsplit(url).scheme in SERVICES


def _refuse_secrets(parts: SplitResult) -> None:
    named = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True) if _SECRET.search(name)]
    if "@" in parts.netloc or named:
        where = "before the bucket's name" if "@" in parts.netloc else f"as {named[0]!r}"
        raise UnknownStore(
            f"the store's URL holds credentials ({where}), and a URL is kept and shown in clear. Leave them out: give "
            "s3:// the name of a profile in the server's AWS configuration files (?profile=NAME), or put the "
            "credentials into the server's environment, or use the machine's role"
        )


def _prefix(path: str) -> str:
    prefix = path.removeprefix("/")
    if not prefix:
        return ""
    prefix = prefix if prefix.endswith("/") else f"{prefix}/"
    if any(part in {"", ".", ".."} for part in prefix[:-1].split("/")):
        raise UnknownStore(f"{prefix!r} cannot be a bucket's prefix: its parts may not be empty, . or ..")
    return prefix


def _options(service: str, query: str) -> dict[str, str]:
    allowed = _OPTIONS[service]
    found: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in allowed or name in found:
            raise UnknownStore(
                f"{name!r} is not an option of {service}:// URLs, or stands there twice; there are: "
                f"{', '.join(sorted(allowed))}"
            )
        found[name] = _checked(service, name, value)
    return found


def _checked(service: str, name: str, value: str) -> str:
    if name in _CHOICES and value not in _CHOICES[name]:
        raise UnknownStore(f"{name}={value!r}: use {' or '.join(_CHOICES[name])}")
    if name == "region" and not _REGION.fullmatch(value):
        raise UnknownStore(f"region={value!r} is not the name of a region, such as eu-central-1")
    if name == "account" and not _ACCOUNT.fullmatch(value):
        raise UnknownStore(
            f"account={value!r} is not the name of a storage account: 3 to 24 lower-case letters and digits"
        )
    if name == "profile" and not value:
        raise UnknownStore("profile= is empty; name a profile of the server's AWS configuration files")
    if name == "endpoint":
        _check_endpoint(service, value)
    return value


def _check_endpoint(service: str, value: str) -> None:
    parts = urlsplit(value)
    try:
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if "@" in value:
        raise UnknownStore("the endpoint holds credentials, and a URL is kept and shown in clear; leave them out")
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment:
        raise UnknownStore(f"endpoint={value!r} is not the URL of a server, such as https://minio.example.org:9000")
    if parts.scheme == "http" and service != "s3" and not is_loopback(host):
        # Requests to S3 are signed; those to the others carry a token that whoever reads it can use.
        raise UnknownStore(f"endpoint={value!r} would carry credentials in clear over the network; use https")


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
