import os
import zipfile

import pytest

from objectlens.cli.packing import source_files, write_file, write_tree


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "source"
    for name in (
        "lambda_function.py",
        "lib/data.txt",
        "tests/test_it.py",
        ".git/config",
        "__pycache__/lambda_function.cpython-311.pyc",
        "lib/old.pyc",
        ".venv/pyvenv.cfg",
        ".venv/lib/site.py",
        "environment/pyvenv.cfg",
        "web/package.json",
        "web/node_modules/left/index.js",
        "node_modules/ours/index.js",
        ".env",
        ".npmrc",
        ".DS_Store",
    ):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(name)
    return made


def test_sources_are_packed_and_what_tools_leave_behind_is_not(folder):
    assert list(source_files(folder)) == [
        "lambda_function.py",
        "lib/data.txt",
        "node_modules/ours/index.js",
        "tests/test_it.py",
        "web/package.json",
    ]


def test_links_are_followed_and_lead_round_only_once(folder, tmp_path):
    (tmp_path / "shared.py").write_text("shared")
    (folder / "shared.py").symlink_to(tmp_path / "shared.py")
    (folder / "lib" / "up").symlink_to(folder)
    (folder / "gone.py").symlink_to(tmp_path / "nowhere")
    assert "shared.py" in source_files(folder)
    assert not [name for name in source_files(folder) if name.startswith("lib/up/") or name == "gone.py"]


def test_an_installed_tree_keeps_its_links_and_executables(tmp_path):
    tree = tmp_path / "tree"
    (tree / "node_modules" / ".bin").mkdir(parents=True)
    (tree / "node_modules" / "tool.js").write_text("tool")
    (tree / "node_modules" / "tool.js").chmod(0o755)
    (tree / "node_modules" / ".bin" / "tool").symlink_to("../tool.js")
    (tree / "__pycache__").mkdir()
    (tree / "__pycache__" / "x.pyc").touch()
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        write_tree(archive, tree)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        kinds = {one.filename: oct(one.external_attr >> 16) for one in archive.infolist()}
        assert archive.read("node_modules/.bin/tool") == b"../tool.js"
    assert kinds == {"node_modules/.bin/tool": "0o120777", "node_modules/tool.js": "0o755"}


def test_the_time_of_a_file_is_not_in_the_package(tmp_path):
    file = tmp_path / "a.py"
    file.write_text("a")
    packages = []
    for moment in (1_000_000_000, 1_700_000_000):
        os.utime(file, (moment, moment))
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            write_file(archive, "a.py", file)
        packages.append((tmp_path / "a.zip").read_bytes())
    assert packages[0] == packages[1]
