"""Functions that know whole objects only, behind access points whose answers the gateway manages."""

from __future__ import annotations

import json
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from support.live import REGION, Lens, LiveServer, make_lens_on, start_server, stop_server, zipped

MANAGED = {"objectlens:answers": "managed"}

# What is made of an object is told by its key's ending, so that one function serves all tests of a file.
SOURCE = """
import gzip, http.client, json, os, time, urllib.error, urllib.request
import boto3

s3 = boto3.client("s3")


def lambda_handler(event, context):
    where = event["getObjectContext"]
    key = urllib.request.url2pathname(event["userRequest"]["url"].split("/", 3)[3].partition("?")[0])
    print("EVENT " + json.dumps({"request": event["userRequest"], "identity": event["userIdentity"]}))
    reply = {"RequestRoute": where["outputRoute"], "RequestToken": where["outputToken"]}
    if key.endswith(".raises"):
        raise ValueError("as the key says")
    if key.endswith(".refused"):
        s3.write_get_object_response(**reply, StatusCode=404, ErrorCode="NoSuchThing", ErrorMessage="as the key says")
        return None
    with urllib.request.urlopen(where["inputS3Url"]) as answer:
        data, kind = answer.read(), answer.headers["Content-Type"]
    if key.endswith((".206", ".304")):
        body = {} if key.endswith("304") else {"Body": data[:5], "ContentRange": f"bytes 0-4/{len(data)}"}
        s3.write_get_object_response(**reply, StatusCode=int(key[-3:]), **body)
        return None
    if key.endswith(".slow"):
        time.sleep(1)
    data = gzip.decompress(data) if key.endswith(".gz") else data[::2]
    headers = {"ContentType": "text/x-half", "Metadata": {"of": kind}, "ETag": '"not-the-functions-to-say"'}
    if key.endswith(".unknown-length"):
        send_in_pieces(where, data)
    elif key.endswith(".no-store"):
        s3.write_get_object_response(**reply, Body=data, CacheControl="no-store")
    else:
        s3.write_get_object_response(**reply, **headers, Body=data)


def send_in_pieces(where, data):
    connection = http.client.HTTPConnection(os.environ["OBJECTLENS_ENDPOINT_URL"].split("//")[1])
    headers = {
        "x-amz-request-route": where["outputRoute"],
        "x-amz-request-token": where["outputToken"],
        "x-amz-fwd-header-content-type": "text/x-half",
    }
    pieces = (data[at : at + 65536] for at in range(0, len(data), 65536))
    connection.request("POST", "/WriteGetObjectResponse", body=pieces, headers=headers, encode_chunked=True)
    connection.getresponse().read()
    connection.close()
"""


@dataclass
class Managed:
    """A lens with the ways in that tests need."""

    lens: Lens
    alias: str

    @property
    def s3(self) -> Any:
        return self.lens.s3

    def put(self, key: str, body: bytes, **members: Any) -> None:
        self.lens.put(key, body, **members)

    def get(self, key: str, query: str = "", headers: dict[str, str] | None = None, **members: Any) -> Any:
        return self._client(query, headers).get_object(Bucket=self.alias, Key=key, **members)

    def head(self, key: str, **members: Any) -> Any:
        return self.s3.head_object(Bucket=self.alias, Key=key, **members)

    def _client(self, query: str, headers: dict[str, str] | None) -> Any:
        if not query and not headers:
            return self.s3
        client = self.lens.server.client("s3", cached=False)

        def change(request: Any, **_: Any) -> None:
            if query:
                request.url += ("&" if "?" in request.url else "?") + query
            for name, value in (headers or {}).items():
                request.headers[name] = value

        client.meta.events.register("before-sign.s3.*", change)
        return client

    def events(self) -> list[dict[str, Any]]:
        """Return what the function was told so far, one for each invocation."""
        assert self.lens.server.data is not None
        log = self.lens.server.data / "functions" / "logs" / self.lens.function / "current.log"
        if not log.exists():
            return []
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        return [json.loads(line.split("EVENT ", 1)[1]) for line in lines if "EVENT {" in line]

    def invocations(self) -> int:
        assert self.lens.server.data is not None
        log = self.lens.server.data / "functions" / "logs" / self.lens.function / "current.log"
        text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        return text.count("START RequestId")


def way(answer: Any) -> str:
    """Return how an answer came about."""
    return str(answer["ResponseMetadata"]["HTTPHeaders"]["x-objectlens-cache"])


def managed_on(server: LiveServer, source: str = SOURCE, tags: dict[str, str] | None = None, **options: Any) -> Managed:
    lens = make_lens_on(server, source, tags=MANAGED | (tags or {}), memory=512, timeout=30, **options)
    control = server.client("s3control")
    described = control.get_access_point_for_object_lambda(AccountId=server.account, Name=lens.name)
    return Managed(lens, described["Alias"]["Value"])


MakeManaged = Callable[..., Managed]


@pytest.fixture
def make_managed(server: LiveServer) -> MakeManaged:
    return partial(managed_on, server)


@pytest.fixture(scope="module")
def halves(server: LiveServer) -> Managed:
    """The function above, shared by the tests of a file."""
    return managed_on(server)


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Callable[..., LiveServer]]:
    """Start servers with caches of their own."""
    started: list[LiveServer] = []

    def start(*arguments: str, **env: str) -> LiveServer:
        live = start_server(tmp_path / f"data-{len(started)}", *arguments, env=env)
        started.append(live)
        return live

    yield start
    for live in started:
        if live.process is not None and live.process.poll() is None:
            assert stop_server(live) == 0


def new_bucket(server: LiveServer) -> str:
    name = f"plain-{uuid.uuid4().hex[:12]}"
    server.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    return name


def update_code(managed: Managed, source: str) -> None:
    lambdas = managed.lens.server.client("lambda")
    lambdas.update_function_code(FunctionName=managed.lens.function, ZipFile=zipped(source))


def plain_get(url: str, headers: dict[str, str] | None = None) -> bytes:
    request = urllib.request.Request(url, headers=headers or {})
    with urllib.request.urlopen(request, timeout=60) as answer:
        body: bytes = answer.read()
        return body
