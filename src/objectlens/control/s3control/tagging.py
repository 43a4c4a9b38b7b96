"""Tags as the API writes them, and their rules ("Tagging" in the S3 User Guide)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from objectlens.errors import ServiceError

MOST = 50
_RESERVED = "aws:"


class InvalidTag(ServiceError):
    """A tag that is against the rules."""

    status = 400
    text = "The tag provided was not a valid tag."


class TooManyTags(ServiceError):
    """More tags than a resource may have."""

    status = 400
    text = f"The number of tags exceeds the limit of {MOST} tags."


def read(given: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return tags by key; raises `InvalidTag`."""
    tags: dict[str, str] = {}
    for one in given:
        key = one["Key"]
        if key in tags:
            raise InvalidTag(f"The tag key {key!r} is there more than once.")
        if key.lower().startswith(_RESERVED):
            raise InvalidTag(f"The tag key {key!r} is not allowed: keys that begin with {_RESERVED} are reserved.")
        tags[key] = one["Value"]
    return tags


def write(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return the list of tags, in order of their keys."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def merged(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """Return the old tags with the new ones over them; raises `TooManyTags`."""
    tags = {**old, **new}
    if len(tags) > MOST:
        raise TooManyTags
    return tags
