"""Which lines of a function's log are wanted, and which invocation and version each of them belongs to.

An environment handles one invocation at a time, so the lines of its stream between START and REPORT are that
invocation's, and all of them are of the version that START names, where the lines do not say it themselves: those of
remotes do not. In a log in JSON these are the events `platform.start` and `platform.report`.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from objectlens.functions.logs import LogLine

_START = re.compile(r"START RequestId: (\S+) Version: (\S+)")
_REPORT = re.compile(r"REPORT RequestId: (\S+)\t")
# As the platform writes its events; what an application writes in JSON begins otherwise, or is not of these types.
_EVENT = '{"time":'
_AGO = re.compile(r"(\d{1,9})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
# Lines of an environment that has said nothing of its version yet; further ones are let go.
_HELD = 1000
_STREAMS = 4096


@dataclass(frozen=True, slots=True)
class Placed:
    """A line with what it belongs to: None where the log does not tell."""

    line: LogLine
    version: str | None = None
    request_id: str | None = None


def place(lines: Iterable[LogLine]) -> Iterator[Placed]:
    """Say of each line to which version and invocation it belongs, as far as the lines before it tell."""
    versions: dict[str, str] = {}
    requests: dict[str, str] = {}
    for line in lines:
        if begun := _begun(line.message):
            requests[line.stream], versions[line.stream] = begun
        yield Placed(line, line.version or versions.get(line.stream), requests.get(line.stream))
        if _REPORT.match(line.message) or _event(line.message, "platform.report"):
            requests.pop(line.stream, None)
        if len(versions) > _STREAMS:
            # Environments that ended long ago; one that lives says START again.
            del versions[next(iter(versions))]


def _begun(message: str) -> tuple[str, str] | None:
    """Return the invocation and the version that a line says to begin."""
    if match := _START.fullmatch(message):
        return match[1], match[2]
    record = _event(message, "platform.start")
    return None if record is None else (str(record.get("requestId")), str(record.get("version")))


def _event(message: str, kind: str) -> dict[str, Any] | None:
    """Return the record of the platform's event of that kind; None when a line is none."""
    if not (message.startswith(_EVENT) and f'"type":"{kind}"' in message):
        return None
    try:
        found = json.loads(message)
    except ValueError:
        return None
    record = found.get("record")
    return record if found.get("type") == kind and isinstance(record, dict) else None


def of_version(lines: Iterable[Placed], version: str) -> Iterator[Placed]:
    """Keep the lines of one version, initialisation with them: it is logged before its START names the version."""
    held: dict[str, deque[Placed]] = {}
    for one in lines:
        stream = one.line.stream
        if one.version is None:
            held.setdefault(stream, deque(maxlen=_HELD)).append(one)
            if len(held) > _STREAMS:
                del held[next(iter(held))]
            continue
        before = held.pop(stream, ())
        if one.version == version:
            yield from (replace(earlier, version=version) for earlier in before)
            yield one


def of_request(lines: Iterable[Placed], request_id: str) -> Iterator[Placed]:
    """Keep the lines of one invocation; the beginning of its id will do."""
    return (one for one in lines if one.request_id is not None and one.request_id.startswith(request_id))


def since(lines: Iterable[Placed], moment: datetime) -> Iterator[Placed]:
    """Keep the lines from a moment on."""
    # Times in logs are all in UTC and of one form: as text they are in the order of time.
    least = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    return (one for one in lines if one.line.time >= least)


def moment_of(text: str, now: datetime) -> datetime:
    """Return the moment that `10m` (ago; also s, h, d) or a time in ISO 8601 names, in UTC unless it says otherwise.

    Raises `ValueError`.
    """
    if match := _AGO.fullmatch(text):
        return now - timedelta(**{_UNITS[match[2]]: int(match[1])})
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
