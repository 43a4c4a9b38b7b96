import json
import os
import signal
import socket
import subprocess
import sys

import click
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ProxyConnectionError, ReadTimeoutError
from click.testing import CliRunner

from objectlens import __version__
from objectlens.cli.clients import refusal
from objectlens.cli.main import main
from objectlens.settings import Settings, root_credentials

COMMANDS = [
    "serve",
    "exec",
    "bucket",
    "function",
    "warm",
    "lineage",
    "cache",
    "logs",
    "credentials",
    "runtime",
    "doctor",
]
COMMANDS += ["version"]


def run(*arguments, environ=()):
    clean = {"OBJECTLENS_DATA": None, "OBJECTLENS_CONFIG": None} | dict(environ)
    return CliRunner().invoke(main, [str(one) for one in arguments], env=clean)


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", [["version"], ["--help"], ["logs", "f"]])
def test_a_full_disk_behind_the_output_is_told_in_one_line(tmp_path, command, unbuffered):
    log = tmp_path / "functions" / "logs" / "f" / "current.log"
    log.parent.mkdir(parents=True)
    log.write_text("2026-01-01T00:00:00.000Z aaaaaaaa hello\n")
    environ = os.environ | {"OBJECTLENS_DATA": str(tmp_path), "PYTHONUNBUFFERED": unbuffered}
    with open("/dev/full", "w") as full:
        words = [sys.executable, "-m", "objectlens", *command]
        ended = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, env=environ, check=False)
    assert ended.stderr == "Error: cannot write what is printed: No space left on device\n"
    assert ended.returncode == 1


@pytest.fixture
def listening(tmp_path):
    """A data directory whose server answers connections."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        url = f"http://127.0.0.1:{door.getsockname()[1]}"
        (tmp_path / "endpoint").write_text(url + "\n")
        yield url


def process(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "objectlens", *(str(one) for one in arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def every_command(group, path=()):
    """The words that name each command, and each group of commands."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from every_command(command, (*path, name))


def test_the_help_lists_every_command():
    shown = run("--help").output
    assert [one for one in COMMANDS if f"\n  {one} " not in shown] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name):
    shown = run(name, "--help")
    assert shown.exit_code == 0
    assert shown.output.startswith(f"Usage: main {name}")


@pytest.mark.parametrize("command", list(every_command(main)), ids=" ".join)
def test_the_help_of_every_command_has_an_example_that_names_it(command):
    shown = run(*command, "--help").output
    # click's mark of a paragraph that is kept as it is; it stays where it is not the first line of one.
    assert "\b" not in shown
    _, parted, examples = shown.partition("Example")
    assert parted
    # `function` goes by a second name.
    assert f"objectlens {' '.join(command)}" in examples.replace("objectlens functions", "objectlens function")


def test_an_unknown_command_is_one_line():
    shown = run("srve")
    assert shown.exit_code == 2
    assert "No such command 'srve'" in shown.output


def test_version():
    assert run("version").output.startswith(f"objectlens {__version__} (Python 3.")
    assert json.loads(run("version", "--json").output)["objectlens"] == __version__
    assert run("--version").output == f"objectlens {__version__}\n"


def test_credentials_keep_the_secret_unless_asked(tmp_path):
    root = root_credentials(Settings(data=tmp_path))
    shown = run("credentials", "--data", tmp_path).output
    assert f"export AWS_ACCESS_KEY_ID={root.access_key_id}\n" in shown
    assert root.secret_access_key not in shown
    assert root.secret_access_key in run("credentials", "--data", tmp_path, "--secret").output.replace("'", "")


def test_credentials_as_json_name_the_endpoint_of_the_running_server(tmp_path, listening):
    found = json.loads(run("credentials", "--data", tmp_path, "--json", "--secret").output)
    root = root_credentials(Settings(data=tmp_path))
    assert found["AWS_SECRET_ACCESS_KEY"] == root.secret_access_key
    assert found["AWS_ENDPOINT_URL"] == listening


@pytest.mark.parametrize("options", [["--secret"], ["--secret", "--json"]])
def test_credentials_say_when_no_server_runs(tmp_path, options):
    shown = run("credentials", "--data", tmp_path, *options)
    assert shown.exit_code == 0
    assert "AWS_ENDPOINT_URL" not in shown.stdout, "what eval and JSON readers take"
    assert shown.stderr.startswith(f"no server runs on {tmp_path}")


def test_credentials_of_a_running_server_say_nothing_else(tmp_path, listening):
    shown = run("credentials", "--data", tmp_path)
    assert f"export AWS_ENDPOINT_URL={listening}\n" in shown.stdout
    assert shown.stderr == ""


def test_a_bad_setting_is_one_line(tmp_path):
    shown = run("credentials", "--data", tmp_path, environ={"OBJECTLENS_ACCOUNT_ACCOUNT": "1"})
    assert shown.exit_code == 1
    assert shown.output.count("\n") == 1
    assert shown.output.startswith("Error: account.account = '1' (from the environment variable")


def test_exec_gives_the_program_its_surroundings_and_its_exit_code(tmp_path, listening):
    code = "import os, sys; print(os.environ['AWS_ENDPOINT_URL'], sys.argv[1:]); sys.exit(7)"
    with process("exec", "--data", tmp_path, "--", sys.executable, "-c", code, "--data", "x") as program:
        out, err = program.communicate(timeout=60)
    assert (program.returncode, out, err) == (7, f"{listening} ['--data', 'x']\n", "")


def test_exec_lets_signals_through_because_the_program_takes_its_place(tmp_path, listening):
    code = "from signal import *; signal(SIGTERM, lambda *_: exit(42)); print('up', flush=True); pause()"
    with process("exec", "--data", tmp_path, "--", sys.executable, "-c", code) as program:
        assert program.stdout.readline() == "up\n"
        os.kill(program.pid, signal.SIGTERM)
        program.communicate(timeout=60)
    assert program.returncode == 42


def test_exec_elsewhere_leaves_the_callers_key_alone(tmp_path, listening):
    code = "import os; print(os.environ['AWS_ACCESS_KEY_ID'], os.environ['AWS_ENDPOINT_URL'])"
    environ = dict(os.environ, AWS_ACCESS_KEY_ID="AKIAMINE")
    arguments = ("exec", "--endpoint", listening, "--data", tmp_path / "none", "--", sys.executable, "-c", code)
    with process(*arguments, env=environ) as program:
        out, _ = program.communicate(timeout=60)
    assert out == f"AKIAMINE {listening}\n"
    assert not (tmp_path / "none").exists()


def test_exec_of_a_program_that_is_not_there_ends_with_127_as_in_a_shell(tmp_path, listening):
    shown = run("exec", "--data", tmp_path, "--", "no-such-program")
    assert (shown.exit_code, shown.output) == (127, "Error: cannot run no-such-program: No such file or directory\n")


def test_exec_without_a_running_server_says_how_to_start_one(tmp_path):
    shown = run("exec", "--data", tmp_path / "d", "--", "true")
    assert shown.output == (
        f"Error: no server runs on {tmp_path}/d: start one with: objectlens serve --data {tmp_path}/d\n"
    )
    assert shown.exit_code == 1
    assert not (tmp_path / "d").exists()


def test_exec_with_a_server_that_is_gone_says_where_it_looked(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    (tmp_path / "endpoint").write_text(f"http://127.0.0.1:{port}\n")
    shown = run("exec", "--data", tmp_path, "--", "true")
    assert f"no server answers at http://127.0.0.1:{port} (from {tmp_path}/endpoint)" in shown.output


@pytest.mark.parametrize("url", ["127.0.0.1:9000", "ftp://x", "http://"])
def test_exec_refuses_an_endpoint_that_is_no_url(tmp_path, url):
    assert "is not a URL such as" in run("exec", "--data", tmp_path, "--endpoint", url, "--", "true").output


def test_serve_says_in_one_line_that_it_cannot_start(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
        with process("serve", "--data", tmp_path, "--listen", f"127.0.0.1:{port}") as server:
            _, err = server.communicate(timeout=60)
    assert server.returncode == 1
    assert err.startswith(f"Error: 127.0.0.1:{port} is taken")
    assert err.count("\n") == 1


def test_logs_of_a_function_that_never_ran(tmp_path):
    shown = run("logs", "image-normalizer", "--data", tmp_path)
    assert shown.exit_code == 1
    assert "no log of a function 'image-normalizer'" in shown.output


@pytest.mark.parametrize("name", ["../secrets", "a/b", ".."])
def test_logs_leave_the_folder_of_logs_for_no_name(tmp_path, name):
    (tmp_path / "functions" / "logs" / "a" / "b").mkdir(parents=True)
    shown = run("logs", name, "--data", tmp_path)
    assert shown.exit_code == 1
    assert "is not the name of a function" in shown.output


def test_logs_show_what_was_written(tmp_path):
    folder = tmp_path / "functions" / "logs" / "f"
    folder.mkdir(parents=True)
    (folder / "current.log").write_text("2026-01-01T00:00:00.000Z\tabcdef12\thello\tthere\n")
    assert run("logs", "f", "--data", tmp_path).output == "2026-01-01T00:00:00.000Z abcdef12 hello\tthere\n"
    assert json.loads(run("logs", "f", "--json", "--data", tmp_path).output)["message"] == "hello\tthere"


def test_doctor_changes_nothing_and_finds_the_port(tmp_path):
    data = tmp_path / "d"
    environ = {"OBJECTLENS_SERVER_LISTEN": "127.0.0.1:0"}
    found = json.loads(run("doctor", "--data", data, "--json", environ=environ).output)
    assert {one["what"] for one in found} >= {"Python", "boto3", "data directory", "address", "processor share"}
    assert [one for one in found if one["state"] == "bad"] == []
    assert not data.exists()


LIMITS = {
    *("own namespaces", "file system", "system calls", "private /tmp", "no new privileges", "address space"),
    *("memory limit", "process limit", "processor share", "network policy"),
}


def test_doctor_tells_each_limit_and_why_it_is_not_active(tmp_path):
    def limits(**environ):
        done = run(
            "doctor", "--data", tmp_path, "--json", environ={"OBJECTLENS_SERVER_LISTEN": "127.0.0.1:0"} | environ
        )
        found = {one["what"]: (one["state"], one["detail"]) for one in json.loads(done.output)}
        return done.exit_code, {name: found[name] for name in LIMITS}

    code, found = limits(OBJECTLENS_FUNCTIONS_ISOLATION="off")
    assert (code, set(found.values())) == (0, {("note", "not active: functions.isolation is off")})
    # Without bubblewrap: told where that is allowed, and fatal where it is not.
    for mode, ending, state in (("auto", 0, "note"), ("strict", 1, "bad")):
        code, found = limits(OBJECTLENS_FUNCTIONS_ISOLATION=mode, PATH=str(tmp_path))
        assert code == ending
        assert found["file system"] == (state, "not active: bwrap is not on the server's PATH: install bubblewrap")


def address_found(data):
    found = json.loads(run("doctor", "--data", data, "--json").output)
    return next((one["state"], one["detail"]) for one in found if one["what"] == "address")


def test_brackets_are_no_markup(tmp_path):
    data = tmp_path / "[red]x[all]"
    data.mkdir()
    # Wide enough that nothing is broken into lines.
    assert "[red]x[all], " in run("doctor", "--data", data, environ={"COLUMNS": "400"}).output


def test_long_paths_are_broken_and_not_cut(tmp_path):
    data = tmp_path / ("long" * 40)
    data.mkdir()
    assert "long" * 40 in "".join(run("doctor", "--data", data).output.split())


def test_doctor_tells_a_running_server_from_one_that_was_killed(tmp_path, listening):
    assert address_found(tmp_path) == ("ok", f"the server of this data directory answers at {listening}")
    (tmp_path / "endpoint").write_text("http://127.0.0.1:1\n")
    state, detail = address_found(tmp_path)
    assert state == "note"
    assert "names http://127.0.0.1:1, where nobody answers" in detail


def test_doctor_fails_when_the_port_is_taken(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as door:
        environ = {"OBJECTLENS_SERVER_LISTEN": f"127.0.0.1:{door.getsockname()[1]}"}
        shown = run("doctor", "--data", tmp_path, environ=environ)
    assert shown.exit_code == 1
    assert "cannot listen on" in shown.output


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:9/b?list-type=2"), "the server at U does not answer"),
        (ProxyConnectionError(proxy_url="http://127.0.0.1:9"), "the server at U does not answer"),
        (ReadTimeoutError(endpoint_url="http://127.0.0.1:9/b?list-type=2"), "the server at U does not answer"),
        (ClientError({"Error": {"Code": "C", "Message": "no"}}, "Op"), "the server refused: An error occurred (C)"),
    ],
)
def test_why_a_request_came_to_nothing_is_a_sentence(error, said):
    assert refusal(error, "U").startswith(said)
    assert "list-type" not in refusal(error, "U")
