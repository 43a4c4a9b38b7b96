import json
import os
import signal
import socket
import subprocess
import sys
import time
import zipfile

import psutil
import pytest
from click.testing import CliRunner

from objectlens.cli import dependencies
from objectlens.cli.build_cache import cache_folder, tidy
from objectlens.cli.building import default_runtime, handler_files
from objectlens.cli.main import main
from objectlens.cli.packing import NotPackable
from support.registries import make_wheel, npm_registry

HANDLER = "import greeting\ndef lambda_handler(event, context):\n    return greeting.WORD\n"


@pytest.fixture
def folder(tmp_path):
    """A handler that needs a package, which is in a folder of wheels."""
    make_wheel(tmp_path / "wheels", "greeting", "WORD = 'hello'\n")
    made = tmp_path / "greeter"
    made.mkdir()
    (made / "lambda_function.py").write_text(HANDLER)
    (made / "requirements.txt").write_text(f"--no-index --find-links {tmp_path / 'wheels'}\ngreeting\n")
    return made


@pytest.fixture
def build(tmp_path):
    def build(folder, *arguments, code=0):
        output = tmp_path / "package.zip"
        given = ["function", "build", str(folder), "-o", str(output), *arguments]
        shown = CliRunner().invoke(main, given, env={"XDG_CACHE_HOME": str(tmp_path / "cache")})
        assert shown.exit_code == code, shown.output
        return json.loads(shown.stdout) if "--json" in arguments else shown.output

    return build


def names(path):
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def test_a_folder_with_requirements_becomes_a_package(build, folder, tmp_path):
    facts = build(folder, "--handler", "lambda_function.lambda_handler", "--json")
    assert {"greeting.py", "lambda_function.py", "requirements.txt"} <= set(names(tmp_path / "package.zip"))
    assert facts["runtime"] == f"python3.{sys.version_info.minor}"
    assert (facts["cached"], facts["direct_upload"]) == (False, True)


def test_the_same_input_gives_the_same_package_from_the_cache_and_without(build, folder):
    first = build(folder, "--json")
    kept = build(folder, "--json")
    anew = build(folder, "--no-cache", "--json")
    assert [one["cached"] for one in (first, kept, anew)] == [False, True, False]
    assert {one["code_sha256"] for one in (first, kept, anew)} == {first["code_sha256"]}


def test_other_requirements_or_another_runtime_are_installed_anew(build, folder):
    build(folder)
    (folder / "requirements.txt").write_text((folder / "requirements.txt").read_text() + "# another text\n")
    assert build(folder, "--json")["cached"] is False
    other = f"python3.{sys.version_info.minor + 1}"
    assert build(folder, "--runtime", other, "--json")["cached"] is False
    assert build(folder, "--json")["cached"] is True


def test_requirements_that_lead_to_files_are_never_kept(build, folder, tmp_path):
    wheel = make_wheel(folder / "wheels", "local", "X = 1\n")
    for place in (wheel, f"wheels/{wheel.name}", f"./wheels/{wheel.name}", f"local @ {wheel.as_uri()}"):
        (folder / "requirements.txt").write_text(f"{place}\n")
        assert [build(folder, "--json")["cached"] for _ in range(2)] == [False, False]


def test_files_of_the_folder_come_before_installed_ones(build, folder, tmp_path):
    (folder / "greeting.py").write_text("WORD = 'mine'\n")
    build(folder)
    assert names(tmp_path / "package.zip").count("greeting.py") == 1
    with zipfile.ZipFile(tmp_path / "package.zip") as archive:
        assert archive.testzip() is None
        assert b"mine" in archive.read("greeting.py")
        assert [one for one in archive.namelist() if one.startswith("greeting-1.0.dist-info/")]


def test_the_dependencies_of_a_plain_pyproject_are_taken(build, folder, tmp_path):
    (folder / "requirements.txt").unlink()
    (folder / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "1"\ndependencies = ["greeting"]\n')
    environ = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "wheels")}
    os.environ.update(environ)
    try:
        build(folder)
    finally:
        for name in environ:
            del os.environ[name]
    assert "greeting.py" in names(tmp_path / "package.zip")
    (folder / "pyproject.toml").write_text('[project]\nname = "x"\ndynamic = ["dependencies"]\n')
    assert "write them to requirements.txt" in build(folder, code=1)


def test_when_pip_fails_its_last_lines_are_shown_and_nothing_is_written(build, folder, tmp_path):
    (folder / "requirements.txt").write_text(f"--no-index --find-links {tmp_path / 'wheels'}\nno-such-package\n")
    said = build(folder, code=1)
    assert "pip ended with exit code 1; its last lines:" in said
    assert "no-such-package" in said
    assert not (tmp_path / "package.zip").exists()
    assert sorted(one.name for one in tmp_path.iterdir() if one.name.startswith(".")) == []
    assert list(cache_folder({"XDG_CACHE_HOME": str(tmp_path / "cache")}).iterdir()) == []


def test_a_folder_with_package_json_is_built_with_npm(build, tmp_path):
    folder = tmp_path / "node"
    folder.mkdir()
    (folder / "index.mjs").write_text("export const handler = async () => 1;\n")
    package = {"dependencies": {"left": "^1.0.0"}, "scripts": {"preinstall": "exit 1"}}
    (folder / "package.json").write_text(json.dumps(package))
    with npm_registry("left", "module.exports = 1;\n") as url:
        (folder / ".npmrc").write_text(f"registry={url}\ncache={tmp_path / 'npm-cache'}\n")
        facts = build(folder, "--handler", "index.handler", "--json")
        assert facts["runtime"].startswith("nodejs")
        assert build(folder, "--json")["cached"] is True
        locked = subprocess.run(
            ["npm", "install", "--package-lock-only", "--ignore-scripts"], cwd=folder, capture_output=True, check=False
        )
        assert locked.returncode == 0, locked.stderr
        assert build(folder, "--json")["cached"] is False
    found = names(tmp_path / "package.zip")
    assert {"index.mjs", "package.json", "node_modules/left/index.js"} <= set(found)
    assert ".npmrc" not in found


def test_what_both_ask_for_is_installed(build, folder, tmp_path):
    (folder / "package.json").write_text('{"dependencies": {"left": "1.0.0"}}')
    with npm_registry("left", "module.exports = 1;\n") as url:
        (folder / ".npmrc").write_text(f"registry={url}\ncache={tmp_path / 'npm-cache'}\n")
        assert build(folder, "--json")["runtime"].startswith("python")
    assert {"greeting.py", "node_modules/left/index.js"} <= set(names(tmp_path / "package.zip"))


def test_npm_that_finds_nothing_is_said(build, tmp_path):
    folder = tmp_path / "node"
    folder.mkdir()
    (folder / "package.json").write_text('{"dependencies": {"absent": "1"}}')
    with npm_registry("left", "") as url:
        (folder / ".npmrc").write_text(f"registry={url}\ncache={tmp_path / 'npm-cache'}\n")
        said = build(folder, code=1)
    assert "npm ended with exit code" in said
    assert "absent" in said


def test_of_a_lock_file_that_does_not_fit_the_cause_is_shown(build, tmp_path):
    folder = tmp_path / "node"
    folder.mkdir()
    (folder / "package.json").write_text('{"dependencies": {"left": "1.0.0"}}')
    lock = {"": {"dependencies": {"left": "0.9.0"}}, "node_modules/left": {"version": "0.9.0"}}
    (folder / "package-lock.json").write_text(json.dumps({"lockfileVersion": 3, "packages": lock}))
    with npm_registry("left", "") as url:
        (folder / ".npmrc").write_text(f"registry={url}\ncache={tmp_path / 'npm-cache'}\n")
        said = build(folder, code=1)
    assert "package-lock.json" in said
    assert "left@0.9.0 does not satisfy left@1.0.0" in said


@pytest.mark.parametrize(
    ("package", "reason"),
    [
        ('{"dependencies": {"x": "file:../x"}}', "takes x from this machine"),
        ('{"workspaces": ["a"]}', "has workspaces"),
        ("[]", "is not a JSON object"),
        ("{", "package.json cannot be read"),
    ],
)
def test_what_npm_is_not_asked_to_do_is_said(build, tmp_path, package, reason):
    folder = tmp_path / "node"
    folder.mkdir()
    (folder / "package.json").write_text(package)
    assert reason in build(folder, code=1)


def test_a_handler_that_is_not_there_is_refused(build, folder, tmp_path):
    said = build(folder, "--handler", "app.main.handler", code=1)
    assert "needs app/main.py or app/main/__init__.py, which is not in the package" in said
    assert "is not module.function" in build(folder, "--handler", "nothing", code=1)
    (folder / "lambda_function.py").write_text("def lambda_handler(:\n")
    said = build(folder, "--handler", "lambda_function.lambda_handler", code=1)
    assert "not Python: invalid syntax (lambda_function.py, line 1)" in said
    assert not (tmp_path / "package.zip").exists()


def test_where_runtimes_look_for_handlers():
    assert handler_files("app/main.handler", "nodejs20.x") == {"app/main.js", "app/main.mjs", "app/main.cjs"}
    assert handler_files("index.api.handler", "nodejs20.x") == {"index.js", "index.mjs", "index.cjs"}
    assert handler_files("a/b.handler", "python3.12") == {"a/b.py", "a/b/__init__.py"}
    assert handler_files("example.Handler::handleRequest", "java21") == set()
    assert handler_files("anything", "provided.al2023") == {"bootstrap"}
    with pytest.raises(NotPackable):
        handler_files(".x", "python3.12")


def test_the_runtime_is_told_by_what_is_there(tmp_path):
    assert default_runtime(tmp_path).startswith("python3.")
    for name in ("index.mjs", "package.json"):
        (tmp_path / name).touch()
        assert default_runtime(tmp_path) == "nodejs20.x"
        (tmp_path / name).unlink()
    (tmp_path / "index.js").touch()
    (tmp_path / "requirements.txt").touch()
    assert default_runtime(tmp_path).startswith("python3.")
    (tmp_path / "bootstrap").touch()
    assert default_runtime(tmp_path) == "provided.al2023"


def test_a_bootstrap_that_cannot_be_started_is_no_package(build, tmp_path):
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "bootstrap").write_text("#!/bin/sh\n")
    assert "chmod +x bootstrap" in build(folder, code=1)
    (folder / "bootstrap").chmod(0o755)
    assert build(folder, "--json")["runtime"] == "provided.al2023"


def test_a_package_beyond_the_limit_is_refused_with_what_to_do(build, folder, tmp_path):
    with (folder / "large").open("wb") as file:
        file.truncate(251 * 1024 * 1024)
    assert "Lambda takes 262,144,000 at most: leave out" in build(folder, code=1)
    assert not (tmp_path / "package.zip").exists()


def test_a_runtime_that_is_none_is_refused(build, folder):
    assert "is not a runtime such as python3.12" in build(folder, "--runtime", "python312", code=1)


def test_a_folder_without_files_is_no_package(build, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "has no files" in build(tmp_path / "empty", code=1)


def test_builds_at_the_same_time_do_not_disturb_each_other(folder, tmp_path):
    environ = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "objectlens", "function", "build", str(folder), "--json", "-o"]
    builds = [
        subprocess.Popen([*command, str(tmp_path / f"{number}.zip")], stdout=subprocess.PIPE, env=environ)
        for number in range(3)
    ]
    made = [json.loads(one.communicate(timeout=100)[0]) for one in builds]
    assert len({one["code_sha256"] for one in made}) == 1
    assert len(list(cache_folder(environ).iterdir())) == 1


def test_ctrl_c_leaves_nothing_behind(folder, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        # pip asks, and is not answered.
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        (folder / "requirements.txt").write_text(f"--index-url {url}\ngreeting\n")
        environ = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
        command = [sys.executable, "-m", "objectlens", "function", "build", str(folder), "-o", str(tmp_path / "p.zip")]
        with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as process:
            silent.settimeout(60)
            asked, _ = silent.accept()
            pip = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
            asked.close()
    assert (process.returncode, said.strip()) == (1, "Aborted!")
    assert pip
    assert not psutil.wait_procs(pip, timeout=10)[1]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["cache", "greeter", "wheels"]
    assert list(cache_folder(environ).iterdir()) == []


def test_the_cache_stays_within_its_bound_and_keeps_what_was_used_last(tmp_path):
    now = time.time()
    for age, name in enumerate(("new", "middle", "old")):
        path = tmp_path / f"{name}.zip"
        path.write_bytes(b"x" * 100)
        os.utime(path, (now - age, now - age))
    (tmp_path / ".building-killed").mkdir()
    os.utime(tmp_path / ".building-killed", (0, 0))
    (tmp_path / ".building-now").mkdir()
    tidy(tmp_path, most=250)
    assert sorted(one.name for one in tmp_path.iterdir()) == [".building-now", "middle.zip", "new.zip"]


def test_the_cache_is_where_the_specification_says(tmp_path):
    assert cache_folder({"XDG_CACHE_HOME": str(tmp_path)}) == tmp_path / "objectlens" / "build"
    assert cache_folder({"XDG_CACHE_HOME": "relative"}).is_absolute()


def test_a_package_is_built_with_an_interpreter_that_is_not_on_the_path(monkeypatch, tmp_path):
    other = tmp_path / ".pyenv/versions/3.10.99/bin/python3.10"
    other.parent.mkdir(parents=True)
    other.write_text("#!/bin/sh\necho 3.10.99\n")
    other.chmod(0o755)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    found = dependencies._interpreter("python3.10")
    # One that the machine's own folders have goes first.
    assert found is not None
    assert found == str(other) or found.startswith(("/usr/local/bin/", "/usr/bin/"))
