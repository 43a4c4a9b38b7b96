"""Processes that are killed under load: every answer is right or a documented error, and nothing is left behind.

Environments, templates, watchmen and the function host itself are killed at moments and in an order that a seed
chooses, while clients read through a function. `OBJECTLENS_CHAOS_ROUNDS` (default 2) and `OBJECTLENS_CHAOS_SEED`
(default 1) say how many rounds and which.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from objectlens.sigv4 import Credentials, presign
from support.hosts import children, descendants, groups_of, hosts_of, runs_script, templates_of, watchmen_of
from support.live import Lens, LiveServer, make_lens_on, start_server, stop_server

ROUNDS = int(os.environ.get("OBJECTLENS_CHAOS_ROUNDS", "2"))
SEED = int(os.environ.get("OBJECTLENS_CHAOS_SEED", "1"))
REQUESTS, AT_A_TIME, ENVIRONMENTS = 150, 6, 4
ORIGINAL = b"the original\n" * 1000
# Environments may have been replaced, and keep connections to the service.
SLACK = 8 * ENVIRONMENTS
PATIENCE = 90
HANDLER = """
import boto3, hashlib, http.client, os, time, urllib.request
from urllib.parse import parse_qs, urlsplit

def daemon():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.setsid()
            for fd in range(3, 64):
                try:
                    os.close(fd)
                except OSError:
                    pass
            time.sleep(600)
        os._exit(0)

def lambda_handler(event, context):
    place = event["getObjectContext"]
    asked = {name: values[0] for name, values in parse_qs(urlsplit(event["userRequest"]["url"]).query).items()}
    with urllib.request.urlopen(place["inputS3Url"]) as answer:
        original = answer.read()
    if asked["kind"] == "late":
        time.sleep(0.3)
    if asked["kind"] == "daemon":
        daemon()
    line = hashlib.sha256(asked["n"].encode() + original).hexdigest().encode()
    if asked["kind"] != "stream":
        boto3.client("s3").write_get_object_response(
            Body=line * 500, RequestRoute=place["outputRoute"], RequestToken=place["outputToken"])
        return
    def slowly():
        for _ in range(20):
            time.sleep(0.02)
            yield line * 500
    headers = {"x-amz-request-route": place["outputRoute"], "x-amz-request-token": place["outputToken"]}
    connection = http.client.HTTPConnection(os.environ["AWS_ENDPOINT_URL_S3"].partition("//")[2], timeout=20)
    connection.request("POST", "/WriteGetObjectResponse", slowly(), headers)
    connection.getresponse().read()
    connection.close()
"""
# docs/functions.md, "Failures" and "Environments".
DOCUMENTED = {(500, "LambdaRuntimeError"), (500, "LambdaResponseNotReceived"), (503, "SlowDown")}


class Killer:
    """Kills processes below a server until it is told to stop, and remembers all that it saw."""

    def __init__(self, server: LiveServer, seed: int) -> None:
        assert server.process is not None
        self.server = server.process.pid
        self.random = random.Random(seed)
        self.killed: Counter[str] = Counter()
        self.seen: dict[int, psutil.Process] = {}
        self.hosts: set[int] = set()
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.work)

    def __enter__(self) -> Killer:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self.thread.join()
        self.look()

    def look(self) -> None:
        self.hosts.update(hosts_of(self.server))
        for pid in descendants(self.server):
            if pid not in self.seen or not self.seen[pid].is_running():
                with contextlib.suppress(psutil.NoSuchProcess):
                    self.seen[pid] = psutil.Process(pid)

    def work(self) -> None:
        while not self.stopping.wait(self.random.uniform(0.05, 0.4)):
            self.look()
            kinds = {"environment": 70, "template": 15, "host": 10, "watchman": 5, "maker": 5}
            what = self.random.choices(list(kinds), list(kinds.values()))[0]
            number = self.random.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGSEGV])
            victims = self.victims(what)
            if victims:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.random.choice(victims), number if what == "environment" else signal.SIGKILL)
                    self.killed[what] += 1

    def victims(self, what: str) -> list[int]:
        hosts = hosts_of(self.server)
        if what == "host":
            return hosts
        if what == "watchman":
            return [pid for host in hosts for pid in watchmen_of(host)]
        if what == "maker":  # of the /tmp of forks
            return [pid for host in hosts for pid in children(host) if runs_script(pid, "tmpfs.py")]
        if what == "template":
            # Of a sandbox, that is the program that made it.
            return [pid for host in hosts for pid in templates_of(host) or sandboxes(host)]
        return [pid for host in hosts for pid in descendants(host) if pid not in (*children(host), *watchmen_of(host))]

    def left(self) -> list[psutil.Process]:
        """Return those that are still there; a number may be another process's by now."""
        return [process for process in self.seen.values() if process.is_running()]


def sandboxes(host: int) -> list[int]:
    return [pid for pid in children(host) if not any(runs_script(pid, one) for one in ("watch.py", "tmpfs.py"))]


class Clients:
    """Read through the function, and judge each answer."""

    def __init__(self, lens: Lens, alias: str) -> None:
        self.lens, self.alias = lens, alias
        self.outcomes: Counter[str] = Counter()

    def round(self, seed: int) -> None:
        pick = random.Random(seed)
        kinds = [pick.choice(["plain", "plain", "late", "stream", "daemon"]) for _ in range(REQUESTS)]
        with ThreadPoolExecutor(AT_A_TIME) as threads:
            self.outcomes.update(threads.map(self.read, range(REQUESTS), kinds))

    def read(self, number: int, kind: str) -> str:
        """Read once; returns what came of it. Raises when that is nothing that may come of it."""
        server = self.lens.server
        key = Credentials(server.access_key_id, server.secret_access_key)
        url = f"{server.url}/{self.alias}/key?kind={kind}&n={number}"
        signed = presign("GET", url, key, region=server.region, now=datetime.now(UTC), expires=600)
        host, _, target = signed.removeprefix("http://").partition("/")
        connection = http.client.HTTPConnection(host, timeout=PATIENCE)
        try:
            connection.request("GET", f"/{target}")
            # Before the head is out, there is an answer of some kind.
            answer = connection.getresponse()
            try:
                body = answer.read()
            except (http.client.IncompleteRead, ConnectionResetError):
                assert answer.status == 200
                return "cut"
        finally:
            connection.close()
        if answer.status == 200:
            assert body == expected(number, kind), f"{kind} {number}: {len(body)} bytes"
            return "right"
        code = body.decode().partition("<Code>")[2].partition("</Code>")[0]
        assert (answer.status, code) in DOCUMENTED, self.told(answer, body)
        return code

    def told(self, answer: http.client.HTTPResponse, body: bytes) -> str:
        """Return all that is known of an answer that nobody documented, so that it need not come a second time."""
        server, asked = self.lens.server, answer.headers["x-amz-request-id"]
        assert server.data is not None
        log = (server.data.parent / f"{server.data.name}.log").read_text().splitlines()
        # Every request has a line; those of others tell nothing.
        kept = [line for line in log if " INFO " not in line or (asked and asked in line)][-200:]
        command = [
            sys.executable,
            "-m",
            "objectlens",
            "logs",
            self.lens.function,
            "--data",
            str(server.data),
            "-n",
            "50",
        ]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        first = f"{answer.status} {body!r} of request {asked}"
        return "\n".join([first, *kept, "--- the function's log", ran.stdout, ran.stderr])


def expected(number: int, kind: str) -> bytes:
    line = hashlib.sha256(str(number).encode() + ORIGINAL).hexdigest().encode()
    return line * 500 * (20 if kind == "stream" else 1)


def settled(server: LiveServer, most: int, seconds: float = 20) -> int:
    """Wait until the server has no more than so many files open; returns how many it has."""
    assert server.process is not None
    deadline = time.monotonic() + seconds
    while (now := psutil.Process(server.process.pid).num_fds()) > most and time.monotonic() < deadline:
        time.sleep(0.2)
    return now


def left_of(data: Path) -> list[str]:
    """Return the processes that have something to do with a data directory."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            told = [*process.cmdline(), *process.environ().values()]
            if process.pid != os.getpid() and any(str(data) in word for word in told):
                found.append(str(process))
    return found


@pytest.mark.timeout(180 + 120 * ROUNDS)
@pytest.mark.parametrize("isolation", ["off", "auto"])
def test_answers_are_right_or_documented_and_no_process_is_left(tmp_path: Path, isolation: str) -> None:
    settings = {
        "OBJECTLENS_FUNCTIONS_MAX_ENVIRONMENTS": str(ENVIRONMENTS),
        "OBJECTLENS_FUNCTIONS_ISOLATION": isolation,
        # With the initialisation and the function's own time, less than the 60 seconds that a GET waits, however busy
        # the machine is: one that waits for all of them is lost.
        "OBJECTLENS_FUNCTIONS_QUEUE_SECONDS": "15",
    }
    data = tmp_path / "data"
    server = start_server(data, env=settings)
    try:
        lens = make_lens_on(server, HANDLER, timeout=5)
        control = server.client("s3control")
        found = control.get_access_point_for_object_lambda(AccountId=server.account, Name=lens.name)
        clients = Clients(lens, found["Alias"]["Value"])
        lens.put("key", ORIGINAL)
        clients.round(SEED - 1)
        assert clients.outcomes == {"right": REQUESTS}
        before = settled(server, 0, 3)
        killer = Killer(server, SEED)
        with killer:
            for number in range(ROUNDS):
                clients.round(SEED + number)
        print(dict(clients.outcomes), dict(killer.killed))
        assert set(clients.outcomes) <= {"right", "cut", *(code for _, code in DOCUMENTED)}
        assert clients.outcomes["right"] > REQUESTS * (1 + ROUNDS / 4)
        assert killer.killed["host"]
        # It serves as before, and holds no more than before.
        with urllib.request.urlopen(f"{server.url}/-/health/ready", timeout=10) as answer:
            assert answer.status == 200
        for number in range(2 * ENVIRONMENTS):
            assert clients.read(number, "plain") == "right"
        assert settled(server, before + SLACK) <= before + SLACK
        assert server.process is not None
        (host,) = hosts_of(server.process.pid)
        deadline = time.monotonic() + 5
        while len(watchmen_of(host)) != 1:  # it may have been the last victim
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert len(children(host)) <= 2 + 1 + ENVIRONMENTS  # the watchman and who makes /tmp, the template
        log = (tmp_path / "data.log").read_text()
        assert "Traceback" not in log, log[log.index("Traceback") - 500 :][:4000]
    except BaseException:
        stop_server(server)
        raise
    killer.look()
    assert stop_server(server) == 0
    deadline = time.monotonic() + 10
    while killer.left() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert killer.left() == []
    assert left_of(data) == []
    assert list((data / "functions").glob("tmp/*")) == []
    assert [path for host in killer.hosts for path in groups_of(host)] == []
