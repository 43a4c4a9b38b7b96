"""What a process does to itself before it runs user code: `apply("data=BYTES,nproc=N")`.

It keeps privileges from being gained (prctl(2), PR_SET_NO_NEW_PRIVS) and sets limits that it cannot raise again. A
template keeps, out of effect, what a fork needs to have a `/tmp` of its own, see `own_tmp`. It imports nothing of
objectlens, because it runs beside user code.
"""

from __future__ import annotations

import ctypes
import os
import resource
import stat
from collections.abc import Sequence
from typing import Any

PR_SET_NO_NEW_PRIVS = 38
_PR_CAPBSET_DROP, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 24, 47, 4
_CAP_SETPCAP, _CAP_SYS_ADMIN = 8, 21
FOR_TMP = (_CAP_SETPCAP, _CAP_SYS_ADMIN)
"""The capabilities that a template's sandbox leaves it, in a user namespace that owns nothing (see `own_tmp`)."""
_CAPABILITY_VERSION_3 = 0x20080522
_CLONE_NEWNS = 0x00020000
_OPEN_TREE, _MOVE_MOUNT, _MOVE_MOUNT_F_EMPTY_PATH, _AT_FDCWD = 428, 429, 4, -100
_COPY_ALL = 0x00088001  # OPEN_TREE_CLONE, OPEN_TREE_CLOEXEC and AT_RECURSIVE
_LIMITS = {
    "as": resource.RLIMIT_AS,
    "core": resource.RLIMIT_CORE,
    "data": resource.RLIMIT_DATA,
    "nproc": resource.RLIMIT_NPROC,
    "nofile": resource.RLIMIT_NOFILE,
}


def apply(orders: str) -> None:
    """Do what the module says, for each `NAME=NUMBER` of the orders; nothing at all when they are empty."""
    if not orders:
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    for order in orders.split(","):
        name, _, number = order.partition("=")
        if name == "nice":
            os.nice(int(number))
        elif name == "tmp":
            _keep_for_forks()
        else:
            _limit(_LIMITS[name], int(number))


def _limit(limit: int, number: int) -> None:
    hard = resource.getrlimit(limit)[1]
    wanted = number if hard == resource.RLIM_INFINITY else min(number, hard)
    resource.setrlimit(limit, (wanted, wanted))


def _keep_for_forks() -> None:
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
    for path, copy in zip(kept, copies, strict=True):
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
