"""JSON arrays as the JSON lines that Arrow reads: one element is parsed at a time, and its text kept as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from objectlens.transforms.errors import BadInput

# Of objects, or empty: what else begins with a bracket may as well be CSV, unless a value follows and it ends with one.
_OPENING = re.compile(rb"\s*\[\s*(?=[{\]])")
_OTHER = re.compile(
    rb"""\s*\[\s*(?:\[|(?:"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)\s*[,\]])"""
)
_SPACE = re.compile(r"\s*")


def is_array(data: bytes) -> bool:
    """Tell whether JSON is an array of objects."""
    return _OPENING.match(data) is not None


def is_of_others(data: bytes) -> bool:
    """Tell whether JSON is an array that begins with something else than an object."""
    return _OTHER.match(data) is not None and data.rstrip().endswith(b"]")


def lines(data: bytes) -> bytes:
    """Return the elements of an array, one a line; raises ValueError or RecursionError for what is no JSON."""
    # No text in JSON has the end of a line in it.
    text = data.translate(bytes.maketrans(b"\r\n", b"  ")).decode()
    return b"".join(element.encode() + b"\n" for element in _elements(text))


def _elements(text: str) -> Iterator[str]:
    decoder = json.JSONDecoder()
    place = _past_space(text, text.index("[") + 1)
    while text[place : place + 1] != "]":
        _, end = decoder.raw_decode(text, place)
        yield text[place:end]
        place = _past_space(text, end)
        if text[place : place + 1] == ",":
            place = _past_space(text, place + 1)
            if text[place : place + 1] != "]":
                continue
        elif text[place : place + 1] == "]":
            break
        raise BadInput("the JSON array is cut short, or has something else than single commas between its elements")
    if _past_space(text, place + 1) < len(text):
        raise BadInput("the JSON array is followed by something else")


def _past_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place
