"""What keeps a function from the rest of the machine, found out once by really trying it.

An `Isolation` makes the confinement of each environment and template: the command in its sandbox (see
`isolation_sandbox`), its limits, its control groups. Modes: `auto` uses what this machine allows, `strict` lets no
function run unless all of it is active, `off` leaves functions as processes like any other of the server's user.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from objectlens.functions.isolation_cgroups import Cgroups, Group, find_cgroups
from objectlens.functions.isolation_sandbox import Wanted, data_files, interpreter_paths, make_arguments
from objectlens.functions.isolation_seccomp import make_filter
from objectlens.functions.removing import clear_away

Mode = Literal["auto", "off", "strict"]

MIB = 2**20
PROCESSES = 256
# What a process may have of writable memory over MemorySize: address space that is asked for and never used, which
# thread stacks and allocators are made of.
_OPT = Path("/opt")
_HEADROOM = 512 * MIB
_HEADROOM_NODE = 2048 * MIB


@dataclass(frozen=True, slots=True)
class Feature:
    """One thing that isolates functions: whether it is active here, and what it does or why it is not."""

    name: str
    active: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Confinement:
    """What one environment or template is started with; `parent` is the process that it sees as its parent."""

    sandbox: str | None
    orders: str
    parent: int
    temporary: Path
    group: Group | None
    wanted: Wanted | None
    opt: Path | None = None
    """Where its layers are seen; None when it has none."""

    @property
    def ran_out_of_memory(self) -> bool:
        """Whether the kernel ended a process in it because its memory was used up."""
        return self.group is not None and self.group.ran_out_of_memory

    def make_temporary(self) -> None:
        """Make the private temporary directory, unless it is one inside the sandbox."""
        if self.wanted is None:
            self.temporary.mkdir(parents=True, mode=0o700)

    def close(self) -> None:
        """Remove what is left when all processes have ended."""
        if self.group is not None:
            self.group.remove()
        if self.wanted is None:
            clear_away(self.temporary)


@dataclass(frozen=True, slots=True)
class Isolation:
    """The isolation of this machine; `features` say what is active and what is not."""

    mode: Mode
    bwrap: str | None
    cgroups: Cgroups | None
    features: tuple[Feature, ...]

    @property
    def refusal(self) -> str | None:
        """Why functions may not run at all: in the mode `strict`, when anything is not active."""
        lacking = [f"{one.name} ({one.detail})" for one in self.features if not one.active]
        if self.mode != "strict" or not lacking:
            return None
        return f"functions.isolation is strict, and not active here are: {'; '.join(lacking)}"

    def confine(
        self,
        *,
        folder: Path,
        key: str,
        task_root: Path,
        python: str,
        memory_size: int,
        ephemeral_storage: int,
        layers: Path | None = None,
        node: str | None = None,
        hosts: str | None = None,
        java: tuple[Path, ...] | None = None,
    ) -> Confinement:
        """Return the confinement of one environment. `folder` holds what all functions have, `key` names this one.

        `memory_size` and `ephemeral_storage` are in MB. `hosts` is what `/etc/hosts` holds in a sandbox, unless it is
        the machine's.
        """
        if self.mode == "off":
            return Confinement(None, "", os.getpid(), folder / "tmp" / key, None, None, layers)
        headroom = _HEADROOM_NODE if node or java else _HEADROOM
        orders = f"data={memory_size * MIB + headroom}"
        # A file in /tmp is memory as well.
        memory = (memory_size + (ephemeral_storage if self.bwrap else 0)) * MIB
        made = None
        if self.cgroups is not None:
            made = self.cgroups.make(memory=memory, processes=PROCESSES)
        if self.bwrap is None:
            return Confinement(None, orders, os.getpid(), folder / "tmp" / key, made, None, layers)
        temporary = Path("/tmp") / key  # noqa: S108  (in the sandbox, where it is the function's own)
        wanted = Wanted(
            reading=(
                *interpreter_paths(python),
                *((Path(node), Path(node).resolve(), folder / "node_modules") if node else ()),
                *(java or ()),
                task_root,
                folder / "sdk-config",
                folder / "trust",
            ),
            opt=layers,
            hidden=folder.parent,
            folder=task_root,
            temporary=temporary,
            tmp_bytes=ephemeral_storage * MIB,
            variables={},
            files={} if hosts is None else {"/etc/hosts": hosts.encode()},
        )
        return Confinement(self.bwrap, f"{orders},nproc={PROCESSES}", 1, temporary, made, wanted, layers and _OPT)


def find_isolation(mode: Mode) -> Isolation:
    """Try what this machine allows."""
    if mode == "off":
        return Isolation(mode, None, None, (Feature("isolation", False, "off by functions.isolation"),))
    bwrap, why = _find_bwrap()
    cgroups = find_cgroups()
    features = (*_sandbox_features(bwrap, why), *_limit_features(bwrap, cgroups))
    return Isolation(mode, bwrap, cgroups if cgroups.parents else None, features)


def sandbox_command(
    bwrap: str, wanted: Wanted, variables: Mapping[str, str], command: Sequence[str]
) -> tuple[list[str], list[int]]:
    """Return the command that runs `command` in a sandbox, and the descriptors that it needs, to be closed after.

    bwrap itself gets nothing of the function's variables, which could make it load the function's libraries outside.
    """
    filter_fd = _memory_file(make_filter())
    data = {path: _memory_file(content) for path, content in (data_files() | dict(wanted.files)).items()}
    given = replace(wanted, variables=variables)
    arguments = "".join(f"{word}\0" for word in make_arguments(given, filter_fd, data))
    arguments_fd = _memory_file(arguments.encode())
    return [bwrap, "--args", str(arguments_fd), "--", *command], [filter_fd, arguments_fd, *data.values()]


def _memory_file(content: bytes) -> int:
    fd = os.memfd_create("objectlens", os.MFD_CLOEXEC)
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


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
    wanted = Wanted(
        reading=interpreter_paths(sys.executable),
        hidden=Path("/nonexistent"),
        folder=Path("/"),
        temporary=Path("/tmp/probe"),  # noqa: S108
        tmp_bytes=MIB,
        variables={},
    )
    command, kept = sandbox_command(bwrap, wanted, {}, [sys.executable, "-I", "-S", "-c", "print('here')"])
    try:
        ran = subprocess.run(
            command, capture_output=True, text=True, timeout=10, check=False, pass_fds=kept, env={}, cwd="/"
        )
    except (OSError, subprocess.SubprocessError) as error:
        return None, f"bwrap cannot be run: {error}"
    finally:
        for fd in kept:
            os.close(fd)
    if ran.stdout.strip() == "here":
        return bwrap, ""
    return None, f"bwrap fails: {ran.stderr.strip()[-300:] or ran.returncode}"


def _sandbox_features(bwrap: str | None, why: str) -> Iterator[Feature]:
    for name, does in (
        ("own namespaces", "user, processes, mounts, IPC and host name; no capabilities"),
        ("file system", "read-only, without the data directory and other functions"),
        ("private /tmp", "in memory, of EphemeralStorage; shared by environments forked from one template"),
        ("system calls", "those of administrators, debuggers and sandboxes are refused (seccomp)"),
    ):
        yield Feature(name, bwrap is not None, does if bwrap else why)


def _limit_features(bwrap: str | None, cgroups: Cgroups) -> Iterator[Feature]:
    yield Feature("no new privileges", True, "programs that change the user do not (PR_SET_NO_NEW_PRIVS)")
    yield Feature("address space", True, "a process's writable memory: MemorySize and 512 MiB, with Node.js 2 GiB")
    yield _from_group(
        cgroups, "memory", "memory limit", "MemorySize, and EphemeralStorage for /tmp, in a control group"
    )
    if "pids" not in cgroups.parents and bwrap and os.getuid() != 0:
        yield Feature("process limit", True, f"{PROCESSES} for each function's sandbox (RLIMIT_NPROC)")
    else:
        yield _from_group(cgroups, "pids", "process limit", f"{PROCESSES} for each environment, in a control group")


def _from_group(cgroups: Cgroups, controller: str, name: str, does: str) -> Feature:
    active = controller in cgroups.parents
    return Feature(name, active, does if active else cgroups.missing[controller])
