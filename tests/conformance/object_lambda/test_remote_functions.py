"""Functions that run elsewhere: at another server of this kind, over signed Invoke calls, and in a runtime emulator."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from support.emulator import Emulator, emulator
from support.live import ROLE, Lens, LiveServer, make_lens_on, start_server, stop_server, zipped
from support.usage import rows

FAR_ACCOUNT = "210987654321"
ANSWER = """
import boto3, json, os, time, urllib.request
s3 = boto3.client("s3")
def write(event, **more):
    c = event["getObjectContext"]
    return s3.write_get_object_response(RequestRoute=c["outputRoute"], RequestToken=c["outputToken"], **more)
def upper(event):
    return urllib.request.urlopen(event["getObjectContext"]["inputS3Url"]).read().upper()
"""
UPPER = ANSWER + "def handler(event, context):\n    print('made upper');write(event, Body=upper(event))\n"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@dataclass
class Pair:
    """`near` has the objects and access points, `far` the functions; `emulated` is an emulator beside them."""

    near: LiveServer
    far: LiveServer
    emulated: Emulator

    def deploy(self, source: str, prefix: str = "far", **more) -> str:
        """Make a function at `far`; returns its ARN."""
        name = f"{prefix}-{uuid.uuid4().hex[:12]}"
        # What has to be set for a function on AWS as well: docs/functions.md.
        variables = {"AWS_ENDPOINT_URL_S3": self.near.url, "AWS_DISABLE_HOST_PREFIX_INJECTION": "true"}
        options = {"Timeout": 10, "MemorySize": 256, "Environment": {"Variables": variables}} | more
        return self.far.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.11",
            Handler="lambda_function.handler",
            Role=ROLE.replace(self.near.account, FAR_ACCOUNT),
            Code={"ZipFile": zipped(source)},
            **options,
        )["FunctionArn"]

    def lens(self, function: str, actions: tuple[str, ...] = ("GetObject",)) -> Lens:
        """Make an Object Lambda access point of `near` with a function of whatever place."""
        server, name = self.near, f"t{uuid.uuid4().hex[:16]}"
        server.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": server.region})
        control = server.client("s3control")
        control.create_access_point(AccountId=server.account, Name=f"{name}-ap", Bucket=name)
        control.create_access_point_for_object_lambda(
            AccountId=server.account,
            Name=f"{name}-ol",
            Configuration={
                "SupportingAccessPoint": f"arn:aws:s3:{server.region}:{server.account}:accesspoint/{name}-ap",
                "TransformationConfigurations": [
                    {"Actions": list(actions), "ContentTransformation": {"AwsLambda": {"FunctionArn": function}}}
                ],
            },
        )
        made = Lens(server, name, f"{name}-ap", f"{name}-ol", name, function)
        made.put("k")
        return made


SETTINGS = """
[server]
public_url = "http://127.0.0.1:{port}"

[functions]
queue_seconds = 2

[remote.wrongkey]
functions = "arn:aws:lambda:*:{account}:function:wrongkey-*"
endpoint = "{far}"
profile = "wrong"

[remote.nokey]
functions = "arn:aws:lambda:*:{account}:function:nokey-*"
endpoint = "{far}"
profile = "not-there"

[remote.forbidden]
functions = "arn:aws:lambda:*:{account}:function:forbidden-*"
endpoint = "{far}"
profile = "powerless"

[remote.slow]
functions = "arn:aws:lambda:*:{account}:function:slow-*"
endpoint = "{far}"
profile = "far"
timeout_seconds = 1

[remote.narrow]
functions = "arn:aws:lambda:*:{account}:function:narrow-*"
endpoint = "{far}"
profile = "far"
max_concurrency = 1

[remote.down]
functions = "arn:aws:lambda:*:{account}:function:down-*"
endpoint = "http://127.0.0.1:{closed}"
profile = "far"

[remote.far]
functions = ["arn:aws:lambda:*:{account}:function:*"]
endpoint = "{far}"
profile = "far"

[remote.emulated]
functions = "arn:aws:lambda:us-west-2:123456789012:function:emulated"
endpoint = "{emulated}"
signed = false
max_concurrency = 1
"""

EMULATED = (
    ANSWER
    + """
def handler(event, context):
    if "headObjectContext" in event:
        return {"statusCode": 200, "headers": {"Content-Length": 7, "x-amz-meta-seen": "yes"}}
    key = event["userRequest"]["url"].rpartition("/")[2]
    if key == "raise":
        raise KeyError("no")
    if key == "sleep":
        time.sleep(3)
    if key == "exit":
        os._exit(1)
    write(event, Body=upper(event))
"""
)


def make_user(far: LiveServer, *, may: bool) -> tuple[str, str]:
    iam, name = far.client("iam"), f"u{uuid.uuid4().hex[:12]}"
    iam.create_user(UserName=name)
    if may:
        allow = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def profiles(far: LiveServer) -> str:
    keys = {
        "far": make_user(far, may=True),
        "powerless": make_user(far, may=False),
        "wrong": ("AKIANOTTHERE00000000", "x" * 40),
    }
    return "".join(
        f"[{name}]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n"
        for name, (key, secret) in keys.items()
    )


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder, port = tmp_path_factory.mktemp("remote"), free_port()
    near_url = f"http://127.0.0.1:{port}"
    foreign = {
        "AWS_ENDPOINT_URL_S3": near_url,
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        # Such as the role of a function on AWS has: nobody here knows them.
        "AWS_ACCESS_KEY_ID": "ASIAFOREIGN000000000",
        "AWS_SECRET_ACCESS_KEY": "y" * 40,
        "AWS_SESSION_TOKEN": "z" * 100,
    }
    far = start_server(folder / "far", env={"OBJECTLENS_ACCOUNT_ACCOUNT": FAR_ACCOUNT})
    (folder / "profiles").write_text(profiles(far))
    (folder / "app").mkdir()
    with emulator(EMULATED, folder / "app", foreign, timeout=2) as emulated:
        (folder / "near").mkdir()
        text = SETTINGS.format(port=port, account=FAR_ACCOUNT, far=far.url, closed=free_port(), emulated=emulated.url)
        (folder / "near" / "objectlens.toml").write_text(text)
        near = start_server(
            folder / "near",
            "--listen",
            f"127.0.0.1:{port}",
            env={"AWS_SHARED_CREDENTIALS_FILE": str(folder / "profiles"), "AWS_CONFIG_FILE": os.devnull},
        )
        try:
            yield Pair(near, far, emulated)
        finally:
            assert stop_server(near) == 0
            assert stop_server(far) == 0


def fails(lens: Lens, key: str = "k") -> tuple[int, str, str]:
    with pytest.raises(ClientError) as caught:
        lens.read(key)
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"], response["Error"]["Message"]


def logged(server: LiveServer, name: str, wanted: str) -> list[str]:
    """Return the lines of a log once `wanted` is among them: it is written when the function has returned."""
    deadline = time.monotonic() + 20
    command = [sys.executable, "-m", "objectlens", "logs", name, "--data", str(server.data)]
    while True:
        shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        if wanted in shown or time.monotonic() > deadline:
            return [line.split(" ", 2)[2] for line in shown.splitlines()]
        time.sleep(0.1)


# --- another server of this kind -------------------------------------------------------------------------------------


def test_a_get_is_transformed_by_a_function_elsewhere(pair) -> None:
    lens = pair.lens(pair.deploy(UPPER))
    assert lens.read("k") == b"THE ORIGINAL"


def test_its_input_is_read_at_the_public_url(pair) -> None:
    lens = pair.lens(pair.deploy(ANSWER + "def handler(event, context):\n    write(event, Body=json.dumps(event))\n"))
    event = json.loads(lens.read("k"))
    assert event["getObjectContext"]["inputS3Url"].startswith(f"{pair.near.url}/{lens.access_point}"[:40])


def test_its_log_is_kept_here_too(pair) -> None:
    function = pair.deploy(UPPER)
    lens = pair.lens(function)
    request_id = lens.get("k")["ResponseMetadata"]["RequestId"]
    lines = logged(pair.near, f"far.{function.rpartition(':')[2]}", "REPORT ")
    assert lines[0] == f"START RequestId: {request_id} Version: $LATEST"
    assert "made upper" in lines
    assert any(line.startswith("REMOTE RequestId: ") and "Billed Duration: " in line for line in lines)
    assert lines[-2] == f"END RequestId: {request_id}"
    assert lines[-1].startswith(f"REPORT RequestId: {request_id}\tDuration: ")
    assert "\tMemory Size: 256 MB\t" in lines[-1]


def test_its_use_is_counted_by_the_figures_of_its_report(pair) -> None:
    function = pair.deploy(UPPER)
    lens = pair.lens(function)
    assert lens.read("k") == b"THE ORIGINAL"
    lines = logged(pair.near, f"far.{function.rpartition(':')[2]}", "REPORT ")
    (said,) = [line for line in lines if line.startswith("REMOTE RequestId: ")]
    (found,) = rows(pair.near, "runtime,memory_size,version,cold", function=function)
    assert (found["runtime"], found["memory_size"], found["version"]) == ("remote", 256, "$LATEST")
    assert (found["requests"], found["invocations"], found["cold"]) == (1, 1, True)
    assert f"\tBilled Duration: {found['billed_duration_ms']} ms\t" in said
    assert f"\tMax Memory Used: {found['peak_mb']} MB\t" in said
    assert (found["bytes_in"], found["bytes_out"], found["cpu_us"]) == (12, 12, 0)


def test_a_version_and_an_alias_pass_through(pair) -> None:
    function = pair.deploy(
        ANSWER + "def handler(event, context):\n    write(event, Body=context.invoked_function_arn)\n"
    )
    lambdas, name = pair.far.client("lambda"), function.rpartition(":")[2]
    version = lambdas.publish_version(FunctionName=name)["Version"]
    lambdas.create_alias(FunctionName=name, Name="live", FunctionVersion=version)
    for qualifier in (version, "live"):
        assert pair.lens(f"{function}:{qualifier}").read("k") == f"{function}:{qualifier}".encode()
    assert fails(pair.lens(f"{function}:7"))[:2] == (404, "LambdaNotFound")


def test_head_is_answered_by_the_return_value(pair) -> None:
    function = pair.deploy(
        "def handler(event, context):\n    return {'statusCode': 200, 'headers': {'Content-Length': 7, 'ETag': 'e'}}"
    )
    lens = pair.lens(function, ("HeadObject",))
    assert lens.s3.head_object(Bucket=lens.arn, Key="k")["ETag"] == "e"


def test_a_large_answer_streams(pair) -> None:
    source = ANSWER + "def handler(event, context):\n    write(event, Body=b'x' * 9_000_000)\n"
    assert len(pair.lens(pair.deploy(source, MemorySize=512)).read("k")) == 9_000_000


def test_many_at_once(pair) -> None:
    lens = pair.lens(pair.deploy(UPPER))
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(lens.read("k"))) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert found == [b"THE ORIGINAL"] * 8


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("raise ValueError('no')", "LambdaRuntimeError"),
        ("os._exit(1)", "LambdaRuntimeError"),
        ("return 1", "LambdaResponseNotReceived"),
        ("write(event, StatusCode=418)", "LambdaRuntimeError"),
    ],
    ids=["raises", "exits", "silent", "invalid"],
)
def test_a_function_that_fails(pair, body, code) -> None:
    lens = pair.lens(pair.deploy(ANSWER + f"def handler(event, context):\n    {body}\n"))
    status, found, _ = fails(lens)
    expected = (400, "LambdaInvalidResponse") if "418" in body else (500, code)
    assert (status, found) == expected


def test_a_throttled_function_is_slow_down(pair) -> None:
    function = pair.deploy(UPPER)
    pair.far.client("lambda").put_function_concurrency(
        FunctionName=function.rpartition(":")[2], ReservedConcurrentExecutions=0
    )
    assert fails(pair.lens(function))[:2] == (503, "SlowDown")


def test_more_than_the_remote_may_have_is_slow_down(pair) -> None:
    source = ANSWER + "def handler(event, context):\n    time.sleep(5); write(event, Body=b'late')\n"
    function = pair.deploy(source, "narrow")
    lens = pair.lens(function)
    found: list[bytes] = []
    thread = threading.Thread(target=lambda: found.append(lens.read("k")))
    thread.start()
    logged(pair.far, function.rpartition(":")[2], "START ")
    assert fails(lens)[:2] == (503, "SlowDown")
    thread.join()
    assert found == [b"late"]


@pytest.mark.parametrize(
    ("prefix", "says"),
    [
        ("wrongkey", "refused this server's credentials"),
        ("nokey", "no credentials for the remote nokey"),
        ("forbidden", "Allow them lambda:InvokeFunction"),
        ("down", "cannot be reached"),
        ("slow", "did not answer within 1 seconds"),
    ],
)
def test_a_remote_that_does_not_run_it(pair, prefix, says) -> None:
    function = pair.deploy(ANSWER + "def handler(event, context):\n    time.sleep(3)\n", prefix)
    status, code, message = fails(pair.lens(function))
    assert (status, code) == (400, "LambdaInvocationFailed")
    assert says in message
    assert f"remote.{prefix}" in message
    assert any(says in line for line in logged(pair.near, f"{prefix}.{function.rpartition(':')[2]}", "ERROR"))


def test_a_function_that_does_not_exist(pair) -> None:
    status, code, message = fails(pair.lens(f"arn:aws:lambda:us-west-2:{FAR_ACCOUNT}:function:nowhere"))
    assert (status, code) == (404, "LambdaNotFound")
    assert "The remote far" in message


def test_an_arn_of_another_account_needs_a_remote(pair) -> None:
    with pytest.raises(ClientError, match=r"unless a \[remote.NAME\]"):
        pair.lens("arn:aws:lambda:us-west-2:999999999999:function:resize")


def test_the_caller_must_be_allowed_to_invoke_it(pair) -> None:
    function = pair.deploy(UPPER)
    lens = pair.lens(function)
    iam, name = pair.near.client("iam"), f"u{uuid.uuid4().hex[:12]}"
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    credentials = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    s3 = pair.near.client("s3", cached=False, credentials=credentials)

    def allow(*more: dict) -> None:
        reading = {"Effect": "Allow", "Action": ["s3:GetObject", "s3-object-lambda:GetObject"], "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [reading, *more]})
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document)

    allow()
    with pytest.raises(ClientError, match="LambdaPermissionError"):
        s3.get_object(Bucket=lens.arn, Key="k")
    allow({"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": f"{function}*"})
    assert s3.get_object(Bucket=lens.arn, Key="k")["Body"].read() == b"THE ORIGINAL"
    deny = {"Effect": "Deny", "Action": "lambda:InvokeFunction", "Resource": function}
    allow({"Effect": "Allow", "Action": "lambda:*", "Resource": "*"}, deny)
    with pytest.raises(ClientError, match="LambdaPermissionError"):
        s3.get_object(Bucket=lens.arn, Key="k")


def test_a_server_that_stops_does_not_wait_for_a_remote(tmp_path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "objectlens.toml").write_text(
            "[server]\npublic_url = 'http://127.0.0.1:9'\ndrain_seconds = 0\n[remote.silent]\n"
            f"functions = 'arn:aws:lambda:*:{FAR_ACCOUNT}:function:*'\ntimeout_seconds = 900\n"
            f"endpoint = 'http://127.0.0.1:{silent.getsockname()[1]}'\n"
        )
        keys = {"AWS_ACCESS_KEY_ID": "AKIAREMOTE0000000000", "AWS_SECRET_ACCESS_KEY": "s" * 40}
        near = start_server(tmp_path / "data", env=keys)
        lens = Pair(near, near, Emulator("")).lens(f"arn:aws:lambda:us-west-2:{FAR_ACCOUNT}:function:resize")
        ended: list[Exception] = []

        def get() -> None:
            try:
                lens.read("k")
            except (BotoCoreError, ClientError) as error:
                ended.append(error)

        thread = threading.Thread(target=get)
        thread.start()
        connection, _ = silent.accept()
        with connection:
            assert stop_server(near) == 0
        thread.join()
        assert len(ended) == 1
    # Without its remote, the access point is still there, and says what is missing.
    (tmp_path / "data" / "objectlens.toml").unlink()
    again = start_server(tmp_path / "data")
    status, code, message = fails(replace(lens, server=again))
    assert (status, code) == (404, "LambdaNotFound")
    assert "no [remote.NAME] of the server's settings" in message
    assert stop_server(again) == 0


# --- a runtime emulator ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def emulated(pair) -> Lens:
    return pair.lens("arn:aws:lambda:us-west-2:123456789012:function:emulated", ("GetObject", "HeadObject"))


def test_an_emulator_is_invoked_unsigned_and_answers_with_a_key_that_nobody_knows(pair, emulated) -> None:
    assert emulated.read("k") == b"THE ORIGINAL"
    assert not any("authorization" in {name.lower() for name in one} for one in pair.emulated.seen)


def test_head_in_an_emulator(emulated) -> None:
    assert emulated.s3.head_object(Bucket=emulated.arn, Key="k")["Metadata"] == {"seen": "yes"}


def test_failures_in_an_emulator(emulated) -> None:
    for key, code in (("raise", "LambdaRuntimeError"), ("sleep", "LambdaRuntimeError"), ("k", None)):
        emulated.put(key)
        if code is not None:
            assert fails(emulated, key)[:2] == (500, code)
        else:
            # It is still at work on what timed out, and says so.
            assert wait_until_free(emulated, key) == b"THE ORIGINAL"
    lines = logged(emulated.server, "emulated.emulated", "Task timed out after 2.00 seconds")
    assert any(line.startswith("[ERROR] Sandbox.Timedout: ") for line in lines)
    assert any(line.startswith("[ERROR] KeyError: ") for line in lines)


def wait_until_free(lens: Lens, key: str) -> bytes:
    deadline = time.monotonic() + 20
    while True:
        try:
            return lens.read(key)
        except ClientError as error:
            if error.response["Error"]["Code"] != "SlowDown" or time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def test_an_emulator_whose_runtime_has_ended(emulated) -> None:
    emulated.put("exit")
    assert fails(emulated, "exit")[:2] == (500, "LambdaRuntimeError")


# --- whose signature counts ------------------------------------------------------------------------------------------

TELL = """
import boto3, json, os, time
def handler(event, context):
    print("TOLD " + json.dumps(event["getObjectContext"]), flush=True)
    time.sleep(25)
"""


class Waiting:
    """A GET whose function tells its token in its log and stays; the test answers in its place."""

    def __init__(self, pair: Pair, lens: Lens, told_by: LiveServer, log: str) -> None:
        self.pair, self.answer = pair, b""
        self._thread = threading.Thread(target=self._get, args=(lens,))
        self._thread.start()
        lines = logged(told_by, log, "TOLD ")
        told = json.loads(next(line for line in lines if line.startswith("TOLD "))[5:])
        self.route, self.token = told["outputRoute"], told["outputToken"]

    def _get(self, lens: Lens) -> None:
        try:
            self.answer = lens.read("k")
        except ClientError as error:
            self.answer = error.response["Error"]["Code"].encode()

    def write(self, key: str, secret: str, session: str | None = None) -> str:
        """Answer, signed with any key; returns the error's code, or nothing."""
        credentials = {"aws_access_key_id": key, "aws_secret_access_key": secret, "aws_session_token": session}
        s3 = self.pair.near.client("s3", cached=False, credentials=credentials, inject_host_prefix=False)
        try:
            s3.write_get_object_response(RequestRoute=self.route, RequestToken=self.token, Body=b"answered")
        except ClientError as error:
            return error.response["Error"]["Code"]
        return ""

    def end(self) -> bytes:
        self._thread.join()
        return self.answer


FOREIGN = ("ASIAFOREIGN000000000", "y" * 40, "z" * 100)
UNKNOWN = ("AKIANOTTHERE00000000", "x" * 40)


def test_a_remote_functions_answer_may_be_signed_by_a_key_that_nobody_knows(pair) -> None:
    for signer in (FOREIGN, UNKNOWN):
        function = pair.deploy(TELL, Timeout=30)
        waiting = Waiting(pair, pair.lens(function), pair.far, function.rpartition(":")[2])
        assert waiting.write(*signer) == ""
        assert waiting.write(*signer) in {"ValidationError", "InvalidAccessKeyId"}
        assert waiting.end() == b"answered"


def test_a_remote_functions_answer_with_a_key_of_ours_must_be_signed_rightly(pair) -> None:
    function = pair.deploy(TELL, Timeout=30)
    waiting = Waiting(pair, pair.lens(function), pair.far, function.rpartition(":")[2])
    assert waiting.write(pair.near.access_key_id, "wrong" * 8) == "SignatureDoesNotMatch"
    powerless = make_user(pair.near, may=False)
    assert waiting.write(*powerless) == "AccessDenied"
    token, waiting.token = waiting.token, waiting.token[::-1]
    assert waiting.write(*FOREIGN) == "InvalidAccessKeyId"
    waiting.token = token
    assert waiting.write(*FOREIGN) == ""
    assert waiting.end() == b"answered"


def test_a_local_functions_answer_may_not_be_signed_by_a_key_that_nobody_knows(pair) -> None:
    lens = make_lens_on(pair.near, TELL, handler="lambda_function.handler", timeout=30)
    lens.put("k")
    waiting = Waiting(pair, lens, pair.near, lens.function)
    for signer in (FOREIGN, UNKNOWN):
        assert waiting.write(*signer) == "InvalidAccessKeyId"
    assert waiting.write(pair.near.access_key_id, pair.near.secret_access_key) == ""
    assert waiting.end() == b"answered"
