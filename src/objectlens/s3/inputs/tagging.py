"""Tags, in a header or in a body (S3 user guide, "Categorizing your storage using tags")."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl

from objectlens.errors import InvalidArgument, InvalidTag, MalformedXML
from objectlens.http import Headers
from objectlens.s3.xml import parse, required_text

OBJECT_TAGS = 10
BUCKET_TAGS = 50
_MAX_KEY = 128
_MAX_VALUE = 256
# AWS's rule for both: letters, digits and spaces of any script, and + - = . _ : / @
_LEGAL = re.compile(r"[\w\s+\-=.:/@]*")


def parse_tagging_header(headers: Headers) -> dict[str, str]:
    """Read `x-amz-tagging: a=1&b=2`; raises `InvalidArgument` or `InvalidTag`."""
    text = headers.get("x-amz-tagging")
    if not text:
        return {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=False, errors="strict", max_num_fields=100)
    except ValueError:
        raise InvalidArgument(
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag "
            "name duplicates.",
            ArgumentName="x-amz-tagging",
            ArgumentValue=text,
        ) from None
    return checked_tags(pairs, OBJECT_TAGS)


def parse_tagging(body: bytes, limit: int = OBJECT_TAGS) -> dict[str, str]:
    """Read a `Tagging` body with at most `limit` tags; raises `MalformedXML` or `InvalidTag`."""
    tag_set = parse(body, "Tagging").find("TagSet")
    if tag_set is None:
        raise MalformedXML
    return checked_tags(
        ((required_text(one, "Key"), required_text(one, "Value")) for one in tag_set.iter("Tag")), limit
    )


def checked_tags(pairs: Iterable[tuple[str, str]], limit: int) -> dict[str, str]:
    """Return the tags by key; raises `InvalidTag` for an illegal or repeated one, or too many."""
    tags: dict[str, str] = {}
    for key, value in pairs:
        if not 1 <= len(key) <= _MAX_KEY or not _LEGAL.fullmatch(key) or key.startswith("aws:"):
            raise InvalidTag("The TagKey you have provided is invalid", TagKey=key)
        if len(value) > _MAX_VALUE or not _LEGAL.fullmatch(value):
            raise InvalidTag("The TagValue you have provided is invalid", TagKey=key, TagValue=value)
        if key in tags:
            raise InvalidTag("Cannot provide multiple Tags with the same key", TagKey=key)
        tags[key] = value
    if len(tags) > limit:
        raise InvalidTag(f"There cannot be more than {limit} tags")
    return tags
