"""Photograph to 256x256 grey JPEG: everybody in turn, round after round."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from contestants import Contestant, all_started
from live import Server
from load import Round
from machine import cpu_since, cpu_times
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
            found[size] = alternate(contestants, seconds, rounds, lambda text, size=size: say(f"{size}: {text}"))
    return found, missing


def alternate(
    contestants: Sequence[Contestant], seconds: float, rounds: int, say: Callable[[str], None]
) -> list[Figure]:
    """Let everybody work in each round; returns their figures, with ratios to the first."""
    taken: dict[str, list[Round]] = {one.name: [] for one in contestants}
    cpu: dict[str, list[float]] = {one.name: [] for one in contestants}
    for one in contestants:
        one.run(min(seconds, 1.0))  # workers and environments start
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        for one in contestants:
            before = cpu_times(one.process)
            taken[one.name].append(one.run(seconds))
            cpu[one.name].append(cpu_since(before, one.process) + taken[one.name][-1].cpu)
    first = taken[contestants[0].name]
    return [figure(one.name, taken[one.name], first, cpu[one.name], one.note) for one in contestants]
