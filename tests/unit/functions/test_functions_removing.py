import asyncio
import logging
import os

import pytest

from objectlens.functions.removing import clear_away, remove_tree

DEEP = """
import os, tempfile
def handler(event, context):
    os.chdir(tempfile.mkdtemp())
    for _ in range(3000):
        os.mkdir("deeper")
        os.chdir("deeper")
    open("file", "w").close()
    return tempfile.gettempdir()
"""


def deep(folder, levels):
    """Make a tree that no path reaches the bottom of."""
    folder.mkdir()
    here = os.open(folder, os.O_DIRECTORY)
    for _ in range(levels):
        os.mkdir("deeper", dir_fd=here)
        below = os.open("deeper", os.O_DIRECTORY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)


def test_a_tree_of_any_depth_goes(tmp_path):
    deep(tmp_path / "tree", 3000)
    remove_tree(tmp_path / "tree")
    assert list(tmp_path.iterdir()) == []


def test_links_are_not_followed_and_read_only_folders_go(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    tree = tmp_path / "tree"
    (tree / "a" / "b").mkdir(parents=True)
    (tree / "a" / "b" / "file").touch()
    (tree / "a" / "link").symlink_to(outside)
    (tree / "a" / "nowhere").symlink_to("nothing")
    for folder in (tree / "a" / "b", tree / "a", tree):
        folder.chmod(0o555)
    remove_tree(tree)
    assert not tree.exists()
    assert (outside / "kept").read_text() == "kept"
    with pytest.raises(FileNotFoundError):
        remove_tree(tree)


def test_what_cannot_be_removed_is_told(tmp_path, caplog):
    clear_away(tmp_path / "missing")
    assert not caplog.records
    (tmp_path / "file").touch()
    with caplog.at_level(logging.WARNING):
        clear_away(tmp_path / "file")
    assert "is left behind" in caplog.text


def test_a_function_may_make_what_it_likes_in_its_temporary_folder(bench):
    async def main():
        async with bench() as opened:
            return await opened.value(opened.function(DEEP))

    assert not os.path.exists(asyncio.run(main()))
