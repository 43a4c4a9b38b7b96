"""Wildcards against text.

It takes time in proportion to pattern times text, whatever the pattern is, because policies come from users.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from objectlens.iam.tokens import Token, Wildcard


@dataclass(frozen=True, slots=True)
class Segment:
    """What stands between two `*`: pieces of text at their offsets, with one-character gaps for `?`."""

    length: int
    pieces: tuple[tuple[int, str], ...]

    def at(self, text: str, position: int) -> bool:
        """Tell whether it fits at a place."""
        return position + self.length <= len(text) and all(
            text.startswith(piece, position + offset) for offset, piece in self.pieces
        )

    def find(self, text: str, start: int) -> int:
        """Return the first place from `start` on where it fits, -1 when there is none."""
        if not self.pieces:
            return start if start + self.length <= len(text) else -1
        offset, piece = self.pieces[0]
        position = text.find(piece, start + offset)
        while position >= 0 and not self.at(text, position - offset):
            position = text.find(piece, position + 1)
        return position - offset if position >= 0 else -1


def segments_of(parts: Sequence[Token]) -> tuple[Segment, ...]:
    """Cut a pattern without variables at its `*`; there is one segment more than there are of those."""
    segments: list[Segment] = []
    pieces: list[tuple[int, str]] = []
    length = 0
    for token in parts:
        if token is Wildcard.RUN:
            segments.append(Segment(length, tuple(pieces)))
            pieces, length = [], 0
        elif token is Wildcard.ONE:
            length += 1
        else:
            text = str(token)
            pieces.append((length, text))
            length += len(text)
    segments.append(Segment(length, tuple(pieces)))
    return tuple(segments)


def fits(segments: tuple[Segment, ...], text: str) -> bool:
    """Compare all of a text with a pattern."""
    first, last = segments[0], segments[-1]
    if len(segments) == 1:
        return len(text) == first.length and first.at(text, 0)
    end = len(text) - last.length
    if end < first.length or not first.at(text, 0) or not last.at(text, end):
        return False
    position = first.length
    for segment in segments[1:-1]:
        # The leftmost place leaves most room for the rest, so there is never a reason to go back.
        position = segment.find(text, position)
        if position < 0 or position + segment.length > end:
            return False
        position += segment.length
    return True
