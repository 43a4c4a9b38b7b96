"""What one invocation used."""

from __future__ import annotations

from typing import Literal, NamedTuple

Runtime = Literal["lambda", "native", "remote"]
"""Where the code ran: an environment of ours, a thread of the server (native transforms), or another endpoint."""

Subject = tuple[str, str, str, str, str, Runtime, int, bool, str]
"""What a usage is told apart by: its first nine fields."""

NATIVE_MEMORY_MB = 1769
"""The memory that a native transform counts with.

It has one core and no MemorySize; this is the size at which Lambda gives a function the equivalent of one processor
(Lambda guide, "Configure memory"), so that its milliseconds can be compared with those of functions.
"""


class Usage(NamedTuple):
    """One invocation with what is known when it and its answer are over; or an answer without an invocation.

    `function` is the ARN without qualifier, `access_point` that of the Object Lambda access point, empty when the
    function was invoked directly; `caller` is an ARN. `job` is the caller's own label, empty without one. `cache` is
    what the cache of derived objects did, empty when none was asked. `requests` is 1 when an answer went to a client,
    `invocations` when code ran (0 for an answer from the cache); `errors` when that failed.

    `duration_us` and `cpu_us` are microseconds, `billed_duration_ms` is the duration rounded up to whole milliseconds;
    `memory_size` and `peak_mb` are MB (of 2**20 bytes), as everywhere with Lambda. `bytes_in` is what was read of the
    source, or the event of a direct invocation; `bytes_out` is the body that the client was sent, or the return value.
    """

    function: str
    version: str
    access_point: str
    caller: str
    job: str
    runtime: Runtime
    memory_size: int
    cold: bool
    cache: str
    requests: int
    invocations: int
    errors: int
    duration_us: int
    billed_duration_ms: int
    init_us: int
    cpu_us: int
    peak_mb: int
    bytes_in: int
    bytes_out: int
