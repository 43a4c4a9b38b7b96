import os
from datetime import UTC, datetime

import pytest

from objectlens.clock import FixedClock
from objectlens.stores.scans import Scans, trees
from objectlens.stores.spans import Span
from objectlens.stores.walks import found

# Long after anything that these tests write, however long the whole run takes.
LATER = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def reads(monkeypatch):
    """Count how often a folder is read."""
    read, scandir = [], os.scandir

    def counting(path):
        read.append(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", counting)
    return read


def pieces(scans, root):
    plain, _ = trees(os.fsencode(root))
    return [child.piece for child in scans.ordered(plain, os.fsencode(root), b"")]


def fill(root, count):
    for number in range(count):
        (root / f"{number:05}").touch()


def test_large_folders_are_remembered_until_they_change(tmp_path, reads):
    fill(tmp_path, 1_200)
    scans = Scans(FixedClock(LATER))
    first = pieces(scans, tmp_path)
    assert len(first) == 1_200
    assert pieces(scans, tmp_path) == first
    assert len(reads) == 1
    (tmp_path / "zzz").touch()
    assert pieces(scans, tmp_path) == [*first, b"zzz"]
    (tmp_path / "zzz").unlink()
    assert pieces(scans, tmp_path) == first


def test_folders_that_just_changed_and_small_ones_are_read_again(tmp_path, reads):
    fill(tmp_path, 1_200)
    scans = Scans(FixedClock(datetime.now(UTC)))
    pieces(scans, tmp_path)
    pieces(scans, tmp_path)
    assert len(reads) == 2
    small = tmp_path / "small"
    small.mkdir()
    scans = Scans(FixedClock(LATER))
    pieces(scans, small)
    pieces(scans, small)
    assert len(reads) == 4


def test_what_is_remembered_is_bounded(tmp_path, reads):
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        folder.mkdir()
        fill(folder, 1_000)
    scans = Scans(FixedClock(LATER), most=2_500)
    for folder in folders:
        pieces(scans, folder)
    assert len(reads) == 3
    pieces(scans, folders[2])
    pieces(scans, folders[1])
    assert len(reads) == 3
    pieces(scans, folders[0])
    assert len(reads) == 4


def test_a_large_folder_is_read_in_windows(tmp_path, reads):
    fill(tmp_path, 100)
    plain, _ = trees(os.fsencode(tmp_path))
    scans = Scans(FixedClock(datetime.now(UTC)), window=30)
    children = list(scans.ordered(plain, os.fsencode(tmp_path), b""))
    assert [child.piece for child in children] == [b"%05d" % number for number in range(100)]
    assert len(reads) == 4
    children = list(scans.ordered(plain, os.fsencode(tmp_path), b"", b"00070x"))
    assert [child.piece for child in children] == [b"%05d" % number for number in range(71, 100)]
    assert len(reads) == 5


def test_windows_that_are_remembered_serve_whoever_comes_into_them(tmp_path, reads):
    fill(tmp_path, 3_000)
    plain, _ = trees(os.fsencode(tmp_path))
    scans = Scans(FixedClock(LATER), most=2_000, window=1_000)

    def first(begin):
        return next(scans.ordered(plain, os.fsencode(tmp_path), b"", begin)).piece

    assert [first(b"%05d" % number) for number in (0, 1, 999, 500)] == [b"00000", b"00001", b"00999", b"00500"]
    assert len(reads) == 1
    assert [first(b"%05d" % number) for number in (1_000, 1_500, 500)] == [b"01000", b"01500", b"00500"]
    assert len(reads) == 2
    # A third one takes the place of the one that was not used for longest.
    assert first(b"02000") == b"02000"
    assert first(b"00100") == b"00100"
    assert len(reads) == 3
    assert first(b"01500") == b"01500"
    assert len(reads) == 4


def test_a_walk_begins_where_its_prefix_does(tmp_path, reads):
    for name in ("a", "b", "c"):
        for number in range(50):
            (tmp_path / f"{name}{number:02}").touch()
    scans = Scans(FixedClock(LATER), window=20)
    span = Span.of("b3", "", "b34")
    assert [one.name for one in found(os.fsencode(tmp_path), span, scans)] == [b"b%d" % n for n in range(35, 40)]
    # Once each of the two trees, of which one is not there.
    assert len(reads) == 2


def test_a_folder_that_is_not_there_is_empty(tmp_path):
    assert pieces(Scans(FixedClock(LATER)), tmp_path / "missing") == []
