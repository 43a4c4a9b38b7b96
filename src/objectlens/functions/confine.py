"""What a process does to itself before it runs user code: `apply("data=BYTES,nproc=N")`.

It keeps privileges from being gained (prctl(2), PR_SET_NO_NEW_PRIVS) and sets limits that it cannot raise again. It
imports nothing of objectlens, because it runs beside user code.
"""

from __future__ import annotations

import ctypes
import os
import resource

PR_SET_NO_NEW_PRIVS = 38
_LIMITS = {
    "as": resource.RLIMIT_AS,
    "core": resource.RLIMIT_CORE,
    "data": resource.RLIMIT_DATA,
    "nproc": resource.RLIMIT_NPROC,
    "nofile": resource.RLIMIT_NOFILE,
}
OWN_TMP = "tmp=1"
"""The order that is a template's to follow, see `private_tmp`."""


def apply(orders: str) -> None:
    """Do what the module says, for each `NAME=NUMBER` of the orders; nothing at all when they are empty."""
    if not orders:
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    for order in orders.split(","):
        name, _, number = order.partition("=")
        if name == "nice":
            os.nice(int(number))
        elif order != OWN_TMP:
            _limit(_LIMITS[name], int(number))


def _limit(limit: int, number: int) -> None:
    hard = resource.getrlimit(limit)[1]
    wanted = number if hard == resource.RLIM_INFINITY else min(number, hard)
    resource.setrlimit(limit, (wanted, wanted))
