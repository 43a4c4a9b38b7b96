"""Python functions on other interpreters than the server's own."""

import ast
import asyncio
import json
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from objectlens.clock import SystemClock
from objectlens.errors import InvalidRuntimeException, ResourceConflictException
from objectlens.functions import Credentials, Limits, PackageStore, Pool, Surroundings
from objectlens.functions.installing import InstallError
from objectlens.functions.logs import log_folder, read_log
from objectlens.functions.python import NEWEST, OLDEST, Interpreter, Pythons, find_interpreter
from objectlens.functions.runtimes import Runtime, find_runtime
from objectlens.testing.executors import Bench
from support.debian import debian_program

debian_program("bubblewrap", "bwrap")
OWN = sys.version_info.minor
VERSION = ".".join(map(str, sys.version_info[:3]))
OTHERS = [found for minor in range(OLDEST, NEWEST + 1) if minor != OWN and (found := find_interpreter(minor))]
# The server's own, too, as if it were another: that much is on every machine.
ITSELF = Interpreter(str(Path(sys.executable).resolve()), VERSION)
INTERPRETERS = [ITSELF, *OTHERS[:1], *OTHERS[-1:]]

FUNCTIONS = Path(__file__).parents[3] / "src" / "objectlens" / "functions"
BESIDE_USER_CODE = [
    *("launch", "mold", "private_tmp", "accelerate", "polling", "fetching", "handover", "writing"),
    *("wire", "labels", "confine", "searching", "entrypoint"),
]


def stand_in(path, version="3.12.1", then="exit 7"):
    """Make a program that says it is a Python of that version, and does `then` when it is to do more."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\ncase "$4" in *version_info*) echo {version};; *) {then};; esac\n')
    path.chmod(0o755)
    return str(path)


def test_interpreters_are_looked_for_where_the_setting_says(tmp_path):
    exact = stand_in(tmp_path / "one" / "my-python", "3.12.4")
    in_folder = stand_in(tmp_path / "two" / "bin" / "python3.13", "3.13.0")
    broken = tmp_path / "three" / "python3.13"
    stand_in(broken, "nothing")
    assert find_interpreter(12, [exact]) == Interpreter(exact, "3.12.4")
    assert find_interpreter(13, [str(broken.parent), str(tmp_path / "two")]) == Interpreter(in_folder, "3.13.0")
    assert find_interpreter(11, [exact]) is None
    assert find_interpreter(OLDEST - 1, [stand_in(tmp_path / "old", f"3.{OLDEST - 1}.1")]) is None
    assert find_interpreter(12, ["none"]) is None


def test_interpreters_are_looked_for_on_the_path_and_where_pyenv_has_them(tmp_path, monkeypatch):
    chosen = tmp_path / "bin" / "python3.14"
    # As pyenv's own stand-ins do, when that version is not chosen.
    chosen.parent.mkdir()
    chosen.write_text("#!/bin/sh\necho 'pyenv: not chosen' >&2\nexit 127\n")
    chosen.chmod(0o755)
    kept = stand_in(tmp_path / ".pyenv/versions/3.14.2/bin/python3.14", "3.14.2")
    monkeypatch.setenv("PATH", f"{chosen.parent}:/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_interpreter(14) == Interpreter(kept, "3.14.2")
    stand_in(chosen, "3.14.9")
    assert find_interpreter(14) == Interpreter(str(chosen), "3.14.9")


def test_runtimes_run_on_their_own_version_else_on_the_servers(tmp_path):
    other = next(minor for minor in (12, 13) if minor != OWN)
    path = stand_in(tmp_path / f"python3.{other}", f"3.{other}.1")
    pythons = Pythons(tmp_path, (path,))
    own = find_runtime(f"python3.{OWN}", pythons)
    assert (own.label, own.python, own.note) == (f"python:{VERSION}", None, None)
    found = find_runtime(f"python3.{other}", pythons)
    assert (found.label, found.note) == (f"python:3.{other}.1", None)
    assert found.python == str(pythons.home(Interpreter(path, f"3.{other}.1")) / "bin" / "python")
    missing = find_runtime("python3.8", pythons)
    assert missing.python is None
    assert missing.note == f"The runtime python3.8 is not on this machine: the function runs on Python {VERSION}."


@pytest.mark.parametrize("name", BESIDE_USER_CODE)
def test_what_runs_beside_user_code_can_be_read_by_the_oldest_python(name):
    ast.parse((FUNCTIONS / f"{name}.py").read_text(), feature_version=(3, OLDEST))


@pytest.fixture(scope="module")
def functions(tmp_path_factory):
    """A functions folder for all tests of this module: each interpreter is made ready in it once."""
    return tmp_path_factory.mktemp("functions") / "functions"


@asynccontextmanager
async def opened(folder, interpreter, isolation="off", **limits):
    packages = PackageStore(folder / "packages")
    pool = Pool(
        packages=packages,
        surroundings=Surroundings(
            folder=folder,
            endpoint_url="http://127.0.0.1:9",
            region="us-east-1",
            python=sys.executable,
            node_modules="none",
            isolation=isolation,
            pythons=(interpreter.path,),
        ),
        credentials=lambda function: Credentials("AKID", "SECRET", "TOKEN"),
        clock=SystemClock(),
        limits=Limits(**{"prepare_seconds": 110, **limits}),
    )
    if interpreter is ITSELF:
        python = str(Pythons(folder).home(ITSELF) / "bin" / "python")
        pool._runtimes[runtime_of(ITSELF)] = Runtime(
            runtime_of(ITSELF), f"python:{VERSION}", managed=True, interpreter=ITSELF, python=python
        )
    try:
        yield Bench(pool, packages.add)
    finally:
        await pool.close()


def runtime_of(interpreter):
    return f"python3.{interpreter.minor}"


TELLS = """
import os, sys
import boto3
session = boto3.session.Session()
made = [os.getpid()]
def handler(event, context):
    client = session.client("s3", region_name="us-east-1")
    again = session.client("s3", region_name="us-east-1")
    return {
        "version": ".".join(map(str, sys.version_info[:3])),
        "forked": made[0] != os.getpid(),
        "accelerated": client is again,
        "boto3": boto3.__file__,
    }
"""


@pytest.mark.parametrize("isolation", ["off", "auto"])
@pytest.mark.parametrize("interpreter", INTERPRETERS, ids=runtime_of)
def test_functions_run_on_the_interpreter_of_their_version(functions, interpreter, isolation):
    async def main():
        async with opened(functions, interpreter, isolation) as bench:
            for environment in ({}, {"OBJECTLENS_TEMPLATE": "0"}, {"OBJECTLENS_ACCELERATE": "0"}):
                function = bench.function(TELLS, runtime=runtime_of(interpreter), environment=environment)
                yield environment, await bench.value(function)

    async def collect():
        return [one async for one in main()]

    for environment, seen in asyncio.run(collect()):
        assert seen["version"] == interpreter.version
        assert seen["boto3"].startswith(str(functions / "python"))
        assert seen["forked"] == ("OBJECTLENS_TEMPLATE" not in environment)
        assert seen["accelerated"] == ("OBJECTLENS_ACCELERATE" not in environment)


def test_the_steps_stand_in_the_log_and_are_done_once(functions):
    async def main():
        async with opened(functions, ITSELF) as bench:
            code = "def handler(event, context): return 1"
            functions_ = [bench.function(code, f"f{n}", runtime=runtime_of(ITSELF)) for n in range(3)]
            return await asyncio.gather(*(bench.value(one) for one in functions_))

    assert asyncio.run(main()) == [1, 1, 1]
    assert [one.name for one in (functions / "python").glob(f"3.{OWN}-*")] == [Pythons(functions).home(ITSELF).name]
    said = [line.message for line in read_log(log_folder(functions, "f"))]
    assert any(line.startswith("Installing awslambdaric>=4,<5 and boto3>=1.42,<2 for Python") for line in said)
    assert f"Python {VERSION} is ready for functions." in said


def test_why_an_interpreter_cannot_be_used_is_said(tmp_path):
    other = Interpreter(stand_in(tmp_path / "python3.12", then="echo 'No module named venv' >&2; exit 1"), "3.12.1")
    if OWN == 12:
        other = Interpreter(
            stand_in(tmp_path / "python3.13", "3.13.1", then="echo 'No module named venv'; exit 1"), "3.13.1"
        )

    async def main():
        async with opened(tmp_path / "functions", other) as bench:
            function = bench.function("def handler(event, context): return 1", runtime=runtime_of(other))
            for _ in range(2):
                with pytest.raises(InvalidRuntimeException) as caught:
                    await bench.invoke(function)
                yield caught.value.message

    async def collect():
        return [one async for one in main()]

    first, second = asyncio.run(collect())
    assert first == second
    assert "cannot run functions: venv ended with status 1: No module named venv. Remedy: " in first
    assert f"objectlens runtime install {runtime_of(other)}" in first
    assert "functions.pythons" in first
    left = [one.name for one in (tmp_path / "functions" / "python").iterdir() if one.is_dir()]
    assert left == []


def test_a_slow_installation_is_pending_and_ends_with_the_pool(tmp_path):
    minor = 12 if OWN != 12 else 13
    slow = Interpreter(stand_in(tmp_path / "python", f"3.{minor}.1", then="sleep 60"), f"3.{minor}.1")

    async def main():
        async with opened(tmp_path / "functions", slow, prepare_seconds=0.2) as bench:
            function = bench.function("def handler(event, context): return 1", runtime=runtime_of(slow))
            with pytest.raises(ResourceConflictException, match="Pending"):
                await bench.invoke(function)

    began = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - began < 20
    assert [one for one in (tmp_path / "functions" / "python").iterdir() if one.is_dir()] == []


def test_the_command_makes_an_interpreter_ready_or_says_why_not(tmp_path):
    minor = 12 if OWN != 12 else 13
    path = stand_in(tmp_path / "python", f"3.{minor}.1", then="echo no venv; exit 3")
    config = tmp_path / "objectlens.toml"
    config.write_text(f'[functions]\npythons = ["{path}"]\n')

    def run(runtime):
        command = [sys.executable, "-m", "objectlens", "runtime", "install", runtime]
        places = ["--data", str(tmp_path / "data"), "--config", str(config)]
        return subprocess.run([*command, *places], capture_output=True, text=True, check=False)

    failed = run(f"python3.{minor}")
    assert failed.returncode == 1
    assert "venv ended with status 3: no venv. Remedy:" in failed.stderr
    assert "no Python 3.9 is found" in run("python3.9").stderr
    assert "RUNTIME is nodejs, or python3.9 and newer" in run("ruby3.3").stderr
    assert "run on the server's own Python" in run(f"python3.{OWN}").stdout


def test_what_a_crash_left_is_cleared_away(tmp_path):
    pythons = Pythons(tmp_path / "functions")
    other = Interpreter(stand_in(tmp_path / "python", then="exit 1"), "3.12.1")
    home = pythons.home(other)
    remains = home.parent / f".unfinished-{home.name}-of-a-crash"
    (remains / "bin").mkdir(parents=True)
    with pytest.raises(InstallError, match="cannot run functions"):
        asyncio.run(pythons.install(other, json.dumps))
    assert not remains.exists()
