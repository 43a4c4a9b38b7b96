import ast
import io
import json
import re
import sys
import zipfile

import pytest
from click.testing import CliRunner

from objectlens.cli import deployment
from objectlens.cli.main import main
from objectlens.transforms import BadPipeline, Context, Limits, compile_pipeline

SOURCE = """
from collections.abc import Iterator
from objectlens.transforms import Context, transform
from objectlens.transforms.image import decode, encode, grayscale, resize

built_in = decode() >> resize(width=32, height=16) >> grayscale() >> encode(format="png")

@transform
def shout(data: bytes, ctx: Context) -> bytes:
    return data.upper()

@transform(name="resize", family="image")
def impostor(data: bytes, ctx: Context) -> bytes:
    return b"mine"

@transform
def needy(data: bytes, ctx: Context, *, times: int) -> bytes:
    return data * times

@transform
def speak(text: str, ctx: Context) -> str:
    return text

mixed = shout >> shout
apart = grayscale >> speak
nothing = 3
"""


@pytest.fixture
def module(tmp_path, monkeypatch, request):
    name = f"deployed_{abs(hash(request.node.name))}"
    (tmp_path / f"{name}.py").write_text(SOURCE)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield name
    sys.modules.pop(name, None)


def test_a_chain_of_built_in_steps_becomes_data_that_does_the_same(module, tmp_path):
    found = deployment.load(f"{module}:built_in", tmp_path)
    text = deployment.as_data(found.pipeline, {"quality": "exact", "limits": {"pixels": 10}})
    assert json.loads(text) == {
        "pipeline": [
            {"image.decode": {}},
            {"image.resize": {"width": 32, "height": 16}},
            {"image.grayscale": {}},
            {"image.encode": {"format": "png"}},
        ],
        "quality": "exact",
        "limits": {"pixels": 10},
    }
    text = deployment.as_data(found.pipeline, {"quality": "exact"})
    photograph = _png()
    assert bytes(compile_pipeline(text).run(photograph)) == bytes(found.pipeline(photograph))


def _png():
    from PIL import Image

    buffer = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["shout", "mixed", "impostor"])
def test_a_step_of_ones_own_is_code(module, tmp_path, name):
    found = deployment.load(f"{module}:{name}", tmp_path)
    assert deployment.as_data(found.pipeline, {"quality": "fast"}) is None


def test_the_package_holds_the_module_and_a_handler_and_is_always_the_same(module, tmp_path):
    found = deployment.load(f"{module}:shout", tmp_path)
    package = deployment.package(found)
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        assert archive.namelist() == ["lambda_function.py", f"{module}.py"]
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o644}
        handler = archive.read("lambda_function.py").decode()
    assert "lambda_handler" in {one.name for one in ast.parse(handler).body if isinstance(one, ast.FunctionDef)}
    assert f"from {module} import shout as transform" in handler
    assert deployment.package(found) == package


def test_a_whole_package_comes_along(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    folder = tmp_path / "deployed_package" / "inner"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "__init__.py").touch()
    (folder / "steps.py").write_text(SOURCE)
    (folder.parent / "words.txt").write_text("words")
    package = deployment.package(deployment.load("deployed_package.inner.steps:shout", tmp_path))
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        assert {one for one in archive.namelist() if "words" in one or "steps" in one} == {
            "deployed_package/words.txt",
            "deployed_package/inner/steps.py",
        }


def test_what_the_module_imports_from_beside_it_comes_along(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "beside_package").mkdir()
    (tmp_path / "beside_package" / "__init__.py").touch()
    (tmp_path / "beside_package" / "words.txt").write_text("words")
    (tmp_path / "beside_folder").mkdir()
    (tmp_path / "beside_folder" / "part.py").touch()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "shared.py").touch()
    (tmp_path / "beside_link.py").symlink_to(tmp_path / "elsewhere" / "shared.py")
    (tmp_path / "beside_words.py").write_text("import beside_folder.part, beside_link, beside_package\n")
    (tmp_path / "beside_other.py").touch()
    (tmp_path / "beside_steps.py").write_text(f"import beside_words\n{SOURCE}")
    package = deployment.package(deployment.load("beside_steps:shout", tmp_path))
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        assert archive.namelist() == [
            "lambda_function.py",
            "beside_steps.py",
            "beside_folder/part.py",
            "beside_link.py",
            "beside_package/__init__.py",
            "beside_package/words.txt",
            "beside_words.py",
        ]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("{module}", "is not module:name"),
        ("{module}:no-name", "is not module:name"),
        ("{module}:nothing", "is not a transform: decorate"),
        ("{module}:absent", "is not a transform"),
        ("{module}:needy", "needs the argument 'times'"),
        ("{module}:apart", "cannot be deployed as it is: speak takes text, but the step before it gives image"),
        ("no_such_module:x", "cannot import 'no_such_module'"),
    ],
)
def test_what_cannot_be_deployed_is_said(module, tmp_path, name, said):
    with pytest.raises(deployment.NotDeployable, match=re.escape(said)):
        deployment.load(name.format(module=module), tmp_path)


@pytest.mark.parametrize(
    ("code", "said"), [("1 / 0", "ZeroDivisionError: division by zero"), ("def x(:", "SyntaxError")]
)
def test_a_module_that_cannot_be_imported_is_one_line(tmp_path, code, said):
    file = tmp_path / f"broken_{said[:4].lower()}.py"
    file.write_text(f"{code}\n")
    with pytest.raises(deployment.NotDeployable, match=rf"cannot import '{file.stem}': {said}.*line 1\)"):
        deployment.load(f"{file.stem}:x", tmp_path)


def test_without_a_server_the_command_says_how_to_start_one(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ["function", "deploy", f"{module}:shout", "--access-point", "a", "--bucket", "bbb"]
    shown = CliRunner().invoke(main, [*arguments, "--data", str(tmp_path / "d")])
    assert shown.exit_code == 1
    assert "no server runs on" in shown.output


def test_the_help_has_an_example():
    shown = CliRunner().invoke(main, ["function", "deploy", "--help"])
    assert "objectlens function deploy thumbnails:normalize" in shown.output.partition("Example")[2]


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("pixel=1", "there is no limit 'pixel'"),
        ("pixels=many", "--limit pixels is no number: 'many'"),
        ("pixels=inf", "is no number: 'inf'"),
        ("pixels=0", "must be a number over 0"),
        ("pixels", "is not NAME=VALUE"),
    ],
)
def test_wrong_limits_are_said_before_anything_is_deployed(module, tmp_path, monkeypatch, limit, said):
    monkeypatch.chdir(tmp_path)
    command = ["function", "deploy", f"{module}:built_in", "--access-point", "a", "--bucket", "b"]
    done = CliRunner().invoke(main, [*command, "--data", str(tmp_path / "none"), "--limit", limit])
    assert done.exit_code != 0
    assert said in done.output


def test_functions_have_no_limit_of_processor_time(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = ["function", "deploy", f"{module}:shout", "--access-point", "a", "--bucket", "b"]
    done = CliRunner().invoke(main, [*command, "--data", str(tmp_path / "none"), "--limit", "cpu_seconds=5"])
    assert done.exit_code == 2
    assert f"{module}:shout has --timeout" in done.output


def test_a_handler_in_a_folder_has_no_limits_of_transforms(tmp_path):
    (tmp_path / "lambda_function.py").write_text("def lambda_handler(event, context): ...\n")
    command = ["function", "deploy", str(tmp_path), "--access-point", "a", "--bucket", "b", "--limit", "pixels=1"]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 2
    assert "--limit is for transforms" in done.output


@pytest.mark.parametrize(
    "payload", ["no JSON", "[]", '"exact"', '{"quality": "slow"}', '{"limits": 1}', '{"limits": {}, "pipeline": []}']
)
def test_a_payload_that_is_none_of_a_deployed_transform(payload):
    with pytest.raises(BadPipeline, match="the FunctionPayload of a deployed transform is"):
        Context.deployed(payload, key="k", content_type=None)


def test_what_the_payload_of_a_deployed_transform_says():
    told = Context.deployed('{"limits": {"pixels": 200000000}}', key="k", content_type="image/png")
    assert (told.limits, told.quality) == (Limits(pixels=200_000_000), "fast")
    assert (told.key, told.content_type) == ("k", "image/png")
    assert Context.deployed("", key=None, content_type=None).limits == Limits()
