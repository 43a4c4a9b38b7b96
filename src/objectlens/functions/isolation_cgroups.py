"""Control groups: memory, number of processes and share of the processors, for all that an environment starts.

Groups are made below the one that the server itself is in (cgroups(7)), with version 1 or 2 of the interface, where
the server may write there. A controller that is not to be had is left out, and `missing` says why.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from objectlens.functions.spent import grouped_ns

CONTROLLERS = ("memory", "pids", "cpu")
ACCOUNTING = "cpuacct"
"""The controller of version 1 that counts processor time."""
MB_OF_A_PROCESSOR = 1769
"""The MemorySize at which a function has the equivalent of one processor (Lambda guide, "Configure memory")."""
_PERIOD_US = 100_000
_SHARES = 1024  # what version 1 gives a process that is in no group of its own


@dataclass(frozen=True, slots=True)
class Group:
    """The groups of one environment: a folder for each controller (with version 2 the same)."""

    folders: Mapping[str, Path]

    def add(self, pid: int) -> None:
        """Move a process into it; one that has ended already is let be.

        The kernel may take some milliseconds for it.
        """
        for folder in set(self.folders.values()):
            try:
                (folder / "cgroup.procs").write_text(str(pid))
            except (ProcessLookupError, FileNotFoundError):
                return  # it has ended, and perhaps its group was removed already

    @property
    def entrances(self) -> list[Path]:
        """The files by which a process that has one thread joins it itself: it writes 0 to each."""
        return [folder / ("tasks" if self.quick else "cgroup.procs") for folder in sorted(set(self.folders.values()))]

    @property
    def quick(self) -> bool:
        """Whether a process that joins by the entrances need not wait: with version 1.

        Who moves others, or all of a process, waits until no process on the machine starts or ends (cgroups' lock for
        that takes the kernel some milliseconds). A thread that moves itself is known to do neither.
        """
        return bool(self.folders) and all((folder / "tasks").is_file() for folder in self.folders.values())

    def holds(self, pid: int) -> bool:
        """Whether a process is in it."""
        paths = set(self.folders.values())
        lines = _read(Path(f"/proc/{pid}/cgroup")).splitlines()
        return all(sum(line.endswith(f"/{path.name}") for line in lines) == len(paths) for path in paths)

    @property
    def ran_out_of_memory(self) -> bool:
        """Whether the kernel ended a process of the group because its memory was used up."""
        if (folder := self.folders.get("memory")) is None:
            return False
        for name in ("memory.events", "memory.oom_control"):
            try:
                words = (folder / name).read_text().split()
            except OSError:
                continue
            return "oom_kill" in words and int(words[words.index("oom_kill") + 1]) > 0
        return False

    @property
    def usage(self) -> str | None:
        """The file with the processor time that the group has taken, None where no group counts it.

        With version 1 it is in the group of the controller cpu, where cpuacct is mounted together with it, as is usual,
        or in one of its own.
        """
        found = [folder / name for folder in set(self.folders.values()) for name in ("cpuacct.usage", "cpu.stat")]
        # (`cpu.stat` of version 1 counts other things.)
        return next((str(one) for one in found if one.is_file() and _counts(one)), None)

    @property
    def spent(self) -> float | None:
        """The seconds of processor time that all of it has taken, also who ended; None where no group counts it."""
        usage = self.usage
        try:
            return None if usage is None else grouped_ns(Path(usage).read_bytes()) / 1e9
        except OSError:
            return None  # it was removed

    @property
    def refusals(self) -> Path | None:
        """The file that counts the processes that were refused to it; None where nothing can follow from that."""
        found = self.folders["pids"] / "pids.events" if {"pids", "cpu"} <= self.folders.keys() else None
        return found if found is not None and found.is_file() else None

    def give_way(self) -> None:
        """Let it run when nobody else wants to. Raises `OSError` where the kernel has no such groups (before 5.15)."""
        (self.folders["cpu"] / "cpu.idle").write_text("1")

    def remove(self) -> None:
        """Remove the groups; their processes must be gone."""
        for folder in set(self.folders.values()):
            for _ in range(50):
                try:
                    folder.rmdir()
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.01)  # processes that were killed leave a moment later
                else:
                    break


def _counts(usage: Path) -> bool:
    return usage.name == "cpuacct.usage" or _read(usage).startswith("usage_usec ")


@dataclass(frozen=True, slots=True)
class Cgroups:
    """The controllers that this server may use: the folder in which each makes groups, or why it has none."""

    parents: Mapping[str, Path]
    missing: Mapping[str, str]
    version: int

    def make(self, *, memory: int, processes: int, processors: float, hard: bool) -> Group:
        """Make the groups of one environment; `memory` in bytes.

        `processors` is its share of the processors where others want them too, or, when `hard`, what it never exceeds.
        """
        name = f"objectlens-{os.getpid()}-{secrets.token_hex(6)}"
        group = Group({controller: self._home(controller) / name for controller in self.parents})
        files = {
            "memory": [("memory.limit_in_bytes" if self.version == 1 else "memory.max", str(memory))],
            "pids": [("pids.max", str(processes))],
            "cpu": list(self._processors(processors, hard)),
            ACCOUNTING: [],
        }
        try:
            for controller, folder in group.folders.items():
                folder.mkdir(exist_ok=True)
                for file, value in files[controller]:
                    (folder / file).write_text(value)
        except OSError:
            group.remove()
            raise
        return group

    def close(self) -> None:
        """Remove what the environments' groups were in, and what others left behind meanwhile."""
        if self.version == 1 and "cpu" in self.parents:
            Group({"cpu": self._all_functions}).remove()
        for parent in self.parents.values():
            _sweep(parent)

    @property
    def _all_functions(self) -> Path:
        return self.parents["cpu"] / f"objectlens-{os.getpid()}-functions"

    def _home(self, controller: str) -> Path:
        """Return the folder in which groups are made.

        Weights are compared with those of neighbours. With version 1 these would be the server's own threads, and a
        small function would hardly run beside them: all functions together get the weight of all processors.
        """
        if self.version == 2 or controller != "cpu":
            return self.parents[controller]
        if not self._all_functions.is_dir():
            self._all_functions.mkdir(exist_ok=True)
            (self._all_functions / "cpu.shares").write_text(str(_SHARES * (os.cpu_count() or 1)))
        return self._all_functions

    def _processors(self, processors: float, hard: bool) -> Iterator[tuple[str, str]]:
        quota = max(1000, int(_PERIOD_US * processors))
        if self.version == 1:
            yield "cpu.shares", str(max(2, int(_SHARES * processors)))
            if hard:
                yield "cpu.cfs_period_us", str(_PERIOD_US)
                yield "cpu.cfs_quota_us", str(quota)
        else:
            yield "cpu.weight", str(min(10_000, max(1, int(100 * processors))))
            if hard:
                yield "cpu.max", f"{quota} {_PERIOD_US}"


def find_cgroups() -> Cgroups:
    """Look which controllers can be used, by really making a group in each."""
    own = _own_groups()
    parents: dict[str, Path] = {}
    missing: dict[str, str] = {}
    version = 1 if any(controller in own for controller in CONTROLLERS) else 2
    for controller in CONTROLLERS:
        parent = own.get(controller if version == 1 else "")
        why = "not mounted" if parent is None else _try(parent, controller, version)
        if why is None and parent is not None:
            parents[controller] = parent
            _sweep(parent)
        else:
            missing[controller] = why or ""
    apart = own.get(ACCOUNTING) if version == 1 else None
    # It limits nothing, so it is not missing where it is not to be had: processes can be asked for their time.
    if apart is not None and apart != own.get("cpu") and _try(apart, ACCOUNTING, version) is None:
        parents[ACCOUNTING] = apart
        _sweep(apart)
    return Cgroups(parents, missing, version)


def _own_groups() -> dict[str, Path]:
    """Return the folders of the server's own groups by controller; that of version 2 under the empty name."""
    mounts: dict[str, tuple[str, Path]] = {}
    for line in _read(Path("/proc/self/mountinfo")).splitlines():
        before, _, after = line.partition(" - ")
        words, tail = before.split(), after.split()
        if len(words) > 4 and len(tail) > 2 and tail[0] in {"cgroup", "cgroup2"}:
            names = tail[2].split(",") if tail[0] == "cgroup" else [""]
            mounts.update({name: (words[3], Path(words[4])) for name in names})
    found = {}
    for line in _read(Path("/proc/self/cgroup")).splitlines():
        _, controllers, path = line.split(":", 2)
        for name in controllers.split(","):
            if name in mounts:
                root, mount = mounts[name]
                inner = path.removeprefix(root.rstrip("/")).lstrip("/")
                found[name] = mount / inner if (mount / inner).is_dir() else mount
    return found


def _try(parent: Path, controller: str, version: int) -> str | None:
    """Return why no group of this controller can be made, None when one was made (and removed)."""
    if version == 2 and controller not in _read(parent / "cgroup.subtree_control").split():
        return f"{parent}/cgroup.subtree_control does not have {controller}: delegate the controller to the server"
    probe = parent / f"objectlens-probe-{os.getpid()}"
    try:
        probe.mkdir(exist_ok=True)
        probe.rmdir()
    except OSError as error:
        return f"cannot make groups in {parent}: {error.strerror}"
    return None


def _sweep(parent: Path) -> None:
    """Remove the empty groups of function hosts that were killed."""
    for folder in (*parent.glob("objectlens-*-functions/objectlens-*-*"), *parent.glob("objectlens-*-*")):
        owner = folder.name.split("-")[1]
        if owner.isdigit() and not Path("/proc", owner).exists():
            try:
                folder.rmdir()
            except OSError:
                continue  # something is left in it, and it is not ours to end


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
