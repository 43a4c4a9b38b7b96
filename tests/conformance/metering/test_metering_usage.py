"""What the ledger says of real requests by real clients."""

import asyncio
import base64
import csv
import gzip
import io
import json
import socket
import time
import uuid
from operator import itemgetter
from urllib.parse import urlsplit

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError, ResponseStreamingError

from support.archives import members
from support.live import make_lens_on, zipped
from support.load import load, presigned
from support.tars import tar
from support.usage import WRITE, ask, native_lens, rows, run, total
from support.wire import Wire

# A second of work, on this picture.
SLOW = json.dumps(
    {"pipeline": ["image.decode", *[{"image.blur": {"sigma": 100.0}}] * 12, {"image.encode": {"format": "jpeg"}}]}
)


def noise(side: int) -> bytes:
    pixels = np.random.default_rng(1).integers(0, 255, (side, side, 3), np.uint8)
    return cv2.imencode(".png", pixels)[1].tobytes()


HEAD_AND_LIST = """
import json, urllib.request
def lambda_handler(event, context):
    if "headObjectContext" in event:
        urllib.request.urlopen(urllib.request.Request(event["headObjectContext"]["inputS3Url"], method="HEAD"))
        return {"statusCode": 200, "headers": {"Content-Length": 7}}
    read = urllib.request.urlopen(event["listObjectsV2Context"]["inputS3Url"]).read()
    return {"statusCode": 200, "listResultXml": read.decode()}
"""
# What it used by its own account: getrusage(2), as a program outside would ask for it, and the clock.
BURN = """
import json, resource, subprocess, sys, threading, time

def spent():
    own, below = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + below.ru_utime + below.ru_stime

def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass

def lambda_handler(event, context):
    began, before = time.monotonic(), spent()
    time.sleep(event.get("sleep", 0))
    burn(event.get("burn", 0))
    threads = [threading.Thread(target=burn, args=(event["thread"],)) for _ in range(2) if "thread" in event]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if "child" in event:
        code = "import time\\nwhile time.process_time() < %r: pass" % event["child"]
        subprocess.run([sys.executable, "-c", code], check=True)
    return {"cpu": spent() - before, "seconds": time.monotonic() - began}
"""


@pytest.fixture(scope="module")
def writer(server):
    lens = make_lens_on(server, WRITE)
    for key in ("k", "fail", "skip"):
        lens.put(key, b"0123456789")
    return lens


def function(server, source, **options):
    name = f"m{uuid.uuid4().hex[:12]}"
    lambdas = server.client("lambda")
    made = lambdas.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role="arn:aws:iam::123456789012:role/function",
        Handler="lambda_function.lambda_handler",
        Code={"ZipFile": zipped(source)},
        **({"Timeout": 30, "MemorySize": 256} | options),
    )
    lambdas.get_waiter("function_active_v2").wait(FunctionName=name)
    return name, made["FunctionArn"]


def invoke(server, name, event, **more):
    answer = server.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event), **more)
    return json.loads(answer["Payload"].read() or b"null")


def test_a_get_counts_once_with_all_that_is_known_of_it(server, writer):
    client = server.client("s3", cached=False)
    client.meta.events.register(
        "before-sign.s3.GetObject", lambda request, **_: request.headers.add_header("x-objectlens-job", "epoch-1")
    )
    for _ in range(3):
        assert client.get_object(Bucket=writer.arn, Key="k")["Body"].read() == b"0123456789" * 2
    with pytest.raises(ClientError):
        writer.read("fail")
    with pytest.raises(ClientError):
        writer.read("skip", Range="bytes=0-1")  # refused before anything runs
    found = rows(server, "version,access_point,caller,job,runtime,memory_size,cold,cache", function=writer.function_arn)
    about = {(one["job"], one["cold"]): one for one in found}
    assert set(about) == {("epoch-1", True), ("epoch-1", False), ("", False)}
    for one in found:
        assert (one["version"], one["runtime"], one["memory_size"], one["cache"]) == ("$LATEST", "lambda", 256, "")
        assert (one["access_point"], one["caller"]) == (writer.arn, f"arn:aws:iam::{server.account}:root")
        assert one["billed_duration_ms"] >= one["duration_us"] / 1000 > 0
        assert one["memory_mb_ms"] == 256 * one["billed_duration_ms"]
        assert one["cpu_us"] > 0
        assert 10 < one["peak_mb"] < 257
    warm, cold, failed = about["epoch-1", False], about["epoch-1", True], about["", False]
    assert [(one["requests"], one["invocations"], one["errors"]) for one in (warm, cold, failed)] == [
        (2, 2, 0),
        (1, 1, 0),
        (1, 1, 1),
    ]
    assert [(one["bytes_in"], one["bytes_out"]) for one in (warm, cold)] == [(20, 40), (10, 20)]
    assert cold["init_us"] > warm["init_us"] == 0


def test_durations_are_those_of_the_report_line(server):
    name, arn = function(server, BURN)
    billed, durations = 0, 0.0
    for _ in range(3):
        answer = server.client("lambda").invoke(FunctionName=name, Payload=b'{"burn": 0.003}', LogType="Tail")
        report = base64.b64decode(answer["LogResult"]).decode().rpartition("REPORT ")[2]
        billed += int(report.partition("Billed Duration: ")[2].split()[0])
        durations += float(report.partition("\tDuration: ")[2].split()[0])
    found = total(server, function=arn)
    assert found["billed_duration_ms"] == billed
    assert found["duration_us"] == pytest.approx(durations * 1000, abs=3 * 6)


@pytest.mark.parametrize("event", [{"sleep": 0.1, "burn": 0.2}, {"thread": 0.1}, {"burn": 0.02}])
def test_time_and_processor_time_agree_with_what_the_process_says_itself(server, event):
    name, arn = function(server, BURN)
    invoke(server, name, {})
    before, worst = total(server, function=arn), []
    for _ in range(5):
        began = time.monotonic()
        own = invoke(server, name, event)
        outside = time.monotonic() - began
        now = total(server, function=arn)
        cpu, duration = ((now[key] - before[key]) / 1e6 for key in ("cpu_us", "duration_us"))
        # Always: what was measured of the whole lies between what was measured inside and outside of it.
        assert own["seconds"] <= duration <= outside
        worst.append(max(abs(cpu - own["cpu"]) - 0.02 * own["cpu"], abs(duration - own["seconds"]) - 0.02 * duration))
        before = now
    # And as a rule within 2 percent or a millisecond, beside what other programs take from one of the two.
    assert sorted(worst)[1] <= 0.001, worst


def test_processor_time_of_children_is_counted(server):
    name, arn = function(server, BURN)
    invoke(server, name, {})
    before = total(server, function=arn)["cpu_us"]
    own = sum(invoke(server, name, {"child": 0.3})["cpu"] for _ in range(3))
    cpu = (total(server, function=arn)["cpu_us"] - before) / 1e6
    # The kernel tells time of children that have ended in steps of 10 ms, user and system apart.
    assert abs(cpu - own) <= max(0.02 * own, 0.021), (cpu, own)


def test_a_function_that_dies_or_times_out_has_used_what_it_used(server):
    dying, dying_arn = function(server, BURN.replace("    return {", "    import os; os._exit(3)\n    return {"))
    server.client("lambda").invoke(FunctionName=dying, Payload=b'{"burn": 0.2}')
    found = total(server, function=dying_arn)
    assert (found["invocations"], found["errors"]) == (1, 1)
    assert 190_000 < found["cpu_us"] < 400_000
    slow, slow_arn = function(server, BURN, Timeout=1)
    server.client("lambda").invoke(FunctionName=slow, Payload=b'{"burn": 5}')
    found = total(server, function=slow_arn)
    assert (found["invocations"], found["errors"]) == (1, 1)
    assert 1_000_000 <= found["duration_us"] < 3_000_000
    assert found["billed_duration_ms"] == 1000
    assert 300_000 < found["cpu_us"] <= found["duration_us"] + 50_000


def test_head_and_list_functions_count(server):
    lens = make_lens_on(server, HEAD_AND_LIST, actions=("HeadObject", "ListObjectsV2"))
    lens.put("k", b"0123456789")
    lens.s3.head_object(Bucket=lens.arn, Key="k")
    lens.s3.list_objects_v2(Bucket=lens.arn)
    lens.read("k")  # goes through to the bucket: nothing runs
    found = total(server, function=lens.function_arn)
    assert (found["requests"], found["invocations"], found["errors"]) == (2, 2, 0)
    assert found["bytes_in"] > 200


def test_direct_invocations_and_events_count_by_version_and_job(server):
    name, arn = function(server, BURN)
    lambdas = server.client("lambda")
    version = lambdas.publish_version(FunctionName=name)["Version"]
    role = f"trainer{uuid.uuid4().hex[:8]}"
    iam = server.client("iam")
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}
    made = iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17"} | trust))
    allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=json.dumps(allow))
    given = server.client("sts").assume_role(RoleArn=made["Role"]["Arn"], RoleSessionName="night-run")["Credentials"]
    credentials = {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }
    session = server.client("lambda", credentials=credentials)
    session.invoke(FunctionName=f"{name}:{version}", Payload=b"{}")
    session.invoke(FunctionName=name, Payload=b"{ }", InvocationType="Event")
    session.invoke(FunctionName=name, InvocationType="DryRun")
    deadline = time.monotonic() + 20
    while total(server, function=arn)["invocations"] < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    found = {one["version"]: one for one in rows(server, "version,job,caller,access_point", function=arn)}
    assert set(found) == {"$LATEST", version}
    for one in found.values():
        assert (one["job"], one["access_point"], one["requests"], one["invocations"]) == ("night-run", "", 0, 1)
        assert one["caller"] == f"arn:aws:sts::{server.account}:assumed-role/{role}/night-run"
    assert (found[version]["bytes_in"], found["$LATEST"]["bytes_in"]) == (2, 3)
    assert found[version]["bytes_out"] > 10


def test_native_transforms_count_with_the_time_of_their_threads(server):
    lens = native_lens(server)
    lens.put("k", b"caf\xc3\xa9")
    answer = lens.get("k")
    with pytest.raises(ClientError):  # nothing runs for a 304
        lens.get("k", IfNoneMatch=answer["ETag"])
    broken = native_lens(server, json.dumps({"pipeline": [{"image.decode": {}}, {"image.encode": {}}]}))
    broken.put("k", b"no picture")
    with pytest.raises(ClientError):
        broken.read("k")
    kept, found = sorted(rows(server, "runtime,version,memory_size", access_point=lens.arn), key=itemgetter("version"))
    assert (kept["runtime"], kept["requests"], kept["invocations"]) == ("native", 1, 0)  # the 304
    assert (found["runtime"], found["memory_size"], len(found["version"])) == ("native", 1769, 12)
    assert (found["requests"], found["invocations"], found["errors"]) == (1, 1, 0)
    assert (found["bytes_in"], found["bytes_out"]) == (5, 5)
    assert 0 < found["cpu_us"] <= found["duration_us"] * 1.5
    failed = total(server, access_point=broken.arn)
    assert (failed["requests"], failed["invocations"], failed["errors"]) == (1, 1, 1)


@pytest.mark.timeout(300)
def test_of_ten_thousand_at_once_none_is_lost(server, writer):
    lens = native_lens(server)
    lens.put("k", b"0123456789")
    url = presigned(lens, "k")
    # Each is made anew: what is kept costs nothing.
    done = asyncio.run(load(url, 10_000, connections=64, headers={"Cache-Control": "no-store"}))
    assert {status for _, status, _ in done.answers} == {200}
    found = total(server, access_point=lens.arn)
    assert (found["requests"], found["invocations"]) == (10_000, 10_000)
    assert found["bytes_out"] == sum(size for _, _, size in done.answers) == 100_000
    assert found["bytes_in"] == 100_000


@pytest.mark.timeout(300)
def test_of_hundreds_of_invocations_of_a_function_none_is_lost(server, writer):
    url = presigned(writer, "k")
    before = total(server, function=writer.function_arn, job="many")
    done = asyncio.run(load(url, 500, connections=16, headers={"x-objectlens-job": "many"}))
    assert {status for _, status, _ in done.answers} == {200}
    found = total(server, function=writer.function_arn, job="many")
    gained = {name: found[name] - before[name] for name in before}
    assert (gained["requests"], gained["invocations"], gained["errors"]) == (500, 500, 0)
    assert (gained["bytes_in"], gained["bytes_out"]) == (5000, 10_000)


def test_jobs_that_are_no_labels_are_refused(server, writer):
    client = server.client("s3", cached=False)
    client.meta.events.register(
        "before-sign.s3.GetObject", lambda request, **_: request.headers.add_header("x-objectlens-job", "a b")
    )
    with pytest.raises(ClientError, match=r"InvalidArgument.*1 to 128 characters"):
        client.get_object(Bucket=writer.arn, Key="k")


def test_the_ledger_is_exported_in_three_forms(server, writer, tmp_path):
    writer.read("k")
    asked = ("usage", "export", "--by", "function,access-point,runtime,cold,memory-size", "--step", "day")
    table = list(csv.DictReader(io.StringIO(run(server, *asked))))
    listed = json.loads(run(server, *asked, "--format", "json"))
    run(server, *asked, "--format", "parquet", "--output", str(tmp_path / "usage.parquet"))
    columns = pq.read_table(tmp_path / "usage.parquet").to_pylist()
    (one,) = [row for row in listed if row["function"] == writer.function_arn and not row["cold"]]
    assert one["seconds"] == 86_400
    assert one["time"].endswith("T00:00:00Z")
    assert float(one["gb_seconds"]) == one["memory_mb_ms"] / 1_024_000
    assert one in columns
    assert {name: str(value) for name, value in one.items()} in table
    assert len(table) == len(listed) == len(columns)
    assert run(server, "usage", "export", "--from", "2000-01-01", "--to", "2000-01-02").count("\n") == 1
    nowhere = str(tmp_path / "nowhere" / "usage.csv")
    assert f"cannot write {nowhere}: there is no folder" in run(server, "usage", "export", "--output", nowhere, code=1)
    assert "there is no colour" in run(server, "usage", "export", "--by", "colour", code=1)
    assert "is no moment" in run(server, "usage", "export", "--from", "soon", code=1)


def test_usage_is_for_those_who_may_see_it(server):
    iam, name = server.client("iam"), f"u{uuid.uuid4().hex[:12]}"
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    own = {"key": key["AccessKeyId"], "secret": key["SecretAccessKey"]}
    for action, paths in {
        "ce:GetCostAndUsage": [("GET", "/-/usage")],
        "budgets:ViewBudget": [("GET", "/-/budgets")],
        "budgets:ModifyBudget": [
            ("PUT", f"/-/budgets/{name}?bytes=5&kind=caller&subject={name}"),
            ("DELETE", f"/-/budgets/{name}"),
        ],
    }.items():
        assert [ask(server, path, method, own)[0] for method, path in paths] == [403] * len(paths)
        allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(allow))
        assert [ask(server, path, method, own)[0] for method, path in paths] == [200] * len(paths)
        iam.delete_user_policy(UserName=name, PolicyName="p")
    for method, path in (("POST", "/-/usage"), ("PUT", "/-/budgets"), ("POST", f"/-/budgets/{name}")):
        assert ask(server, path, method)[0] == 405
    for wrong in ("by=colour", "start=soon", "step=x", "cold=x", "limit=x", "offset=-1", "colour=x"):
        assert ask(server, f"/-/usage?{wrong}")[0] == 400
    assert ask(server, f"/-/budgets/{name}?byte=5&kind=caller&subject=root", "PUT")[0] == 400
    for line in ("GetUsage GET /-/usage 403", "GetUsage GET /-/usage 200", f"PutBudget PUT /-/budgets/{name} 200"):
        assert is_logged(server, line), line


def is_logged(server, line):
    """Whether a line is in the server's log, or comes within the moment for which it is held back."""
    log, deadline = server.data.parent / f"{server.data.name}.log", time.monotonic() + 5
    while line not in log.read_text():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_metrics_count_what_the_ledger_counts(server, writer):
    writer.read("k")
    found = rows(server, "cold", function=writer.function_arn)
    assert rows(server, "cold", function=writer.function_arn, cold="false", memory_size="256") == found[:1]
    status, text = ask(server, "/-/metrics")
    assert status == 200
    lines = [line for line in text.splitlines() if f'access_point="{writer.name}"' in line]
    said = sum(int(line.rpartition(" ")[2]) for line in lines if line.startswith("objectlens_usage_invocations_total{"))
    assert said == sum(one["invocations"] for one in found)
    assert "# TYPE objectlens_usage_gb_seconds_total counter\n" in text


def test_who_leaves_before_a_transform_ends_pays_for_it_all_the_same(server):
    lens = native_lens(server, SLOW)
    lens.put("k", noise(1200))
    url = presigned(lens, "k")
    at = urlsplit(url)
    with socket.create_connection((at.hostname, at.port)) as client:
        client.sendall(f"GET {at.path}?{at.query} HTTP/1.1\r\nHost: {at.netloc}\r\n\r\n".encode())
        time.sleep(0.3)
    for _ in range(300):
        found = total(server, access_point=lens.arn)
        if found["invocations"]:
            break
        time.sleep(0.1)
    assert (found["invocations"], found["errors"]) == (1, 0)
    assert found["cpu_us"] > 300_000
    assert lens.get("k")["ResponseMetadata"]["HTTPHeaders"]["x-objectlens-cache"] == "hit"
    assert total(server, access_point=lens.arn)["invocations"] == 1


def test_runs_that_are_over_the_limit_of_processor_time_count_with_it(server):
    slow, limits = json.loads(SLOW), {"cpu_seconds": 0.2}
    for pipeline, data in (
        (slow, noise(1200)),
        ({"pipeline": [{"archive.webdataset": {"pipelines": {"png": slow}}}]}, tar({"a.png": noise(1200)})),
    ):
        lens = native_lens(server, json.dumps(pipeline | {"limits": limits}))
        lens.put("k", data)
        with pytest.raises(ClientError, match="cpu_seconds"):
            lens.get("k")
        found = total(server, access_point=lens.arn)
        assert (found["invocations"], found["errors"]) == (1, 1)
        assert found["cpu_us"] >= 200_000


DYING = """
import os, signal
def lambda_handler(event, context):
    os.kill(os.getpid(), signal.SIGKILL)
"""


MANAGED = {"objectlens:answers": "managed"}


def test_further_attempts_are_paid_for_and_ask_the_budget_first(server):
    lens = make_lens_on(server, DYING, tags=MANAGED)
    for key in ("one", "two"):
        lens.put(key, b"x")
    name = f"b{uuid.uuid4().hex[:12]}"
    run(server, "budget", "set", name, "--access-point", lens.name, "--per", "month", "--invocations", "4")
    with pytest.raises(ClientError, match="LambdaRuntimeError"):
        lens.read("one")
    assert total(server, access_point=lens.arn)["invocations"] == 3
    with pytest.raises(ClientError, match=f"SlowDown.*The budget {name} of {lens.arn} has used"):
        lens.read("two")
    assert total(server, access_point=lens.arn)["invocations"] == 4
    assert f'objectlens_budget_used{{budget="{name}",measure="invocations"}} 4\n' in ask(server, "/-/metrics")[1]
    run(server, "budget", "remove", name)


LATE = """
import time, urllib.request, boto3
def lambda_handler(event, context):
    place = event["getObjectContext"]
    time.sleep(0.7)
    boto3.client("s3").write_get_object_response(
        RequestRoute=place["outputRoute"], RequestToken=place["outputToken"], Body=b"late"
    )
"""


@pytest.mark.parametrize("tags", [{}, MANAGED], ids=["strict", "managed"])
def test_what_ends_after_its_client_has_left_is_charged_to_the_budget(server, tags):
    lens = make_lens_on(server, LATE, tags=tags)
    lens.put("k", b"x")
    name = f"b{uuid.uuid4().hex[:12]}"
    run(server, "budget", "set", name, "--access-point", lens.name, "--per", "day", "--gb-seconds", "100")
    at = urlsplit(presigned(lens, "k"))
    with socket.create_connection((at.hostname, at.port)) as client:
        client.sendall(f"GET {at.path}?{at.query} HTTP/1.1\r\nHost: {at.netloc}\r\n\r\n".encode())
        time.sleep(0.2)
    for _ in range(300):
        found = total(server, access_point=lens.arn)
        if found["invocations"]:
            break
        time.sleep(0.1)
    assert found["invocations"] == 1
    (used,) = json.loads(ask(server, f"/-/budgets/{name}")[1])["budgets"]
    assert used["used"]["invocations"] == 1
    assert used["used"]["memory_mb_ms"] == found["memory_mb_ms"] > 0
    run(server, "budget", "remove", name)


def errands(server, path, job, **body):
    headers = {"Content-Type": "application/json", "x-objectlens-job": job}
    answer = Wire(server).send("POST", path, headers, json.dumps(body).encode())
    assert answer.status == 200, answer.body
    return answer.body


def test_prefetches_and_batches_count_for_their_job_what_went_to_the_client(server):
    lens = native_lens(server, json.dumps({"pipeline": ["archive.decompress"]}))
    whole = b"a line of text\n" * 400_000  # its length is not known before its end
    for key in ("a", "b"):
        lens.put(key, gzip.compress(whole))
    for _ in range(2):  # made, and kept already
        errands(server, "/-/prefetch", "warming", access_point=lens.arn, keys=["a"])
    found = total(server, access_point=lens.arn, job="warming")
    assert (found["requests"], found["invocations"], found["bytes_out"]) == (0, 1, 0)
    archive = members(errands(server, "/-/batch", "loading", bucket=lens.arn, entries=["a", "b"]))
    assert [member.body for member in archive] == [whole, whole]
    sums = {one["cache"]: one for one in rows(server, "cache", access_point=lens.arn, job="loading")}
    assert {cache: (one["requests"], one["invocations"]) for cache, one in sums.items()} == {
        "hit": (1, 0),
        "miss": (1, 1),
    }
    assert [one["bytes_out"] for one in sums.values()] == [len(whole)] * 2


def test_a_budget_that_is_used_up_ends_prefetches_and_batches_at_once(server):
    lens = native_lens(server)
    lens.put("k", b"text")
    lens.read("k")
    name = f"b{uuid.uuid4().hex[:12]}"
    run(server, "budget", "set", name, "--access-point", lens.name, "--per", "month", "--invocations", "1")
    line, last = errands(server, "/-/prefetch", "j", access_point=lens.arn, keys=["k"], deadline=1).splitlines()
    assert f"The budget {name} of {lens.arn} has used 1 of 1" in json.loads(line)["error"]["message"]
    assert json.loads(last)["summary"]["complete"] is True
    (member,) = members(errands(server, "/-/batch", "j", bucket=lens.arn, entries=["k"]))
    assert (member.status, member.error["code"]) == (503, "SlowDown")
    assert f"The budget {name}" in run(server, "lineage", lens.arn, "k", code=1)
    text = ask(server, "/-/metrics")[1]
    assert f'objectlens_budget_refusals_total{{budget="{name}"}} 4\n' in text
    run(server, "budget", "remove", name)


def test_a_stream_that_can_only_break_off_is_paid_for_once(server):
    lens = native_lens(server, json.dumps({"pipeline": ["archive.decompress"]}))
    lens.put("k", gzip.compress(np.random.default_rng(1).bytes(3_000_000))[:-1_000_000])
    with pytest.raises(ResponseStreamingError):
        lens.read("k")
    found = total(server, access_point=lens.arn)
    assert (found["requests"], found["invocations"], found["errors"]) == (1, 1, 1)


def test_what_a_head_or_a_listing_has_made_counts_and_is_bounded_like_a_get(server):
    lens = native_lens(server)  # it transforms GetObject alone: the HEAD of a managed GET comes with it
    for key in ("head", "listed", "late"):
        lens.put(key, b"text")
    lens.s3.head_object(Bucket=lens.arn, Key="head")
    found = total(server, access_point=lens.arn)
    assert (found["requests"], found["invocations"]) == (1, 1)
    server.client("s3control").tag_resource(
        AccountId=server.account, ResourceArn=lens.arn, Tags=[{"Key": "objectlens:sizes", "Value": "exact"}]
    )
    lens.s3.list_objects_v2(Bucket=lens.arn, Prefix="listed")
    found = total(server, access_point=lens.arn)
    assert (found["requests"], found["invocations"]) == (1, 2)
    name = f"b{uuid.uuid4().hex[:12]}"
    run(server, "budget", "set", name, "--access-point", lens.name, "--per", "month", "--invocations", "2")
    for key in ("head", "late"):
        with pytest.raises(ClientError, match="503"):
            lens.s3.head_object(Bucket=lens.arn, Key=key)
    headers = lens.s3.list_objects_v2(Bucket=lens.arn, Prefix="l")["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-objectlens-sizes"] == "derived=1 source=1"
    assert total(server, access_point=lens.arn)["invocations"] == 2
    run(server, "budget", "remove", name)
