"""The Lambda API: functions, layers, versions, aliases, permissions and invocations (reference section 14).

What flows through: requests that the engine in `control.protocol` has read and checked come in, results in the shape of
boto3's go out. It keeps functions in the catalog and their code in the package store, and has an executor run them. It
runs nothing itself.
"""

from __future__ import annotations

from objectlens.control.awslambda.concurrency import keep_arranged
from objectlens.control.awslambda.context import Lambda, ObjectReader, Tasks
from objectlens.control.awslambda.downloads import Downloads
from objectlens.control.awslambda.events import Events
from objectlens.control.awslambda.operations import DECLINED, HANDLERS
from objectlens.control.awslambda.sweeping import collect_packages, sweep_packages

__all__ = [
    "DECLINED",
    "HANDLERS",
    "Downloads",
    "Events",
    "Lambda",
    "ObjectReader",
    "Tasks",
    "collect_packages",
    "keep_arranged",
    "sweep_packages",
]
