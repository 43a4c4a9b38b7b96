"""What a process does to itself before it runs user code: `apply("data=BYTES,nproc=N")`.

It keeps privileges from being gained (prctl(2), PR_SET_NO_NEW_PRIVS) and sets limits that it cannot raise again. It
imports nothing of objectlens, because it runs beside user code.
"""

from __future__ import annotations

import ctypes
import resource

PR_SET_NO_NEW_PRIVS = 38
_LIMITS = {"data": resource.RLIMIT_DATA, "nproc": resource.RLIMIT_NPROC, "nofile": resource.RLIMIT_NOFILE}


def apply(orders: str) -> None:
    """Do what the module says, for each `NAME=NUMBER` of the orders; nothing at all when they are empty."""
    if not orders:
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    for order in orders.split(","):
        name, _, number = order.partition("=")
        limit = _LIMITS[name]
        hard = resource.getrlimit(limit)[1]
        wanted = int(number) if hard == resource.RLIM_INFINITY else min(int(number), hard)
        resource.setrlimit(limit, (wanted, wanted))
