"""Where the statements stand in the text of a policy, for answers that point at them."""

from __future__ import annotations

import json
from dataclasses import dataclass

_SPACE = " \t\r\n"
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Span:
    """A run of the text, by offsets in characters; `end` is the first after it."""

    start: int
    end: int

    def lines(self, text: str) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return start and end as (line, column), lines counted from 1, columns as AWS's simulator counts them."""
        return _place(text, self.start), _place(text, self.end)


def _place(text: str, offset: int) -> tuple[int, int]:
    return text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1


def statement_spans(text: str) -> list[Span]:
    """Return the place of each statement of a document that is known to be a JSON object with a Statement."""
    position = _skip(text, _skip(text, 0) + 1)
    while True:
        name, position = _DECODER.raw_decode(text, position)
        position = _skip(text, _skip(text, position) + 1)
        if name == "Statement":
            return _items(text, position)
        _, position = _DECODER.raw_decode(text, position)
        position = _skip(text, _skip(text, position) + 1)


def _items(text: str, position: int) -> list[Span]:
    if text[position] != "[":
        return [Span(position, _DECODER.raw_decode(text, position)[1])]
    spans: list[Span] = []
    position = _skip(text, position + 1)
    while text[position] != "]":
        end = _DECODER.raw_decode(text, position)[1]
        spans.append(Span(position, end))
        position = _skip(text, end)
        if text[position] == ",":
            position = _skip(text, position + 1)
    return spans


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position] in _SPACE:
        position += 1
    return position
