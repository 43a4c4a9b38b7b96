"""What the operator of a server allows pipelines: the same in all of its processes, to which it goes as text."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import lru_cache, partial
from pathlib import Path

from objectlens.transforms.context import Resources
from objectlens.transforms.limits import Limits
from objectlens.transforms.program import Program, compile_pipeline

_KEPT = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The most that one run may cost, and the files that steps may name: those of `folder`; see `Resources`.

    `memory_mb` bounds what a process for transforms may take, of which its libraries are a part.
    """

    limits: Limits = field(default_factory=Limits)
    memory_mb: int = 4096
    folder: str | None = None
    trust_pickles: bool = False
    trusted_types: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Terms:
        """Read what `str` wrote."""
        said = json.loads(text)
        limits, types = Limits(**said.pop("limits")), tuple(said.pop("trusted_types"))
        return cls(limits=limits, trusted_types=types, **said)

    def __str__(self) -> str:
        """Return them as JSON."""
        return json.dumps(asdict(self))

    def resources(self) -> Resources:
        """Return the files, of which none is loaded yet."""
        folder = Path(self.folder) if self.folder is not None else None
        return Resources(folder, trust_pickles=self.trust_pickles, trusted_types=self.trusted_types)


class Programs:
    """Pipelines made ready under some terms, and kept while the files that they name stay as they are."""

    def __init__(self, terms: Terms) -> None:
        self._resources = terms.resources()
        ready = partial(compile_pipeline, ceiling=terms.limits, resources=self._resources)
        self._kept: Callable[[str], Program] = lru_cache(_KEPT)(ready)
        self._anew: Callable[[], None] = self._kept.cache_clear

    @property
    def loaded_bytes(self) -> int:
        """What the files of steps take that are kept in memory."""
        return self._resources.loaded_bytes

    def __call__(self, text: str) -> Program:
        """Return the program of a pipeline's text; raises `BadPipeline`."""
        program = self._kept(text)
        # Results are kept by the program's digest, which has those of its files.
        if program.files and program.files != {name: self._resources.version(name) for name in program.files}:
            self._anew()
            program = self._kept(text)
        return program
