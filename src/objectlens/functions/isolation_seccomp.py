"""The system calls that a function is refused, as a program for the kernel's filter (seccomp(2), BPF).

It is a list of what is denied: handlers are arbitrary programs, and what is denied is what only administrators,
debuggers and sandboxes use, or what has often been a way into the kernel.
"""

from __future__ import annotations

import errno
import platform
import struct

_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_MACHINES = ("x86_64", "aarch64")

# Numbers of both machines, from the kernel's tables; None where the machine never had the call.
_DENIED: dict[str, tuple[int | None, int | None]] = {
    "ptrace": (101, 117),
    "syslog": (103, 116),
    "pivot_root": (155, 41),
    "acct": (163, 89),
    "mount": (165, 40),
    "umount2": (166, 39),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "iopl": (172, None),
    "ioperm": (173, None),
    "init_module": (175, 105),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "unshare": (272, 97),
    "perf_event_open": (298, 241),
    "chroot": (161, 51),
    "open_by_handle_at": (304, 265),
    "setns": (308, 268),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "finit_module": (313, 273),
    "kexec_file_load": (320, 294),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "pidfd_getfd": (438, 438),
    "mount_setattr": (442, 442),
}
_CLONE = (56, 220)
_SOCKET = (41, 198)
# Leads from a virtual machine to its host, whatever network namespace it is asked for in.
_AF_VSOCK = 40
_CLONE3 = 435
# The first that is newer than Linux 6.10; from there on come open_tree_attr and its like.
_UNKNOWN = 463
# With CLONE_NEWNS alone; with OPEN_TREE_CLONE, OPEN_TREE_CLOEXEC and AT_RECURSIVE.
_FOR_TMP = {"unshare": (0, 0x00020000), "open_tree": (2, 0x00088001)}
# CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
_NAMESPACES = 0x7E020080
_X32 = 0x40000000

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16


def make_filter(machine: str | None = None, *, forks: bool = False) -> bytes:
    """Return the program for a machine as `platform.machine` names it; raises `LookupError` for others.

    For a template, whose `forks` get a `/tmp` of their own, it leaves what that takes: a new mount namespace and no
    other, to copy a mount and to attach one (see `private_tmp`).
    """
    name = machine or platform.machine()
    if name not in _AUDIT:
        raise LookupError(f"no list of system calls for {name}")
    column = _MACHINES.index(name)
    lines = [
        _line(_LOAD, _ARCHITECTURE),
        _line(_EQUAL, _AUDIT[name], 1, 0),
        _line(_RETURN, _KILL),  # calls of another architecture (32 bits) would pass by their other numbers
        _line(_LOAD, _NUMBER),
    ]
    if name == "x86_64":
        lines += [_line(_AT_LEAST, _X32, 0, 1), _line(_RETURN, _ERRNO | errno.ENOSYS)]
    # Its flags are behind a pointer, which a filter cannot follow; without it, libraries use clone.
    lines += [_line(_EQUAL, _CLONE3, 0, 1), _line(_RETURN, _ERRNO | errno.ENOSYS)]
    # What the kernel learned after this list was made: libraries do without, as on an older kernel.
    lines += [_line(_AT_LEAST, _UNKNOWN, 0, 1), _line(_RETURN, _ERRNO | errno.ENOSYS)]
    denied = {name: numbers[column] for name, numbers in _DENIED.items()}
    if forks:
        del denied["move_mount"]
        for name, (argument, only) in _FOR_TMP.items():
            lines += [
                _line(_EQUAL, denied.pop(name) or 0, 0, 4),
                _line(_LOAD, _FIRST_ARGUMENT + 8 * argument),
                _line(_EQUAL, only, 0, 1),
                _line(_RETURN, _ALLOW),
                _line(_RETURN, _ERRNO | errno.EPERM),
            ]
    for number in denied.values():
        if number is not None:
            lines += [_line(_EQUAL, number, 0, 1), _line(_RETURN, _ERRNO | errno.EPERM)]
    lines += [
        _line(_EQUAL, _SOCKET[column], 0, 4),
        _line(_LOAD, _FIRST_ARGUMENT),
        _line(_EQUAL, _AF_VSOCK, 0, 1),
        _line(_RETURN, _ERRNO | errno.EPERM),
        _line(_RETURN, _ALLOW),
        _line(_EQUAL, _CLONE[column], 0, 3),
        _line(_LOAD, _FIRST_ARGUMENT),
        _line(_ANY_BIT, _NAMESPACES, 0, 1),
        _line(_RETURN, _ERRNO | errno.EPERM),
        _line(_RETURN, _ALLOW),
    ]
    return b"".join(lines)


def _line(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", code, then, otherwise, value)
