"""What the commands tell of functions that run elsewhere."""

import json
import os
import socket

from click.testing import CliRunner

from objectlens.cli.main import main
from objectlens.clock import SystemClock
from objectlens.functions.logs import FunctionLog, log_folder

TOML = """
[server]
listen = "127.0.0.1:0"
public_url = "https://lens.example.org"
[remote.here]
functions = "arn:aws:lambda:*:210987654321:function:a"
endpoint = "http://127.0.0.1:{port}"
[remote.gone]
functions = "arn:aws:lambda:*:210987654321:function:b"
endpoint = "http://127.0.0.1:1"
[remote.keyless]
functions = "arn:aws:lambda:*:210987654321:function:c"
profile = "not-there"
[remote.aws]
functions = "arn:aws:lambda:*:210987654321:function:d"
"""


def run(*arguments):
    env = {"OBJECTLENS_DATA": None, "OBJECTLENS_CONFIG": None, "AWS_CONFIG_FILE": os.devnull}
    return CliRunner().invoke(main, [str(one) for one in arguments], env=env)


def test_doctor_tells_which_remotes_can_be_reached(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as door:
        (tmp_path / "objectlens.toml").write_text(TOML.format(port=door.getsockname()[1]))
        found = {one["what"]: one for one in json.loads(run("doctor", "--data", tmp_path, "--json").output)}
    assert found["remote here"]["state"] == "ok"
    assert found["remote gone"]["state"] == "note"
    assert "http://127.0.0.1:1 cannot be reached" in found["remote gone"]["detail"]
    assert "no profile not-there" in found["remote keyless"]["detail"]
    assert found["remote aws"]["detail"].startswith("AWS Lambda, for arn:aws:lambda:*:210987654321:function:d")


def test_logs_shows_that_of_a_remote(tmp_path):
    log = FunctionLog(log_folder(tmp_path / "functions", "aws.resize"), SystemClock(), max_bytes=1000, files=2)
    log.write("aws", [b"hello"])
    log.close()
    shown = run("logs", "aws.resize", "--data", tmp_path).output
    assert shown.endswith(" aws hello\n")
    for name in ("..", ".resize", "aws.", "aws..x", "../aws.resize", "AWS.resize"):
        assert "is not the name of a function" in run("logs", name, "--data", tmp_path).output
