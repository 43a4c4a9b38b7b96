"""Functions in compiled languages, in Java, and all that can be wrong with what they bring."""

import asyncio
import json
import shutil
import struct
import sys

import pytest

from objectlens.catalog.entities import LayerReference
from objectlens.clock import SystemClock
from objectlens.errors import InvalidRuntimeException
from objectlens.functions import Credentials, PackageStore, Pool, Surroundings
from objectlens.functions.java import find_java, java_command
from objectlens.functions.logs import log_folder, read_log
from objectlens.functions.python import Pythons
from objectlens.functions.runtimes import find_runtime
from objectlens.testing.executors import Bench, make_function, make_zip
from support.debian import debian_program
from support.programs import compile_c, compile_java

debian_program("bubblewrap", "bwrap")
PROVIDED = {"runtime": "provided.al2023", "handler": "app"}


@pytest.fixture(scope="session")
def c_program(tmp_path_factory):
    return compile_c(tmp_path_factory.mktemp("c"))


@pytest.fixture(scope="session")
def java_files(tmp_path_factory):
    return compile_java(tmp_path_factory.mktemp("java"))


@pytest.fixture(params=["off", "auto"])
def run(request, tmp_path):
    """Return a function that runs a package for several events, in isolation and without; returns the outcomes."""

    def run_all(files, *events, layers=(), executable=("bootstrap",), **function):
        async def main():
            packages = PackageStore(tmp_path / "functions" / "packages")
            pool = Pool(
                packages=packages,
                surroundings=Surroundings(
                    folder=tmp_path / "functions",
                    endpoint_url="http://127.0.0.1:9000",
                    region="us-east-1",
                    python=sys.executable,
                    isolation=request.param,
                ),
                credentials=lambda function: Credentials("AKID", "SECRET", "TOKEN"),
                clock=SystemClock(),
            )
            bench = Bench(pool, packages.add)
            try:
                package = bench.install(make_zip(files, executable=executable))
                made = make_function(package, layers=layers, **function)
                return [await bench.invoke(made, event) for event in events]
            finally:
                await pool.close()

        return asyncio.run(main())

    return run_all


def log(tmp_path):
    return [line.message for line in read_log(log_folder(tmp_path / "functions", "f"))]


def test_a_program_in_c_serves_one_event_after_the_other(run, c_program):
    outcomes = run({"bootstrap": c_program}, "one", {"two": 2}, **PROVIDED)
    assert [outcome.payload for outcome in outcomes] == [b'"ONE"', b'{"TWO": 2}']
    assert [outcome.init_ms is None for outcome in outcomes] == [False, True]


def test_a_program_reports_its_own_initialisation_error(run, c_program):
    outcomes = run({"bootstrap": c_program}, 1, 2, runtime="provided", handler="fail")
    for outcome in outcomes:  # initialisation is tried again
        assert json.loads(outcome.payload) == {"errorType": "App.NoModel", "errorMessage": "the model is missing"}
        assert outcome.failure is not None


def foreign(program):
    """Return a program for a kind of machine that does not exist."""
    return program[:18] + struct.pack("<H", 0xFFFE) + program[20:]


WRONG = {
    "of another architecture": (foreign, "exec format error"),
    "without a first line": (lambda _: b"echo no interpreter named\n", "exec format error"),
    "for a missing interpreter": (lambda _: b"#!/opt/ruby/bin/ruby\nputs 1\n", "no such file or directory: the interp"),
    "in a folder": (None, "no executable named bootstrap"),
}


@pytest.mark.parametrize("kind", sorted(WRONG))
def test_what_cannot_be_started_is_an_invalid_entrypoint(run, c_program, tmp_path, kind):
    make, words = WRONG[kind]
    files = {"bootstrap": make(c_program)} if make else {"bootstrap/bootstrap": "#!/bin/sh\n"}
    (outcome,) = run(files, 1, **PROVIDED)
    error = json.loads(outcome.payload)
    assert error["errorType"] == "Runtime.InvalidEntrypoint"
    assert error["errorMessage"].startswith("RequestId: ")
    assert words in error["errorMessage"]
    assert any(words in line for line in log(tmp_path))


def test_a_bootstrap_that_may_not_be_executed(run):
    (outcome,) = run({"bootstrap": "#!/bin/sh\n"}, 1, executable=(), **PROVIDED)
    error = json.loads(outcome.payload)
    assert error["errorType"] == "Runtime.InvalidEntrypoint"
    assert "permission denied: bootstrap is not executable" in error["errorMessage"]
    assert b"permission denied: bootstrap is not executable\nRuntime.InvalidEntrypoint\nEND " in outcome.log_tail


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("exit 3", "Runtime exited with error: exit status 3"),
        ("exit 0", "Runtime exited without providing a reason"),
        ("kill -SEGV $$", "Runtime exited with error: signal: segmentation fault"),
    ],
)
def test_a_runtime_that_ends(run, script, words):
    (outcome,) = run({"bootstrap": f"#!/bin/sh\n{script}\n"}, 1, **PROVIDED)
    error = json.loads(outcome.payload)
    assert outcome.payload.startswith(b'{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ')
    assert error["errorMessage"].endswith(words)
    told = outcome.log_tail.decode().splitlines()
    assert (told[-4], told[-3]) == (error["errorMessage"], "Runtime.ExitError")


REPORTS = """#!/bin/sh
curl -s -X POST -d '{"errorMessage":"no\\nluck","errorType":"Bad.Start", "code":1.50}' \
  "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/init/error" > /dev/null
"""


def test_what_a_program_reports_and_does_not_print_is_in_its_log(run):
    (outcome,) = run({"bootstrap": REPORTS}, 1, **PROVIDED)
    assert outcome.failure.type == "Bad.Start"
    assert outcome.payload == b'{"errorMessage":"no\\nluck","errorType":"Bad.Start", "code":1.50}'
    assert b"\n[ERROR] Bad.Start: no\nluck\nEND " in outcome.log_tail


JAVA = {"runtime": "java17", "handler": "App::tell", "memory_size": 256}


def test_java_runs_with_its_class_path_and_its_share_of_memory(run, java_files, tmp_path):
    options = {"environment": {"JAVA_TOOL_OPTIONS": "-Dgiven=yes"}}
    (outcome, again) = run(java_files, {"a": 1}, 2, **JAVA, **options)
    told = json.loads(outcome.payload)
    assert told.pop("heap") in range(150, 193)
    assert told == {"event": {"a": 1}, "property": "yes", "library": "Library", "layer": ""}
    assert json.loads(again.payload)["event"] == 2
    assert log(tmp_path)[0].startswith("INIT_START Runtime Version: java:")


def test_the_least_memory_is_enough_for_java(run, java_files):
    (outcome,) = run(java_files, 1, **{**JAVA, "memory_size": 128})
    assert json.loads(outcome.payload)["event"] == 1


def test_jars_of_layers_are_on_the_class_path(run, java_files, tmp_path):
    store = PackageStore(tmp_path / "functions" / "packages")
    client = "lib/aws-lambda-java-runtime-interface-client.jar"
    jar = make_zip({"from-a-layer.txt": "hello"})
    layer = store.add(make_zip({f"java/{client}": java_files[client], "java/lib/texts.jar": jar}))
    reference = LayerReference(arn="arn:l", package=layer.digest, code_size=layer.code_size)
    files = {name: content for name, content in java_files.items() if name != client}
    (outcome,) = run(files, 1, layers=(reference,), **JAVA)
    assert json.loads(outcome.payload)["layer"] == "hello"


def test_errors_of_java(run, java_files):
    (failed,) = run(java_files, 1, **{**JAVA, "handler": "App::fail"})
    assert json.loads(failed.payload) == {
        "errorType": "java.lang.IllegalStateException",
        "errorMessage": "on purpose",
    }
    (missing,) = run(java_files, 1, **{**JAVA, "handler": "Nowhere::run"})
    assert json.loads(missing.payload)["errorType"] == "java.lang.ClassNotFoundException"
    (full,) = run(java_files, 1, **{**JAVA, "handler": "App::fill"})
    assert json.loads(full.payload)["errorType"] == "java.lang.OutOfMemoryError"


def test_without_the_client_the_error_names_it(run, java_files):
    (outcome,) = run({"App.class": java_files["App.class"]}, 1, **JAVA)
    error = json.loads(outcome.payload)
    assert error["errorType"] == "Runtime.InvalidEntrypoint"
    assert "aws-lambda-java-runtime-interface-client" in error["errorMessage"]
    assert "java/lib/ of a layer" in error["errorMessage"]


def test_what_the_user_says_of_the_heap_and_the_collector_counts(tmp_path):
    def flags(**variables):
        java = find_java(17)
        command = java_command(java, task_root=tmp_path, opt=None, handler="App", memory_size=128, variables=variables)
        return [word for word in command if word.startswith("-X")]

    assert flags() == ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Xmx96m"]
    assert flags(JAVA_TOOL_OPTIONS="-XX:+UseParallelGC -Xmx50m") == ["-XX:TieredStopAtLevel=1", "-Xshare:auto"]
    assert flags(JAVA_TOOL_OPTIONS="-XX:TieredStopAtLevel=4") == ["-XX:+UseSerialGC", "-Xshare:auto", "-Xmx96m"]


def stand_in(path, version):
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-01-01' >&2\n")
    path.chmod(0o755)


def test_the_java_of_the_version_is_taken_else_a_newer_one(tmp_path, monkeypatch):
    monkeypatch.setattr("objectlens.functions.java._candidates", lambda: map(str, sorted(tmp_path.glob("*/java"))))
    pythons = Pythons(tmp_path, ("none",))
    for version in ("11.0.2", "21.0.1", "25"):
        stand_in(tmp_path / version / "java", version)
    find_java.cache_clear()
    try:
        java = find_runtime("java17", pythons)
        assert (java.label, java.java.major) == ("java:21.0.1", 21)
        assert java.note == "The runtime java17 is not on this machine: the function runs on Java 21.0.1."
        assert (find_runtime("java25", pythons).label, find_runtime("java25", pythons).note) == ("java:25", None)
        shutil.rmtree(tmp_path / "21.0.1")
        shutil.rmtree(tmp_path / "25")
        find_java.cache_clear()
        with pytest.raises(InvalidRuntimeException, match=r"Java 17 or newer .* what is there is 11.0.2 at"):
            find_runtime("java17", pythons)
    finally:
        find_java.cache_clear()
