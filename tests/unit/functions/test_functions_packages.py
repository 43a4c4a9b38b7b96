import base64
import hashlib
import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from objectlens.errors import InvalidParameterValueException
from objectlens.functions.packages import PackageStore
from objectlens.testing.executors import make_zip

ZIP = make_zip({"app.py": "x = 1", "lib/tool": "#!/bin/sh"}, executable=("lib/tool",))


def test_a_package_is_named_by_its_digest(tmp_path):
    store = PackageStore(tmp_path / "packages")
    package = store.add(ZIP)
    assert package.digest == hashlib.sha256(ZIP).hexdigest()
    assert package.code_sha256 == base64.b64encode(hashlib.sha256(ZIP).digest()).decode()
    assert package.code_size == len(ZIP)
    assert (store.path(package.digest) / "app.py").read_text() == "x = 1"


def test_code_is_read_only_and_executables_stay_so(tmp_path):
    store = PackageStore(tmp_path)
    root = store.path(store.add(ZIP).digest)
    modes = {path.relative_to(root).as_posix(): stat.S_IMODE(path.stat().st_mode) for path in root.rglob("*")}
    assert modes == {"app.py": 0o444, "lib": 0o555, "lib/tool": 0o555}
    assert stat.S_IMODE(root.stat().st_mode) == 0o555


def test_the_same_zip_twice_at_once_is_one_package(tmp_path):
    store = PackageStore(tmp_path)
    with ThreadPoolExecutor(4) as threads:
        digests = {package.digest for package in threads.map(store.add, [ZIP] * 8)}
    assert os.listdir(tmp_path) == list(digests)


def test_a_bad_zip_leaves_nothing(tmp_path):
    store = PackageStore(tmp_path)
    with pytest.raises(InvalidParameterValueException):
        store.add(ZIP[:-30])
    assert os.listdir(tmp_path) == []


def test_collecting_keeps_what_is_named(tmp_path):
    store = PackageStore(tmp_path)
    kept, other = store.add(ZIP), store.add(make_zip({"b.py": ""}))
    (tmp_path / ".unfinished-x").mkdir()
    assert sorted(store.collect({kept.digest})) == sorted([".unfinished-x", other.digest])
    assert os.listdir(tmp_path) == [kept.digest]


def test_collecting_where_nothing_is(tmp_path):
    assert PackageStore(tmp_path / "none").collect(set()) == []


def test_sweeping_waits_as_long_as_an_invocation_may_last(tmp_path):
    store = PackageStore(tmp_path)
    kept, other = store.add(ZIP), store.add(make_zip({"b.py": ""}))
    assert store.sweep({kept.digest}, now=0.0) == []
    assert store.sweep({kept.digest}, now=999.0) == []
    assert store.sweep({kept.digest}, now=1000.0) == [other.digest]
    assert os.listdir(tmp_path) == [kept.digest]


def test_a_package_that_is_named_again_stays(tmp_path):
    store = PackageStore(tmp_path)
    package = store.add(ZIP)
    store.sweep(set(), now=0.0)
    store.sweep({package.digest}, now=500.0)
    assert store.sweep(set(), now=1200.0) == []
    store.add(ZIP)
    assert store.sweep(set(), now=2300.0) == []
    assert os.listdir(tmp_path) == [package.digest]
