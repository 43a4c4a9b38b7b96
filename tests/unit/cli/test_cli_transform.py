import errno
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image
from rich.console import Console

from objectlens.cli import pictures
from objectlens.cli.main import main
from objectlens.transforms import compile_pipeline, pipeline_schema

EXAMPLES = Path(__file__).parents[3] / "examples"
REFERENCE_JOB = EXAMPLES / "pipelines" / "image-normalizer.json"
PHOTOGRAPH = EXAMPLES / "photographs" / "china.jpg"
WITH_PARAMETERS = {
    "pipeline": ["decode", {"resize": {"width": {"$param": "width"}, "height": 32}}, {"encode": {"format": "png"}}],
    "parameters": {"width": {"type": "integer", "default": 48, "minimum": 1, "maximum": 256}},
}


def run(*arguments, text=None):
    return CliRunner().invoke(main, ["transform", *(str(one) for one in arguments)], input=text)


@pytest.mark.parametrize("name", ["check", "run", "explain", "schema"])
def test_the_help_has_an_example(name):
    shown = run(name, "--help")
    assert shown.exit_code == 0
    assert f"objectlens transform {name}" in shown.output.partition("Example")[2]


def test_a_valid_pipeline_is_said_to_be_one():
    shown = run("check", REFERENCE_JOB)
    assert (shown.exit_code, shown.output) == (0, f"{REFERENCE_JOB}: valid; 4 steps, parameters: none\n")


def test_check_as_json_names_the_steps_and_the_digest():
    found = json.loads(run("check", "-", "--json", text=REFERENCE_JOB.read_text()).output)
    assert found["valid"] is True
    assert found["digest"] == compile_pipeline(REFERENCE_JOB.read_text()).digest
    assert found["steps"][2] == "image.grayscale()"


def test_check_as_json_says_what_is_wrong():
    shown = run("check", "-", "--json", text='{"pipeline": ["decode", "no-such-step"]}')
    found = json.loads(shown.output)
    assert (shown.exit_code, found["valid"]) == (1, False)
    assert "pipeline[1] (step 2, no-such-step): there is no step" in found["error"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"pipeline": [', "line 1 column 15"),
        ('{"pipeline": ["decode", {"resize": {"wdth": 3}}]}', "pipeline[1] (step 2, resize): image.resize has no"),
        ('{"pipeline": ["decode", "no-such-step"]}', "pipeline[1] (step 2, no-such-step): there is no step"),
        ('{"pipeline": ["decode", {"encode": {"format": "doc"}}]}', "pipeline[1] (step 2, encode): image.encode: for"),
        ('{"pipeline": [{"resize": {"width": {"$param": "w"}}}]}', "parameters that are not declared: w"),
    ],
)
def test_a_wrong_pipeline_is_one_line_with_the_place(text, said):
    shown = run("check", "-", text=text)
    assert shown.exit_code == 1
    assert said in shown.output
    assert shown.output.count("\n") == 1


def test_run_writes_what_the_program_makes(tmp_path):
    out = tmp_path / "out.jpg"
    shown = run("run", REFERENCE_JOB, PHOTOGRAPH, "-o", out)
    assert shown.exit_code == 0
    assert "640x427" in shown.output
    assert "256x256  image/jpeg" in shown.output
    assert out.read_bytes() == bytes(compile_pipeline(REFERENCE_JOB.read_text()).run(PHOTOGRAPH.read_bytes()))


def test_run_takes_arguments_and_tells_sizes_as_json(tmp_path):
    found = json.loads(
        run("run", "-", PHOTOGRAPH, "--arg", "width=20", "--json", text=json.dumps(WITH_PARAMETERS)).output
    )
    assert (found["size_in"], found["size_out"], found["content_type"]) == ([640, 427], [20, 32], "image/png")
    assert found["bytes_in"] == PHOTOGRAPH.stat().st_size


@pytest.mark.parametrize(("argument", "said"), [("wdth=2", "'wdth'"), ("width=1000", "from 1 to 256"), ("x", "NAME=")])
def test_wrong_arguments_are_named(argument, said):
    shown = run("run", "-", PHOTOGRAPH, "--arg", argument, text=json.dumps(WITH_PARAMETERS))
    assert shown.exit_code == 1
    assert said.strip("'") in shown.output


def test_arguments_said_twice_are_refused_as_of_a_request():
    twice = ["--arg", "width=20", "--arg", "width=30"]
    shown = run("explain", "-", *twice, text=json.dumps(WITH_PARAMETERS))
    assert (shown.exit_code, shown.output) == (1, "Error: --arg says width more than once\n")


def test_an_object_that_is_too_long_is_not_even_read(tmp_path):
    path = tmp_path / "long.jpg"
    with path.open("wb") as file:
        file.truncate(1 << 42)
    shown = run("run", REFERENCE_JOB, path)
    assert (shown.exit_code, shown.output.count("\n")) == (1, 1)
    assert shown.output.startswith(f"Error: {path}: an object of 4,398,046,511,104 bytes")


def test_an_object_that_cannot_be_read_is_named(tmp_path):
    path = tmp_path / "broken.jpg"
    path.write_bytes(b"\xff\xd8\xff" + bytes(50))
    shown = run("run", REFERENCE_JOB, path)
    assert shown.exit_code == 1
    assert shown.output.startswith(f"Error: {path}: ")


def test_text_that_comes_out_is_shown(tmp_path):
    path = tmp_path / "page.html"
    path.write_text("<p>Good morning</p>")
    shown = run("run", "-", path, text='{"pipeline": ["html"], "family": "text"}')
    assert shown.exit_code == 0, shown.output
    assert "Good morning" in shown.output


def test_the_picture_shows_both_at_one_height(tmp_path):
    sheet = tmp_path / "sheet.png"
    assert run("run", REFERENCE_JOB, PHOTOGRAPH, "--picture", sheet).exit_code == 0
    with Image.open(sheet) as opened:
        assert (opened.format, opened.size) == ("PNG", (576 + 16 + 384, 384))
        left, right = opened.getpixel((100, 100)), opened.getpixel((800, 100))
    assert len(set(left)) > 1
    assert len(set(right)) == 1


@pytest.mark.parametrize("option", ["--output", "--picture"])
def test_what_cannot_be_written_is_said_before_anything_is_done(tmp_path, option):
    job, photograph = tmp_path / "job.json", tmp_path / "photograph.jpg"
    job.write_bytes(REFERENCE_JOB.read_bytes())
    photograph.write_bytes(PHOTOGRAPH.read_bytes())
    (tmp_path / "link").symlink_to(photograph)
    before = {path: path.read_bytes() for path in (job, photograph)}

    def refused(path):
        shown = run("run", job, photograph, option, path)
        assert (shown.exit_code, shown.output.count("\n")) == (1, 1), shown.output
        return shown.output

    assert f"{tmp_path}: it is a folder" in refused(tmp_path)
    assert f"there is no folder {tmp_path / 'nowhere'}" in refused(tmp_path / "nowhere" / "out.jpg")
    for path in (photograph, tmp_path / "link", job):
        assert f"{option}: {path} is what is read: name another file" in refused(path)
    assert {path: path.read_bytes() for path in before} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["job.json", "link", "photograph.jpg"]


def test_an_output_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    out = tmp_path / "out.jpg"
    out.write_bytes(b"as it was")
    out.chmod(0o640)
    with monkeypatch.context() as broken:
        broken.setattr(Path, "replace", full)
        shown = run("run", REFERENCE_JOB, PHOTOGRAPH, "-o", out)
    assert (shown.exit_code, shown.output) == (1, f"Error: cannot write {out}: No space left on device\n")
    assert out.read_bytes() == b"as it was"
    shown = run("run", REFERENCE_JOB, PHOTOGRAPH, "-o", out, "--picture", out)
    assert "both name" in shown.output
    assert run("run", REFERENCE_JOB, PHOTOGRAPH, "-o", out).exit_code == 0
    assert (out.read_bytes()[:2], out.stat().st_mode & 0o777) == (b"\xff\xd8", 0o640)
    assert list(tmp_path.iterdir()) == [out]


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_no_picture_of_text(tmp_path):
    path = tmp_path / "page.html"
    path.write_text("<p>x</p>")
    shown = run("run", "-", path, "--picture", tmp_path / "x.png", text='{"pipeline": ["html"], "family": "text"}')
    assert shown.exit_code == 1
    assert "not both the object and the result are pictures" in shown.output
    assert "0x" not in shown.output
    assert not (tmp_path / "x.png").exists()


def test_blocks_keep_within_the_terminal():
    console = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor", width=60)
    text = pictures.blocks((PHOTOGRAPH.read_bytes(), PHOTOGRAPH.read_bytes()), 60)
    lines = [line for line in text.plain.split("\n") if line]
    assert len(lines) == 7
    assert max(map(len, lines)) <= 60
    console.print(text)
    assert "\x1b[38;2;" in console.file.getvalue()


def test_explain_prints_the_plan():
    shown = run("explain", REFERENCE_JOB).output
    assert "# the grey plane only" in shown
    found = json.loads(run("explain", REFERENCE_JOB, "--json").output)
    assert found["quality"] == "fast"
    assert len(found["declared"]) == 4
    assert [one["gives"] for one in found["plan"]] == ["image", "image", "bytes"]


def test_schema_is_that_of_the_code():
    assert json.loads(run("schema", "--family", "image").output) == json.loads(json.dumps(pipeline_schema(["image"])))


def test_object_and_result_go_through_pipes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("p.json").write_text(json.dumps(WITH_PARAMETERS), encoding="utf-8-sig")
    shown = run("run", "p.json", "-", "-o", "-", text=PHOTOGRAPH.read_bytes())
    assert shown.exit_code == 0
    assert Image.open(io.BytesIO(shown.stdout_bytes)).size == (48, 32)
    assert not Path("-").exists()
    for wrong in (["-", "-"], ["p.json", PHOTOGRAPH, "-o", "-", "--json"]):
        refused = run("run", *wrong, text="{}")
        assert (refused.exit_code, "cannot both" in refused.output) == (1, True)


def test_a_pipeline_that_is_no_text_is_told_so(tmp_path):
    file = tmp_path / "p.json"
    file.write_bytes(b"\xff\xfe{")
    shown = run("check", file)
    assert (shown.exit_code, "not UTF-8" in shown.output) == (1, True)


def test_files_of_steps_are_found_in_their_folder(tmp_path):
    pipeline = tmp_path / "p.json"
    pipeline.write_text('{"pipeline": ["image.decode", "to_tensor", {"learned.onnx": {"file": "m.onnx"}}]}')
    (tmp_path / "m.onnx").write_bytes(b"a model")
    assert "no folder for resources" in run("check", pipeline).output
    assert run("check", pipeline, "--resources", tmp_path).exit_code == 0
