"""Start, readiness, drain, restart, and the refusals of a second start."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import psutil
import pytest
from botocore.exceptions import ClientError

from support.hosts import hosts_of
from support.live import LiveServer, start_server, stop_server, zipped

ROLE = "arn:aws:iam::123456789012:role/r"
SLOW = """
import boto3, time
def lambda_handler(event, context):
    c = event["getObjectContext"]
    time.sleep(1.0)
    boto3.client("s3").write_get_object_response(
        RequestRoute=c["outputRoute"], RequestToken=c["outputToken"], Body=b"slow")
"""


def set_up(live: LiveServer) -> str:
    """Make a bucket with an object, an access point, a function and an Object Lambda access point; return its ARN."""
    live.client("s3").create_bucket(Bucket="pics")
    live.client("s3").put_object(Bucket="pics", Key="k", Body=b"original", Metadata={"a": "b"})
    control = live.client("s3control")
    control.create_access_point(AccountId=live.account, Name="raw-ap", Bucket="pics")
    function = set_up_function(live)
    control.create_access_point_for_object_lambda(
        AccountId=live.account,
        Name="gray-ol",
        Configuration={
            "SupportingAccessPoint": f"arn:aws:s3:us-west-2:{live.account}:accesspoint/raw-ap",
            "TransformationConfigurations": [
                {
                    "Actions": ["GetObject"],
                    "ContentTransformation": {"AwsLambda": {"FunctionArn": function["FunctionArn"]}},
                }
            ],
        },
    )
    return f"arn:aws:s3-object-lambda:us-west-2:{live.account}:accesspoint/gray-ol"


def set_up_function(live: LiveServer) -> dict[str, str]:
    return live.client("lambda").create_function(
        FunctionName="f",
        Runtime="python3.11",
        Handler="lambda_function.lambda_handler",
        Role=ROLE,
        Code={"ZipFile": zipped(SLOW)},
        Timeout=10,
    )


def wait_for_host(live: LiveServer) -> None:
    deadline = time.monotonic() + 10
    while not hosts_of(live.process.pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def refused_start(data, *arguments: str, without: str | None = None) -> str:
    """Start a server that must not start, without a capability of root's if one is named; return what it says."""
    lesser = ["setpriv", "--bounding-set", f"-{without}", "--inh-caps", f"-{without}"] if without else []
    done = subprocess.run(
        [
            *(lesser if os.geteuid() == 0 else []),
            sys.executable,
            "-m",
            "objectlens",
            "serve",
            "--data",
            str(data),
            *arguments,
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_second_server_on_the_same_directory_is_refused(tmp_path) -> None:
    live = start_server(tmp_path / "data")
    try:
        said = refused_start(tmp_path / "data", "--listen", "127.0.0.1:0")
        assert "another server" in said
        assert str(live.process.pid) in said
        assert (tmp_path / "data" / "endpoint").read_text().strip() == live.url
    finally:
        assert stop_server(live) == 0
    assert not (tmp_path / "data" / "endpoint").exists()


def test_a_taken_port_is_named(tmp_path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        said = refused_start(tmp_path / "data", "--listen", address)
    assert address in said
    assert "taken" in said


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_second_start_finds_everything_again(tmp_path, end) -> None:
    # Under `nohup` the server would inherit that it is to ignore it.
    inherited = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        live = start_server(tmp_path / "data")
    finally:
        signal.signal(signal.SIGHUP, inherited)
    arn = set_up(live)
    live.process.send_signal(end)
    live.process.wait(30)
    if end is not signal.SIGKILL:
        assert not (tmp_path / "data" / "endpoint").exists()
    again = start_server(tmp_path / "data")
    try:
        assert (again.access_key_id, again.secret_access_key) == (live.access_key_id, live.secret_access_key)
        answer = again.client("s3").get_object(Bucket="pics", Key="k")
        assert (answer["Body"].read(), answer["Metadata"]) == (b"original", {"a": "b"})
        assert again.client("s3").get_object(Bucket=arn, Key="k")["Body"].read() == b"slow"
    finally:
        assert stop_server(again) == 0


def test_sigterm_lets_the_request_in_work_finish_and_leaves_no_process(tmp_path) -> None:
    live = start_server(tmp_path / "data")
    arn = set_up(live)
    live.client("s3").get_object(Bucket=arn, Key="k")["Body"].read()
    family = psutil.Process(live.process.pid).children(recursive=True)
    assert family
    bodies: list[bytes] = []
    thread = threading.Thread(
        target=lambda: bodies.append(live.client("s3").get_object(Bucket=arn, Key="k")["Body"].read())
    )
    thread.start()
    time.sleep(0.4)
    assert stop_server(live) == 0
    thread.join()
    assert bodies == [b"slow"]
    assert psutil.wait_procs(family, timeout=5)[1] == []


@pytest.mark.parametrize("victims", ["server", "server host", "host server"])
def test_no_function_process_survives_a_killed_server(tmp_path, victims) -> None:
    live = start_server(tmp_path / "data")
    arn = set_up(live)
    live.client("s3").get_object(Bucket=arn, Key="k")["Body"].read()
    family = psutil.Process(live.process.pid).children(recursive=True)
    named = {"server": live.process.pid, "host": hosts_of(live.process.pid)[0]}
    for victim in victims.split():
        os.kill(named[victim], signal.SIGKILL)
    live.process.wait(30)
    assert psutil.wait_procs(family, timeout=5)[1] == []


def test_a_killed_function_host_is_replaced(tmp_path) -> None:
    live = start_server(tmp_path / "data")
    arn = set_up(live)
    client = live.client("s3")
    try:
        assert client.get_object(Bucket=arn, Key="k")["Body"].read() == b"slow"
        (host,) = hosts_of(live.process.pid)
        seen: list[str] = []

        def get() -> None:
            try:
                seen.append(client.get_object(Bucket=arn, Key="k")["Body"].read().decode())
            except ClientError as error:
                seen.append(error.response["Error"]["Code"])

        thread = threading.Thread(target=get)
        thread.start()
        time.sleep(0.5)
        os.kill(host, signal.SIGKILL)
        thread.join(5)
        assert seen == ["LambdaRuntimeError"]
        get()
        assert seen[1:] == ["slow"]
        assert hosts_of(live.process.pid) not in ([], [host])
    finally:
        assert stop_server(live) == 0
    assert "the function host ended" in (tmp_path / "data.log").read_text()


def test_a_server_without_functions_has_no_function_host(tmp_path) -> None:
    live = start_server(tmp_path / "data")
    live.client("s3").create_bucket(Bucket="pics")
    live.client("lambda").list_functions()
    assert psutil.Process(live.process.pid).children() == []
    # It is there before the first invocation asks for it.
    set_up_function(live)
    wait_for_host(live)
    assert stop_server(live) == 0
    again = start_server(tmp_path / "data")
    wait_for_host(again)
    assert stop_server(again) == 0


def test_ctrl_c_lets_the_request_in_work_finish(tmp_path) -> None:
    """A terminal signals everything that was started in it."""
    live = start_server(tmp_path / "data", group=True)
    arn = set_up(live)
    live.client("s3").get_object(Bucket=arn, Key="k")["Body"].read()
    family = psutil.Process(live.process.pid).children(recursive=True)
    bodies: list[bytes] = []
    thread = threading.Thread(
        target=lambda: bodies.append(live.client("s3").get_object(Bucket=arn, Key="k")["Body"].read())
    )
    thread.start()
    time.sleep(0.4)
    os.killpg(live.process.pid, signal.SIGINT)
    assert live.process.wait(30) == 0
    thread.join()
    assert bodies == [b"slow"]
    assert psutil.wait_procs(family, timeout=5)[1] == []


def test_root_credentials_may_come_from_the_environment(tmp_path) -> None:
    given = {
        "OBJECTLENS_ROOT_ACCESS_KEY_ID": "AKIAGIVEN",
        "OBJECTLENS_ROOT_SECRET_ACCESS_KEY": "given-secret-of-40-chars",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "objectlens", "serve", "--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0"],
        env=os.environ | given,
    )
    try:
        endpoint = tmp_path / "data" / "endpoint"
        deadline = time.monotonic() + 60
        while not endpoint.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        live = LiveServer(endpoint.read_text().strip(), "AKIAGIVEN", "given-secret-of-40-chars")
        assert live.client("s3").list_buckets()["Buckets"] == []
        assert not (tmp_path / "data" / "credentials").exists()
    finally:
        process.terminate()
        assert process.wait(30) == 0


def test_credentials_on_disk_are_for_the_owner_alone(server) -> None:
    for name in ("credentials", "server-key", "authority.pem"):
        assert (server.data / name).stat().st_mode & 0o777 == 0o600


def test_reserved_paths(server) -> None:
    for path, status in {"/-/health/live": 200, "/-/health/ready": 200, "/-/nothing": 404}.items():
        try:
            with urllib.request.urlopen(server.url + path, timeout=5) as answer:
                assert answer.status == status
        except urllib.error.HTTPError as error:
            assert error.code == status  # noqa: PT017
            error.close()


def test_a_data_directory_that_cannot_be_is_named(tmp_path) -> None:
    (tmp_path / "file").touch()
    assert "cannot use the data directory" in refused_start(tmp_path / "file" / "data", "--listen", "127.0.0.1:0")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "functions").touch()
    said = refused_start(tmp_path / "data", "--listen", "127.0.0.1:0")
    assert f"File exists at {tmp_path / 'data' / 'functions'}" in said


def test_an_authority_that_cannot_be_used_is_named(tmp_path) -> None:
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "authority.pem"
    path.touch(mode=0o600)
    said = refused_start(tmp_path / "data", "--listen", "127.0.0.1:0")
    assert f"cannot make certificates for functions: {path} is damaged: remove it" in said


def test_low_ports_need_the_right_to_take_them(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("OBJECTLENS_FUNCTIONS_CAPTURE_ADDRESS", "127.9.0.1")
    said = refused_start(tmp_path / "data", "--listen", "127.0.0.1:0", without="net_bind_service")
    assert "cannot listen on 127.9.0.1:443: ports below" in said
    assert "leave functions.capture_address unset" in said


@pytest.mark.parametrize("quiet", [False, True])
def test_the_server_tells_the_operator_what_to_know(tmp_path, quiet) -> None:
    live = start_server(tmp_path / "data", *(["--quiet"] if quiet else []))
    live.client("s3").list_buckets()
    live.client("iam").list_users()
    live.client("lambda").list_functions()
    assert stop_server(live) == 0
    said = (tmp_path / "data.log").read_text()
    assert f"at {live.url}; Ctrl-C" in said
    assert str(tmp_path / "data" / "credentials") in said
    assert f"objectlens exec --data {tmp_path / 'data'} -- aws s3 ls" in said
    for line in ("ListBuckets GET / 200", "ListUsers POST / 200", "ListFunctions GET /2015-03-31/functions 200"):
        assert (line in said) is not quiet
    assert live.secret_access_key not in said


def test_a_low_soft_limit_of_open_files_is_raised(tmp_path):
    limit = psutil.Process().rlimit(psutil.RLIMIT_NOFILE)
    psutil.Process().rlimit(psutil.RLIMIT_NOFILE, (min(512, limit[1]), limit[1]))
    try:
        live = start_server(tmp_path / "data")
    finally:
        psutil.Process().rlimit(psutil.RLIMIT_NOFILE, limit)
    try:
        assert live.process is not None
        soft, hard = psutil.Process(live.process.pid).rlimit(psutil.RLIMIT_NOFILE)
        assert soft >= min(3 * 4096, hard if hard > 0 else soft)
    finally:
        assert stop_server(live) == 0
