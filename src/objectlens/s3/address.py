"""Host and path → what is addressed.

A host label cannot tell everything: under a custom endpoint an access point and an Object Lambda access point have the
same form, `NAME-ACCOUNT.HOST`, and that is a legal bucket name too (reference section 2.3). So an `Address` says what
is written, and the catalog says what it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote_to_bytes

from objectlens.errors import InvalidURI, KeyTooLongError

Level = Literal["service", "bucket", "object"]
Service = Literal["s3", "s3-accesspoint", "s3-object-lambda"]

MAX_KEY_BYTES = 1024

# The last `-` parts the name from the account, for names may hold `-` and digits themselves (section 2.3).
_ACCESS_POINT_LABEL = re.compile(r"([a-z0-9][a-z0-9-]*)-([0-9]{12})", re.IGNORECASE)
# AWS's own hosts, in the forms of section 2.2 and the older ones that clients still build.
_AWS_HOST = re.compile(
    r"(?:(?P<label>.+)\.)?"
    r"(?:(?P<service>s3-object-lambda|s3-accesspoint|s3)(?:-fips)?(?:\.dualstack)?(?:\.[a-z0-9-]+)?|s3-[a-z]{2}-[a-z-]+-[0-9])"
    r"\.amazonaws\.com(?:\.cn)?"
)
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_BUCKET_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]|\.(?!\.)){1,61}[a-z0-9]")
_IPV4 = re.compile(r"[0-9]+(?:\.[0-9]+){3}")
_RESERVED_PREFIXES = ("xn--", "sthree-")
_RESERVED_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3", "--op-s3", "--xa-s3")


@dataclass(frozen=True, slots=True)
class Address:
    """What a request's host and path name.

    `name` is a bucket name or an alias, or, when `account` is set, an access point's name; None at service level.
    `key` is the decoded object key, None above object level. `service` is `s3-object-lambda` or `s3-accesspoint` when
    the host says so in full, else `s3`. `bucket_label` is set beside `account` when the whole label may be a bucket's
    name as well.
    """

    level: Level
    name: str | None = None
    key: str | None = None
    account: str | None = None
    service: Service = "s3"
    bucket_label: str | None = None


def parse_address(host: str, path: str, domains: Sequence[str]) -> Address:
    """Tell what `host` (an authority, port allowed) and the raw, percent-encoded `path` name.

    `domains` are the host names that this server answers as; IPv6 addresses stand in brackets. Raises `InvalidURI` for
    a path that does not decode as UTF-8 and `KeyTooLongError` for a key of more than 1,024 bytes.
    """
    name = host_name(host)
    label = _label_under(name, domains)
    if label is not None:
        return _virtual_host(label, path) if label else _path_style(path)
    aws = _AWS_HOST.fullmatch(name)
    if aws is not None:
        return _aws_host(aws["label"], aws["service"] or "s3", path)
    first = name.partition(".")[0]
    return _virtual_host(first, path) if _ACCESS_POINT_LABEL.fullmatch(first) else _path_style(path)


def names_bucket(host: str, domains: Sequence[str]) -> bool:
    """Tell whether the host itself names a bucket or access point, so that the whole path is a key."""
    return parse_address(host, "/", domains).level == "bucket"


def is_under(host: str, domains: Sequence[str]) -> bool:
    """Tell whether a host is one of the domains, or a name below one."""
    return _label_under(host_name(host), domains) is not None


def host_name(authority: str) -> str:
    """Return the host of an authority, without its port, in lower case; the brackets of IPv6 stay."""
    end = authority.find("]")
    host = authority[: end + 1] if end >= 0 else authority.partition(":")[0]
    return host.lower().rstrip(".")


def decode_key(raw: str) -> str:
    """Percent-decode an object key to the letter: `//`, `..` and `+` stay; raises `InvalidURI`, `KeyTooLongError`."""
    return checked_length(decode_path(raw))


def checked_length(key: str) -> str:
    """Return the key; raises `KeyTooLongError` for one of more than 1,024 bytes."""
    size = len(key.encode())
    if size > MAX_KEY_BYTES:
        raise KeyTooLongError(Size=str(size), MaxSizeAllowed=str(MAX_KEY_BYTES))
    return key


def decode_path(raw: str) -> str:
    """Percent-decode a path of whatever length to the letter; raises `InvalidURI`."""
    if _BROKEN_ESCAPE.search(raw):
        raise InvalidURI("The path holds a % that no two hexadecimal digits follow; percent-encode it as %25.")
    try:
        # A server hands raw bytes above 127 over as latin-1 text.
        data = unquote_to_bytes(raw.encode("latin-1"))
    except UnicodeEncodeError:
        data = unquote_to_bytes(raw.encode("utf-8", "surrogateescape"))
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise InvalidURI("The path is not UTF-8; encode object keys as UTF-8 and then percent-encode them.") from None


def valid_bucket_name(name: str) -> bool:
    """Tell whether a new general purpose bucket may have this name (S3 user guide, "Bucket naming rules")."""
    return (
        _BUCKET_NAME.fullmatch(name) is not None
        and ".-" not in name
        and "-." not in name
        and not _IPV4.fullmatch(name)
        and not name.startswith(_RESERVED_PREFIXES)
        and not name.endswith(_RESERVED_SUFFIXES)
    )


def _label_under(host: str, domains: Sequence[str]) -> str | None:
    """Return what stands before the longest domain that `host` ends with: "" for the domain itself, None for none."""
    best: str | None = None
    for one in domains:
        domain = host_name(one)
        if host == domain:
            return ""
        if host.endswith("." + domain):
            label = host[: -len(domain) - 1]
            best = label if best is None or len(label) < len(best) else best
    return best


def _path_style(path: str) -> Address:
    name, _, key = path.removeprefix("/").partition("/")
    if not name:
        if key:
            raise InvalidURI("The path begins with two slashes, so no bucket stands first; send one slash.")
        return Address("service")
    return _at(decode_key(name), key)


def _virtual_host(label: str, path: str) -> Address:
    match = _ACCESS_POINT_LABEL.fullmatch(label)
    key = path.removeprefix("/")
    if match is None:
        return _at(label, key)
    return _at(match[1], key, account=match[2], bucket_label=label)


def _aws_host(label: str | None, service: str, path: str) -> Address:
    if label is None:
        return _path_style(path)
    key = path.removeprefix("/")
    match = _ACCESS_POINT_LABEL.fullmatch(label)
    if service == "s3-object-lambda":
        # A reply route (`io-use1-001.s3-object-lambda…`) has no account; its operation is told by the path.
        return _at(match[1] if match else label, key, match[2] if match else None, "s3-object-lambda")
    if service == "s3-accesspoint":
        return _at(match[1] if match else label, key, match[2] if match else None, "s3-accesspoint")
    return _at(label, key)


def _at(
    name: str, raw_key: str, account: str | None = None, service: Service = "s3", bucket_label: str | None = None
) -> Address:
    if not raw_key:
        return Address("bucket", name, None, account, service, bucket_label)
    return Address("object", name, decode_key(raw_key), account, service, bucket_label)
