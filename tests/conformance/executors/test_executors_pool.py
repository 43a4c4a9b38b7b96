import asyncio
import sys
from contextlib import asynccontextmanager

import pytest

from objectlens.clock import SystemClock
from objectlens.functions import Credentials, Limits, PackageStore, Pool, Surroundings
from objectlens.testing.executors import CASES, Bench, run_case


@asynccontextmanager
async def bench_of(folder, templates, isolation):
    packages = PackageStore(folder / "packages")
    pool = Pool(
        packages=packages,
        surroundings=Surroundings(
            folder=folder,
            endpoint_url="http://127.0.0.1:9000",
            region="us-east-1",
            python=sys.executable,
            isolation=isolation,
        ),
        credentials=lambda function: Credentials("AKID", "SECRET", "TOKEN"),
        clock=SystemClock(),
        limits=Limits(per_function=4, templates=templates),
    )
    try:
        yield Bench(pool, packages.add)
    finally:
        await pool.close()
    assert list((folder / "tmp").iterdir()) == [] if (folder / "tmp").exists() else True


@pytest.mark.parametrize("isolation", ["off", "auto"])
@pytest.mark.parametrize("templates", [0, 4], ids=["plain", "forked"])
@pytest.mark.parametrize("name", CASES)
def test_pool(name, templates, isolation, tmp_path):
    asyncio.run(run_case(name, lambda: bench_of(tmp_path, templates, isolation)))
