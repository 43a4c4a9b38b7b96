"""The wheel: with what is compiled, for this kind of machine; for all of them where there is no compiler."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = sysconfig.get_platform().replace("-", "_").replace(".", "_")


@pytest.mark.parametrize(
    ("compiler", "tag"),
    [("", HERE), ("cc -pipe", HERE), ("/nowhere/cc", "any"), ("false", "any"), ("unclosed '", "any")],
)
def test_a_wheel_has_what_could_be_compiled(tmp_path, compiler, tag):
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    package = tmp_path / "src" / "objectlens"
    shutil.copytree(ROOT / "src" / "objectlens" / "area", package / "area")
    (package / "__init__.py").touch()
    (package / "area" / "area.so").write_bytes(b"another")
    before = {path.name: path.read_bytes() for path in (package / "area").iterdir() if path.is_file()}
    options = ["--no-deps", "--quiet", "--disable-pip-version-check", "--wheel-dir", tmp_path / "wheels"]
    environment = {**os.environ, "CC": compiler}
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, tmp_path], check=True, env=environment)
    (wheel,) = (tmp_path / "wheels").iterdir()
    assert wheel.name.endswith(f"-py3-none-{tag}.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("objectlens/area/")}
    assert names - {"objectlens/area/area.so"} == {"objectlens/area/__init__.py", "objectlens/area/area.c"}
    assert ("objectlens/area/area.so" in names) is (tag != "any")
    if tag != "any":
        assert zipfile.ZipFile(wheel).read("objectlens/area/area.so") != b"another"
    # Others may be using what lies there, or it may not be writable.
    assert {path.name: path.read_bytes() for path in (package / "area").iterdir() if path.is_file()} == before
