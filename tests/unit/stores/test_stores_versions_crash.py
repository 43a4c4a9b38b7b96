"""A process that changes a key's versions dies before each of its steps; the key is as it was before or after.

The steps are the system calls that change names. The changes run in forks of a process without threads, so that dying
is dying: no handler runs, no lock is given back but by the kernel.
"""

import os
import subprocess
import sys

import pytest

STEPS = r"""
import asyncio, errno, os, shutil, sys
from pathlib import Path
from objectlens.stores import NULL, Attributes, FolderStore, KeyNotFound

base, links, key, every = Path(sys.argv[1]), sys.argv[2] == "links", "a/k", int(sys.argv[3])
STEPS = ("rename", "replace", "link", "unlink", "mkdir", "rmdir")
REAL = {name: getattr(os, name) for name in STEPS}

def no_links(*arguments, **options):
    raise OSError(errno.EPERM, "no links here")

if not links:
    os.link = REAL["link"] = no_links

async def body(text):
    yield text

def attributes(text):
    return Attributes(metadata={"text": text.decode()})

async def put(store, text):
    return (await store.put(key, body(text), attributes(text))).version

async def complete(store, text):
    upload = await store.begin(key, attributes(text))
    part = await store.put_part(upload.id, 1, body(text), {})
    return (await store.complete(upload.id, [part], attributes(text), etag="x-1")).version

# What a key has been through, and the change that is cut off: `e` puts with ids, `n` as the null version, `u` without
# versions, `E` and `N` mark; a number removes the version that many below the newest.
CASES = [
    (before, change)
    for before in ("", "u", "e", "ue", "ee", "een", "eneE", "eeE", "eeEE", "enN", "euN", "uE", "enee", "eEe")
    for change in ("e", "n", "E", "N", "c", "0", "1", "2")
]

async def do(store, step, versions):
    kept, null = store.keeping(ids=True), store.keeping(ids=False)
    text = b"%d" % len(versions)
    if step == "u":
        versions.append(await put(store, text))
    elif step == "e":
        versions.append(await put(kept, text))
    elif step == "n":
        versions.append(await put(null, text))
    elif step == "c":
        versions.append(await complete(kept, text))
    elif step == "E":
        versions.append(await kept.mark(key))
    elif step == "N":
        versions.append(await null.mark(key))
    else:
        found = (await store.versions()).versions
        if int(step) < len(found):
            await store.at(found[int(step)].version).remove(key)

async def with_store(work):
    store = FolderStore(base / "b", durable=False)
    try:
        return await work(store)
    finally:
        await store.close()

async def seen(store):
    await store.sweep()
    page = await store.versions()
    found = []
    for one in page.versions:
        text = "marker"
        if not one.marker:
            opened = await store.at(one.version).open(key)
            text = b"".join([chunk async for chunk in opened.body]).decode()
            assert opened.stat.attributes.metadata == {"text": text}, (opened.stat, text)
        found.append((one.version, text, one.latest))
    latest = [text for _, text, latest in found if latest]
    assert len(latest) <= 1, found
    assert len({version for version, _, _ in found}) == len(found), found
    try:
        opened = await store.open(key)
        now = b"".join([chunk async for chunk in opened.body]).decode()
        assert opened.stat.attributes.metadata == {"text": now}
    except KeyNotFound:
        now = "marker"
    assert now == (latest or ["marker"])[0], (now, found)
    assert [one.key for one in (await store.list()).entries] == ([] if now == "marker" else [key])
    return found

def named(found, versions):
    # Ids are made anew each time: the first ones have the names of their places.
    return [(versions.index(v) if v in versions else v if v == NULL else "new", *rest) for v, *rest in found]

def cut(work, at):
    # Returns whether the work was cut off before its step number `at`.
    child = os.fork()
    if child == 0:
        count = 0
        def stepping(name):
            def step(*arguments, **options):
                nonlocal count
                if count == at:
                    os._exit(7)
                count += 1
                return REAL[name](*arguments, **options)
            return step
        try:
            for name in STEPS:
                setattr(os, name, stepping(name))
            asyncio.run(with_store(work))
            os._exit(0)
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in {0, 7}, code
    return code == 7

def fresh(before):
    shutil.rmtree(base / "b", ignore_errors=True)
    (base / "b").mkdir()
    versions = []
    async def prepare(store):
        for step in before:
            await do(store, step, versions)
        return await seen(store)
    return named(asyncio.run(with_store(prepare)), versions), versions

async def more(store):
    found = await seen(store)
    await store.keeping(ids=True).put(key, body(b"more"), attributes(b"more"))
    return found, await seen(store)

total = 0
for before, change in CASES[::every]:
    outcomes = []
    was_cut = True
    while was_cut:
        old, versions = fresh(before)
        was_cut = cut(lambda store: do(store, change, list(versions)), len(outcomes))
        found, after = (named(one, versions) for one in asyncio.run(with_store(more)))
        # Whatever is done next finds the same.
        assert [one[:2] for one in after[1:]] == [one[:2] for one in found], (before, change, outcomes, found, after)
        assert after[0][1:] == ("more", True)
        outcomes.append(found)
        total += 1
    new = outcomes[-1]
    step = outcomes.index(new)
    assert outcomes == [old] * step + [new] * (len(outcomes) - step), (before, change, outcomes)
print(total)
"""


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("links", "every"), [("links", 5), ("copies", 23)])
def test_a_key_is_as_before_or_after(tmp_path, links, every):
    # All cases take some minutes: `make crashes` runs them.
    every = int(os.environ.get("OBJECTLENS_CRASH_CASES_EVERY", every))
    arguments = [str(tmp_path), links, str(every)]
    done = subprocess.run([sys.executable, "-c", STEPS, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 500 / every
