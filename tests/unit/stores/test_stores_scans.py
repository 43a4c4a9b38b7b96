import os
from datetime import UTC, datetime

import pytest

from objectlens.clock import FixedClock
from objectlens.stores.scans import Scans, trees

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


def test_a_folder_that_is_not_there_is_empty(tmp_path):
    assert pieces(Scans(FixedClock(LATER)), tmp_path / "missing") == []
