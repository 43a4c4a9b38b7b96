"""When a folder is looked at without a thread."""

import time

import pytest

from objectlens.stores import haste
from objectlens.stores.haste import Haste, file_system


def test_local_folders_are_looked_at_in_place(tmp_path):
    assert Haste(bytes(tmp_path)).allowed
    assert Haste(bytes(tmp_path)).take(lambda: 5) == 5


def test_other_file_systems_are_left_to_threads():
    assert file_system(b"/proc") == "proc"
    assert not Haste(b"/proc").allowed


@pytest.mark.parametrize(("blocks", "allowed"), [([1, 1], True), ([1, 9], False)])
def test_a_look_that_waited_for_a_disk_lets_threads_do_the_next(tmp_path, monkeypatch, blocks, allowed):
    read = iter(blocks)
    monkeypatch.setattr(haste, "_blocks_read", lambda: next(read))
    one = Haste(bytes(tmp_path))
    one.take(lambda: time.sleep(2 * haste.LONG))
    assert one.allowed is allowed


def test_quick_looks_at_a_disk_are_no_reason(tmp_path, monkeypatch):
    read = iter([1, 9])
    monkeypatch.setattr(haste, "_blocks_read", lambda: next(read))
    one = Haste(bytes(tmp_path))
    one.take(lambda: None)
    assert one.allowed


def test_what_a_look_raises_is_raised(tmp_path):
    with pytest.raises(ZeroDivisionError):
        Haste(bytes(tmp_path)).take(lambda: 1 / 0)
