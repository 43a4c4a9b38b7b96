"""The suite of executors over the wire: functions at another server, invoked through its Lambda API."""

import asyncio
import threading
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from objectlens.clock import SystemClock
from objectlens.functions import PackageStore, Remote, RemoteExecutor, Remotes
from objectlens.functions.remotes import remote_function
from objectlens.testing.executors import CASES, Bench, run_case
from support.live import start_server, stop_server

# What says something of the machine where functions run, or of ids that the remote gives itself.
OF_THE_MACHINE = {
    "an_unknown_runtime_is_refused": "the remote refuses it when the function is made",
    "the_context_is_lambdas": "the remote has its own request ids",
    "what_is_printed_is_in_the_tail": "the remote has its own request ids",
    "retiring_lets_an_invocation_finish": "code is changed at the remote",
}


@pytest.fixture(scope="module")
def far(tmp_path_factory):
    live = start_server(tmp_path_factory.mktemp("far") / "data")
    yield live
    assert stop_server(live) == 0


class Deployed:
    """Makes functions at the remote, with real boto3, as they are first invoked; otherwise `RemoteExecutor` itself."""

    def __init__(self, live, executor, packages):
        self.executor, self.packages = executor, packages
        self.lambdas = live.client("lambda", cached=False)
        self.made = {}
        self.lock = threading.Lock()

    async def invoke(self, invocation):
        arn = await asyncio.to_thread(self._arn, invocation.function)
        function = replace(remote_function(arn), memory_size=invocation.function.memory_size)
        return await self.executor.invoke(replace(invocation, function=function, invoked_arn=arn, remote="far"))

    def _arn(self, function):
        with self.lock:
            if function.name not in self.made:
                self.made[function.name] = (self._create(function), function.package)
            arn, package = self.made[function.name]
            if package != function.package:
                code = self.packages[function.package]
                self.lambdas.update_function_code(FunctionName=arn, ZipFile=code)
                self.made[function.name] = (arn, function.package)
            return arn

    def _create(self, function):
        variables = {name: value for name, value in function.environment.items() if name != "AWS_REGION"}
        arn = self.lambdas.create_function(
            FunctionName=function.name,
            Runtime=function.runtime,
            Handler=function.handler,
            Role=function.role,
            Code={"ZipFile": self.packages[function.package]},
            Timeout=function.timeout,
            MemorySize=function.memory_size,
            Environment={"Variables": variables},
        )["FunctionArn"]
        if function.reserved_concurrency is not None:
            self.lambdas.put_function_concurrency(
                FunctionName=arn, ReservedConcurrentExecutions=function.reserved_concurrency
            )
        return arn

    async def retire(self, function):
        await self.executor.retire(function)

    async def close(self):
        await self.executor.close()
        for arn, _ in self.made.values():
            await asyncio.to_thread(self.lambdas.delete_function, FunctionName=arn)


@asynccontextmanager
async def bench_at(live, folder, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", live.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", live.secret_access_key)
    remote = Remote(
        name="far",
        functions=("arn:aws:lambda:*:function:*",),
        public_url="http://127.0.0.1:9000",
        endpoint=live.url,
        concurrency=8,
    )
    store, packages = PackageStore(folder / "packages"), {}

    def install(data):
        package = store.add(data)
        packages[package.digest] = data
        return package

    deployed = Deployed(
        replace(live, region="us-east-1"),
        RemoteExecutor(Remotes([remote]), folder=folder, clock=SystemClock()),
        packages,
    )
    try:
        yield Bench(deployed, install)
    finally:
        await deployed.close()


@pytest.mark.parametrize("name", [name for name in CASES if name not in OF_THE_MACHINE])
def test_remote(name, far, tmp_path, monkeypatch):
    asyncio.run(run_case(name, lambda: bench_at(far, tmp_path, monkeypatch)))
