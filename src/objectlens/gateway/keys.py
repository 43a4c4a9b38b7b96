"""Lists of keys, as a prefetch is given them."""

from __future__ import annotations

from objectlens.errors import InvalidArgument, InvalidRequest
from objectlens.gateway.errands import Place, Target

MAX_KEYS = 100_000


def split(text: bytes) -> list[str]:
    """Return the keys of a text that has one a line; empty lines count for nothing. Raises `InvalidRequest`."""
    try:
        lines = text.decode().split("\n")
    except UnicodeDecodeError:
        raise InvalidRequest("The list of keys is not UTF-8.") from None
    return [key for line in lines if (key := line.removesuffix("\r"))]


def manifest_of(url: str) -> Target:
    """Return the object that `s3://BUCKET/KEY` names; a bucket, an alias or an access point's ARN stands first."""
    scheme, found, rest = url.partition("s3://")
    # An ARN of an access point has a slash of its own before the name.
    kind, accesspoint, after = rest.partition(":accesspoint/") if rest.startswith("arn:") else ("", "", rest)
    bucket, slash, key = after.partition("/")
    if scheme or not found or not slash or not key:
        raise InvalidArgument(f"{url!r} is not s3://BUCKET/KEY.", ArgumentName="manifest")
    place = Place.parse(kind + accesspoint + bucket)
    place.address(key)
    return Target(place=place, key=key)
