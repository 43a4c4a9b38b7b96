"""The figures of functions in the text format of Prometheus, for those who may read them.

The format: https://prometheus.io/docs/instrumenting/exposition_formats/. Figures tell names of functions and how much
they are used: a request must be signed by a caller whom policies allow `cloudwatch:GetMetricData`, the action that
reads such figures on AWS.
"""

from __future__ import annotations

import ipaddress
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal

from objectlens.access import Access
from objectlens.errors import ServiceError
from objectlens.functions.figures import BOUNDS, Snapshot
from objectlens.gateway import render, usage
from objectlens.http import Headers, HttpRequest, HttpResponse
from objectlens.metering import Meter

PATH = "/-/metrics"
ACTION = "cloudwatch:GetMetricData"
_TYPE = ("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
_STATES = ("busy", "idle", "starting", "ending")
_PREFIX = "objectlens_function_"
# Name, type, what it means, and where it is found.
_FIGURES: tuple[tuple[str, str, str, Callable[[Snapshot], float]], ...] = (
    ("invocations_total", "counter", "Invocations that have ended, well or not.", lambda one: one.invocations),
    ("errors_total", "counter", "Invocations that failed in the function.", lambda one: one.errors),
    ("throttles_total", "counter", "Invocations that were refused for want of room.", lambda one: one.throttles),
    ("inits_total", "counter", "Invocations that met a new environment.", lambda one: one.inits),
    ("waiting", "gauge", "Invocations that wait for an environment.", lambda one: one.waiting),
    ("memory_peak_bytes", "gauge", "The largest resident size of an environment.", lambda one: one.peak_mb * 2**20),
    ("since_seconds", "gauge", "Unix time from which on is counted.", lambda one: one.since),
)

Metrics = Literal["signed", "loopback"]


async def serve(
    http: HttpRequest, access: Access, figures: Callable[[], Sequence[Snapshot]], meter: Meter, public: Metrics
) -> HttpResponse:
    """Answer a GET of the metrics; whoever may not read them gets S3's error."""
    if http.method not in {"GET", "HEAD"}:
        return HttpResponse(405, Headers([_TYPE, ("Allow", "GET, HEAD")]), b"only GET and HEAD\n")
    if not (public == "loopback" and _is_loopback(http.peer)):
        try:
            caller = await access.authenticate(http)
            await access.authorize(caller, ACTION, "*", http=http)
        except ServiceError as error:
            request_id = str(uuid.uuid4())
            return render.with_ids(render.s3_error(error, request_id), request_id)
    return HttpResponse(200, Headers([_TYPE]), exposition(figures()) + usage.exposition(meter))


def _is_loopback(peer: str) -> bool:
    try:
        return ipaddress.ip_address(peer).is_loopback
    except ValueError:
        return False


def exposition(snapshots: Iterable[Snapshot]) -> bytes:
    """Return the figures as text."""
    return "".join(f"{line}\n" for line in _lines(tuple(snapshots))).encode()


def _lines(snapshots: tuple[Snapshot, ...]) -> Iterator[str]:
    for name, kind, meaning, read in _FIGURES:
        yield from _head(name, kind, meaning)
        for one in snapshots:
            yield f"{_PREFIX}{name}{_labels(one)} {read(one)}"
    yield from _head("environments", "gauge", "Environments by state.")
    for one in snapshots:
        for state in _STATES:
            yield f"{_PREFIX}environments{_labels(one, state=state)} {getattr(one, state)}"
    yield from _head("duration_seconds", "histogram", "How long invocations took.")
    for one in snapshots:
        yield from _histogram(one)


def _histogram(one: Snapshot) -> Iterator[str]:
    so_far = 0
    for bound, count in zip((*map(str, BOUNDS), "+Inf"), one.durations, strict=True):
        so_far += count
        yield f"{_PREFIX}duration_seconds_bucket{_labels(one, le=bound)} {so_far}"
    yield f"{_PREFIX}duration_seconds_sum{_labels(one)} {one.seconds}"
    yield f"{_PREFIX}duration_seconds_count{_labels(one)} {so_far}"


def _head(name: str, kind: str, meaning: str) -> Iterator[str]:
    yield f"# HELP {_PREFIX}{name} {meaning}"
    yield f"# TYPE {_PREFIX}{name} {kind}"


def _labels(one: Snapshot, **more: str) -> str:
    # Names of functions and versions have nothing in them that would have to be escaped.
    pairs = {"function": one.function, "version": one.version} | more
    return "{" + ",".join(f'{name}="{value}"' for name, value in pairs.items()) + "}"
