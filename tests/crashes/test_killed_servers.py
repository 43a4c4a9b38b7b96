"""A server that is killed again and again under a mixed load: nothing acknowledged is lost, nothing is half there.

Each round starts the server, lets clients put, copy, delete and complete uploads, kills it with SIGKILL at a moment
that a seed chooses, starts it again and looks at every key. A client notes what it asked for before it asks, and what
was answered: so each key has one state that it must be in, or two when its last change was under way.
`OBJECTLENS_CRASHES_ROUNDS` (default 3) and `OBJECTLENS_CRASHES_SEED` (default 1) say how many rounds and which.
"""

from __future__ import annotations

import hashlib
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError

from support.live import LiveServer, start_server, stop_server

ROUNDS = int(os.environ.get("OBJECTLENS_CRASHES_ROUNDS", "3"))
SEED = int(os.environ.get("OBJECTLENS_CRASHES_SEED", "1"))
# The moment is so many changes after the beginning, and a part of the time that one takes.
CLIENTS, CHANGES, MOMENT = 4, 40, 0.1
BUCKET = "kept"
PART = 5 * 1024 * 1024
# Among them keys that are no paths, one that is a file and a folder, and names that no file system holds.
NAMES = ("a", "a/b", "deep/er/c", "odd//d", "../e", "trail/", "f" * 300, "ctrl\x01\x7fg")

State = str | None
"""What a key holds: the token that its body is made of, None for nothing."""


def body_of(token: str) -> bytes:
    """Return the body that stands for a token, which begins with its size."""
    size = int(token.partition(".")[0])
    seed = hashlib.sha256(token.encode()).digest()
    return (seed * (size // len(seed) + 1))[:size]


def etag_of(token: str) -> str:
    """Return the ETag that an upload of this token has: that of one part, or of parts of `PART` bytes."""
    body = body_of(token)
    if not token.endswith(".parts"):
        return f'"{hashlib.md5(body).hexdigest()}"'
    digests = [hashlib.md5(part).digest() for part in parts_of(body)]
    return f'"{hashlib.md5(b"".join(digests)).hexdigest()}-{len(digests)}"'


def parts_of(body: bytes) -> list[bytes]:
    return [body[start : start + PART] for start in range(0, len(body), PART)] or [b""]


@dataclass
class Client:
    """One client with keys of its own, whose states it knows."""

    number: int
    states: dict[str, set[State]] = field(default_factory=dict)
    uploads: dict[str, dict[int, str]] = field(default_factory=dict)
    under_way: set[str] = field(default_factory=set)
    done: Counter[str] = field(default_factory=Counter)
    changes: int = 0

    def __post_init__(self) -> None:
        self.states = {f"c{self.number}/{name}": {None} for name in NAMES}

    def work(self, s3: Any, pick: random.Random, stop: threading.Event) -> None:
        """Change one thing after another until the server is gone."""
        deeds: dict[Callable[..., None], int] = {
            self.put: 45, self.copy: 20, self.delete: 15, self.complete: 10, self.delete_some: 5, self.begin: 5
        }  # fmt: skip
        while not stop.is_set():
            deed = pick.choices(list(deeds), list(deeds.values()))[0]
            try:
                deed(s3, pick)
            except (BotoCoreError, ConnectionError):
                return
            self.done[deed.__name__] += 1
            self.changes += 1

    @contextmanager
    def change(self, states: dict[str, State]) -> Iterator[None]:
        """Note what is asked for, and that it was answered."""
        for key, state in states.items():
            self.states[key] = self.states[key] | {state}
        yield
        for key, state in states.items():
            self.states[key] = {state}

    def token(self, pick: random.Random, more: str = "") -> str:
        size = pick.choice([0, 10, 10, 5_000, 100_000, 2_500_000])
        return f"{size}.{pick.getrandbits(64):x}{more}"

    def writable(self) -> list[str]:
        """Return the keys that can stand in XML 1.0, as they must in these operations' documents."""
        return [key for key in self.states if key.isprintable()]

    def put(self, s3: Any, pick: random.Random) -> None:
        key, token = pick.choice(list(self.states)), self.token(pick)
        with self.change({key: token}):
            s3.put_object(Bucket=BUCKET, Key=key, Body=body_of(token), Metadata={"token": token})

    def copy(self, s3: Any, pick: random.Random) -> None:
        sources = [key for key, states in self.states.items() if states != {None}]
        if not sources:
            return
        source, key = pick.choice(sources), pick.choice(list(self.states))
        # Its parts are not copied: a copy is one whole again.
        (held,) = self.states[source]
        if source == key or held is None or held.endswith(".parts"):
            return
        with self.change({key: held}):
            s3.copy_object(Bucket=BUCKET, Key=key, CopySource={"Bucket": BUCKET, "Key": source})

    def delete(self, s3: Any, pick: random.Random) -> None:
        key = pick.choice(list(self.states))
        with self.change({key: None}):
            s3.delete_object(Bucket=BUCKET, Key=key)

    def delete_some(self, s3: Any, pick: random.Random) -> None:
        keys = pick.sample(self.writable(), 3)
        with self.change(dict.fromkeys(keys)):
            answer = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": key} for key in keys]})
        assert "Errors" not in answer

    def complete(self, s3: Any, pick: random.Random) -> None:
        size = pick.choice([0, 1000, PART + 1000])
        key, token = pick.choice(self.writable()), f"{size}.{pick.getrandbits(64):x}.parts"
        upload = s3.create_multipart_upload(Bucket=BUCKET, Key=key, Metadata={"token": token})["UploadId"]
        place = {"Bucket": BUCKET, "Key": key, "UploadId": upload}
        self.under_way.add(upload)
        parts = [
            {"PartNumber": number, "ETag": s3.upload_part(**place, PartNumber=number, Body=part)["ETag"]}
            for number, part in enumerate(parts_of(body_of(token)), 1)
        ]
        with self.change({key: token}):
            s3.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})
        self.under_way.remove(upload)

    def begin(self, s3: Any, pick: random.Random) -> None:
        """Begin an upload that stays, with a part that is sent twice."""
        key = f"c{self.number}/never"
        upload = s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
        self.uploads[upload] = {}
        for turn in range(2):
            self.under_way.add(upload)
            body = body_of(f"70000.{upload}.{turn}")
            s3.upload_part(Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=1, Body=body)
            self.under_way.remove(upload)
            self.uploads[upload][1] = f'"{hashlib.md5(body).hexdigest()}"'

    def check(self, s3: Any) -> None:
        """Look at every key; what is found there is its one state from now on."""
        for key, allowed in self.states.items():
            found = read(s3, key)
            assert found in allowed, (key, found, allowed)
            self.states[key] = {found}
        for upload, parts in self.uploads.items():
            place = {"Bucket": BUCKET, "Key": f"c{self.number}/never", "UploadId": upload}
            held = {one["PartNumber"]: one["ETag"] for one in s3.list_parts(**place).get("Parts", [])}
            assert held == parts or (upload in self.under_way and held.keys() >= parts.keys()), (held, parts)
            s3.abort_multipart_upload(**place)
        self.uploads.clear()
        self.under_way.clear()


def read(s3: Any, key: str) -> State:
    """Return the token of what a key holds, having seen that body, ETag, size and metadata belong together."""
    try:
        answer = s3.get_object(Bucket=BUCKET, Key=key)
    except s3.exceptions.NoSuchKey:
        return None
    token: str = answer["Metadata"]["token"]
    assert answer["Body"].read() == body_of(token), key
    assert answer["ETag"] == etag_of(token), key
    return token


def check_listing(s3: Any, clients: list[Client]) -> None:
    """The listing has exactly the keys that are there, in order and with their sizes."""
    held = {key: state for client in clients for key, (state,) in client.states.items() if state is not None}
    listed = [(one["Key"], one["Size"]) for one in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]
    assert listed == [(key, len(body_of(held[key]))) for key in sorted(held, key=str.encode)]


def check_uploads(s3: Any) -> None:
    """What is left of uploads that were cut off can be given up as any other."""
    for one in s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []):
        s3.abort_multipart_upload(Bucket=BUCKET, Key=one["Key"], UploadId=one["UploadId"])


def check_disk(folder: Path) -> None:
    """No draft and no upload is left, but for what may be another process's that is just beginning one."""
    assert os.listdir(folder / ".objectlens" / "tmp") == []
    assert [name for name in os.listdir(folder / ".objectlens" / "uploads") if not name.startswith("new-")] == []


def load_and_kill(server: LiveServer, s3: Any, clients: list[Client], pick: random.Random) -> None:
    """Let the clients work, and kill the server in the middle of it."""
    assert server.process
    stop = threading.Event()
    with ThreadPoolExecutor(len(clients)) as threads:
        seeds = [random.Random(pick.getrandbits(64)) for _ in clients]
        working = [threads.submit(one.work, s3, seed, stop) for one, seed in zip(clients, seeds, strict=True)]
        enough, deadline = pick.randint(0, CHANGES), time.monotonic() + 60
        before = changes_of(clients)
        while changes_of(clients) < before + enough and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(pick.uniform(0, MOMENT))
        server.process.kill()
        server.process.wait(timeout=30)
        stop.set()
        for one in working:
            one.result(timeout=60)


@pytest.mark.timeout(120 + 20 * ROUNDS)
def test_nothing_acknowledged_is_lost_and_nothing_is_half_there(tmp_path: Path) -> None:
    pick = random.Random(SEED)
    clients = [Client(number) for number in range(CLIENTS)]
    server = start_server(tmp_path / "data")
    s3 = client_of(server)
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": server.region})
    for _ in range(ROUNDS):
        load_and_kill(server, s3, clients, pick)
        server = start_server(tmp_path / "data")
        s3 = client_of(server)
        for one in clients:
            one.check(s3)
        check_listing(s3, clients)
        check_uploads(s3)
        check_disk(tmp_path / "data" / "buckets" / BUCKET)
    assert stop_server(server) == 0
    assert "Traceback" not in (tmp_path / "data.log").read_text()
    done = sum((one.done for one in clients), Counter[str]())
    print(f"{ROUNDS} rounds, {done.total()} changes acknowledged: {dict(done)}")


def changes_of(clients: list[Client]) -> int:
    """Return how many changes were acknowledged so far."""
    return sum(one.changes for one in clients)


def client_of(server: LiveServer) -> Any:
    return server.client("s3", proxies={}, max_pool_connections=CLIENTS, connect_timeout=10, read_timeout=60)
