"""Photograph to 256x256 grey JPEG: everybody in turn, round after round."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contestants import all_started
from live import Server
from machine import cpu_seconds
from photographs import SIZES, make
from results import Figure, figure


def measure(
    server: Server, seconds: float, rounds: int, say: Callable[[str], None]
) -> tuple[dict[str, list[Figure]], dict[str, str]]:
    """Return the figures for each size, the yardstick's first, and who is missing."""
    found: dict[str, list[Figure]] = {}
    missing: dict[str, str] = {}
    for size in SIZES:
        folder = server.folder / size
        folder.mkdir()
        files = make(folder, size)
        with all_started(server, files) as (contestants, absent):
            missing |= absent
            taken: dict[str, list[Any]] = {one.name: [] for one in contestants}
            cpu: dict[str, list[float]] = {one.name: [] for one in contestants}
            for one in contestants:
                one.run(min(seconds, 1.0))  # workers and environments start
            for number in range(rounds):
                say(f"{size}: round {number + 1} of {rounds}")
                for one in contestants:
                    before = cpu_seconds(one.process)
                    taken[one.name].append(one.run(seconds))
                    cpu[one.name].append(cpu_seconds(one.process) - before + taken[one.name][-1].cpu)
            first = taken[contestants[0].name]
            found[size] = [figure(one.name, taken[one.name], first, cpu[one.name], one.note) for one in contestants]
    return found, missing
