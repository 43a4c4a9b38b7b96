import sys
import threading
from contextlib import asynccontextmanager

import pytest

from objectlens.clock import SystemClock
from objectlens.functions import Credentials, Limits, PackageStore, Pool, Surroundings
from objectlens.testing.executors import Bench
from support.recorder import Recorder


@pytest.fixture
def bench(tmp_path):
    """`async with bench(per_function=1) as opened`: a pool with these limits, closed at the end.

    With `endpoint_url`, that is where functions are told that the service is.
    """

    @asynccontextmanager
    async def open_bench(endpoint_url="http://127.0.0.1:9000", isolation="off", **limits):
        packages = PackageStore(tmp_path / "packages")
        pool = Pool(
            packages=packages,
            surroundings=Surroundings(
                folder=tmp_path,
                endpoint_url=endpoint_url,
                region="eu-west-1",
                python=sys.executable,
                node_modules="none",
                isolation=isolation,
            ),
            credentials=lambda function: Credentials("AKID", "SECRET", "TOKEN"),
            clock=SystemClock(),
            limits=Limits(**limits),
        )
        try:
            yield Bench(pool, packages.add)
        finally:
            await pool.close()

    return open_bench


@pytest.fixture
def recorder():
    server = Recorder()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
