"""The figures of functions and of the cache in the text format of Prometheus, for those who may read them.

The format: https://prometheus.io/docs/instrumenting/exposition_formats/. Figures tell names of functions and how much
they are used: a request must be signed by a caller whom policies allow `cloudwatch:GetMetricData`, the action that
reads such figures on AWS.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Literal

from objectlens.access import Access
from objectlens.cache import Stats
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

_CACHE_PREFIX = "objectlens_cache_"
_CACHE_FIGURES: tuple[tuple[str, str, str, Callable[[Stats], float]], ...] = (
    ("entries", "gauge", "Derived objects that are kept.", lambda now: now.entries),
    ("bytes", "gauge", "Their bytes.", lambda now: now.bytes),
    ("limit_bytes", "gauge", "How many bytes may be kept.", lambda now: now.limit),
    ("hits_total", "counter", "Requests answered from what was kept.", lambda now: now.hits),
    ("misses_total", "counter", "Requests that found nothing kept.", lambda now: now.misses),
    ("joined_total", "counter", "Requests that shared what another one was making.", lambda now: now.joined),
    ("fills_total", "counter", "Derived objects that were made and kept.", lambda now: now.fills),
    ("failures_total", "counter", "Derived objects that could not be made or kept.", lambda now: now.failures),
    ("evicted_total", "counter", "Derived objects given up for others.", lambda now: now.evicted),
    ("flights", "gauge", "Derived objects that are being made.", lambda now: now.flights),
)

Metrics = Literal["signed", "loopback"]


async def serve(
    http: HttpRequest,
    access: Access,
    figures: Callable[[], Sequence[Snapshot]],
    cache: Callable[[], Awaitable[Stats]],
    meter: Meter,
    *,
    public: Metrics,
) -> HttpResponse:
    """Answer a GET of the metrics; whoever may not read them gets S3's error."""
    if http.method not in {"GET", "HEAD"}:
        return HttpResponse(405, Headers([_TYPE, ("Allow", "GET, HEAD")]), b"only GET and HEAD\n")
    if not (public == "loopback" and _is_loopback(http.peer)):
        try:
            caller = await access.authenticate(http)
            await access.authorize(caller, ACTION, "*", http=http)
        except ServiceError as error:
            request_id = render.new_request_id()
            return render.with_ids(render.s3_error(error, request_id), request_id)
    text = exposition(figures()) + cache_exposition(await cache()) + usage.exposition(meter)
    return HttpResponse(200, Headers([_TYPE]), text)


def _is_loopback(peer: str) -> bool:
    try:
        return ipaddress.ip_address(peer).is_loopback
    except ValueError:
        return False


def exposition(snapshots: Iterable[Snapshot]) -> bytes:
    """Return the figures as text."""
    return "".join(f"{line}\n" for line in _lines(tuple(snapshots))).encode()


def cache_exposition(stats: Stats) -> bytes:
    """Return the figures of the cache as text."""
    lines: list[str] = []
    for name, kind, meaning, read in _CACHE_FIGURES:
        lines += (*_head(name, kind, meaning, _CACHE_PREFIX), f"{_CACHE_PREFIX}{name} {read(stats)}")
    return "".join(f"{line}\n" for line in lines).encode()


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


def _head(name: str, kind: str, meaning: str, prefix: str = _PREFIX) -> Iterator[str]:
    yield f"# HELP {prefix}{name} {meaning}"
    yield f"# TYPE {prefix}{name} {kind}"


def _labels(one: Snapshot, **more: str) -> str:
    # Names of functions and versions have nothing in them that would have to be escaped.
    pairs = {"function": one.function, "version": one.version} | more
    return "{" + ",".join(f'{name}="{value}"' for name, value in pairs.items()) + "}"
