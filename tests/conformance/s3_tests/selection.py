"""Which tests are run, as `selection.toml` says."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Rule:
    """Tests by the shape of their names or by a marker."""

    title: str
    names: tuple[str, ...]
    markers: frozenset[str]
    apart: bool = False

    @classmethod
    def read(cls, values: dict[str, Any]) -> Rule:
        title = values.get("name") or values["about"]
        names, markers = tuple(values.get("names", ())), frozenset(values.get("markers", ()))
        return cls(title, names, markers, values.get("apart", False))

    def fits(self, name: str, markers: Collection[str]) -> bool:
        return bool(self.markers.intersection(markers)) or any(fnmatchcase(name, one) for one in self.names)


@dataclass(frozen=True)
class Selection:
    """The whole of it."""

    files: tuple[str, ...]
    left_out: tuple[Rule, ...]
    groups: tuple[Rule, ...]

    @classmethod
    def read(cls, path: Path) -> Selection:
        values = tomllib.loads(path.read_text())
        left_out = tuple(Rule.read(one) for one in values["left_out"])
        return cls(tuple(values["files"]), left_out, tuple(Rule.read(one) for one in values["group"]))

    def group_of(self, name: str, markers: Collection[str]) -> str | None:
        """Return the group in which a test is counted, None for one that is left out."""
        if any(rule.fits(name, markers) for rule in self.left_out):
            return None
        return next(rule.title for rule in self.groups if rule.fits(name, markers))
