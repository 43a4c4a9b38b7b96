"""A process in which transforms run, one at a time: `python -m objectlens.transforms.worker` and what `main` takes.

It is apart from the server for two reasons: pictures side by side share no lock of Python's, and a file that brings a
codec down, or hangs it, costs this process and its own request. It has nothing of the server's but the socket: each
job brings the object as an open file. On the board, a file in memory, each process writes the number of the job that it
has at a place of its own, and 0 when it is done: what it had is known when it is gone.
"""

from __future__ import annotations

import ctypes
import gc
import mmap
import os
import re
import resource
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Mapping
from typing import Any

from objectlens.transforms.context import Members
from objectlens.transforms.edition import edition
from objectlens.transforms.errors import BadInput, BadPipeline, LimitExceeded, TransformError
from objectlens.transforms.limits import Limits
from objectlens.transforms.messages import INLINE, Message, memory_file, read_file, receive, send, write_all
from objectlens.transforms.process import quiet_codecs, trim_allocator, tune_allocator
from objectlens.transforms.terms import Programs, Terms
from objectlens.transforms.values import Result

# Classes by what they mean to whoever asked; what is none of them is a fault of ours.
KINDS: Mapping[str, type[TransformError]] = {"limit": LimitExceeded, "input": BadInput, "pipeline": BadPipeline}

PLACE_BYTES = 8
# What stands at the place of a process until it can take jobs.
STARTING = 2**64 - 1
# The status of one that found other code than its server's.
OTHER_CODE = 3
# A process that holds more than this between two jobs, or half of what it may have, is replaced.
_KEPT_MB = 512
_NICE = 5
_PEAK = re.compile(rb"^VmHWM:\s+(\d+) kB$", re.MULTILINE)
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38


def main(arguments: list[str]) -> None:
    """Serve until the server hangs up, or is gone: SOCKET BOARD PLACE PARENT TERMS EDITION [IDLE].

    With `IDLE`, seconds, it ends when there is no job for so long.
    """
    sock, board, place, parent = map(int, arguments[:4])
    if edition() != arguments[5]:
        sys.exit(OTHER_CODE)
    terms = Terms.parse(arguments[4])
    programs = Programs(terms)
    tie_to(parent)
    bound_memory(terms.memory_mb)
    stand_back(place)
    tune_allocator()
    quiet_codecs()
    quiet_libraries()
    # What is imported is not garbage, and one transform leaves little: by default Python looks for some at each.
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    with socket.socket(fileno=sock) as jobs, mmap.mmap(board, 0) as shared, memoryview(shared).cast("Q") as places:
        os.close(board)
        places[place] = 0
        serve(jobs, programs, places, place, idle=float(arguments[6]) if len(arguments) > 6 else None)


def bound_memory(megabytes: int) -> None:
    """Let this process have so much memory of its own (RLIMIT_DATA, getrlimit(2)), whatever a hostile object asks for.

    Limits on what headers tell do not see what a library makes of little; without this it would cost the whole machine.
    """
    wanted, hard = megabytes * 2**20, resource.getrlimit(resource.RLIMIT_DATA)[1]
    # The server may itself have been given less, which nobody but root can raise.
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, allowed))


def tie_to(parent: int) -> None:
    """End with the parent (prctl(2)), and gain no rights."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)
    # Ctrl-C in a terminal reaches all of its processes: the server ends this one when its requests are done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def stand_back(place: int) -> None:
    """Leave the cores to the server whenever it has something to do: others may be waiting for their next job.

    Each process has a core of its own. The kernel (sched(7)) would have two of them take turns on one core when the
    server has just left the other: it does not move one for a pause that short.
    """
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    os.nice(_NICE)
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[place % len(cores)]})


def quiet_libraries() -> None:
    """Keep off the server's log what C libraries print of the files they read, a line or more for each of a stranger's.

    What Python says goes on there.
    """
    sys.stderr = open(os.dup(2), "w", buffering=1, encoding="utf-8", errors="backslashreplace")  # noqa: PTH123, SIM115
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), 2)


def serve(sock: socket.socket, compiled: Programs, places: memoryview, place: int, idle: float | None = None) -> None:
    """Do one job after the other, until there is none for `idle` seconds."""
    coming = select.poll()
    coming.register(sock, select.POLLIN)
    with open("/proc/self/status", "rb", buffering=0) as status:  # noqa: PTH123  (proc(5))
        while idle is None or coming.poll(idle * 1000):
            try:
                # Another one may have taken what came, and a socket that all share cannot be told not to block.
                job = receive(sock, wait=idle is None)
            except BlockingIOError:
                continue
            except ConnectionError:
                return
            places[place] = job.head["job"]
            try:
                peak, fit = _answer(sock, job, compiled, status.fileno())
            except ConnectionError:
                # The server has hung up meanwhile: nobody waits for it.
                return
            places[place] = 0
            # The next job is to find most of the memory free. Models stay, and take more than their files do.
            allowed = min(_KEPT_MB, _allowed_mb() // 2) + 3 * compiled.loaded_bytes // 2**20
            if not fit or (peak > allowed and not gave_back(allowed)):
                return


def gave_back(allowed: int) -> bool:
    """Give the system back what a large job left; returns whether no more than `allowed` MiB are kept.

    Allocators keep what they once had, and pieces that are in use still: whoever has too much of that makes room for
    another process.
    """
    if _kept_mb() > allowed:
        gc.collect()
        if (arrow := sys.modules.get("pyarrow")) is not None:
            arrow.default_memory_pool().release_unused()
        trim_allocator()
    return _kept_mb() <= allowed


def _kept_mb() -> int:
    """Return what counts for `bound_memory`."""
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123  (proc(5))
        return int(file.read().split()[5]) * resource.getpagesize() // 2**20


def _allowed_mb() -> int:
    return resource.getrlimit(resource.RLIMIT_DATA)[0] // 2**20


def peak_mb(status: int) -> int:
    """Return the most that this process ever held, in MiB, by its open file /proc/self/status.

    Where that does not tell, getrusage(2) does, whose figure is kept across execve(2): it is no less than what the
    server held when it started this process.
    """
    found = _PEAK.search(os.pread(status, 4096, 0))
    kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss if found is None else int(found[1])
    return -(-kib // 1024)


def _answer(sock: socket.socket, job: Message, compiled: Programs, status: int) -> tuple[int, bool]:
    """Do a job; returns the most that this process ever held, in MiB, and whether it is fit for another.

    Want of memory can leave anything half done, such as a module's import, which would fail ever after.
    """
    fit = True
    began, ran = time.perf_counter_ns(), _cpu_ns()
    file = -1
    # Those of the archive of which this is a member.
    members = Members(job.head.get("members", 0))
    try:
        result = _run(job, compiled, members)
        head: dict[str, Any] = {"content_type": result.content_type, "metadata": dict(result.metadata)}
        body = result.body
        if not isinstance(body, bytes) or len(body) > INLINE:
            file = memory_file()
            for chunk in result.chunks:
                write_all(file, chunk)
            body = b""
        head["members"] = members.count - job.head.get("members", 0)
    except Exception as error:  # noqa: BLE001  (whatever a codec raises is this request's alone)
        fit = not _lacked_memory(error)
        head, body = _said(error) if fit else _too_much(), b""
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    head |= {"job": job.head["job"], "ns": time.perf_counter_ns() - began, "cpu_ns": _cpu_ns() - ran}
    peak = head["peak_mb"] = peak_mb(status)
    try:
        send(sock, head, body, [file] if file >= 0 else [])
    finally:
        if file >= 0:
            os.close(file)
    return peak, fit


def _cpu_ns() -> int:
    """Return what this process took of processors by getrusage(2).

    While there is a timer, the process's clock stands still from one tick of the kernel to the next.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    return round((used.ru_utime + used.ru_stime) * 1e9)


def _run(job: Message, compiled: Programs, members: Members) -> Result:
    try:
        program = compiled(job.head["payload"])
        if (limits := job.head.get("limits")) is not None:
            program = program.within(Limits(**limits))
        # Nothing else can end what goes on and on in a library: SIGPROF ends the process (signal(7)).
        signal.setitimer(signal.ITIMER_PROF, program.context.limits.cpu_seconds)
        data = read_file(job.files[0], job.head["offset"], job.head["length"])
    except EOFError as error:
        raise BadInput(str(error)) from error
    finally:
        for one in job.files:
            os.close(one)
    arguments = program.arguments(job.head["arguments"])
    facts = {"key": job.head["key"], "content_type": job.head["content_type"]}
    return program.run(data, arguments, members=members, **facts)


def _lacked_memory(error: BaseException | None) -> bool:
    """Tell whether it was for want of memory: libraries say so in their own ways, steps take it for a bad object."""
    if error is None:
        return False
    cv2 = sys.modules.get("cv2")
    told = cv2 is not None and isinstance(error, cv2.error) and error.code == cv2.Error.StsNoMem
    return told or isinstance(error, MemoryError) or _lacked_memory(error.__cause__)


def _too_much() -> dict[str, Any]:
    message = (
        f"the transform needs more memory than the {_allowed_mb():,} MiB of the server's setting transforms.memory_mb"
    )
    return {"error": "limit", "message": message}


def _said(error: Exception) -> dict[str, Any]:
    for kind, one in KINDS.items():
        if isinstance(error, one):
            return {"error": kind, "message": str(error)}
    if isinstance(error, TransformError):
        return {"error": "input", "message": str(error)}
    traceback.print_exception(error)
    return {"error": "fault", "message": type(error).__name__}


if __name__ == "__main__":
    main(sys.argv[1:])
