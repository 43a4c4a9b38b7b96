"""`function dev`: a private server, and the running one; once, and in a terminal."""

import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psutil
import pytest

from support.live import start_server, stop_server
from support.terminal import Terminal

PHOTOGRAPHS = Path(__file__).parents[3] / "examples" / "photographs"
NORMALIZER = Path(__file__).parents[3] / "examples" / "functions" / "image-normalizer"
HANDLER = """
import urllib.request
import boto3
def lambda_handler(event, context):
    place = event["getObjectContext"]
    with urllib.request.urlopen(place["inputS3Url"]) as source:
        body = source.read()
    print("seen", len(body))
    boto3.client("s3").write_get_object_response(
        RequestRoute=place["outputRoute"],
        RequestToken=place["outputToken"],
        Body=body.upper(),
        ContentType="text/x-loud",
    )
"""


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "My Shouter"
    made.mkdir()
    (made / "lambda_function.py").write_text(HANDLER)
    return made


@pytest.fixture
def source(tmp_path):
    made = tmp_path / "objects"
    made.mkdir()
    (made / "one.txt").write_text("first")
    (made / "two.txt").write_text("the second")
    return made


@pytest.fixture
def environ(tmp_path):
    """An environment that leads to no server and no cache of somebody else's, with temporary files in one place."""
    (tmp_path / "temporary").mkdir()
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OBJECTLENS_"))}
    return clean | {"XDG_CACHE_HOME": str(tmp_path / "cache"), "TMPDIR": str(tmp_path / "temporary")}


def dev(*arguments):
    return [sys.executable, "-m", "objectlens", "function", "dev", *map(str, arguments)]


def run(environ, *arguments):
    return subprocess.run(
        dev(*arguments), env=environ, capture_output=True, text=True, timeout=100, check=False, cwd=environ["TMPDIR"]
    )


def test_once_with_a_private_server_that_is_gone_afterwards(environ, folder, source, tmp_path):
    done = run(environ, folder, "--source", source, "--once", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["function"], found["deploy"]["error"]) == ("my-shouter-dev", None)
    request = found["request"]
    assert (request["key"], request["status"], request["size"], request["cold"]) == ("one.txt", 200, 5, True)
    assert (request["content_type"], request["picture"]) == ("text/x-loud", False)
    assert "seen 5" in found["log"]
    assert found["log"][-1].startswith("REPORT RequestId: ")
    assert found["alias"] in found["command"]
    assert list((tmp_path / "temporary").iterdir()) == []
    assert not [one for one in psutil.process_iter(["cmdline"]) if str(tmp_path) in " ".join(one.info["cmdline"] or ())]


def test_once_with_a_picture(environ):
    done = run(environ, NORMALIZER, "--source", PHOTOGRAPHS, "--key", "rocket.jpg", "--once", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["request"]["picture"] == [256, 256]


def test_once_says_what_failed(environ, folder, source):
    (folder / "lambda_function.py").write_text("import no_such_module\ndef lambda_handler(event, context): pass\n")
    done = run(environ, folder, "--source", source, "--once", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert (found["request"]["status"], found["request"]["error"].partition(":")[0]) == (500, "LambdaRuntimeError")
    assert any("No module named 'no_such_module'" in line for line in found["log"])
    (folder / "lambda_function.py").rename(folder / "other.py")
    done = run(environ, folder, "--source", source, "--once", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["request"]) == (1, None)
    assert (found["access_point"], found["alias"], found["command"]) == (None, None, None)
    assert "the handler lambda_function.lambda_handler needs lambda_function.py" in found["deploy"]["error"]


def test_with_the_running_server(environ, folder, tmp_path):
    server = start_server(tmp_path / "data")
    try:
        bucket = f"t{uuid.uuid4().hex[:16]}"
        server.client("s3").create_bucket(
            Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": server.region}
        )
        server.client("s3").put_object(Bucket=bucket, Key="a", Body=b"words")
        done = run(
            environ, folder, "--bucket", bucket, "--data", server.data, "--access-point", "loud", "--once", "--json"
        )
        assert done.returncode == 0, done.stderr
        alias = json.loads(done.stdout)["alias"]
        assert server.client("s3").get_object(Bucket=alias, Key="a")["Body"].read() == b"WORDS"
    finally:
        assert stop_server(server) == 0


def test_with_the_running_server_that_ends_and_comes_back_elsewhere(environ, folder, tmp_path):
    server = start_server(tmp_path / "data")
    bucket = f"t{uuid.uuid4().hex[:16]}"
    server.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": server.region})
    server.client("s3").put_object(Bucket=bucket, Key="a", Body=b"words")
    with Terminal(dev(folder, "--bucket", bucket, "--data", server.data), environ) as terminal:
        try:
            terminal.wait_for(r"request +a  200 ")
        finally:
            assert stop_server(server) == 0
        terminal.type("r")
        terminal.wait_for(r"request +a  \d+ ms  no server runs on .*objectlens serve --data")
        (folder / "lambda_function.py").write_text(HANDLER.replace("seen", "looked at"))
        terminal.wait_for(r"deploy .*failed, the old code stays: no server runs on ")
        again = start_server(tmp_path / "data")
        try:
            assert again.url != server.url
            (folder / "lambda_function.py").write_text(HANDLER.replace("seen", "found"))
            terminal.wait_for(r"request +a  200 .*found 5")
            again.process.kill()
            again.process.wait()
            terminal.type("n")
            terminal.wait_for(r"request +a  \d+ ms  no server answers at http://127\.0\.0\.1:")
        finally:
            again.process.kill()
            again.process.wait()
        terminal.type("q")
        assert terminal.end() == 0


def test_without_any_standard_input(environ, folder, source):
    command = ["sh", "-c", 'exec "$@" <&-', "sh", *dev(folder, "--source", source)]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not process.stdout.readline().startswith("REPORT"):
            assert process.poll() is None, process.stderr.read()
        process.terminate()
        assert process.wait(timeout=60) == 143
        assert "Traceback" not in process.stderr.read()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name either --source FOLDER"),
        (["--source", ".", "--bucket", "b"], "name either --source FOLDER"),
        (["--source", ".", "--json"], "--json goes with --once"),
        (["--bucket", "b", "--once"], "no server runs on"),
    ],
)
def test_what_is_missing_is_said(environ, folder, arguments, said):
    done = run(environ, folder, *arguments)
    assert done.returncode in {1, 2}
    assert said in done.stderr


def test_a_folder_without_objects_is_said(environ, folder, tmp_path):
    (tmp_path / "empty").mkdir()
    done = run(environ, folder, "--source", tmp_path / "empty", "--once")
    assert (done.returncode, "has no objects" in done.stderr) == (1, True)


def test_in_a_terminal_every_save_is_deployed_and_tried(environ, folder, source, tmp_path):
    with Terminal(dev(folder, "--source", source), environ) as terminal:
        terminal.wait_for(r"deploy .* in .*request +one\.txt  200 .*5 bytes text/x-loud  cold.*seen 5.*REPORT")
        terminal.type("r")
        terminal.wait_for(r"request +one\.txt  200 .*  warm, ")
        # Without a key it is drawn anew for another size.
        terminal.resize(60, 20)
        terminal.wait_for(r"request +one\.txt  200 .*REPORT.*r again")
        terminal.resize(160, 60)
        terminal.type("n")
        terminal.wait_for(r"request +two\.txt  200 .*10 bytes .*seen 10")
        # A save with a fault: the old code stays, and answers.
        (folder / "lambda_function.py").write_text("def lambda_handler(:\n")
        terminal.wait_for(r"failed, the old code stays: .*not Python")
        terminal.type("r")
        terminal.wait_for(r"request +two\.txt  200 ")
        (folder / "lambda_function.py").write_text(HANDLER.replace("body.upper()", "body * 2"))
        terminal.wait_for(r"request +two\.txt  200 .*20 bytes ")
        terminal.type("q")
        assert terminal.end() == 0
    assert list((tmp_path / "temporary").iterdir()) == []


def test_without_repeating_a_save_only_deploys(environ, folder, source):
    command = dev(folder, "--source", source, "--no-repeat")
    with subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        said = [process.stdout.readline() for _ in range(2)]
        while not process.stdout.readline().startswith("REPORT"):
            pass
        saved = source / "saved.py"
        saved.write_text(HANDLER.replace("seen", "looked at"))
        saved.replace(folder / "lambda_function.py")  # as editors do: never half of it is there
        again = process.stdout.readline()
        process.terminate()
        rest = process.stdout.read()
        assert process.wait(timeout=60) == 143
    assert [one.split()[0] for one in (*said, again)] == ["deploy", "request", "deploy"]
    assert rest == ""


def test_ctrl_c_ends_it_with_its_server(environ, folder, source, tmp_path):
    with Terminal(dev(folder, "--source", source), environ) as terminal:
        terminal.wait_for(r"request +one\.txt  200 ")
        servers = psutil.Process(terminal.process.pid).children(recursive=True)
        terminal.type("\x03")
        assert terminal.end() == 0
    assert servers
    assert not psutil.wait_procs(servers, timeout=10)[1]
    assert list((tmp_path / "temporary").iterdir()) == []


def test_its_server_ends_even_when_it_is_killed(environ, folder, source):
    command = dev(folder, "--source", source)
    with subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().startswith("deploy")
        family = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        deadline = time.monotonic() + 20
        while [one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert family
