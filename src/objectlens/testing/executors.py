# ruff: noqa: D103  (the names of the cases say what they check)
"""What every `functions.Executor` must do, as cases that run real Python handlers.

`CASES` maps names to coroutines that take a `Bench`; each raises `AssertionError` when the executor falls short:

    @pytest.mark.parametrize("name", CASES)
    def test_executor(name, tmp_path):
        asyncio.run(run_case(name, lambda: my_bench(tmp_path)))
"""

from __future__ import annotations

import asyncio
import io
import json
import sys
import uuid
import zipfile
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from objectlens.catalog.entities import LATEST, Function
from objectlens.errors import InvalidRuntimeException, TooManyRequestsException
from objectlens.functions.packages import Package
from objectlens.functions.values import Executor, Invocation, Outcome

# The runtime that needs nothing but the server's own Python.
OWN = f"python3.{sys.version_info.minor}"


def make_zip(files: Mapping[str, str | bytes], *, executable: tuple[str, ...] = ()) -> bytes:
    """Make a deployment package; the files named in `executable` get mode 0755, the others 0644."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (0o100755 if name in executable else 0o100644) << 16
            archive.writestr(info, content)
    return buffer.getvalue()


def make_function(package: Package, name: str = "f", **changes: Any) -> Function:
    """Make a function of a package; its handler is `app.handler` unless changed."""
    function = Function(
        name=name,
        account="123456789012",
        region="us-east-1",
        version=LATEST,
        runtime=OWN,
        handler="app.handler",
        role="arn:aws:iam::123456789012:role/function",
        package=package.digest,
        code_sha256=package.code_sha256,
        code_size=package.code_size,
        last_modified=datetime.now(UTC),
        revision_id=str(uuid.uuid4()),
        timeout=20,
    )
    return replace(function, **changes)


@dataclass(frozen=True, slots=True)
class Bench:
    """An executor to try, and how packages are put where it finds them."""

    executor: Executor
    install: Callable[[bytes], Package]

    def function(self, code: str, name: str = "f", **changes: Any) -> Function:
        """Install a handler, the text of `app.py`."""
        return make_function(self.install(make_zip({"app.py": code})), name, **changes)

    async def invoke(self, function: Function, event: object = None, **changes: Any) -> Outcome:
        """Invoke a function with an event."""
        invocation = Invocation(
            function=function,
            payload=json.dumps(event).encode(),
            request_id=str(uuid.uuid4()),
            invoked_arn=function.arn,
        )
        return await self.executor.invoke(replace(invocation, **changes))

    async def value(self, function: Function, event: object = None, **changes: Any) -> Any:
        """Invoke a function that must succeed; returns what it returned."""
        outcome = await self.invoke(function, event, **changes)
        assert outcome.failure is None, outcome
        return json.loads(outcome.payload)


Case = Callable[[Bench], Awaitable[None]]
CASES: dict[str, Case] = {}


async def run_case(name: str, bench: Callable[[], AbstractAsyncContextManager[Bench]]) -> None:
    """Run one case against a fresh bench."""
    async with bench() as opened:
        await CASES[name](opened)


def _case(case: Case) -> Case:
    CASES[getattr(case, "__name__", "")] = case
    return case


COUNTER = """
import os, time
count = 0
def handler(event, context):
    global count
    count += 1
    time.sleep((event or {}).get("sleep", 0))
    # Numbers of processes are alike where each environment counts its own.
    return {"pid": os.getpid(), "environment": os.environ["AWS_LAMBDA_LOG_STREAM_NAME"], "count": count}
"""


@_case
async def returns_what_the_handler_returns(bench: Bench) -> None:
    function = bench.function("def handler(event, context):\n    return {'got': event, 'text': 'é😀'}")
    assert await bench.value(function, {"a": [1, None]}) == {"got": {"a": [1, None]}, "text": "é😀"}


@_case
async def none_becomes_null(bench: Bench) -> None:
    outcome = await bench.invoke(bench.function("def handler(event, context):\n    pass"))
    assert (outcome.payload, outcome.failure) == (b"null", None)


@_case
async def the_context_is_lambdas(bench: Bench) -> None:
    code = """
def handler(event, context):
    return [context.function_name, context.function_version, context.invoked_function_arn, context.memory_limit_in_mb,
            context.aws_request_id, context.log_group_name, context.client_context.custom["k"],
            0 < context.get_remaining_time_in_millis() <= 7000]
"""
    function = bench.function(code, "named", memory_size=256, timeout=7)
    request_id = str(uuid.uuid4())
    client = json.dumps({"custom": {"k": "v"}})
    seen = await bench.value(function, request_id=request_id, client_context=client)
    assert seen == ["named", LATEST, function.arn, "256", request_id, "/aws/lambda/named", "v", True]


@_case
async def an_exception_is_reported_and_the_environment_lives_on(bench: Bench) -> None:
    function = bench.function(
        "import os\ndef handler(event, context):\n    if event: raise KeyError(event)\n    return os.getpid()"
    )
    before = await bench.value(function)
    outcome = await bench.invoke(function, "missing")
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.failure.type) == ("Unhandled", "KeyError")
    document = json.loads(outcome.payload)
    assert (document["errorType"], document["errorMessage"]) == ("KeyError", "'missing'")
    assert "app.py" in document["stackTrace"][0]
    assert b"KeyError" in outcome.log_tail
    assert await bench.value(function) == before


async def _fails(bench: Bench, code: str, kind: str, message: str, **changes: Any) -> Outcome:
    outcome = await bench.invoke(bench.function(code, **changes))
    assert outcome.failure is not None, outcome
    assert (outcome.failure.type, message in outcome.failure.message) == (kind, True), outcome
    assert json.loads(outcome.payload)["errorType"] == kind
    return outcome


@_case
async def a_missing_module_is_an_import_error(bench: Bench) -> None:
    outcome = await _fails(bench, "import not_there", "Runtime.ImportModuleError", "No module named 'not_there'")
    assert b"not_there" in outcome.log_tail


@_case
async def a_missing_handler_is_named(bench: Bench) -> None:
    await _fails(bench, "x = 1", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'")


@_case
async def bad_syntax_is_named(bench: Bench) -> None:
    await _fails(bench, "def handler(:\n", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app'")


@_case
async def a_handler_without_a_dot_is_refused(bench: Bench) -> None:
    await _fails(bench, "x = 1", "Runtime.MalformedHandlerName", "Bad handler 'app'", handler="app")


@_case
async def an_exception_at_import_is_reported(bench: Bench) -> None:
    await _fails(bench, "raise ValueError('not today')", "ValueError", "not today")


@_case
async def what_is_not_json_is_a_marshal_error(bench: Bench) -> None:
    await _fails(bench, "def handler(event, context):\n    return object()", "Runtime.MarshalError", "not JSON")


@_case
async def an_exit_fails_its_invocation_and_the_next_works(bench: Bench) -> None:
    code = "import os\ndef handler(event, context):\n    if event: os._exit(event)\n    return 'well'"
    function = bench.function(code)
    outcome = await bench.invoke(function, 3)
    assert outcome.failure is not None
    assert outcome.failure.type == "Runtime.ExitError"
    assert outcome.failure.message.endswith("Error: Runtime exited with error: exit status 3")
    assert await bench.value(function) == "well"


@_case
async def an_exit_at_import_is_reported(bench: Bench) -> None:
    await _fails(bench, "import os; os._exit(0)", "Runtime.ExitError", "Runtime exited without providing a reason")


@_case
async def a_killed_process_fails_its_invocation_and_the_next_works(bench: Bench) -> None:
    code = "import os, signal\ndef handler(event, context):\n    if event: os.kill(os.getpid(), 9)\n    return 'well'"
    function = bench.function(code)
    outcome = await bench.invoke(function, 1)
    assert outcome.failure is not None
    assert outcome.failure.message.endswith("Error: Runtime exited with error: signal: killed")
    assert await bench.value(function) == "well"


@_case
async def a_timeout_ends_the_environment(bench: Bench) -> None:
    function = bench.function(COUNTER, timeout=1)
    first = await bench.value(function)
    outcome = await bench.invoke(function, {"sleep": 60})
    assert outcome.failure is not None
    assert outcome.failure.type == "Sandbox.Timedout"
    assert outcome.failure.message.endswith("Error: Task timed out after 1.00 seconds")
    assert b"Task timed out after 1.00 seconds" in outcome.log_tail
    assert 1000 <= outcome.duration_ms < 3000
    after = await bench.value(function)
    assert after["environment"] != first["environment"]
    assert after["count"] == 1


@_case
async def a_response_over_six_megabytes_is_refused(bench: Bench) -> None:
    code = "def handler(event, context):\n    return 'x' * event"
    function = bench.function(code)
    assert len(await bench.value(function, 6 * 1024 * 1024)) == 6 * 1024 * 1024
    outcome = await bench.invoke(function, 7 * 1024 * 1024)
    assert outcome.failure is not None
    assert outcome.failure.type == "Function.ResponseSizeTooLarge"
    assert await bench.value(function, 1) == "x"


@_case
async def environments_are_reused(bench: Bench) -> None:
    function = bench.function(COUNTER)
    seen = [await bench.value(function) for _ in range(3)]
    assert {one["pid"] for one in seen} == {seen[0]["pid"]}
    assert [one["count"] for one in seen] == [1, 2, 3]


@_case
async def only_the_first_invocation_reports_initialisation(bench: Bench) -> None:
    function = bench.function(COUNTER)
    first, second = await bench.invoke(function), await bench.invoke(function)
    assert first.init_ms is not None
    assert first.init_ms > 0
    assert second.init_ms is None
    assert b"Init Duration: " in first.log_tail
    assert b"Init Duration: " not in second.log_tail


@_case
async def an_environment_has_one_invocation_at_a_time(bench: Bench) -> None:
    function = bench.function(COUNTER)
    seen = await asyncio.gather(*(bench.value(function, {"sleep": 0.3}) for _ in range(3)))
    assert len({(one["environment"], one["count"]) for one in seen}) == 3


@_case
async def what_is_printed_is_in_the_tail(bench: Bench) -> None:
    code = """
import logging, sys
logging.getLogger().setLevel("INFO")
def handler(event, context):
    print("to stdout"); print("to stderr", file=sys.stderr); logging.info("to the log")
"""
    request_id = str(uuid.uuid4())
    outcome = await bench.invoke(bench.function(code, memory_size=256), request_id=request_id)
    lines = outcome.log_tail.decode().splitlines()
    assert f"START RequestId: {request_id} Version: $LATEST" in lines
    assert [line for line in lines if "to " in line][:2] == ["to stdout", "to stderr"]
    assert any(line.startswith("[INFO]\t") and line.endswith(f"{request_id}\tto the log") for line in lines)
    assert lines[-2] == f"END RequestId: {request_id}"
    report = lines[-1].split("\t")
    assert report[0] == f"REPORT RequestId: {request_id}"
    assert report[3] == "Memory Size: 256 MB"
    assert 5 < outcome.memory_mb < 500


@_case
async def the_tail_is_at_most_four_kilobytes(bench: Bench) -> None:
    code = "def handler(event, context):\n    for n in range(2000): print(n)"
    outcome = await bench.invoke(bench.function(code))
    assert 4000 < len(outcome.log_tail) <= 4096
    assert b"\n1999\nEND RequestId" in outcome.log_tail


@_case
async def variables_reach_the_handler(bench: Bench) -> None:
    code = "import os\ndef handler(event, context):\n    return [os.environ.get(name) for name in event]"
    function = bench.function(code, environment={"MINE": "é = 1", "AWS_REGION": "not-mine"})
    names = ["MINE", "AWS_REGION", "AWS_LAMBDA_FUNCTION_NAME", "_HANDLER", "AWS_EXECUTION_ENV"]
    assert await bench.value(function, names) == ["é = 1", "us-east-1", "f", "app.handler", f"AWS_Lambda_{OWN}"]


@_case
async def the_functions_own_files_win(bench: Bench) -> None:
    files = {
        "app.py": "import boto3, data.part\ndef handler(event, context):\n    return [boto3.MINE, data.part.X]",
        "boto3/__init__.py": "MINE = True",
        "data/part.py": "X = 1",
    }
    assert await bench.value(make_function(bench.install(make_zip(files)))) == [True, 1]


@_case
async def nothing_runs_with_a_reserved_concurrency_of_zero(bench: Bench) -> None:
    function = bench.function(COUNTER, reserved_concurrency=0)
    (refusal,) = await asyncio.gather(bench.invoke(function), return_exceptions=True)
    assert isinstance(refusal, TooManyRequestsException)
    assert refusal.detail["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"


@_case
async def reserved_concurrency_bounds_what_runs(bench: Bench) -> None:
    function = bench.function(COUNTER, reserved_concurrency=2)
    seen = await asyncio.gather(*(bench.invoke(function, {"sleep": 0.3}) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(one, TooManyRequestsException) for one in seen) == 3
    assert (await bench.value(function))["count"] >= 1


@_case
async def an_unknown_runtime_is_refused(bench: Bench) -> None:
    function = bench.function(COUNTER, runtime="cobol1959")
    (refusal,) = await asyncio.gather(bench.invoke(function), return_exceptions=True)
    assert isinstance(refusal, InvalidRuntimeException)
    assert "cobol1959" in refusal.message
    assert "python3" in refusal.message


@_case
async def new_code_runs_after_an_update(bench: Bench) -> None:
    old = bench.function("def handler(event, context):\n    return 'old'")
    assert await bench.value(old) == "old"
    new = bench.function("def handler(event, context):\n    return 'new'")
    await bench.executor.retire(old)
    assert await bench.value(new) == "new"


@_case
async def retiring_lets_an_invocation_finish(bench: Bench) -> None:
    function = bench.function(COUNTER)
    await bench.value(function)  # an environment is there: what follows has begun when it is retired
    running = asyncio.ensure_future(bench.value(function, {"sleep": 0.5}))
    await asyncio.sleep(0.2)
    await bench.executor.retire(function)
    first = await running
    assert first["count"] == 2
    second = await bench.value(function)
    assert second["environment"] != first["environment"]


@_case
async def cancelling_leaves_the_function_running(bench: Bench) -> None:
    code = """
import os, time
done = []
def handler(event, context):
    if event: time.sleep(event); done.append(event)
    return [os.getpid(), done]
"""
    function = bench.function(code)
    pid, _ = await bench.value(function)
    task = asyncio.ensure_future(bench.invoke(function, 0.4))
    await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    await asyncio.sleep(0.6)
    assert await bench.value(function) == [pid, [0.4]]


@_case
async def many_invocations_all_get_their_own_answer(bench: Bench) -> None:
    function = bench.function("def handler(event, context):\n    return event")
    events = list(range(100))
    assert await asyncio.gather(*(bench.value(function, event) for event in events)) == events
