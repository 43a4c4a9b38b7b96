"""Finding out what isolation this machine allows, by really trying each thing once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from objectlens.functions.isolation import MIB, PROCESSES, Feature, Isolation, Mode, Processors, sandbox_command
from objectlens.functions.isolation_cgroups import Cgroups, find_cgroups
from objectlens.functions.isolation_sandbox import Wanted, interpreter_paths
from objectlens.functions.isolation_seccomp import make_filter
from objectlens.functions.isolation_storage import Storage

_HERE = "print('here')"
# What is reported, in this order.
_NAMES = (
    *("own namespaces", "file system", "system calls", "private /tmp", "no new privileges", "address space"),
    *("memory limit", "process limit", "processor share", "network policy"),
)
# One that was killed shows nothing, and how it ends then depends on how far it was. Functions must not run with less
# than the machine allows because of that.
_TRIES = 5
_SECONDS = 10
# What a template's fork does, see `private_tmp`. Before it has a mount namespace of its own it must not be able to
# attach anything: that it cannot shows that its capabilities count for nothing that there was before.
_OWN_TMP = """
import os, sys
sys.path.insert(0, sys.argv[1])
import private_tmp
private_tmp.keep_capabilities()
private_tmp.take_effect()
mount = int(sys.argv[2])
try:
    private_tmp.attach(mount)
except PermissionError:
    private_tmp.own_tmp(mount)
    if os.statvfs("/tmp").f_blocks * os.statvfs("/tmp").f_bsize == int(sys.argv[3]):
        print("here")
"""


def find_isolation(mode: Mode, processors: Processors = "share") -> Isolation:
    """Try what this machine allows; the result is to be closed."""
    if mode == "off":
        off = tuple(Feature(name, False, "functions.isolation is off") for name in _NAMES)
        return Isolation(mode, None, None, off)
    bwrap, why = _find_bwrap()
    storage, why_shared = _find_storage(bwrap) if bwrap else (None, why)
    cgroups = find_cgroups()
    features = (
        *_sandbox_features(bwrap, why),
        _tmp_feature(bwrap, storage, why_shared),
        *_limit_features(bwrap, cgroups, processors),
        _network_feature(bwrap, why),
    )
    return Isolation(mode, bwrap, cgroups if cgroups.parents else None, features, storage, processors)


def _find_bwrap() -> tuple[str | None, str]:
    """Return bwrap's path when a sandbox can be made, and what was wrong when not."""
    if sys.platform != "linux":
        return None, "sandboxes are made on Linux only"
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        return None, "bwrap is not on the server's PATH: install bubblewrap"
    try:
        make_filter()
    except LookupError as error:
        return None, str(error)
    why = _try(bwrap, ["-c", _HERE])
    return (None, f"bwrap fails: {why}") if why else (bwrap, "")


def _find_storage(bwrap: str) -> tuple[Storage | None, str]:
    """Return what makes the `/tmp` of forks, when a fork can have its own, and what was wrong when not."""
    storage = Storage(sys.executable)
    try:
        mount = storage.make(MIB)
    except OSError as error:
        storage.close()
        return None, str(error)
    try:
        why = _try(bwrap, ["-c", _OWN_TMP, str(Path(__file__).parent), str(mount), str(MIB)], forks=True, keep=[mount])
    finally:
        os.close(mount)
    if why:
        storage.close()
        return None, f"a fork cannot take its own: {why}"
    return storage, ""


def _try(bwrap: str, code: Sequence[str], *, forks: bool = False, keep: Sequence[int] = ()) -> str:
    """Run Python code in a sandbox that should say `here`; returns what was wrong."""
    wanted = Wanted(
        reading=interpreter_paths(sys.executable),
        hidden=Path("/nonexistent"),
        folder=Path("/"),
        temporary=Path("/tmp/probe"),  # noqa: S108
        tmp_bytes=MIB,
        variables={},
        forks=forks,
    )
    why = ""
    for _ in range(_TRIES):
        command, kept = sandbox_command(bwrap, wanted, {}, [sys.executable, "-I", "-S", *code])
        try:
            why = _run(command, [*kept, *keep])
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        finally:
            for fd in kept:
                os.close(fd)
        if not why:
            break
    return why


def _run(command: Sequence[str], keep: Sequence[int]) -> str:
    """Run what should say `here`; returns what was wrong. Raises `OSError` and `TimeoutExpired`."""
    # Not pipes, which have no end as long as bwrap's child waits for a bwrap that was killed.
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as told:
        popen = subprocess.Popen(
            command, stdout=said, stderr=told, pass_fds=keep, env={}, cwd="/", start_new_session=True
        )
        try:
            status = popen.wait(_SECONDS)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(popen.pid, signal.SIGKILL)
            popen.wait()
        said.seek(0)
        told.seek(0)
        if said.read().strip() == b"here":
            return ""
        return told.read().decode(errors="replace").strip()[-300:] or f"exit status {status}"


def _sandbox_features(bwrap: str | None, why: str) -> Iterator[Feature]:
    for name, does in (
        ("own namespaces", "user, processes, mounts, IPC and host name; no capabilities"),
        ("file system", "read-only, without the data directory and other functions"),
        ("system calls", "those of administrators, debuggers and sandboxes are refused (seccomp)"),
    ):
        yield Feature(name, bwrap is not None, does if bwrap else why)


def _tmp_feature(bwrap: str | None, storage: Storage | None, why: str) -> Feature:
    detail = "in memory, of EphemeralStorage, for each environment"
    if storage is None:
        detail = f"environments forked from one template share one: {why}" if bwrap else why
    return Feature("private /tmp", storage is not None, detail)


def _limit_features(bwrap: str | None, cgroups: Cgroups, processors: Processors) -> Iterator[Feature]:
    yield Feature("no new privileges", True, "programs that change the user do not (PR_SET_NO_NEW_PRIVS)")
    shared = (
        "" if "memory" in cgroups.parents else "; of any kind, MemorySize and 4 GiB, with Node.js and Java no limit"
    )
    writable = f"a process's writable memory: MemorySize and 512 MiB, with Node.js and Java 2 GiB{shared}"
    yield Feature("address space", True, writable)
    yield _from_group(
        cgroups, "memory", "memory limit", "MemorySize, and EphemeralStorage for /tmp, in a control group"
    )
    if "pids" not in cgroups.parents and bwrap and os.getuid() != 0:
        yield Feature("process limit", True, f"{PROCESSES} for each function's sandbox (RLIMIT_NPROC)")
    else:
        yield _from_group(cgroups, "pids", "process limit", f"{PROCESSES} for each environment, in a control group")
    yield _processors_feature(cgroups, processors)


def _processors_feature(cgroups: Cgroups, processors: Processors) -> Feature:
    name = "processor share"
    if "cpu" in cgroups.parents:
        does = "is guaranteed" if processors == "share" else "is never exceeded"
        return Feature(name, True, f"MemorySize / 1,769 MB of a processor {does}, by a control group")
    why = cgroups.missing["cpu"]
    if processors == "limit":
        return Feature(name, False, f"functions.processors is limit, which only control groups can keep: {why}")
    return Feature(name, True, f"by MemorySize, for each process by its nice value only ({why})")


def _network_feature(bwrap: str | None, why: str) -> Feature:
    does = (
        "for functions that ask for it (OBJECTLENS_NETWORK): none, or what they list; others reach what the server does"
    )
    return Feature("network policy", bwrap is not None, does if bwrap else why)


def _from_group(cgroups: Cgroups, controller: str, name: str, does: str) -> Feature:
    active = controller in cgroups.parents
    return Feature(name, active, does if active else cgroups.missing[controller])
