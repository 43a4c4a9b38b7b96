"""TLS for functions that speak to AWS's host names: a certificate for each name, made when it is first asked for."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from functools import lru_cache

from objectlens.clock import Clock
from objectlens.gateway.certificates import Authority

# How long a certificate is given out, of the 30 days that it is valid; in seconds.
PERIOD = 7 * 86400
# Names whose certificates are kept. Making one takes about a millisecond.
KEPT = 256
# What a client gets that names no host, as those do that ask for an address, or one that is not ours: it then says that
# the name is wrong, where a refused handshake would tell nothing.
LOCAL = ("localhost", "127.0.0.1", "::1")


def tls_context(authority: Authority, is_ours: Callable[[str], bool], clock: Clock) -> ssl.SSLContext:
    """Return a server's context that shows a certificate of the name asked for, if it is ours.

    `is_ours` takes a name in lower case.
    """

    @lru_cache(maxsize=KEPT)
    def of(names: tuple[str, ...], period: int) -> ssl.SSLContext:
        del period  # a new one begins with new certificates
        return _context(authority.issue(names, clock.now()))

    def choose(connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        del context
        asked = (name or "").lower()
        connection.context = of((asked,) if asked and is_ours(asked) else LOCAL, int(clock.now().timestamp() // PERIOD))

    first = _context(None)
    first.sni_callback = choose
    return first


def _context(chain: bytes | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if chain is not None:
        # OpenSSL reads a key from a file only; this one has no name.
        with os.fdopen(os.memfd_create("objectlens", os.MFD_CLOEXEC), "wb") as file:
            file.write(chain)
            file.flush()
            context.load_cert_chain(f"/proc/self/fd/{file.fileno()}")
    return context
