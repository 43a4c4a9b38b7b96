"""A process that writes is killed at any moment; what it leaves must be whole.

The writer announces each change before it begins and after it is acknowledged. So for every key the parent knows the
last acknowledged state, and the one change that may have been under way.
"""

import asyncio
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from objectlens.stores import FolderStore, KeyNotFound

WRITER = """
import asyncio, os, random, sys
from pathlib import Path
from objectlens.stores import Attributes, FolderStore

root, seed = Path(sys.argv[1]), int(sys.argv[2])

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

async def body(text):
    for _ in range(4):
        yield text * 1000
        await asyncio.sleep(0)

async def write(store, task):
    rng = random.Random(seed * 100 + task)
    keys = [f"t{task}/{name}" for name in ("a", "a/b", "c/d/e", "f//g")]
    for turn in range(100000):
        key, token = rng.choice(keys), f"{task}.{turn}."
        change = rng.choice(["put", "put", "put", "multipart", "delete"])
        state = "-" if change == "delete" else token
        say("begin", task, key, state)
        attributes = Attributes(metadata={"token": token})
        if change == "put":
            await store.put(key, body(token.encode()), attributes)
        elif change == "delete":
            await store.delete(key)
        else:
            upload = await store.begin(key, attributes)
            parts = [await store.put_part(upload.id, n, body(token.encode()), {}) for n in (1, 2)]
            await store.complete(upload.id, parts, attributes, etag=f"{token}-2")
        say("end", task, key, state)

async def main():
    store = FolderStore(root, durable=False)
    say("ready")
    await asyncio.gather(*(write(store, task) for task in range(3)))

asyncio.run(main())
"""


def killed_writer(root, seed, after):
    """Run a writer and kill it `after` seconds of work; return what it had said."""
    with subprocess.Popen([sys.executable, "-c", WRITER, str(root), str(seed)], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        time.sleep(after)
        process.send_signal(signal.SIGKILL)
        said = process.stdout.read().decode()
    assert process.returncode == -signal.SIGKILL
    # The last line may be cut; nothing is known from it.
    return [line.split() for line in said.split("\n")[:-1]]


def apply(said, states):
    """Return the possible states of each key: one, or two for a change that was under way."""
    under_way = {}
    for verb, task, key, state in said:
        if verb == "begin":
            under_way[task] = (key, state)
        else:
            del under_way[task]
            states[key] = {state}
    for key, state in under_way.values():
        states[key] = states.get(key, {"-"}) | {state}
    return states


async def state_of(store, key):
    """Return the token of what a key holds, having checked that all of it belongs together."""
    try:
        opened = await store.open(key)
    except KeyNotFound:
        return "-"
    body = b"".join([chunk async for chunk in opened.body])
    token = opened.stat.attributes.metadata["token"]
    assert opened.stat.etag in {hashlib.md5(body).hexdigest(), f"{token}-2"}
    assert body == token.encode() * (1000 * (8 if opened.stat.etag.endswith("-2") else 4))
    return token


async def check(root, states):
    store = FolderStore(root, durable=False)
    try:
        await store.sweep()
        assert os.listdir(root / ".objectlens" / "tmp") == []
        found = {key: await state_of(store, key) for key in states}
        for key, token in found.items():
            assert token in states[key], key
        listed = [entry.key for entry in (await store.list()).entries]
        assert listed == sorted((key for key, token in found.items() if token != "-"), key=str.encode)
        for upload in await store.uploads():
            await store.abort(upload.id)
        return {key: {token} for key, token in found.items()}
    finally:
        await store.close()


@pytest.mark.timeout(120)
def test_whatever_is_left_is_whole(tmp_path: Path):
    rng = random.Random(20261123)
    states = {}
    changes = 0
    for seed in range(12):
        said = killed_writer(tmp_path, seed, rng.uniform(0.0, 0.25))
        changes += len(said)
        states = asyncio.run(check(tmp_path, apply(said, states)))
    assert changes > 200
    orphans = len(list((tmp_path / ".objectlens" / "meta").rglob("*.json"))) - sum(
        state != {"-"} for state in states.values()
    )
    # At most one sidecar for each change that was cut off.
    assert 0 <= orphans <= 12 * 3
