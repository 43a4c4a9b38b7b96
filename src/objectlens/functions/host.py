"""The function host: the process that owns all function processes of a machine, apart from the gateway's.

Started by `FunctionHost` as `python -m objectlens.functions.host PARENT SOCKET SETTINGS`: SOCKET is the connection of
the gateway process that started it (see `tenant`), SETTINGS a `HostSettings` as JSON. It ends with that process: the
kernel kills it, and with it the templates and environments; the watchman ends what those started.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable

import uvloop

from objectlens.functions.launch import tie_to
from objectlens.functions.premises import HostSettings, Premises
from objectlens.functions.tenant import Tenant

# When the end of all processes takes longer, they are left to the kernel and the watchman.
END_SECONDS = 20


class Host:
    """The tenants, and what they share."""

    def __init__(self, settings: HostSettings) -> None:
        self._left = asyncio.Event()
        self._premises = Premises(settings, self._announce)
        self._tenants: set[Tenant] = set()
        self._leaving: set[asyncio.Task[None]] = set()

    async def serve(self, sock: socket.socket) -> None:
        """Serve until the gateway process hangs up that started this; then end everything."""
        self._admit(sock, lambda _: self._left.set())
        await self._left.wait()
        signal.alarm(END_SECONDS)
        tenants = [tenant.close() for tenant in tuple(self._tenants)]
        await asyncio.gather(self._premises.templates.close(), *tenants, *self._leaving)
        self._premises.close()

    def _attach(self, sock: socket.socket) -> None:
        self._admit(sock, self._leave)

    def _admit(self, sock: socket.socket, left: Callable[[Tenant], None]) -> None:
        tenant = Tenant(self._premises, sock, self._attach)
        tenant.on_end = lambda: left(tenant)
        self._tenants.add(tenant)
        tenant.begin()

    def _leave(self, tenant: Tenant) -> None:
        self._tenants.discard(tenant)
        task = asyncio.get_running_loop().create_task(tenant.close())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    def _announce(self, what: str, template: int) -> None:
        for tenant in tuple(self._tenants):
            tenant.say(what, template=template)


async def _run(descriptor: int, settings: HostSettings) -> None:
    loop = asyncio.get_running_loop()
    # They are for the gateway, which lets its requests finish first. (A handler, unlike SIG_IGN, is not inherited.)
    for one in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(one, lambda: None)
    os.set_inheritable(descriptor, False)
    await Host(settings).serve(socket.socket(fileno=descriptor))


def main(arguments: list[str]) -> None:
    """Do what the module says."""
    tie_to(int(arguments[0]))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    uvloop.run(_run(int(arguments[1]), HostSettings(**json.loads(arguments[2]))))


if __name__ == "__main__":
    main(sys.argv[1:])
