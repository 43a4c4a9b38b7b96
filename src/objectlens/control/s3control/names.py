"""Which names access points may have (reference section 1.1)."""

from __future__ import annotations

import re

from objectlens.errors import InvalidAccessPoint

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_SHORTEST = 3
# The first label of the host is NAME-ACCOUNT and may have 63 characters.
_LONGEST = 50
_LONGEST_OBJECT_LAMBDA = 45
_RESERVED_ENDINGS = ("-s3alias", "--ol-s3", "--x-s3", "--xa-s3", "--op-s3", "--table-s3")


def check_access_point_name(name: str) -> None:
    """Raise `InvalidAccessPoint` for what no access point may be called."""
    _check(name, _LONGEST)


def check_object_lambda_name(name: str) -> None:
    """Raise `InvalidAccessPoint` for what no Object Lambda access point may be called."""
    _check(name, _LONGEST_OBJECT_LAMBDA)


def _check(name: str, longest: int) -> None:
    if not _SHORTEST <= len(name) <= longest:
        raise InvalidAccessPoint(
            f"The name {name!r} has {len(name)} characters; from {_SHORTEST} to {longest} are allowed."
        )
    if _NAME.fullmatch(name) is None:
        raise InvalidAccessPoint(
            f"The name {name!r} is not allowed: use lower-case letters, digits and hyphens, and begin and end with a "
            "letter or a digit."
        )
    for ending in _RESERVED_ENDINGS:
        if name.endswith(ending):
            raise InvalidAccessPoint(f"The name {name!r} is not allowed: the ending {ending} is reserved.")
