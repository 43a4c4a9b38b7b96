"""The figures of functions, read from a server's `/-/metrics`, and what they come to between two readings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

from objectlens.cli.signing import Refused, Signer

_SECONDS = 10
_SAMPLE = re.compile(r"objectlens_function_(\w+)\{(.*)\} (\S+)")
_LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Reading:
    """One function version as the server counted it: samples by name, and how many took how many seconds at most."""

    function: str
    version: str
    values: Mapping[str, float] = field(default_factory=dict)
    buckets: Mapping[float, float] = field(default_factory=dict)


class Source:
    """Where figures come from: one server, and the key to ask it with."""

    def __init__(self, data: Path, config: Path | None, endpoint: str | None) -> None:
        self._signer = Signer(data, config, endpoint, seconds=_SECONDS)

    def read(self) -> list[Reading]:
        """Ask once; ends the command with the server's reason when it does not tell."""
        try:
            return parse(self._signer.read("/-/metrics"))
        except Refused as error:
            raise click.ClickException(f"the server at {self._signer.url} tells no figures: {error.message}") from error


def parse(text: str) -> list[Reading]:
    """Return the function versions of a text in Prometheus' format, as `/-/metrics` writes it."""
    values: dict[tuple[str, str], dict[str, float]] = {}
    buckets: dict[tuple[str, str], dict[float, float]] = {}
    for line in text.splitlines():
        if match := _SAMPLE.fullmatch(line):
            name, labels, value = match[1], dict(_LABEL.findall(match[2])), float(match[3])
            key = (labels["function"], labels["version"])
            if "le" in labels:
                buckets.setdefault(key, {})[float(labels["le"])] = value
            else:
                values.setdefault(key, {})[labels.get("state", str(name))] = value
    return [Reading(*key, values[key], buckets.get(key, {})) for key in sorted(values)]


@dataclass(frozen=True, slots=True)
class Row:
    """A function version over a span of `seconds`; times in seconds, memory in bytes, None where nothing ran."""

    function: str
    version: str
    busy: int
    idle: int
    starting: int
    waiting: int
    seconds: float
    invocations: int
    invocations_per_second: float
    errors: int
    throttles: int
    inits: int
    p50: float | None
    p99: float | None
    memory_peak: int
    since: float


def row(now: Reading, before: Reading | None, seconds: float) -> Row:
    """Return what happened between two readings; without an earlier one, since the server began to count."""
    then: Mapping[str, float] = {}
    buckets = dict(now.buckets)
    if before is not None and before.values.get("since_seconds") == now.values["since_seconds"]:
        then = before.values
        buckets = {bound: count - before.buckets.get(bound, 0) for bound, count in buckets.items()}

    def gained(name: str) -> int:
        return int(now.values[name] - then.get(name, 0))

    return Row(
        function=now.function,
        version=now.version,
        busy=int(now.values["busy"]),
        idle=int(now.values["idle"]),
        starting=int(now.values["starting"]),
        waiting=int(now.values["waiting"]),
        seconds=round(seconds, 3),
        invocations=gained("invocations_total"),
        invocations_per_second=round(gained("invocations_total") / seconds, 3) if seconds > 0 else 0.0,
        errors=gained("errors_total"),
        throttles=gained("throttles_total"),
        inits=gained("inits_total"),
        p50=percentile(buckets, 0.5),
        p99=percentile(buckets, 0.99),
        memory_peak=int(now.values["memory_peak_bytes"]),
        since=now.values["since_seconds"],
    )


def percentile(buckets: Mapping[float, float], share: float) -> float | None:
    """Return the time within which `share` of the invocations ended, by interpolation in a cumulative histogram."""
    bounds: Sequence[tuple[float, float]] = sorted(buckets.items())
    if not bounds or bounds[-1][1] == 0:
        return None
    rank = share * bounds[-1][1]
    low, below = 0.0, 0.0
    for bound, count in bounds:
        if count >= rank and count > below:
            # Nothing is known of what lies beyond the last bound but that.
            return low if bound == float("inf") else low + (bound - low) * (rank - below) / (count - below)
        low, below = bound, count
    return low
