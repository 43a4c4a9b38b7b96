"""A PostgreSQL server of the tests' own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg


class Postgres:
    """A cluster in a temporary directory, reached by a socket in it; gone after `stop`."""

    def __init__(self) -> None:
        programs = _programs()
        # PostgreSQL does not run as root.
        self._user = None if os.geteuid() else _unprivileged()
        self.folder = Path(tempfile.mkdtemp(prefix="objectlens-postgres-"))
        if self._user is not None:
            shutil.chown(self.folder, self._user)
        data = self.folder / "data"
        # A locale whose order is not that of bytes, as most installations have.
        order = ["--locale-provider=icu", "--icu-locale=en", "--locale=C.UTF-8", "--encoding=UTF8"]
        self._run([programs / "initdb", "-D", data, "-U", "objectlens", "--auth=trust", "--no-sync", *order])
        self._process = subprocess.Popen(
            [programs / "postgres", "-D", data, "-k", self.folder, "-c", "listen_addresses=", "-c", "fsync=off"],
            user=self._user,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._made = 0
        self._wait()

    def database(self) -> str:
        """Make an empty database and return its URL."""
        self._made += 1
        name = f"catalog_{self._made}"
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql://objectlens@/{name}?host={self.folder}"

    def break_off(self) -> None:
        """Stop the server in the middle of whatever it does; `stop` follows."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(30)

    def stop(self) -> None:
        """Stop the server and remove all that it kept."""
        self._process.terminate()
        try:
            self._process.wait(30)
        finally:
            self._process.kill()
            shutil.rmtree(self.folder)

    def _address(self, database: str) -> str:
        return f"host={self.folder} user=objectlens dbname={database}"

    def _run(self, command: list[str | Path]) -> None:
        subprocess.run(command, check=True, user=self._user, cwd=self.folder, stdout=subprocess.DEVNULL)

    def _wait(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self._address("postgres")).close()
                return
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


def _unprivileged() -> str:
    users = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in users else "nobody"


def _programs() -> Path:
    """Find PostgreSQL's programs; on a Debian machine without them, root has them installed."""
    found = _installed()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        for arguments in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", "postgresql"]):
            subprocess.run(["apt-get", *arguments], check=True, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"})
        found = _installed()
    assert found is not None, "PostgreSQL is needed for these tests: apt-get install postgresql"
    return found


def _installed() -> Path | None:
    on_path = shutil.which("initdb")
    places = [Path(on_path).resolve().parent] if on_path else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: -float(place.parent.name))
    return next((place for place in places if (place / "initdb").exists() and (place / "postgres").exists()), None)
