"""A step with its arguments fixed: what planners rearrange and runners call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, SupportsIndex

from objectlens.transforms.context import Context


@dataclass(frozen=True, slots=True)
class Bound:
    """`call(value, ctx)` does the step; `note` is what the planner did to it, `content_type` that of untyped results.

    `step` made it of the arguments `said`, and would make it of others. `takes` and `gives` are kinds of value: bytes,
    chunks (a stream of bytes), text, image, pixels (a bare RGB array), audio, frames, tensor, table. `converts` says
    that nobody wrote it: it stands between what one step gives and the next takes.
    """

    name: str
    takes: frozenset[str]
    gives: str
    call: Callable[[Any, Context], Any]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    content_type: str | None = None
    step: Any = field(default=None, compare=False, repr=False)
    said: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    converts: bool = field(default=False, compare=False, repr=False)

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        """Pickle and copy it as what it was made of, unless a planner has changed it since."""
        if self.step is None or self.note or self.converts:
            return super().__reduce_ex__(protocol)
        return self.step.bind, (dict(self.said),)

    def __str__(self) -> str:
        """Return the step as pipelines write it, without what stands at None."""
        said = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items() if value is not None)
        return f"{self.name}({said})"
