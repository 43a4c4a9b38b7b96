"""Who reads `/-/metrics`, and what `functions top` makes of it."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
import uuid

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session

from support.live import start_server, stop_server, zipped
from support.terminal import Terminal

CODE = "def lambda_handler(event, context):\n    return 1 / (event != 0)\n"


def environment(server, key=None, secret=None):
    return os.environ | {
        "AWS_ACCESS_KEY_ID": key or server.access_key_id,
        "AWS_SECRET_ACCESS_KEY": secret or server.secret_access_key,
        "AWS_DEFAULT_REGION": server.region,
    }


def get(server, key=None, secret=None, method="GET"):
    """Return status and text of a signed request."""
    request = AWSRequest(method, f"{server.url}/-/metrics")
    own = Credentials(key or server.access_key_id, secret or server.secret_access_key)
    S3SigV4Auth(own, "s3", server.region).add_auth(request)
    answer = URLLib3Session(timeout=20).send(request.prepare())
    return answer.status_code, answer.text


@pytest.fixture
def function(server):
    lambdas, name = server.client("lambda"), f"f{uuid.uuid4().hex[:12]}"
    lambdas.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role="arn:aws:iam::123456789012:role/function",
        Handler="lambda_function.lambda_handler",
        Code={"ZipFile": zipped(CODE)},
    )
    lambdas.get_waiter("function_active_v2").wait(FunctionName=name)
    for payload in (b"1", b"1", b"0"):
        lambdas.invoke(FunctionName=name, Payload=payload)
    yield name
    lambdas.delete_function(FunctionName=name)


@pytest.fixture
def user(server):
    iam, name = server.client("iam"), f"u{uuid.uuid4().hex[:12]}"
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]

    def allow(action):
        statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy))

    return key["AccessKeyId"], key["SecretAccessKey"], allow


def test_figures_are_for_the_root_and_whom_a_policy_allows(server, function, user):
    key, secret, allow = user
    status, text = get(server)
    assert status == 200
    assert f'objectlens_function_invocations_total{{function="{function}",version="$LATEST"}} 3\n' in text
    assert f'objectlens_function_errors_total{{function="{function}",version="$LATEST"}} 1\n' in text
    assert get(server, key, secret)[0] == 403
    allow("cloudwatch:GetMetricData")
    assert get(server, key, secret)[0] == 200
    allow("s3:*")
    assert get(server, key, secret)[0] == 403
    assert get(server, key, "a wrong secret")[0] == 403


def test_without_a_signature_nothing_is_told(server, function):
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{server.url}/-/metrics", timeout=20)
    with caught.value as answer:
        assert answer.code == 403
        assert function not in answer.read().decode()


def test_only_reading_is_answered(server):
    assert get(server, method="POST")[0] == 405
    assert get(server, method="HEAD")[0] == 200


def test_on_loopback_the_setting_opens_them(tmp_path):
    server = start_server(tmp_path / "data", env={"OBJECTLENS_SERVER_METRICS": "loopback"})
    try:
        with urllib.request.urlopen(f"{server.url}/-/metrics", timeout=20) as answer:
            assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            assert b"# TYPE objectlens_function_invocations_total counter\n" in answer.read()
    finally:
        assert stop_server(server) == 0


def top(server, *arguments, group="functions"):
    return [sys.executable, "-m", "objectlens", group, "top", "--endpoint", server.url, *arguments]


@pytest.mark.parametrize("group", ["functions", "function"])
def test_top_once_for_scripts(server, function, group):
    done = subprocess.run(
        top(server, "--once", "--json", group=group),
        env=environment(server),
        capture_output=True,
        text=True,
        check=True,
    )
    (found,) = [one for one in json.loads(done.stdout) if one["function"] == function]
    assert (found["invocations"], found["errors"], found["inits"], found["busy"]) == (3, 1, 1, 0)
    assert 0 < found["p50"] <= found["p99"] < 10
    assert found["memory_peak"] > 2**20


def test_top_is_a_live_table_until_ctrl_c(server, function):
    with Terminal(top(server, "--interval", "0.2"), environment(server)) as terminal:
        terminal.wait_for(rf"function .* busy .*{function}")
        server.client("lambda").invoke(FunctionName=function, Payload=b"1")
        terminal.wait_for(rf"{function} +\$LATEST +0 +1 +0 +0 +0\.[1-9] ")
        terminal.type("\x03")
        assert terminal.end() == 0


def test_top_says_why_it_is_told_nothing(server, user):
    key, secret, _ = user
    done = subprocess.run(
        top(server, "--once"), env=environment(server, key, secret), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "tells no figures: User: arn:aws:iam::" in done.stderr
    assert "is not authorized to perform: cloudwatch:GetMetricData" in done.stderr


def test_top_in_a_pipe_is_one_table_after_another(server, function):
    command = top(server, "--interval", "0.2")
    with subprocess.Popen(command, env=environment(server), stdout=subprocess.PIPE, text=True) as process:
        said = ""
        while said.count("function ") < 3:
            line = process.stdout.readline()
            assert line, said
            said += line
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.wait(timeout=60) == 0
    assert function in said
    assert "\x1b" not in said
