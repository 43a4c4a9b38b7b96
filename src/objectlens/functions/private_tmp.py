"""How a fork of a template takes a `/tmp` of its own, in the template's sandbox.

The template keeps, out of effect, what that takes (`keep_capabilities`); each fork uses it once and gives it up before
anything of the function's runs in it (`take`). It imports nothing of objectlens, because it runs beside user code.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import stat
from collections.abc import Sequence
from typing import Any

LEFT = 16 * 1024 * 1024
"""What a module may leave in `/tmp` for each of its environments to copy, in bytes."""

_PR_CAPBSET_DROP, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 24, 47, 4
_CAP_SETPCAP, _CAP_SYS_ADMIN = 8, 21
FOR_TMP = (_CAP_SETPCAP, _CAP_SYS_ADMIN)
"""The capabilities that a template's sandbox leaves it, in a user namespace that owns nothing (see `own_tmp`)."""
_CAPABILITY_VERSION_3 = 0x20080522
_CLONE_NEWNS = 0x00020000
_OPEN_TREE, _MOVE_MOUNT, _MOVE_MOUNT_F_EMPTY_PATH, _AT_FDCWD = 428, 429, 4, -100
_COPY_ALL = 0x00088001  # OPEN_TREE_CLONE, OPEN_TREE_CLOEXEC and AT_RECURSIVE


def take(tmp: int) -> None:
    """Take a `/tmp` of its own, with what the handler's module left in the template's."""
    there = os.open("/tmp", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)  # noqa: S108
    device = os.fstat(there).st_dev
    own_tmp(tmp, _mounts_below())
    os.close(tmp)

    def elsewhere(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if os.lstat(f"{folder}/{name}").st_dev != device]

    source = f"/proc/self/fd/{there}"
    shutil.copytree(source, "/tmp", symlinks=True, ignore=elsewhere, dirs_exist_ok=True)  # noqa: S108
    os.close(there)


def _mounts_below() -> list[str]:
    """Return the paths below `/tmp` at which something is mounted, without those that are below another (proc(5))."""
    found: list[str] = []
    for line in _mountinfo().splitlines():
        path = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), line.split()[4])
        if path.startswith("/tmp/"):  # noqa: S108
            found.append(path)
    return [path for path in found if not any(path.startswith(f"{other}/") for other in found)]


def too_much() -> str | None:
    """Return why what the handler's module left in `/tmp` cannot be copied, None when it can."""
    size = 0
    device = os.stat("/tmp").st_dev  # noqa: PTH116, S108
    for folder, folders, files in os.walk("/tmp"):  # noqa: S108
        for name in (*folders, *files):
            status = os.lstat(os.path.join(folder, name))  # noqa: PTH118
            if status.st_dev != device:
                folders[:] = [one for one in folders if one != name]
                continue
            if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode) or stat.S_ISLNK(status.st_mode)):
                return "its module left sockets or pipes in /tmp"
            size += status.st_blocks * 512
    return f"its module left more than {LEFT >> 20} MiB in /tmp" if size > LEFT else None


def keep_capabilities() -> None:
    """Put the capabilities out of effect, and keep them from programs that are started."""
    _checked("prctl", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    _set_capabilities(effective=0)


def own_tmp(mount: int, kept: Sequence[str] = ()) -> None:
    """Put an unattached file system over `/tmp`, for this process and what it starts alone; raises `OSError`.

    What is mounted below `/tmp` at the paths in `kept` is there afterwards, too.

    It takes a mount namespace of its own (unshare(2), mount_namespaces(7)) and then gives up every capability. Those
    that it had were good for nothing else: they are of a user namespace that owns no other namespace, in which all
    mounts that there were are locked, and the filter of system calls leaves of all that makes and changes mounts these
    three calls. So code of the function's module that uses them before, or keeps a fork from giving them up, gets
    another view of the files that it sees anyway.
    """
    take_effect()
    _checked("unshare", _CLONE_NEWNS)
    copies = [_checked("syscall", _OPEN_TREE, _AT_FDCWD, os.fsencode(path), _COPY_ALL) for path in kept]
    attach(mount)
    for path, copy in zip(kept, copies):
        _make_place(path, is_folder=stat.S_ISDIR(os.fstat(copy).st_mode))
        attach(copy, path)
        os.close(copy)
    for one in FOR_TMP[::-1]:
        _checked("prctl", _PR_CAPBSET_DROP, one, 0, 0, 0)
    _set_capabilities(effective=0, permitted=0)


def take_effect() -> None:
    """Put the capabilities of a template into effect."""
    _set_capabilities(effective=_mask())


def attach(mount: int, path: str = "/tmp") -> None:  # noqa: S108
    """Put an unattached file system over a path; raises `OSError`."""
    _checked("syscall", _MOVE_MOUNT, mount, b"", _AT_FDCWD, os.fsencode(path), _MOVE_MOUNT_F_EMPTY_PATH)


def _make_place(path: str, *, is_folder: bool) -> None:
    """Make what a mount can be put over."""
    if is_folder:
        os.makedirs(path, 0o755, exist_ok=True)  # noqa: PTH103  (pathlib costs its import)
        return
    os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)  # noqa: PTH103, PTH120
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))


def _mask() -> int:
    return sum(1 << one for one in FOR_TMP)


def _set_capabilities(*, effective: int, permitted: int | None = None) -> None:
    """Set them by capset(2): two times effective, permitted, inheritable, of 32 bits each."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)(effective, _mask() if permitted is None else permitted, 0, 0, 0, 0)
    _checked("capset", header, data)


def _checked(name: str, *arguments: Any) -> int:
    words = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    result: int = getattr(ctypes.CDLL(None, use_errno=True), name)(*words)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")
    return result


def _mountinfo() -> str:
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123
        return file.read()
