"""Kinds of values: what is allowed, in words and in code.

A kind's `parse` takes what TOML gives (numbers, text, lists) or what the environment and the command line give (text
only), and raises `ValueError` when it is not allowed; the words come from `allowed`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_URL = re.compile(rf"https?://({_DOMAIN.pattern}|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{{1,5}}))?/?")
_FUNCTION_ARN = re.compile(
    r"arn:aws[a-z-]*:lambda:[a-z0-9*?-]+:[0-9*?]{1,12}:function:[a-zA-Z0-9_*?-]+(:[a-zA-Z0-9_*?$-]+)?"
)
_TYPE = re.compile(r"[A-Za-z_][\w.]*")
_LISTEN = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[^\s:\[\]]+):(?P<port>[0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Kind:
    """What values a setting takes: `allowed` says it to people, `parse` checks and converts."""

    allowed: str
    parse: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen. Port 0 takes any free port; the file `endpoint` in the data directory tells which."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def count(least: int, most: int) -> Kind:
    """Whole numbers from `least` to `most`."""

    def parse(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | str) or not least <= int(value) <= most:
            raise ValueError
        return int(value)

    return Kind(f"a whole number from {least} to {most}", parse)


def seconds(least: float, most: float) -> Kind:
    """Numbers of seconds from `least` to `most`."""

    def parse(value: Any) -> float:
        # A comparison with NaN is false, so NaN is refused here too.
        if isinstance(value, bool) or not isinstance(value, int | float | str) or not least <= float(value) <= most:
            raise ValueError
        return float(value)

    return Kind(f"seconds, from {least:g} to {most:g}", parse)


def text(pattern: str, allowed: str) -> Kind:
    """Text that matches a regular expression as a whole."""
    compiled = re.compile(pattern)

    def parse(value: Any) -> str:
        if not isinstance(value, str) or compiled.fullmatch(value) is None:
            raise ValueError
        return value

    return Kind(allowed, parse)


def _switch(value: Any) -> bool:
    known = {True: True, False: False, "true": True, "false": False}
    if not isinstance(value, bool | str) or value not in known:
        raise ValueError
    return known[value]


def _url(value: Any) -> str:
    match = _URL.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match["port"] or 0) > 65535:
        raise ValueError
    return match[0].removesuffix("/")


def _function_arns(value: Any) -> tuple[str, ...]:
    patterns = _listed(value)
    if not all(isinstance(one, str) and _FUNCTION_ARN.fullmatch(one) for one in patterns):
        raise ValueError
    return tuple(patterns)


def _listed(value: Any) -> list[Any]:
    names = value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(names, list):
        raise ValueError  # noqa: TRY004  (what a kind raises)
    return names


def _types(value: Any) -> tuple[str, ...]:
    names = _listed(value)
    if not all(isinstance(one, str) and _TYPE.fullmatch(one) for one in names):
        raise ValueError
    return tuple(names)


def _listen(value: Any) -> Listen:
    match = _LISTEN.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match["port"]) > 65535:
        raise ValueError
    return Listen(match["host"].strip("[]"), int(match["port"]))


def _domains(value: Any) -> tuple[str, ...]:
    names = _listed(value)
    if not all(isinstance(one, str) and _DOMAIN.fullmatch(one) for one in names):
        raise ValueError
    return tuple(names)


def _pythons(value: Any) -> tuple[str, ...]:
    paths = value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(paths, list) or not all(isinstance(one, str) for one in paths):
        raise ValueError
    if paths != ["none"] and not all(one.startswith("/") for one in paths):
        raise ValueError
    return tuple(paths)


LISTEN = Kind("HOST:PORT, such as 127.0.0.1:9000, [::1]:9000 or 0.0.0.0:80", _listen)
DOMAINS = Kind("host names in lower case: a list in TOML, separated by commas elsewhere", _domains)
SWITCH = Kind("true or false", _switch)
URL = Kind("http://HOST:PORT or https://HOST, in lower case and without a path", _url)
FUNCTION_ARNS = Kind(
    "ARNs of functions such as `arn:aws:lambda:eu-west-1:210987654321:function:*`, in which `*` and `?` stand for "
    "other text: a list in TOML, separated by commas elsewhere",
    _function_arns,
)
TYPES = Kind(
    "names of Python types such as `package.module.Class`: a list in TOML, separated by commas elsewhere", _types
)
PROFILE = text(r"[^\s\[\]]{1,128}", "the name of a profile in the AWS configuration files")
LOOPBACK = text(r"127(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}", "an IPv4 address of this machine alone, such as 127.9.0.1")
ACCOUNT = text(r"[0-9]{12}", "an account number of 12 digits")
REGION = text(r"[a-z0-9-]{1,63}", "a region such as us-east-1: lower-case letters, digits and hyphens")
ACCESS_KEY_ID = text(r"[A-Za-z0-9_]{3,128}", "3 to 128 letters, digits and underscores")
SECRET = text(r"[!-~]{8,128}", "8 to 128 printable ASCII characters without spaces")
NODE_MODULES = text(r"install|none|/\S.*", "install, none, or the absolute path of a node_modules folder")
METRICS = text(r"signed|loopback", "signed or loopback")
PYTHONS = Kind("none, or absolute paths: a list in TOML, separated by commas elsewhere", _pythons)
ISOLATION = text(r"auto|off|strict", "auto, off or strict")
PROCESSORS = text(r"share|limit", "share or limit")
DATABASE_URL = text(
    r"sqlite:///\S+|postgresql(\+psycopg)?://\S+",
    "sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE",
)
FOLDER = text(r"/\S.*", "the absolute path of a folder")
STORE_URL = text(r"[a-z0-9+]+:\S+", "the URL of a store")
