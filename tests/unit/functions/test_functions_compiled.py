import ast
import importlib.util
import sys
from pathlib import Path

from objectlens.functions import compiled
from objectlens.functions.compiled import MODULES, compile_modules

HERE = Path(compiled.__file__).parent


def loaded_by(name):
    """Return the modules that one of them loads from beside itself."""
    calls = (node for node in ast.walk(ast.parse((HERE / f"{name}.py").read_text())) if isinstance(node, ast.Call))
    named = (call for call in calls if isinstance(call.func, ast.Name) and call.func.id in {"load", "_beside"})
    return {call.args[0].value for call in named if isinstance(call.args[0], ast.Constant)}


def test_what_a_template_loads_is_compiled(tmp_path):
    assert {"mold", *loaded_by("mold"), *loaded_by("accelerate")} == set(MODULES)
    folder = compile_modules(tmp_path)
    assert {path.stem for path in folder.iterdir()} == set(MODULES)


def test_the_library_is_that_of_this_installation_or_none(tmp_path, monkeypatch):
    older = compile_modules(tmp_path) / "area.so"
    assert older.read_bytes() == (HERE.parent / "area" / "area.so").read_bytes()
    monkeypatch.setattr(compiled, "_LIBRARY", tmp_path / "area.so")
    compile_modules(tmp_path)
    assert not older.exists()


def test_compiled_modules_load_each_other(tmp_path):
    folder = compile_modules(tmp_path)
    spec = importlib.util.spec_from_file_location("compiled_mold", folder / "mold.pyc")
    mold = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(mold)
    assert mold.load("searching").__file__ == str(folder / "searching.pyc")
    accelerate = mold.load("accelerate")
    assert accelerate._beside("wire").__file__ == str(folder / "wire.pyc")
    assert mold.main.__code__.co_filename == str(HERE / "mold.py")  # for who reads a traceback
    assert not [name for name in sys.modules if name.startswith("compiled_mold")]


def test_a_folder_that_cannot_be_written_is_done_without(tmp_path, caplog):
    (tmp_path / "compiled").write_text("in its place")
    assert compile_modules(tmp_path) is None
    assert "compiled again by each template" in caplog.text
