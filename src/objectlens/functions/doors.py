"""The first code in a sandbox without a network: `doors.py CHANNEL COMMAND ...`.

It listens, on the loopback that the sandbox alone has, at the addresses that the server names on the channel, gives the
sockets to the server, which accepts on them from outside, and becomes the command, with the variables that the server
sent along. It runs before any code of the function's, and with none of its variables: nothing in the sandbox is left
that shares these sockets. It imports nothing of objectlens.
"""

from __future__ import annotations

import json
import os
import socket
import sys

MESSAGE = 256 * 1024


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens there; what connects is not yet accepted."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, port))
    sock.listen(128)
    return sock


def main(arguments: list[str]) -> None:
    """Do what the module says."""
    command = arguments[1:]
    with socket.socket(fileno=int(arguments[0])) as channel:
        orders = json.loads(channel.recv(MESSAGE))
        doors = [listen(host, port) for host, port in orders["listen"]]
        socket.send_fds(channel, [b"open"], [door.fileno() for door in doors])
    for door in doors:
        door.close()
    os.execve(command[0], command, orders["variables"])  # noqa: S606  (no shell is wanted)


if __name__ == "__main__":
    main(sys.argv[1:])
