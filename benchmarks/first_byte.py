"""The time to the first byte of a body."""

from __future__ import annotations

import socket
import time

from load import Orders, Signer


def first_byte(orders: Orders) -> float:
    """Return the seconds from asking to the first byte of the body, over a connection that is open already."""
    with socket.create_connection((orders.host, orders.port), timeout=60) as sock:
        head = Signer(orders).head(orders.paths[0])
        began = time.perf_counter()
        sock.sendall(head)
        seen = b""
        while b"\r\n\r\n" not in seen or seen.endswith(b"\r\n\r\n"):
            data = sock.recv(65536)
            if not data:
                raise RuntimeError(f"no body came: {seen[:300]!r}")
            seen += data
        if not seen.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(seen.partition(b"\r\n")[0].decode())
        return time.perf_counter() - began
