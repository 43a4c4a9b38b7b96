"""A function under development: deployed from its folder, asked for one object, and what came of both."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError

from objectlens.cli import pictures
from objectlens.cli.building import build
from objectlens.cli.clients import Clients, refusal
from objectlens.cli.deployment import NotDeployable
from objectlens.cli.log_filters import Placed, place
from objectlens.cli.packing import NotPackable, source_files
from objectlens.cli.publishing import Plan, put_access_point, put_function, transformation
from objectlens.cli.steps import Say, StepFailed
from objectlens.functions.logs import LogLine, log_folder, read_log

# Of an answer so much is kept to draw; the rest is only counted.
_KEPT = 32 * 1024 * 1024
_CHUNK = 256 * 1024
_LOG_SECONDS = 3.0
_DURATION = re.compile(r"\tDuration: ([\d.]+) ms\t")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """A deployment: how it ended, when (Unix time), after how many seconds. With an `error` the old code stays."""

    at: float
    seconds: float
    code_sha256: str | None = None
    cached: bool = False
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A GET through the access point. `function_ms` and `cold` come from its log; `pictures` is before and after."""

    key: str
    status: int | None
    seconds: float
    size: int = 0
    content_type: str | None = None
    error: str | None = None
    cold: bool | None = None
    function_ms: float | None = None
    log: tuple[str, ...] = ()
    pictures: tuple[bytes, ...] = field(default=(), repr=False)


class Project:
    """A source folder, the function made of it, and the access point through which it is tried.

    `clients` gives clients of the server as it is at the moment, or raises `click.ClickException`.
    """

    def __init__(
        self, folder: Path, plan: Plan, *, clients: Callable[[], Clients], data: Path, bucket: str, name: str
    ) -> None:
        self.folder = folder
        self.plan = plan
        self.bucket = bucket
        self.name = name
        self.data = data
        self.access_point = ""
        self.alias = ""
        self._clients = clients

    def deploy(self, say: Say) -> Deployed:
        """Build the folder and put the function behind the access point; what goes wrong is in the result."""
        began = time.monotonic()
        result = Deployed(at=time.time(), seconds=0.0)
        try:
            with tempfile.TemporaryDirectory(prefix="objectlens-build-") as temporary:
                output = Path(temporary, "package.zip")
                built = build(self.folder, output, runtime=self.plan.runtime, handler=self.plan.handler, say=say)
                package = output.read_bytes()
            say("updating the function")
            self._put(self._clients(), package)
            result = replace(result, code_sha256=built.package.code_sha256, cached=built.cached)
        except (NotPackable, StepFailed, NotDeployable, click.ClickException, OSError) as error:
            result = replace(result, error=str(error))
        return replace(result, seconds=round(time.monotonic() - began, 3))

    def _put(self, clients: Clients, package: bytes) -> None:
        """Put the function there, and the access point when there is none yet."""
        with _told(clients):
            arn = put_function(clients, self.plan, package)
            if not self.alias:
                function = transformation(("GetObject",), {"FunctionArn": arn})
                made = put_access_point(clients, self.name, self.bucket, function)
                self.access_point, self.alias = made["access_point"], made["alias"]

    def keys(self) -> list[str]:
        """Return the first thousand keys of the bucket; raises `click.ClickException`."""
        clients = self._clients()
        with _told(clients):
            found = clients.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return [one["Key"] for one in found if not one["Key"].endswith("/")]

    def ask(self, key: str) -> Answered:
        """GET an object through the access point, and find what its function logged."""
        began = time.monotonic()
        body, request_id = b"", ""
        answered = Answered(key=key, status=None, seconds=0.0)
        url = ""
        try:
            clients = self._clients()
            url = clients.url
            answer = clients.s3.get_object(Bucket=self.alias, Key=key)
            request_id = answer["ResponseMetadata"]["RequestId"]
            body, size = _read(answer["Body"])
            status = answer["ResponseMetadata"]["HTTPStatusCode"]
            answered = replace(answered, status=status, size=size, content_type=answer.get("ContentType"))
        except ClientError as error:
            said, facts = error.response["Error"], error.response["ResponseMetadata"]
            request_id = facts.get("RequestId", "")
            answered = replace(answered, status=facts["HTTPStatusCode"], error=f"{said['Code']}: {said['Message']}")
        except BotoCoreError as error:
            # Once it has an id, the answer had begun.
            answered = replace(answered, error=f"the answer was cut: {error}" if request_id else refusal(error, url))
        except click.ClickException as error:
            answered = replace(answered, error=str(error))
        answered = replace(answered, seconds=round(time.monotonic() - began, 4))
        log = self._logged(request_id) if request_id else ()
        report = next((line for line in log if line.startswith("REPORT ")), "")
        duration = _DURATION.search(report)
        return replace(
            answered,
            log=log,
            cold="\tInit Duration: " in report if report else None,
            function_ms=float(duration[1]) if duration else None,
            pictures=self._pictures(key, body),
        )

    def _logged(self, request_id: str) -> tuple[str, ...]:
        """Return the messages of one invocation, waiting a moment for its REPORT."""
        folder = log_folder(self.data / "functions", self.plan.name)
        deadline = time.monotonic() + _LOG_SECONDS
        while True:
            found = invocation(read_log(folder), request_id)
            if any(one.startswith("REPORT ") for one in found) or time.monotonic() > deadline:
                return tuple(found)
            time.sleep(0.05)

    def _pictures(self, key: str, body: bytes) -> tuple[bytes, ...]:
        if not body or pictures.size(body) is None:
            return ()
        try:
            original, _ = _read(self._clients().s3.get_object(Bucket=self.bucket, Key=key)["Body"])
        except (
            BotoCoreError,
            ClientError,
            click.ClickException,
        ):  # it is gone meanwhile: the result is still to be seen
            return (body,)
        return (original, body) if pictures.size(original) else (body,)


@contextmanager
def _told(clients: Clients) -> Iterator[None]:
    """Raise what goes wrong at a server as a `click.ClickException` that says so in a sentence."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise click.ClickException(refusal(error, clients.url)) from error


def _read(body: Any) -> tuple[bytes, int]:
    """Read a body to its end; returns its beginning and its size."""
    kept, size = bytearray(), 0
    for chunk in body.iter_chunks(_CHUNK):
        size += len(chunk)
        kept += chunk[: max(0, _KEPT - len(kept))]
    return bytes(kept), size


def invocation(lines: Iterable[LogLine], request_id: str) -> list[str]:
    """Return what one invocation logged, after what its environment said before it: a new one, its initialisation."""
    before: dict[str, list[str]] = {}
    found: list[str] = []
    for one in place(lines):
        if one.request_id == request_id:
            found += [*before.pop(one.line.stream, ()), one.line.message]
        elif _is_between(one):
            before.setdefault(one.line.stream, []).append(one.line.message)
        else:
            before.pop(one.line.stream, None)
    return found


def _is_between(one: Placed) -> bool:
    return one.request_id is None


class Watch:
    """Tells when the files of a folder have changed and are at rest again; `folder` is looked at when asked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._taken = self._last = self._look()

    def changed(self) -> bool:
        """Return whether there is something new, once for each change."""
        now = self._look()
        at_rest = now == self._last
        self._last = now
        if now == self._taken or not at_rest:
            return False
        self._taken = now
        return True

    def _look(self) -> dict[str, tuple[int, int, int]]:
        found = {}
        for name, path in source_files(self._folder).items():
            try:
                seen = path.stat()
            except FileNotFoundError:
                continue  # an editor is about to put another in its place
            found[name] = (seen.st_mtime_ns, seen.st_size, seen.st_ino)
        return found
