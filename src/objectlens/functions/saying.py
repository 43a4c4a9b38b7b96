"""The platform's own lines in a function's log (reference section 16): as text, or as JSON where the function wants it.

In JSON they are the events of Lambda's Telemetry API (developer guide, "Lambda Telemetry API Event schema reference"),
of which the function's SystemLogLevel says which are wanted ("Log-level filtering", "System log level event mapping").
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from objectlens.catalog.entities import Function
from objectlens.clock import Clock
from objectlens.functions.runtime_api import Answer
from objectlens.functions.values import Failure, Invocation

_LEVELS: Final = {"DEBUG": 0, "INFO": 1, "WARN": 2}
_TIMED_OUT: Final = "Sandbox.Timedout"
_REASON: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What an invocation took: durations and what is billed in milliseconds, memory in MB."""

    duration_ms: float
    billed: int
    memory_mb: int
    init_ms: float | None


def speech(function: Function, clock: Clock) -> Text | Json:
    """Return how the platform speaks in the log of a function."""
    if function.logging.format == "JSON":
        return Json(function.logging.system_level or "INFO", clock)
    return Text()


class Text:
    """Lines for people."""

    def init(self, function: Function, kind: str, runtime: str) -> list[bytes]:
        """Return what is said when an environment begins: of which `kind`, with which runtime."""
        del function, kind
        return [f"INIT_START Runtime Version: {runtime}".encode()]

    def note(self, level: str, message: str) -> list[bytes]:
        """Return a remark of ours; `level` is `WARN` or `ERROR`."""
        return [f"[{level}] {message}".encode()]

    def start(self, invocation: Invocation) -> list[bytes]:
        """Return the START line."""
        return [f"START RequestId: {invocation.request_id} Version: {invocation.function.version}".encode()]

    def timeout(self, request_id: str, message: str, now: datetime) -> list[bytes]:
        """Return what is said of a function that ran too long."""
        return [f"{now:%Y-%m-%dT%H:%M:%S}.000Z {request_id} {message}".encode()]

    def reason(self, invocation: Invocation, answer: Answer, failure: Failure | None, *, managed: bool) -> list[bytes]:
        """Return what a failure's log has of it when nobody has said it; `managed` runtimes tell their own errors."""
        del invocation
        return [line.encode("utf-8", "replace") for line in _reason(answer, failure, managed=managed)]

    def end(self, invocation: Invocation, used: Used, failure: Failure | None) -> list[bytes]:
        """Return the END and REPORT lines."""
        del failure
        fields = [
            f"REPORT RequestId: {invocation.request_id}",
            f"Duration: {used.duration_ms:.2f} ms",
            f"Billed Duration: {used.billed} ms",
            f"Memory Size: {invocation.function.memory_size} MB",
            f"Max Memory Used: {used.memory_mb} MB",
        ]
        if used.init_ms is not None:
            fields.append(f"Init Duration: {used.init_ms:.2f} ms")
        return [f"END RequestId: {invocation.request_id}".encode(), "\t".join(fields).encode()]


class Json:
    """One JSON object in each line; `level` is the least that is wanted of the platform's events."""

    def __init__(self, level: str, clock: Clock) -> None:
        self._least = _LEVELS[level]
        self._clock = clock

    def init(self, function: Function, kind: str, runtime: str) -> list[bytes]:
        """Return `platform.initStart`."""
        record = {
            "initializationType": kind,
            "phase": "init",
            "runtimeVersion": runtime,
            "functionName": function.name,
            "functionVersion": function.version,
        }
        return self._event("INFO", "platform.initStart", record)

    def note(self, level: str, message: str) -> list[bytes]:
        """Return a remark of ours as an application's line, which no level keeps back."""
        return [_line({"timestamp": self._now(), "level": level, "message": message})]

    def start(self, invocation: Invocation) -> list[bytes]:
        """Return `platform.start`."""
        record = {"requestId": invocation.request_id, "version": invocation.function.version}
        return self._event("INFO", "platform.start", record)

    def timeout(self, request_id: str, message: str, now: datetime) -> list[bytes]:
        """Return what is said of a function that ran too long."""
        line = {"timestamp": _stamp(now), "level": "ERROR", "requestId": request_id, "message": message}
        return [_line(line)]

    def reason(self, invocation: Invocation, answer: Answer, failure: Failure | None, *, managed: bool) -> list[bytes]:
        """Return what a failure's log has of it when nobody has said it."""
        lines = _reason(answer, failure, managed=managed)
        if failure is None or not lines:
            return []
        said = {
            "timestamp": self._now(),
            "level": "ERROR",
            "requestId": invocation.request_id,
            "errorType": failure.type,
            "errorMessage": failure.message[:_REASON],
        }
        return [_line(said)]

    def end(self, invocation: Invocation, used: Used, failure: Failure | None) -> list[bytes]:
        """Return `platform.runtimeDone` and `platform.report`."""
        status, level = _status(failure), "INFO" if failure is None else "WARN"
        of = {"requestId": invocation.request_id, "status": status}
        if failure is not None and status != "timeout":
            of["errorType"] = failure.type
        metrics: dict[str, float] = {
            "durationMs": round(used.duration_ms, 3),
            "billedDurationMs": used.billed,
            "memorySizeMB": invocation.function.memory_size,
            "maxMemoryUsedMB": used.memory_mb,
        }
        if used.init_ms is not None:
            metrics["initDurationMs"] = round(used.init_ms, 3)
        done = {**of, "metrics": {"durationMs": metrics["durationMs"]}}
        return [
            *self._event("DEBUG" if failure is None else "WARN", "platform.runtimeDone", done),
            *self._event(level, "platform.report", {**of, "metrics": metrics}),
        ]

    def _now(self) -> str:
        return _stamp(self._clock.now())

    def _event(self, level: str, kind: str, record: Mapping[str, Any]) -> list[bytes]:
        if _LEVELS[level] < self._least:
            return []
        return [_line({"time": self._now(), "type": kind, "record": record})]


def _reason(answer: Answer, failure: Failure | None, *, managed: bool) -> list[str]:
    if failure is None or failure.type == _TIMED_OUT:
        return []
    if answer.platform:
        return failure.message[:_REASON].splitlines() + failure.type[:_REASON].splitlines()
    if managed or failure.type == "Runtime.InvalidEntrypoint":
        return []
    return f"[ERROR] {failure.type}: {failure.message}"[:_REASON].splitlines()


def _status(failure: Failure | None) -> str:
    """Return the schema's `Status`: what the handler raised is an error, what ended its process a failure."""
    if failure is None:
        return "success"
    if failure.type == _TIMED_OUT:
        return "timeout"
    return "failure" if failure.type.startswith(("Runtime.", "Sandbox.")) else "error"


def _stamp(now: datetime) -> str:
    return f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z"


def _line(value: Mapping[str, Any]) -> bytes:
    # Without line breaks within, whatever a message has; unpaired surrogates are escaped.
    return json.dumps(value, separators=(",", ":")).encode()
