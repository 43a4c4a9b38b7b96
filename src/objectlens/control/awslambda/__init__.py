"""The Lambda API, as far as functions, versions, aliases, permissions and invocations go (reference section 14).

What flows through: requests that the engine in `control.protocol` has read and checked come in, results in the shape of
boto3's go out. It keeps functions in the catalog and their code in the package store, and has an executor run them. It
runs nothing itself.
"""

from __future__ import annotations

from objectlens.control.awslambda.concurrency import keep_arranged
from objectlens.control.awslambda.context import Lambda, ObjectReader, Tasks
from objectlens.control.awslambda.downloads import Downloads
from objectlens.control.awslambda.events import Events
from objectlens.control.awslambda.lifecycle import collect_packages, sweep_packages
from objectlens.control.awslambda.operations import DECLINED, HANDLERS

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
