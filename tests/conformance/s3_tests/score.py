"""What came of the tests: the score of each group, and what differs from what is expected."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.s3_tests.selection import Selection


@dataclass(frozen=True)
class Score:
    """The outcome of each test by its name (`passed`, `failed`, `skipped`), its group, and why it failed."""

    outcomes: Mapping[str, str]
    groups: Mapping[str, str]
    reasons: Mapping[str, str]

    @classmethod
    def read(cls, path: Path) -> Score:
        outcomes: dict[str, str] = {}
        groups: dict[str, str] = {}
        reasons: dict[str, str] = {}
        for line in path.read_text().splitlines():
            found = json.loads(line)
            name, outcome = found["name"], found["outcome"]
            groups[name] = found["group"]
            if outcomes.get(name) != "failed":
                outcomes[name] = outcome
                reasons[name] = found["why"]
        return cls(outcomes, groups, reasons)

    def count(self, groups: Iterable[str]) -> tuple[int, int]:
        """Return how many tests of these groups passed, and how many were run."""
        run = [outcome for name, outcome in self.outcomes.items() if self.groups[name] in groups]
        return run.count("passed"), len(run)

    def failures(self) -> set[str]:
        return {name for name, outcome in self.outcomes.items() if outcome != "passed"}


@dataclass(frozen=True)
class Known:
    """The failures that are known of, by the tests' names or for a whole group."""

    tests: frozenset[str]
    groups: frozenset[str]

    @classmethod
    def read(cls, path: Path, *, acls: bool) -> Known:
        """Read the file, for a server whose new buckets all have ACLs or for one of default settings."""
        failures = tomllib.loads(path.read_text())["failure"]
        failures = [one for one in failures if not (acls and one.get("without_acls"))]
        tests = [name for one in failures for name in one.get("tests", ())]
        return cls(frozenset(tests), frozenset(name for one in failures for name in one.get("groups", ())))


def table(score: Score, selection: Selection) -> str:
    """Return the score of each group as a Markdown table, those that are counted apart below the sum."""
    together = [rule.title for rule in selection.groups if not rule.apart]
    apart = [rule.title for rule in selection.groups if rule.apart]
    rows = [(title, *score.count([title])) for title in together]
    rows.append(("**together**", *score.count(together)))
    rows.extend((f"{title} (counted apart)", *score.count([title])) for title in apart)
    lines = ["| Tests about | Passed | Run |", "| --- | ---: | ---: |"]
    return "\n".join([*lines, *(f"| {title} | {passed} | {run} |" for title, passed, run in rows if run)])


def as_json(score: Score, selection: Selection) -> dict[str, Any]:
    """Return the score as plain values."""
    return {
        "groups": {
            rule.title: dict(zip(("passed", "run"), score.count([rule.title]), strict=True))
            for rule in selection.groups
        },
        "failures": sorted(score.failures()),
    }


def surprises(score: Score, known: Known) -> tuple[list[str], list[str]]:
    """Return the failures that nobody expected, and the expected ones, or groups of them, that were run and passed."""
    failures = score.failures()
    unexpected = {name for name in failures - known.tests if score.groups[name] not in known.groups}
    mended = {name for name in known.tests & set(score.outcomes) if name not in failures}
    failing = {score.groups[name] for name in failures}
    mended |= {group for group in known.groups & set(score.groups.values()) if group not in failing}
    return sorted(unexpected), sorted(mended)
