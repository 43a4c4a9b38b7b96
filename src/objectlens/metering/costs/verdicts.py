"""What is advised, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

About = Literal["cache", "bake", "client", "memory"]
Answer = Literal["yes", "no", "keep", "raise", "lower", "unknown"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What it is about, what to do, and the sentence for people, with the numbers behind it."""

    about: About
    answer: Answer
    text: str
