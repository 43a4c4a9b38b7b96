"""What the caller and the function see when something goes wrong (reference sections 7.5 and 8.2)."""

import json
import os
import signal
import threading

import pytest
from botocore.exceptions import ClientError, HTTPClientError, ResponseStreamingError

PREAMBLE = """
import boto3, json, os, sys, time
from botocore.exceptions import ClientError
s3 = boto3.client("s3")
def write(event, **more):
    c = event["getObjectContext"]
    return s3.write_get_object_response(RequestRoute=c["outputRoute"], RequestToken=c["outputToken"], **more)
def lambda_handler(event, context):
"""


def fails(lens, key: str = "k", **arguments) -> dict:
    with pytest.raises(ClientError) as caught:
        lens.read(key, **arguments)
    response = caught.value.response
    return {"status": response["ResponseMetadata"]["HTTPStatusCode"], **response["Error"]}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("    raise ValueError('no')", 500, "LambdaRuntimeError"),
        ("    sys.exit(3)", 500, "LambdaRuntimeError"),
        ("    os._exit(1)", 500, "LambdaRuntimeError"),
        ("    os.kill(os.getpid(), 9)", 500, "LambdaRuntimeError"),
        ("    return {'statusCode': 200}", 500, "LambdaResponseNotReceived"),
        ("    return {1, 2}", 500, "LambdaRuntimeError"),
        ("    while True: time.sleep(1)", 500, "LambdaRuntimeError"),
    ],
    ids=["raises", "sys.exit", "exits", "killed", "returns", "unserialisable", "times-out"],
)
def test_a_function_without_an_answer(make_lens, body, status, code) -> None:
    lens = make_lens(PREAMBLE + body, timeout=2)
    error = fails(lens)
    assert (error["status"], error["Code"]) == (status, code)
    if code == "LambdaResponseNotReceived":
        assert error["Message"] == "The Lambda exited without successfully calling WriteGetObjectResponse."


@pytest.mark.parametrize(
    ("source", "handler"),
    [
        ("def lambda_handler(event, context:\n  pass", "lambda_function.lambda_handler"),
        ("import not_a_module_anywhere", "lambda_function.lambda_handler"),
        ("def lambda_handler(event, context): pass", "lambda_function.no_such_name"),
        ("def lambda_handler(event, context): pass", "no_such_module.lambda_handler"),
        ("raise RuntimeError('at import')", "lambda_function.lambda_handler"),
    ],
)
def test_a_function_that_does_not_start(make_lens, source, handler) -> None:
    lens = make_lens(source, handler=handler)
    error = fails(lens)
    assert (error["status"], error["Code"]) == (500, "LambdaRuntimeError")


def test_the_next_get_works_after_a_crash(make_lens) -> None:
    lens = make_lens(
        PREAMBLE
        + """
    if event["userRequest"]["url"].endswith("/crash"): os._exit(1)
    write(event, Body=b"fine")
"""
    )
    assert lens.read("ok") == b"fine"
    assert fails(lens, "crash")["Code"] == "LambdaRuntimeError"
    assert lens.read("ok") == b"fine"


def test_an_exception_after_the_answer_is_ignored(make_lens) -> None:
    lens = make_lens(PREAMBLE + "    write(event, Body=b'good')\n    raise ValueError('too late')")
    assert lens.read("k") == b"good"


def test_a_second_answer_is_refused_and_the_first_one_stands(make_lens) -> None:
    lens = make_lens(
        PREAMBLE.replace("def lambda", "seen = []\ndef lambda")
        + """
    if event["userRequest"]["url"].endswith("/seen"):
        write(event, Body=json.dumps(seen))
        return
    write(event, Body=b"first")
    try:
        write(event, Body=b"second")
    except ClientError as error:
        seen[:] = [error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]]
"""
    )
    # One environment alone remembers; it may still be busy with its second answer.
    lens.server.client("lambda").put_function_concurrency(FunctionName=lens.function, ReservedConcurrentExecutions=1)
    assert lens.read("k") == b"first"
    patient = lens.server.client("s3", retries={"max_attempts": 8, "mode": "standard"})
    seen = patient.get_object(Bucket=lens.arn, Key="seen")["Body"].read()
    assert json.loads(seen) == ["ValidationError", 400]


@pytest.mark.parametrize("change", ["RequestToken='wrong'", "RequestRoute='io-wrong'"])
def test_a_wrong_token_or_route_is_refused(make_lens, change) -> None:
    lens = make_lens(
        PREAMBLE
        + f"""
    c = event["getObjectContext"]
    arguments = dict(RequestRoute=c["outputRoute"], RequestToken=c["outputToken"], Body=b"x") | dict({change})
    try:
        s3.write_get_object_response(**arguments)
    except ClientError as error:
        write(event, Body=json.dumps([error.response["Error"]["Code"],
                                      error.response["ResponseMetadata"]["HTTPStatusCode"]]))
"""
    )
    assert json.loads(lens.read("k")) == ["ValidationError", 400]


@pytest.mark.parametrize(
    "members",
    [
        "Body=b'x', ContentType=''",
        "Body=b'x', StatusCode=201",
        "Body=b'x', ChecksumCRC32='AAAAAA==', ChecksumSHA1='AAAA'",
        "Body=b'x', ErrorCode='NoSuchKey', ErrorMessage='no', StatusCode=200",
        "StatusCode=404, ErrorCode='no_such_key'",
        "Body=b'x', Metadata={'k': 'v' * 3001}",
    ],
)
def test_an_answer_against_the_rules_is_refused(make_lens, members) -> None:
    lens = make_lens(
        PREAMBLE
        + f"""
    try:
        write(event, {members})
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ValidationError", error
        return
    raise AssertionError("accepted")
"""
    )
    error = fails(lens)
    assert (error["status"], error["Code"]) == (400, "LambdaInvalidResponse")


def test_a_better_answer_after_a_refused_one_counts(make_lens) -> None:
    lens = make_lens(
        PREAMBLE
        + """
    try:
        write(event, Body=b"x", StatusCode=299)
    except ClientError:
        write(event, Body=b"better")
"""
    )
    assert lens.read("k") == b"better"


@pytest.mark.parametrize(
    ("members", "status", "code", "message"),
    [
        ("StatusCode=404, ErrorCode='NoSuchKey', ErrorMessage='gone'", 404, "NoSuchKey", "gone"),
        ("StatusCode=403, ErrorCode='MyOwnCode', ErrorMessage='never'", 403, "MyOwnCode", "never"),
        ("StatusCode=404, ErrorMessage='only a message'", 404, "NoSuchKey", "only a message"),
        ("StatusCode=403, ErrorMessage='only a message'", 403, "AccessDenied", "only a message"),
        ("StatusCode=500, ErrorCode='Oops', ErrorMessage='h\\u00e9llo'", 500, "Oops", "héllo"),
        ("StatusCode=400, ErrorCode='InvalidRequest', ErrorMessage='n', Body=b'', ContentLength=0", 400,
         "InvalidRequest", "n"),
    ],
)  # fmt: skip
def test_errors_made_by_the_function(make_lens, members, status, code, message) -> None:
    lens = make_lens(PREAMBLE + f"    write(event, {members})")
    error = fails(lens)
    assert (error["status"], error["Code"], error["Message"]) == (status, code, message)


def test_an_error_status_without_a_code_has_no_body(make_lens) -> None:
    lens = make_lens(PREAMBLE + "    write(event, StatusCode=304)")
    assert fails(lens)["Code"] == "304"


def test_a_function_killed_in_the_middle_of_its_answer_never_looks_complete(make_lens) -> None:
    lens = make_lens(
        """
import boto3, botocore.config, os, time
class Dying:
    def __init__(self): self.n = 0
    def read(self, size=-1):
        self.n += 1
        if self.n == 5:
            time.sleep(0.2)
            os.kill(os.getpid(), 9)
        return b"x" * 100_000
def lambda_handler(event, context):
    c = event["getObjectContext"]
    s3 = boto3.client("s3", config=botocore.config.Config(s3={"payload_signing_enabled": False}))
    if event["userRequest"]["url"].endswith("/fine"):
        s3.write_get_object_response(RequestRoute=c["outputRoute"], RequestToken=c["outputToken"], Body=b"fine")
    elif event["userRequest"]["url"].endswith("/length"):
        s3.write_get_object_response(RequestRoute=c["outputRoute"], RequestToken=c["outputToken"], Body=Dying(),
                                     ContentLength=1_000_000)
    else:
        s3.write_get_object_response(RequestRoute=c["outputRoute"], RequestToken=c["outputToken"], Body=Dying())
"""
    )
    for key in ("chunked", "length"):
        with pytest.raises((ResponseStreamingError, HTTPClientError, ClientError)):
            lens.read(key)
        assert lens.read("fine") == b"fine"


def test_kill_9_from_outside_in_the_middle_of_an_answer(make_lens) -> None:
    lens = make_lens(
        """
import boto3, botocore.config, os, time
class Slow:
    def __init__(self): self.first = str(os.getpid()).encode().ljust(16)
    def read(self, size=-1):
        if self.first:
            first, self.first = self.first, b""
            return first
        time.sleep(0.05)
        return b"x" * 1000
def lambda_handler(event, context):
    c = event["getObjectContext"]
    s3 = boto3.client("s3", config=botocore.config.Config(s3={"payload_signing_enabled": False}))
    s3.write_get_object_response(RequestRoute=c["outputRoute"], RequestToken=c["outputToken"], Body=Slow())
"""
    )
    body = lens.get("k")["Body"]
    pid = int(body.read(16))
    assert body.read(3000) == b"x" * 3000
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(ResponseStreamingError):
        body.read()


def test_a_client_that_leaves_does_not_disturb_the_others(make_lens) -> None:
    lens = make_lens(PREAMBLE + "    time.sleep(0.5)\n    write(event, Body=b'late')")
    impatient = lens.server.client("s3", cached=False, read_timeout=0.2)
    with pytest.raises(HTTPClientError):
        impatient.get_object(Bucket=lens.arn, Key="k")
    assert lens.read("k") == b"late"


def test_an_unsigned_answer_is_accepted_for_its_token(make_lens) -> None:
    lens = make_lens(
        """
import boto3, botocore, botocore.config
def lambda_handler(event, context):
    c = event["getObjectContext"]
    s3 = boto3.client("s3", config=botocore.config.Config(signature_version=botocore.UNSIGNED))
    s3.write_get_object_response(RequestRoute=c["outputRoute"], RequestToken=c["outputToken"], Body=b"unsigned")
"""
    )
    assert lens.read("k") == b"unsigned"


def test_a_deleted_function_is_not_found(make_lens) -> None:
    lens = make_lens(PREAMBLE + "    write(event, Body=b'x')")
    assert lens.read("k") == b"x"
    lens.server.client("lambda").delete_function(FunctionName=lens.function)
    error = fails(lens)
    assert (error["status"], error["Code"]) == (404, "LambdaNotFound")


def test_a_deleted_supporting_access_point_is_named(make_lens) -> None:
    lens = make_lens(PREAMBLE + "    write(event, Body=b'x')")
    lens.server.client("s3control").delete_access_point(AccountId=lens.server.account, Name=lens.access_point)
    error = fails(lens)
    assert (error["status"], error["Code"]) == (400, "InvalidAccessPoint")
    assert lens.access_point in error["Message"]


@pytest.mark.parametrize("arguments", [{"Range": "bytes=0-3"}, {"PartNumber": 1}])
def test_range_and_part_number_are_not_implemented_unless_allowed(make_lens, arguments) -> None:
    lens = make_lens(PREAMBLE + "    write(event, Body=b'x')")
    error = fails(lens, **arguments)
    assert (error["status"], error["Code"]) == (501, "NotImplemented")
    assert error["Message"] == "Operation Not Implemented."


def test_an_allowed_range_is_the_functions_business(make_lens) -> None:
    lens = make_lens(
        PREAMBLE
        + """
    asked = event["userRequest"]["headers"]["Range"]
    assert "Range" not in event["getObjectContext"]["inputS3Url"]
    write(event, Body=asked.encode(), StatusCode=206, ContentRange="bytes 0-9/100")
""",
        features=("GetObject-Range",),
    )
    answer = lens.get("k", Range="bytes=0-9")
    assert answer["Body"].read() == b"bytes=0-9"
    assert answer["ContentRange"] == "bytes 0-9/100"
    assert fails(lens, PartNumber=2)["status"] == 501


def test_actions_that_are_not_configured_pass_through(make_lens) -> None:
    lens = make_lens(PREAMBLE + "    write(event, Body=b'transformed')")
    lens.put("d/k", b"the original", ContentType="text/x-source")
    assert lens.read("d/k") == b"transformed"
    head = lens.s3.head_object(Bucket=lens.arn, Key="d/k")
    assert (head["ContentLength"], head["ContentType"]) == (12, "text/x-source")
    assert lens.s3.head_object(Bucket=lens.arn, Key="d/k", Range="bytes=0-1")["ContentLength"] == 2
    listing = lens.s3.list_objects_v2(Bucket=lens.arn)
    assert [entry["Key"] for entry in listing["Contents"]] == ["d/k"]
    assert listing["Name"] == lens.bucket
    lens.s3.put_object(Bucket=lens.arn, Key="new", Body=b"through")
    assert lens.s3.get_object(Bucket=lens.bucket, Key="new")["Body"].read() == b"through"
    lens.s3.delete_object(Bucket=lens.arn, Key="new")
    with pytest.raises(ClientError):
        lens.s3.head_object(Bucket=lens.bucket, Key="new")


def test_many_at_once_are_answered_each_with_its_own(make_lens) -> None:
    lens = make_lens(PREAMBLE + "    write(event, Body=event['userRequest']['url'].rpartition('/')[2].encode())")
    client = lens.server.client("s3", cached=False, max_pool_connections=16)
    wrong: list[str] = []

    def work(worker: int) -> None:
        for turn in range(8):
            key = f"key-{worker}-{turn}"
            if client.get_object(Bucket=lens.arn, Key=key)["Body"].read() != key.encode():
                wrong.append(key)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
