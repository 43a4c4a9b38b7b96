"""Removing the packages that nothing refers to any more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from objectlens.catalog import Shelves
from objectlens.control.awslambda.context import Lambda
from objectlens.control.awslambda.reading import all_functions
from objectlens.functions import merged_name
from objectlens.functions.packages import LONGEST_USE


async def collect_packages(surroundings: Lambda) -> None:
    """Remove at once all packages that nothing refers to; for the time before anything runs."""
    _, digests = await surroundings.catalog.read(_referred)
    await asyncio.to_thread(surroundings.packages.collect, digests)
    await asyncio.to_thread(surroundings.downloads.zips.collect, digests, surroundings.clock.now().timestamp())


async def sweep_packages(surroundings: Lambda) -> None:
    """Remove the packages that nothing has referred to for longer than any invocation may last."""
    _, digests = await surroundings.catalog.read(_referred)
    await asyncio.to_thread(surroundings.packages.sweep, digests, surroundings.clock.monotonic())
    before = surroundings.clock.now().timestamp() - LONGEST_USE
    await asyncio.to_thread(surroundings.downloads.zips.collect, digests, before)


def _referred(shelves: Shelves) -> set[str]:
    """Return the packages of functions and of layers, deleted layers that functions still have too."""
    return set(_digests(shelves))


def _digests(shelves: Shelves) -> Iterator[str]:
    for function in all_functions(shelves):
        layers = [one.package for one in function.layers]
        yield from (function.package, *layers)
        if layers:
            yield merged_name(layers)
    yield from (one.package for one in shelves.layer_versions.list(limit=1_000_000))
