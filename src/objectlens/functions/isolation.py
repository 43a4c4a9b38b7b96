"""What keeps a function from the rest of the machine.

An `Isolation` makes the confinement of each environment and template: the command in its sandbox (see
`isolation_sandbox`), its limits, its control groups, its network (see `isolation_doors`). Modes: `auto` uses what this
machine allows, `strict` lets no function run unless all of it is active, `off` leaves functions as processes like any
other of the server's user. What is active is found out by `isolation_finding`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from objectlens.functions.compiled import FOLDER
from objectlens.functions.isolation_cgroups import MB_OF_A_PROCESSOR, Cgroups, Group
from objectlens.functions.isolation_doors import Doors
from objectlens.functions.isolation_sandbox import Wanted, data_files, interpreter_paths, make_arguments
from objectlens.functions.isolation_seccomp import make_filter
from objectlens.functions.isolation_storage import Storage
from objectlens.functions.removing import clear_away

Mode = Literal["auto", "off", "strict"]
Processors = Literal["share", "limit"]

MIB = 2**20
PROCESSES = 256
OPEN_FILES = 1024
# What a process may have of writable memory over MemorySize: address space that is asked for and never used, which
# thread stacks and allocators are made of.
_OPT = Path("/opt")
_HEADROOM = 512 * MIB
_HEADROOM_NODE = 2048 * MIB
# Without a control group all address space is bounded too, or memory that processes share would not be. Programs and
# libraries are part of it. (Node.js reserves far more than it ever uses.)
_HEADROOM_ALL = 4096 * MIB
# By the name of an order: the letter of the shell's ulimit, and its unit in bytes or numbers.
_ULIMITS = {"data": ("d", 1024), "as": ("v", 1024), "nofile": ("n", 1), "core": ("c", 512)}
# A step of nice(1) is a quarter more or less (sched(7)).
_NICE_STEP = 1.25
_NICEST = 10


@dataclass(frozen=True, slots=True)
class Feature:
    """One thing that isolates functions: whether it is active here, and what it does or why it is not."""

    name: str
    active: bool
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Confinement:
    """What one environment or template is started with; `parent` is the process that it sees as its parent.

    `storage` makes the `/tmp` of an environment that is forked, which then needs no folder in it. `doors` are there
    when it has no network.
    """

    orders: str
    parent: int
    temporary: Path
    sandbox: str | None = None
    group: Group | None = None
    wanted: Wanted | None = None
    storage: Storage | None = None
    doors: Doors | None = None
    opt: Path | None = None
    """Where its layers are seen; None when it has none."""
    unwatch: Callable[[], None] | None = None
    """Called when its control groups are about to be removed."""

    @property
    def shell(self) -> str:
        """Shell code that sets limits before anything of the function's is loaded, be it by the loader of programs.

        The rest of the orders can only be followed inside the sandbox.
        """
        named = (order.split("=") for order in self.orders.split(",") if order)
        limits = [(_ULIMITS[name], int(number)) for name, number in named if name in _ULIMITS]
        return "".join(f"ulimit -{letter} {number // unit} 2>/dev/null; " for (letter, unit), number in limits)

    @property
    def groups(self) -> list[str]:
        """The folders of its control groups."""
        return [] if self.group is None else [str(path) for path in sorted(set(self.group.folders.values()))]

    @property
    def ran_out_of_memory(self) -> bool:
        """Whether the kernel ended a process in it because its memory was used up."""
        return self.group is not None and self.group.ran_out_of_memory

    def make_temporary(self) -> None:
        """Make the private temporary directory, unless it is one inside the sandbox."""
        if self.wanted is None:
            self.temporary.mkdir(parents=True, mode=0o700)

    def make_tmp(self) -> list[int]:
        """Return the descriptor of an empty `/tmp` for a fork, nothing when forks share their template's.

        The caller closes it. Raises `OSError`.
        """
        if self.storage is None or self.wanted is None:
            return []
        return [self.storage.make(self.wanted.tmp_bytes)]

    def close(self) -> None:
        """Remove what is left when all processes have ended."""
        if self.doors is not None:
            self.doors.close()
        if self.unwatch is not None:
            self.unwatch()
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
    storage: Storage | None = None
    processors: Processors = "share"

    @property
    def refusal(self) -> str | None:
        """Why functions may not run at all: in the mode `strict`, when anything is not active."""
        lacking = [f"{one.name} ({one.detail})" for one in self.features if not one.active]
        if self.mode != "strict" or not lacking:
            return None
        return f"functions.isolation is strict, and not active here are: {'; '.join(lacking)}"

    @property
    def no_sandbox(self) -> str | None:
        """Why there are no sandboxes, None when there are."""
        return None if self.bwrap else next(one.detail for one in self.features if not one.active)

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
        addresses: Sequence[tuple[str, int]] | None = None,
        forks: int = 0,
        hosts: str | None = None,
        java: tuple[Path, ...] | None = None,
    ) -> Confinement:
        """Return the confinement of one environment, or of a template that has up to `forks` of them at a time.

        `folder` holds what all functions have, `key` names this one. `memory_size` and `ephemeral_storage` are in MB.
        `hosts` is what `/etc/hosts` holds in a sandbox, unless it is the machine's. With `addresses` it has no network
        but its own loopback, where it is reached at these (see `isolation_doors`); raises `PermissionError` when that
        cannot be.
        """
        if addresses is not None and (why := self.no_sandbox):
            raise PermissionError(f"its network policy needs a sandbox, and there is none ({why})")
        if self.mode == "off":
            return Confinement(orders="", parent=os.getpid(), temporary=folder / "tmp" / key, opt=layers)
        orders = self._orders(memory_size, roomy=node is not None or java is not None, forks=forks)
        group = self._group(memory_size + (ephemeral_storage if self.bwrap else 0), memory_size)
        if self.bwrap is None:
            return Confinement(
                orders=orders, parent=os.getpid(), temporary=folder / "tmp" / key, group=group, opt=layers
            )
        # In the sandbox, where /tmp is the environment's own, and handlers may empty it. Forks that have to share it
        # get a folder each.
        temporary = Path("/tmp") if self.storage is not None else Path("/tmp") / key  # noqa: S108
        doors = None if addresses is None else Doors(python, addresses, max(1, forks))
        wanted = Wanted(
            reading=(
                *interpreter_paths(python),
                *((Path(node), Path(node).resolve(), folder / "node_modules") if node else ()),
                *(java or ()),
                task_root,
                folder / "sdk-config",
                folder / FOLDER,
                folder / "trust",
            ),
            opt=layers,
            hidden=folder.parent,
            folder=task_root,
            temporary=temporary,
            tmp_bytes=ephemeral_storage * MIB,
            variables={},
            forks=forks > 0 and self.storage is not None,
            network=doors is None,
            files={} if hosts is None else {"/etc/hosts": hosts.encode()},
        )
        return Confinement(
            sandbox=self.bwrap,
            orders=orders,
            parent=1,
            temporary=temporary,
            group=group,
            wanted=wanted,
            storage=self.storage,
            doors=doors,
            opt=layers and _OPT,
        )

    def _orders(self, memory_size: int, *, roomy: bool, forks: int) -> str:
        """Return what a process does to itself, see `confine`."""
        orders = [
            f"data={memory_size * MIB + (_HEADROOM_NODE if roomy else _HEADROOM)}",
            f"nofile={OPEN_FILES}",
            "core=0",
        ]
        if self.cgroups is None or "memory" not in self.cgroups.parents:
            orders += [] if roomy else [f"as={memory_size * MIB + _HEADROOM_ALL}"]
        if self.cgroups is None or "cpu" not in self.cgroups.parents:
            orders.append(f"nice={niceness(memory_size)}")
        if self.bwrap is not None:
            # Forks share their template's user, whose processes are counted here; the groups count those of each.
            counted = self.cgroups is not None and "pids" in self.cgroups.parents
            orders.append(f"nproc={PROCESSES * (1 + forks) if counted else PROCESSES}")
            orders += ["tmp=1"] if forks and self.storage is not None else []
        return ",".join(orders)

    def _group(self, memory: int, memory_size: int) -> Group | None:
        """Make the control groups; a file in `/tmp` is memory as well."""
        if self.cgroups is None:
            return None
        return self.cgroups.make(
            memory=memory * MIB,
            processes=PROCESSES,
            processors=memory_size / MB_OF_A_PROCESSOR,
            hard=self.processors == "limit",
        )

    def close(self) -> None:
        """Give back what it holds, when no environment is left."""
        if self.storage is not None:
            self.storage.close()
        if self.cgroups is not None:
            self.cgroups.close()


def niceness(memory_size: int) -> int:
    """Return the nice value that gives a process about the share of a processor that its function's memory stands for.

    It is 0 from one processor on (1,769 MB) and no more than 10, so that small functions are not kept from starting.
    """
    return min(_NICEST, max(0, round(math.log(MB_OF_A_PROCESSOR / memory_size, _NICE_STEP))))


def sandbox_command(
    bwrap: str, wanted: Wanted, variables: Mapping[str, str], command: Sequence[str]
) -> tuple[list[str], list[int]]:
    """Return the command that runs `command` in a sandbox, and the descriptors that it needs, to be closed after.

    bwrap itself gets nothing of the function's variables, which could make it load the function's libraries outside.
    """
    filter_fd = _memory_file(make_filter(forks=wanted.forks))
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
