"""The command that puts a process into a sandbox of its own, with bubblewrap (bwrap(1)).

In it are namespaces of its own (user, processes, mounts, IPC, host name, control groups), no capabilities, the filter
of system calls, and a file system of just what a function needs, read-only but for a `/tmp` in memory. The network is
the machine's, or none.
"""

from __future__ import annotations

import os
import site
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

USER = 993
GROUP = 990
SHM_BYTES = 64 * 2**20

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC = (
    "alternatives",
    "ca-certificates",
    "crypto-policies",
    "fonts",
    "gai.conf",
    "host.conf",
    "hosts",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "nsswitch.conf",
    "pki",
    "protocols",
    "resolv.conf",
    "services",
    "ssl/certs",
    "ssl/openssl.cnf",
)
_USERS = f"root:x:0:0:root:/:/usr/sbin/nologin\nfunction:x:{USER}:{GROUP}::/tmp:/usr/sbin/nologin\n"
_GROUPS = f"root:x:0:\nfunction:x:{GROUP}:\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What one sandbox shows and bounds.

    `reading` are the paths beside the system that are readable in it, `files` the contents of made-up ones by path,
    `opt` is the folder that is shown as `/opt`. `forks` tells that what runs in it will fork environments, each with a
    `/tmp` of its own. `network` is False when there is none in it but its own loopback.
    """

    reading: tuple[Path, ...]
    hidden: Path
    folder: Path
    temporary: Path
    tmp_bytes: int
    variables: Mapping[str, str]
    forks: bool = False
    network: bool = True
    files: Mapping[str, bytes] = field(default_factory=dict)
    opt: Path | None = None


def interpreter_paths(python: str) -> tuple[Path, ...]:
    """Return what a Python needs of the file system: its environment, its installation, and this package."""
    package = Path(__file__).parents[1]
    executable = Path(python).absolute()
    found = (executable.parents[1], *_links(executable), package)
    if python != sys.executable:
        return found  # another Python shares no packages with the server's own
    return (*found, Path(sys.prefix), Path(sys.base_prefix), *_added())


def _added() -> Iterator[Path]:
    """Yield the folders that `.pth` files add to Python's path (site): those of packages installed to be edited."""
    for place in site.getsitepackages():
        for file in sorted(Path(place).glob("*.pth")):
            for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
                path = Path(place, line.strip())
                if line.strip() and not line.startswith(("#", "import ", "import\t")) and path.is_dir():
                    yield path


def make_arguments(wanted: Wanted, filter_fd: int, data: Mapping[str, int]) -> list[str]:
    """Return the arguments of bwrap; `data` are descriptors of files' contents by their path in the sandbox."""
    return [
        *("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
        *("--uid", str(USER), "--gid", str(GROUP), "--hostname", "localhost", "--die-with-parent"),
        *("--cap-drop", "ALL", *_capabilities(wanted), "--seccomp", str(filter_fd)),
        *(() if wanted.network else ("--unshare-net",)),
        *_system(),
        *_etc(data),
        # A process of the machine's root could set the kernel's variables through /proc/sys: none can be written here.
        *("--proc", "/proc", "--remount-ro", "/proc"),
        *("--dev", "/dev", "--perms", "1777", "--size", str(SHM_BYTES), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"),  # noqa: S108
        *("--perms", "1777", "--size", str(wanted.tmp_bytes), "--tmpfs", "/tmp"),  # noqa: S108
        *_readable(wanted),
        *(("--ro-bind", str(wanted.opt), "/opt") if wanted.opt else ()),
        *("--perms", "0700", "--dir", str(wanted.temporary), "--dir", "/var"),
        *("--symlink", "../tmp", "/var/tmp"),  # noqa: S108
        # Where handlers find their own files on Lambda, some by just this name.
        *("--symlink", str(wanted.folder), "/var/task"),
        *("--remount-ro", "/", "--chdir", str(wanted.folder), "--clearenv"),
        *(word for name, value in wanted.variables.items() for word in ("--setenv", name, value)),
    ]


def _capabilities(wanted: Wanted) -> Iterator[str]:
    """Ask for those of `private_tmp.FOR_TMP`; the user namespace in which they count owns no other namespace."""
    if wanted.forks:
        yield from ("--cap-add", "CAP_SYS_ADMIN", "--cap-add", "CAP_SETPCAP")


def data_files() -> dict[str, bytes]:
    """Return the files that are made up for a sandbox: path and contents."""
    return {"/etc/passwd": _USERS.encode(), "/etc/group": _GROUPS.encode()}


def _system() -> Iterator[str]:
    for name in _SYSTEM:
        path = Path(name)
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), name)
        elif path.is_dir():
            yield from ("--ro-bind", name, name)


def _etc(data: Mapping[str, int]) -> Iterator[str]:
    for name in _ETC:
        if f"/etc/{name}" not in data:
            yield from ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")
    for path, descriptor in data.items():
        yield from ("--ro-bind-data", str(descriptor), path)


def _readable(wanted: Wanted) -> Iterator[str]:
    """Show the paths, hiding the data directory where one of them would show it."""
    shown = [path for path in _outermost(wanted.reading) if not _is_system(path)]
    for path in shown:
        yield from ("--ro-bind-try", str(path), str(path))
    if any(wanted.hidden.is_relative_to(path) for path in (*shown, *map(Path, _SYSTEM))):
        yield from ("--tmpfs", str(wanted.hidden))
        for path in wanted.reading:
            if path.is_relative_to(wanted.hidden):
                yield from ("--ro-bind-try", str(path), str(path))
        yield from ("--remount-ro", str(wanted.hidden))


def _outermost(paths: Iterable[Path]) -> list[Path]:
    """Leave out what is inside another, and what would show too much: the root, a home directory, its parent."""
    home = Path.home()
    fit = {path for path in paths if path != Path("/") and not home.is_relative_to(path)}
    return sorted(path for path in fit if not any(path != one and path.is_relative_to(one) for one in fit))


def _is_system(path: Path) -> bool:
    return any(path.is_relative_to(name) for name in _SYSTEM)


def _links(path: Path) -> Sequence[Path]:
    """Return the installation that an executable's links lead to, link by link."""
    found = []
    for _ in range(16):
        if not path.is_symlink():
            break
        path = Path(os.path.normpath(path.parent / path.readlink()))
        found.append(path.parent if path.parent.name != "bin" else path.parents[1])
    return found
