"""Functions that mean harm: each is kept in, its caller and its log are told, and its neighbours go on working."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from objectlens.functions.isolation_finding import find_isolation
from objectlens.functions.logs import log_folder
from support.debian import debian_program
from support.hosts import groups_of, hosts_of
from support.live import ROLE, LiveServer, make_lens_on, start_server, stop_server, zipped

NEIGHBOUR = """
import boto3, urllib.request
s3 = boto3.client("s3")
def lambda_handler(event, context):
    c = event["getObjectContext"]
    body = urllib.request.urlopen(c["inputS3Url"]).read()
    s3.write_get_object_response(RequestRoute=c["outputRoute"], RequestToken=c["outputToken"], Body=body.upper())
"""
KINDS = [pytest.param({}, id="forked"), pytest.param({"OBJECTLENS_TEMPLATE": "0"}, id="plain")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server of this suite's own, as it is when nothing is set; nothing is left when it has ended."""
    debian_program("bubblewrap", "bwrap")
    live = start_server(tmp_path_factory.mktemp("hostile") / "data")
    assert live.process is not None
    try:
        yield live
    finally:
        (host,) = hosts_of(live.process.pid)  # it owns the processes, and their groups have its number
        code = stop_server(live)
    assert code == 0
    assert not list(processes_of(live)), "processes are left behind"
    assert not groups_of(host), "control groups are left behind"


def processes_of(server: LiveServer) -> Iterator[str]:
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and str(server.data).encode() in (folder / "environ").read_bytes():
                yield folder.name
        except OSError:
            continue


@pytest.fixture(scope="module")
def neighbour(server):
    lens = make_lens_on(server, NEIGHBOUR, timeout=30)
    lens.put("k", b"neighbour")
    assert lens.read("k") == b"NEIGHBOUR"
    return lens


@contextmanager
def busy(neighbour) -> Iterator[None]:
    """Have the neighbour work all the while; every answer must be right."""
    done, wrong, count = threading.Event(), [], 0

    def work() -> None:
        nonlocal count
        while not done.is_set():
            try:
                body = neighbour.read("k")
            except (BotoCoreError, ClientError) as error:
                body = repr(error)
            count += 1
            if body != b"NEIGHBOUR":
                wrong.append(body)
            time.sleep(0.02)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    assert not wrong, wrong[:3]
    assert count


class Hostile:
    """A function of the server's, its outcome, and its log."""

    def __init__(self, server: LiveServer, code: str, *, environment=None, timeout=10, memory=128, storage=512) -> None:
        self.server = server
        self.name = f"hostile-{uuid.uuid4().hex[:12]}"
        self.client = server.client("lambda", read_timeout=120)
        self.client.create_function(
            FunctionName=self.name,
            Runtime="python3.11",
            Handler="lambda_function.lambda_handler",
            Role=ROLE,
            Code={"ZipFile": zipped(code)},
            Timeout=timeout,
            MemorySize=memory,
            EphemeralStorage={"Size": storage},
            Environment={"Variables": environment or {}},
        )

    def invoke(self, event: Any = None) -> tuple[Any, str]:
        """Return the answer, or the error document, and the end of the log."""
        answer = self.client.invoke(FunctionName=self.name, Payload=json.dumps(event).encode(), LogType="Tail")
        tail = base64.b64decode(answer["LogResult"]).decode("utf-8", "replace")
        return json.loads(answer["Payload"].read()), tail

    def log(self) -> str:
        folder = log_folder(self.server.data / "functions", self.name)
        return "".join(path.read_text("utf-8", "replace") for path in sorted(folder.iterdir()))


def run(server, neighbour, code, event=None, **options):
    hostile = Hostile(server, code, **options)
    with busy(neighbour):
        document, tail = hostile.invoke(event)
    assert "END RequestId" in tail
    assert "REPORT RequestId" in tail
    assert neighbour.read("k") == b"NEIGHBOUR"
    return document, tail, hostile


@pytest.mark.parametrize("environment", KINDS)
def test_a_fork_bomb(server, neighbour, environment) -> None:
    isolation = find_isolation("auto")
    isolation.close()
    if not any(one.name == "process limit" and one.active for one in isolation.features):
        pytest.skip("no process limit here")
    code = """
import os
def lambda_handler(event, context):
    if event == "well":
        return "well"
    while True:
        try:
            os.fork()
        except OSError:
            pass
"""
    document, tail, hostile = run(server, neighbour, code, environment=environment, timeout=3)
    assert document["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 3.00 seconds" in tail
    assert hostile.invoke("well")[0] == "well"


@pytest.mark.parametrize("environment", KINDS)
@pytest.mark.parametrize("shared", [False, True], ids=["own", "shared"])
def test_memory_without_end(server, neighbour, environment, shared) -> None:
    code = """
import mmap
def lambda_handler(event, context):
    kept = []
    while True:
        piece = mmap.mmap(-1, 4 << 20) if event else bytearray(4 << 20)
        for at in range(0, 4 << 20, 4096):
            piece[at] = 1
        kept.append(piece)
"""
    document, tail, _ = run(server, neighbour, code, shared, environment=environment, timeout=30)
    assert document["errorType"] in {"MemoryError", "OSError", "Runtime.OutOfMemory"}
    assert document["errorType"] in tail or "signal: killed" in tail or "ran out of memory" in document["errorMessage"]


@pytest.mark.parametrize("environment", KINDS)
def test_a_tmp_that_fills(server, neighbour, environment) -> None:
    code = """
def lambda_handler(event, context):
    with open("/tmp/fill", "wb") as file:
        while True:
            file.write(bytes(1 << 20))
"""
    document, tail, _ = run(server, neighbour, code, environment=environment, timeout=30)
    assert (document["errorType"], "No space left on device" in document["errorMessage"]) == ("OSError", True)
    assert "No space left on device" in tail


@pytest.mark.parametrize("environment", KINDS)
def test_ten_thousand_files(server, neighbour, environment) -> None:
    code = """
def lambda_handler(event, context):
    return len([open("/dev/null") for _ in range(10_000)])
"""
    document, tail, _ = run(server, neighbour, code, environment=environment)
    assert (document["errorType"], "Too many open files" in document["errorMessage"]) == ("OSError", True)
    assert "Too many open files" in tail


@pytest.mark.parametrize("environment", KINDS)
def test_a_sleep_without_end(server, neighbour, environment) -> None:
    code = """
import signal, time
def lambda_handler(event, context):
    for one in set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}:
        try:
            signal.signal(one, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    while True:
        time.sleep(3600)
"""
    document, tail, _ = run(server, neighbour, code, environment=environment, timeout=2)
    assert document["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 2.00 seconds" in tail


@pytest.mark.parametrize("environment", KINDS)
def test_ten_gibibytes_of_output(server, neighbour, environment) -> None:
    code = """
import os
def lambda_handler(event, context):
    piece = b"x" * 1023 + b"\\n"
    for _ in range(10 << 20):
        os.write(1, piece)
"""
    document, _, hostile = run(server, neighbour, code, environment=environment, timeout=4)
    assert document["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 4.00 seconds" in hostile.log()
    folder = log_folder(server.data / "functions", hostile.name)
    assert sum(path.stat().st_size for path in folder.iterdir()) < 64 << 20


@pytest.mark.parametrize("environment", KINDS)
def test_what_is_none_of_its_business(server, neighbour, environment) -> None:
    code = """
import glob, os
def look(path):
    try:
        return os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(64).decode("latin-1")
    except OSError as error:
        print(f"{path}: {error}")
        return type(error).__name__
def lambda_handler(event, context):
    packages = os.path.dirname(os.environ["LAMBDA_TASK_ROOT"])
    environs = "".join(look(path) for path in glob.glob("/proc/[0-9]*/environ") if look(path) != "PermissionError")
    return {"looked": [look(path) for path in event], "packages": len(os.listdir(packages)),
            "data": sorted(os.listdir(os.path.dirname(os.path.dirname(packages)))),
            "seen": "OBJECTLENS_ROOT" in environs}
"""
    data = server.data
    others = (data / "functions" / "packages").glob("*/lambda_function.py")
    other = next(path.parent for path in others if path.read_text() == NEIGHBOUR)
    names = ["credentials", "server-key", "objectlens.db", "lock", "endpoint", "buckets", "functions/logs"]
    paths = [*(str(data / name) for name in names), str(other), f"/proc/{server.process.pid}/environ", "/home"]
    document, tail, _ = run(server, neighbour, code, paths, environment=environment)
    assert set(document["looked"]) == {"FileNotFoundError"}, document
    assert document["packages"] == 1
    assert document["data"] == ["functions"]
    assert not document["seen"]
    assert "credentials: [Errno 2] No such file or directory" in tail


@pytest.mark.parametrize("environment", KINDS)
def test_a_port_of_somebody_else_on_the_loopback(server, neighbour, environment) -> None:
    code = """
import os, socket, urllib.request
def lambda_handler(event, context):
    if event is None:
        return urllib.request.urlopen(os.environ["OBJECTLENS_ENDPOINT_URL"] + "/-/health/live").status
    socket.create_connection(("127.0.0.1", event), 5)
"""
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        document, tail, hostile = run(
            server,
            neighbour,
            code,
            somebody.getsockname()[1],
            environment=environment | {"OBJECTLENS_NETWORK": "none"},
        )
        somebody.setblocking(False)
        with pytest.raises(BlockingIOError):
            somebody.accept()
    assert document["errorType"] == "ConnectionRefusedError"
    assert "Connection refused" in tail
    assert hostile.invoke()[0] == 200


def test_a_transform_without_a_network(server) -> None:
    lens = make_lens_on(server, NEIGHBOUR, environment={"OBJECTLENS_NETWORK": "none"})
    lens.put("k", b"through no network")
    assert lens.read("k") == b"THROUGH NO NETWORK"


def test_a_policy_that_nobody_understands(server) -> None:
    with pytest.raises(ClientError, match="OBJECTLENS_NETWORK has 'http://x'"):
        Hostile(server, "def lambda_handler(event, context): pass", environment={"OBJECTLENS_NETWORK": "http://x"})


@pytest.mark.parametrize("environment", KINDS)
def test_signals_for_everybody(server, neighbour, environment) -> None:
    code = """
import os, signal
def lambda_handler(event, context):
    if event:
        return "well"
    try:
        os.kill(-1, signal.SIGKILL)
    except OSError:
        pass
    os.kill(os.getpid(), signal.SIGKILL)
"""
    document, tail, hostile = run(server, neighbour, code, environment=environment)
    assert document["errorType"] == "Runtime.ExitError"
    assert "REPORT" in tail
    assert hostile.invoke("well")[0] == "well"


def test_a_module_that_bombs_while_it_is_imported(server, neighbour) -> None:
    code = """
import os
kept = []
while True:
    kept.append(bytearray(4 << 20))
def lambda_handler(event, context):
    return "never"
"""
    document, _, hostile = run(server, neighbour, code)
    assert document["errorType"] in {"MemoryError", "Runtime.OutOfMemory", "Runtime.ExitError", "Unhandled"}
    assert "Each environment of this function starts from nothing" in hostile.log()
