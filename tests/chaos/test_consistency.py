"""Sources are overwritten and the function is updated while many read: nobody may see a mixture, or something old.

Every line of an answer names the versions of source and function that it was made of; what is acknowledged before a
request begins is the least that its answer may be of. OBJECTLENS_CONSISTENCY_ROUNDS says how many times seven seconds.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from hashlib import md5
from typing import Any

from botocore.exceptions import ClientError

from conformance.managed.conftest import Managed, managed_on, update_code
from support.live import LiveServer, start_server, stop_server

ROUNDS = int(os.environ.get("OBJECTLENS_CONSISTENCY_ROUNDS", "1"))
SECONDS = 7.0
READERS = 16
LINE = 40
KEYS = ("a", "b", "c.unknown-length")

CODE = """
import http.client, os, urllib.request

MADE_BY = %d


def lambda_handler(event, context):
    where = event["getObjectContext"]
    with urllib.request.urlopen(where["inputS3Url"]) as answer:
        version, lines = map(int, answer.read().split(b" ")[:2])
    body = b"".join(b"s%%08d f%%08d n%%08d %%s\\n" %% (version, MADE_BY, at, b"x" * 9) for at in range(lines))
    connection = http.client.HTTPConnection(os.environ["OBJECTLENS_ENDPOINT_URL"].split("//")[1])
    headers = {"x-amz-request-route": where["outputRoute"], "x-amz-request-token": where["outputToken"]}
    if "unknown-length" in event["userRequest"]["url"]:
        pieces = (body[at : at + 50_000] for at in range(0, len(body), 50_000))
        connection.request("POST", "/WriteGetObjectResponse", body=pieces, headers=headers, encode_chunked=True)
    else:
        connection.request("POST", "/WriteGetObjectResponse", body=body, headers=headers)
    connection.getresponse().read()
    connection.close()
"""


def source(key: str, version: int) -> bytes:
    return b"%d %d %s" % (version, lines_of(version), key.encode())


def lines_of(version: int) -> int:
    return 500 + version * 7919 % 40_000


class World:
    """What was written and acknowledged, and what was seen."""

    def __init__(self, managed: Managed) -> None:
        self.managed = managed
        self.sources = dict.fromkeys(KEYS, 0)
        self.function = 0
        self.ends = threading.Event()
        self.faults: list[str] = []
        self.names: dict[tuple[str, str], tuple[int, int]] = {}
        self.lock = threading.Lock()
        self.counts: Counter[str] = Counter()

    def write(self, key: str) -> None:
        version = self.sources[key] + 1
        self.managed.put(key, source(key, version))
        self.sources[key] = version

    def update(self) -> None:
        version = self.function + 1
        update_code(self.managed, CODE % version)
        self.function = version

    def fault(self, text: str) -> None:
        self.faults.append(text)
        self.ends.set()

    # --- readers --------------------------------------------------------------------------------------------------

    def read(self, seed: int) -> None:
        draw = random.Random(seed)
        etags: dict[str, str] = {}
        while not self.ends.is_set():
            key = draw.choice(KEYS)
            least = self.sources[key], self.function
            try:
                self._look(draw, key, least, etags)
            except ClientError as error:
                status = error.response["ResponseMetadata"]["HTTPStatusCode"]
                self.counts[str(status)] += 1
                if status not in {304, 412, 416}:
                    self.fault(f"{key}: {error}")
            except Exception as error:  # noqa: BLE001  (told with the others)
                self.fault(f"{key}: {error!r}")

    def _look(self, draw: random.Random, key: str, least: tuple[int, int], etags: dict[str, str]) -> None:
        s3, alias = self.managed.s3, self.managed.alias
        kind = draw.choice(["whole", "range", "head", "unless", "part-of-the-same"])
        members: dict[str, Any] = {"Bucket": alias, "Key": key}
        if kind == "head":
            answer = s3.head_object(**members)
            self._named(key, answer, least)
            return
        if kind == "range":
            members["Range"] = draw.choice(["bytes=-4000", "bytes=8000-", "bytes=4000-19999"])
        elif kind == "unless" and key in etags:
            members["IfNoneMatch"] = etags[key]
        elif kind == "part-of-the-same" and key in etags:
            members |= {"IfMatch": etags[key], "Range": "bytes=4000-11999"}
        try:
            answer = s3.get_object(**members)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 304:
                # So the name that we had is that of the present state.
                self._not_older(key, self.names[key, etags[key]], least, "304")
            raise
        body = answer["Body"].read()
        etags[key] = answer["ETag"]
        self._told(key, answer, body, least)

    def _told(self, key: str, answer: Any, body: bytes, least: tuple[int, int]) -> None:
        begin, size = 0, len(body)
        if "ContentRange" in answer:
            span, _, total = answer["ContentRange"].removeprefix("bytes ").partition("/")
            begin, size = int(span.partition("-")[0]), int(total)
        first = -begin % LINE
        lines = [body[at : at + LINE] for at in range(first, len(body) - LINE + 1, LINE)]
        versions = {(int(line[1:9]), int(line[11:19])) for line in lines}
        if len(versions) != 1:
            self.fault(f"{key}: an answer is a mixture of {sorted(versions)}")
            return
        made_of = versions.pop()
        numbers = [int(line[21:29]) for line in lines]
        if numbers != list(range((begin + first) // LINE, (begin + first) // LINE + len(lines))):
            self.fault(f"{key}: lines are missing")
        if size != lines_of(made_of[0]) * LINE:
            self.fault(f"{key}: {size} bytes of {made_of}")
        etag = md5(source(key, made_of[0]), usedforsecurity=False).hexdigest()
        if answer["ResponseMetadata"]["HTTPHeaders"]["x-objectlens-source-etag"] != f'"{etag}"':
            self.fault(f"{key}: the lineage names another source than {made_of}")
        self._not_older(key, made_of, least, "answer")
        with self.lock:
            known = self.names.setdefault((key, answer["ETag"]), made_of)
        if known != made_of:
            self.fault(f"{key}: one ETag for {known} and {made_of}")
        self.counts[answer["ResponseMetadata"]["HTTPHeaders"]["x-objectlens-cache"]] += 1

    def _named(self, key: str, answer: Any, least: tuple[int, int]) -> None:
        with self.lock:
            made_of = self.names.get((key, answer["ETag"]))
        if made_of is not None:
            self._not_older(key, made_of, least, "HEAD")
            if answer["ContentLength"] != lines_of(made_of[0]) * LINE:
                self.fault(f"{key}: HEAD tells {answer['ContentLength']} bytes of {made_of}")

    def _not_older(self, key: str, made_of: tuple[int, int], least: tuple[int, int], what: str) -> None:
        if made_of[0] < least[0] or made_of[1] < least[1]:
            self.fault(f"{key}: {what} of {made_of} when {least} was acknowledged")


def test_nobody_sees_a_mixture_or_something_old(tmp_path: Any) -> None:
    server: LiveServer = start_server(tmp_path / "data")
    try:
        world = World(managed_on(server, CODE % 0))
        for key in KEYS:
            world.write(key)
        threads = [threading.Thread(target=world.read, args=(seed,)) for seed in range(READERS)]
        for thread in threads:
            thread.start()
        draw = random.Random(0)
        ends = time.monotonic() + SECONDS * ROUNDS
        next_update = time.monotonic() + 2.5
        while time.monotonic() < ends and not world.ends.is_set():
            world.write(draw.choice(KEYS))
            if time.monotonic() >= next_update:
                world.update()
                next_update = time.monotonic() + 2.5
            time.sleep(draw.random() * 0.2)
        world.ends.set()
        for thread in threads:
            thread.join(60)
        assert not world.faults, world.faults[:5]
        assert min(world.counts[way] for way in ("hit", "miss", "fill")) > 0, world.counts
        print(world.counts, world.sources, world.function)
    finally:
        assert stop_server(server) == 0
