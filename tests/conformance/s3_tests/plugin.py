"""What is loaded into the suite's own pytest: it selects, and writes down what came of each test.

It runs among the suite's packages, not ours, so it takes nothing but the standard library.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from selection import Selection

SELECTION = Selection.read(Path(__file__).with_name("selection.toml"))


def _name(nodeid: str) -> str:
    return nodeid.rpartition("::")[2]


def pytest_collection_modifyitems(config: Any, items: list[Any]) -> None:
    kept, left_out = [], []
    for item in items:
        markers = {marker.name for marker in item.iter_markers()}
        group = SELECTION.group_of(item.originalname, markers)
        item.user_properties.append(("group", group))
        (left_out if group is None else kept).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept


def pytest_runtest_logreport(report: Any) -> None:
    # A test whose buckets cannot be removed afterwards has failed as well.
    if report.when != "call" and report.passed:
        return
    line = {
        "name": _name(report.nodeid),
        "group": dict(report.user_properties)["group"],
        "outcome": report.outcome,
        "when": report.when,
        "seconds": round(report.duration, 2),
        "why": "" if report.passed else report.longreprtext[-4000:],
    }
    with Path(os.environ["OBJECTLENS_S3_TESTS_RESULTS"]).open("a") as file:
        file.write(json.dumps(line) + "\n")
