"""One measurement: keys are read, so many at a time, and each read is timed by the client."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

# Reads through an Object Lambda access point have 60 seconds (reference of S3 Object Lambda); then it is an error.
_SECONDS = 75
JOB_HEADER = "x-objectlens-job"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What clients saw: times in seconds, in the order of their length, of reads that succeeded. `job` is its label."""

    memory: int
    concurrency: int
    job: str
    reads: int
    errors: int
    first_error: str | None
    latencies: tuple[float, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Reader:
    """Whoever reads: a server's URL, a session with the key for it, and the region to sign for."""

    url: str
    session: boto3.Session
    region: str

    def client(self, job: str, concurrency: int) -> Any:
        """Return a client of S3 whose reads carry a label, and are tried once."""
        config = Config(
            proxies={"http": self.url},
            retries={"total_max_attempts": 1},
            max_pool_connections=concurrency,
            read_timeout=_SECONDS,
        )
        client = self.session.client("s3", endpoint_url=self.url, region_name=self.region, config=config)
        client.meta.events.register("before-sign.s3", partial(_label, job))
        return client


def _label(job: str, request: Any, **_rest: Any) -> None:
    request.headers[JOB_HEADER] = job
    # Each read is to run code, whatever is kept of derived objects.
    request.headers["Cache-Control"] = "no-store"


def measure(
    reader: Reader,
    place: str,
    label: str,
    *,
    memory: int,
    concurrency: int,
    keys: Sequence[str],
    advance: Callable[[], None],
) -> Run:
    """Read keys through the access point `place`, after reads that start as many environments as it takes."""
    job = f"{label}-{memory}-{concurrency}"
    with ThreadPoolExecutor(concurrency) as threads:
        try:
            warming = reader.client(f"{label}-warming", concurrency)
            list(threads.map(partial(_read, warming, place), [keys[0]] * concurrency))
            client = reader.client(job, concurrency)
            start = time.monotonic()
            results = []
            for result in threads.map(partial(_read, client, place), keys):
                results.append(result)
                advance()
            seconds = time.monotonic() - start
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise
    errors = [one for one in results if isinstance(one, str)]
    return Run(
        memory=memory,
        concurrency=concurrency,
        job=job,
        reads=len(results),
        errors=len(errors),
        first_error=errors[0] if errors else None,
        latencies=tuple(sorted(one for one in results if isinstance(one, float))),
        seconds=seconds,
    )


def _read(client: Any, place: str, key: str) -> float | str:
    """Return how many seconds it took, or why it failed."""
    start = time.monotonic()
    try:
        for _ in client.get_object(Bucket=place, Key=key)["Body"].iter_chunks(2**20):
            pass
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    except BotoCoreError as error:
        return type(error).__name__
    return time.monotonic() - start
