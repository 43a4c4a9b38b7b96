"""The script of a process that makes file systems in memory: `tmpfs.py SOCKET`, started by `isolation_storage`.

Each message on the socket is a size in bytes; the answer brings the descriptor of a new, empty file system of that
size, attached nowhere, or says why there is none. Making one takes a right that an ordinary user has only in a user
namespace of his own (fsopen(2), user_namespaces(7)), and the server cannot enter one: therefore the process. It imports
nothing of objectlens, so that it starts quickly.
"""

from __future__ import annotations

import ctypes
import os
import socket
import sys

_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_FSOPEN, _FSCONFIG, _FSMOUNT = 430, 431, 432
_CLOEXEC, _SET_STRING, _CREATE = 1, 1, 6
_NOSUID_NODEV = 2 | 4
_LIBC = ctypes.CDLL(None, use_errno=True)


def enter() -> None:
    """Take a user namespace with the server's user in it, and nobody else."""
    user, group = os.getuid(), os.getgid()
    _checked(_LIBC.unshare(_CLONE_NEWUSER | _CLONE_NEWNS))
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:  # noqa: PTH123  (pathlib costs its import)
            file.write(text)


def make(size: int) -> int:
    """Return the descriptor of a new file system of so many bytes, that every user may write to."""
    context = _call(_FSOPEN, b"tmpfs", _CLOEXEC)
    try:
        for name, value in ((b"size", str(size).encode()), (b"mode", b"1777")):
            _call(_FSCONFIG, context, _SET_STRING, name, value, 0)
        _call(_FSCONFIG, context, _CREATE, None, None, 0)
        return _call(_FSMOUNT, context, _CLOEXEC, _NOSUID_NODEV)
    finally:
        os.close(context)


def _call(number: int, *arguments: object) -> int:
    return _checked(_LIBC.syscall(ctypes.c_long(number), *arguments))


def _checked(result: int) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def main(arguments: list[str]) -> None:
    """Do what the module says until the server hangs up."""
    channel = socket.socket(fileno=int(arguments[0]))
    failure = b""
    try:
        enter()
    except OSError as error:
        failure = f"no user namespace: {error.strerror}".encode()
    while size := channel.recv(32):
        if failure:
            channel.send(failure)
            continue
        try:
            made = make(int(size))
        except OSError as error:
            channel.send(f"no file system in memory: {error.strerror}".encode())
            continue
        socket.send_fds(channel, [b""], [made])
        os.close(made)


if __name__ == "__main__":
    main(sys.argv[1:])
