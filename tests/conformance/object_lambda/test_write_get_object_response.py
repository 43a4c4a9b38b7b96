"""WriteGetObjectResponse byte by byte, and the answer that comes of it (reference sections 7.1 to 7.5, and 8.1).

The function here only tells its route and token and stays; the test answers in its place.
"""

import contextlib
import json
import socket
import threading
import time
import uuid
import zlib
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from support.live import Lens, LiveServer, make_lens_on
from support.wire import Answer, Wire, head, read_answer

HOLD = """
import boto3, json, os, time
from botocore.exceptions import ClientError
s3 = boto3.client("s3")
def lambda_handler(event, context):
    bucket = event["configuration"]["payload"]
    key = event["userRequest"]["url"].rpartition("/")[2].partition("?")[0]
    s3.put_object(Bucket=bucket, Key=f"told/{key}", Body=json.dumps(event["getObjectContext"]))
    for _ in range(200):
        try:
            s3.head_object(Bucket=bucket, Key=f"done/{key}")
            return
        except ClientError:
            time.sleep(0.05)
"""
TARGET = "/WriteGetObjectResponse"


@pytest.fixture(scope="module")
def held(server: LiveServer) -> Lens:
    iam = server.client("iam")
    name = f"hold-{uuid.uuid4().hex[:8]}"
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    allow = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="s3", PolicyDocument=policy(allow))
    bucket = f"told-{uuid.uuid4().hex[:12]}"
    server.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": server.region})
    return make_lens_on(server, HOLD, payload=bucket, role=role)


def policy(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


class Waiting:
    """A GET that waits for its answer."""

    def __init__(self, lens: Lens) -> None:
        self.lens, self.wire, self.key = lens, Wire(lens.server), uuid.uuid4().hex
        control = lens.server.client("s3control")
        described = control.get_access_point_for_object_lambda(AccountId=lens.server.account, Name=lens.name)
        self.path = f"/{described['Alias']['Value']}/{self.key}"
        configured = control.get_access_point_configuration_for_object_lambda(
            AccountId=lens.server.account, Name=lens.name
        )["Configuration"]
        transformation = configured["TransformationConfigurations"][0]
        self.bucket = transformation["ContentTransformation"]["AwsLambda"]["FunctionPayload"]
        self.answer: Answer | None = None
        self._thread = threading.Thread(target=self._get)

    def _get(self) -> None:
        self.answer = self.wire.send("GET", self.path)

    def open(self) -> None:
        self._thread.start()
        deadline = time.monotonic() + 30
        while True:
            try:
                told = self.lens.s3.get_object(Bucket=self.bucket, Key=f"told/{self.key}")["Body"].read()
                break
            except self.lens.s3.exceptions.NoSuchKey:
                assert time.monotonic() < deadline, "the function did not begin"
                time.sleep(0.02)
        context = json.loads(told)
        self.names = {"x-amz-request-route": context["outputRoute"], "x-amz-request-token": context["outputToken"]}

    def close(self) -> Answer:
        self._thread.join(30)
        self.lens.s3.put_object(Bucket=self.bucket, Key=f"done/{self.key}")
        assert self.answer is not None
        return self.answer

    def post(self, headers: dict[str, str] | None = None, body: bytes = b"", target: str = TARGET) -> Answer:
        return self.wire.plain("POST", target, self.names | (headers or {}), body)


@contextmanager
def waiting(lens: Lens) -> Iterator[Waiting]:
    one = Waiting(lens)
    one.open()
    yield one
    one.lens.s3.put_object(Bucket=one.bucket, Key=f"done/{one.key}")


def test_headers_of_the_answer_are_spelled_as_s3_spells_them(held) -> None:
    """Sections 7.2 and 8.1, and issue item 9: whatever case an SDK sends, the caller gets S3's."""
    with waiting(held) as get:
        sent = {
            "X-AMZ-FWD-STATUS": "206",
            "x-amz-fwd-header-content-type": "text/plain",
            "X-Amz-Fwd-Header-Etag": '"e"',
            "x-amz-fwd-header-LAST-MODIFIED": "Tue, 02 Jan 2024 03:04:05 GMT",
            "x-amz-fwd-header-content-range": "bytes 0-2/9",
            "x-amz-fwd-header-accept-ranges": "bytes",
            "x-amz-fwd-header-X-Amz-Version-Id": "v",
            "X-Amz-Meta-Some-Name": "a  b",
            "x-amz-fwd-header-x-custom": "no such member",
            "Content-Type": "application/octet-stream",
        }
        posted = get.post(sent, b"abc")
        answer = get.close()
    assert (posted.status, posted.reason, posted.body) == (200, "OK", b"")
    assert (answer.status, answer.reason, answer.body) == (206, "Partial Content", b"abc")
    names = dict(answer.headers)
    assert {
        "Content-Type": "text/plain",
        "ETag": '"e"',
        "Last-Modified": "Tue, 02 Jan 2024 03:04:05 GMT",
        "Content-Range": "bytes 0-2/9",
        "x-amz-version-id": "v",
        "x-amz-meta-some-name": "a  b",
        "Content-Length": "3",
    }.items() <= names.items()
    assert {"x-amz-request-id", "x-amz-id-2", "Date", "Server"} <= set(names)
    assert not any("custom" in name or "fwd" in name for name in names)


def test_an_error_is_a_document_with_a_declaration(held) -> None:
    """Section 8.3: code, message, request id; `{host-id}` to the letter (8.2)."""
    with waiting(held) as get:
        get.post({"x-amz-fwd-status": "404", "x-amz-fwd-error-code": "NoSuchKey", "x-amz-fwd-error-message": "a<b"})
        answer = get.close()
    assert (answer.status, answer.reason, answer.header("Content-Type")) == (404, "Not Found", "application/xml")
    request_id = answer.header("x-amz-request-id")
    assert answer.body.decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code><Message>a&lt;b</Message>'
        f"<RequestId>{request_id}</RequestId><HostId>{{host-id}}</HostId></Error>"
    )


@pytest.mark.parametrize(
    ("host", "target"),
    [
        (None, "/WriteGetObjectResponse?x-id=WriteGetObjectResponse"),
        (None, "/base/WriteGetObjectResponse"),
        (None, "/a/b/WriteGetObjectResponse?unknown=1&x-id=WriteGetObjectResponse"),
        ("io-cell001.s3-object-lambda.us-west-2.amazonaws.com", TARGET),
        ("s3.us-west-2.amazonaws.com", TARGET),
        ("io-cell001.127.0.0.1:9000", TARGET),
        ("anything.example.org", TARGET),
        ("anything.example.org", "http://io-x.anything.example.org/WriteGetObjectResponse"),
    ],
)
def test_any_host_and_path_prefix(held, host, target) -> None:
    """Sections 2.2 and 7.1: the route travels in its header; where the request came to means nothing."""
    with waiting(held) as get:
        assert get.post({"Host": host} if host else {}, b"here", target).status == 200
        assert get.close().body == b"here"


def test_chunked_bodies_are_relayed_without_a_length(held) -> None:
    """Section 7.4."""
    with waiting(held) as get:
        with get.wire.connection() as opened:
            names = {"Host": get.wire.netloc, "Transfer-Encoding": "chunked"} | get.names
            opened.sendall(head("POST", TARGET, names) + b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n")
            assert read_answer(opened, "POST").status == 200
        answer = get.close()
    assert (answer.status, answer.body) == (200, b"abcde")
    assert answer.header("Content-Length") is None
    assert answer.header("Transfer-Encoding") == "chunked"


@pytest.mark.parametrize("size", [3, 3 * 1024 * 1024])
def test_an_error_code_beside_a_body_of_unknown_length_is_refused(held, size) -> None:
    """Section 7.3: a function must not wait until somebody reads what nobody will."""
    code = {"x-amz-fwd-status": "404", "x-amz-fwd-error-code": "NoSuchKey"}
    with waiting(held) as get:
        with get.wire.connection() as opened:
            names = {"Host": get.wire.netloc, "Transfer-Encoding": "chunked"} | get.names | code
            opened.sendall(head("POST", TARGET, names) + b"%x\r\n%b\r\n" % (size, b"x" * size))
            with contextlib.suppress(ConnectionError):
                opened.sendall(b"0\r\n\r\n")
            answer = read_answer(opened, "POST")
        assert (answer.status, b"<Code>ValidationError</Code>" in answer.body) == (400, True)
        with get.wire.connection() as opened:
            opened.sendall(head("POST", TARGET, names) + b"0\r\n\r\n")
            assert read_answer(opened, "POST").status == 200
        answer = get.close()
    assert (answer.status, b"<Code>NoSuchKey</Code>" in answer.body) == (404, True)


@pytest.mark.parametrize("framing", ["Content-Length: 5", "Transfer-Encoding: chunked"])
def test_100_continue_comes_before_the_body(held, framing) -> None:
    """Section 7.4: a client that hears nothing waits for a second."""
    with waiting(held) as get:
        with get.wire.connection() as opened:
            name, _, value = framing.partition(": ")
            names = {"Host": get.wire.netloc, "Expect": "100-continue", name: value} | get.names
            began = time.monotonic()
            opened.sendall(head("POST", TARGET, names))
            interim = opened.recv(100)
            assert interim.startswith(b"HTTP/1.1 100 Continue\r\n")
            assert time.monotonic() - began < 0.5
            opened.sendall(b"hello" if "Length" in framing else b"5\r\nhello\r\n0\r\n\r\n")
            assert read_answer(opened, "POST").status == 200
        assert get.close().body == b"hello"


def test_no_100_continue_for_a_token_that_is_not_live(held) -> None:
    with Wire(held.server).connection() as opened:
        names = {"Host": "x", "Expect": "100-continue", "Content-Length": "5", "x-amz-request-route": "io"}
        opened.sendall(head("POST", TARGET, names | {"x-amz-request-token": "nobody"}))
        answer = read_answer(opened, "POST")
    assert (answer.status, answer.code) == (400, "ValidationError")


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("checksum", ["right", "wrong"])
def test_aws_chunked_bodies_with_trailers(held, framing, checksum) -> None:
    """Section 7.4: the wrapping is ours to undo and never reaches the caller; its checksum is verified."""
    value = zlib.crc32(b"payload" if checksum == "right" else b"other").to_bytes(4, "big")
    wrapped = b"7\r\npayload\r\n0\r\nx-amz-checksum-crc32:" + b64encode(value) + b"\r\n\r\n"
    with waiting(held) as get:
        names = {
            "Host": get.wire.netloc,
            "Content-Encoding": "aws-chunked",
            "X-Amz-Content-SHA256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            "x-amz-trailer": "x-amz-checksum-crc32",
            "X-Amz-Decoded-Content-Length": "7",
            "x-amz-fwd-header-Content-Encoding": "identity",
        } | get.names
        names |= {"Content-Length": str(len(wrapped))} if framing == "length" else {"Transfer-Encoding": "chunked"}
        body = wrapped if framing == "length" else b"%x\r\n%s\r\n0\r\n\r\n" % (len(wrapped), wrapped)
        with get.wire.connection() as opened:
            opened.sendall(head("POST", TARGET, names) + body)
            posted = read_answer(opened, "POST")
        if checksum == "wrong":
            assert (posted.status, posted.code) == (400, "BadDigest")
            return
        assert posted.status == 200
        answer = get.close()
    assert (answer.body, answer.header("Content-Encoding")) == (b"payload", "identity")
    assert answer.header("Content-Length") == "7"


@pytest.mark.parametrize("status", [200, 206, 304, 400, 401, 403, 404, 405, 409, 411, 412, 416, 500, 503])
def test_every_status_that_a_function_may_send(held, status) -> None:
    """Section 7.3: without a code there is no document, only the status."""
    with waiting(held) as get:
        assert get.post({"x-amz-fwd-status": str(status)}).status == 200
        answer = get.close()
    assert (answer.status, answer.body) == (status, b"")
    assert answer.header("Content-Length") == (None if status == 304 else "0")


def test_the_answer_of_another_identity_of_the_account(held) -> None:
    """Section 7.3: any identity may answer that has the right; one that lacks it is refused."""
    iam, name = held.server.client("iam"), f"answers-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    credentials = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    s3 = held.server.client("s3", cached=False, credentials=credentials, inject_host_prefix=False)
    with waiting(held) as get:
        names = {"RequestRoute": get.names["x-amz-request-route"], "RequestToken": get.names["x-amz-request-token"]}
        with pytest.raises(s3.exceptions.ClientError) as caught:
            s3.write_get_object_response(Body=b"no", **names)
        assert caught.value.response["Error"]["Code"] == "AccessDenied"
        allow = {"Effect": "Allow", "Action": "s3-object-lambda:WriteGetObjectResponse", "Resource": "*"}
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy(allow))
        s3.write_get_object_response(Body=b"yes", **names)
        assert get.close().body == b"yes"
        # Section 7.5: the token is spent.
        with pytest.raises(s3.exceptions.ClientError) as caught:
            s3.write_get_object_response(Body=b"again", **names)
        assert caught.value.response["Error"]["Code"] == "ValidationError"


def test_a_signature_in_the_scope_of_s3(held) -> None:
    """Section 7.1: some SDKs signed the answer as `s3`."""
    with waiting(held) as get:
        signed = get.wire.signed("POST", TARGET, get.names, b"signed as s3")
        assert get.wire.plain("POST", TARGET, signed, b"signed as s3").status == 200
        assert get.close().body == b"signed as s3"


def test_a_host_prefix_is_accepted_from_boto3(held) -> None:
    """Section 7.1: without the switch the SDK puts the route before the host; the proxy resolves it."""
    s3 = held.server.client("s3", cached=False, inject_host_prefix=True)
    with waiting(held) as get:
        s3.write_get_object_response(
            RequestRoute=get.names["x-amz-request-route"], RequestToken=get.names["x-amz-request-token"], Body=b"x"
        )
        assert get.close().body == b"x"


@pytest.mark.parametrize("name", ["x-amz-meta-a", "x-amz-fwd-header-Content-Type"])
@pytest.mark.parametrize("size", [1, 3000, 3001, 0])
def test_lengths_of_values(held, name, size) -> None:
    """Section 7.3: 1 to 3000 characters; the error names the map."""
    with waiting(held) as get:
        posted = get.post({name: "v" * size}, b"x")
        if 1 <= size <= 3000:
            assert posted.status == 200
            return
        assert (posted.status, posted.code) == (400, "ValidationError")
        message = posted.element("Message") or ""
        assert message.startswith("1 validation error detected: Value '{")
        assert "at 'metadata' failed to satisfy constraint: Map value must satisfy constraint: [" in message


def test_a_304_has_no_body_whatever_the_function_sends(held) -> None:
    """Sections 7.3 and 8.3: Node's sample sends S3's status with a message; a 304 ends with its headers."""
    with waiting(held) as get:
        sent = {"x-amz-fwd-status": "304", "x-amz-fwd-error-message": "not", "x-amz-fwd-header-etag": '"e"'}
        assert get.post(sent).status == 200
        with get.wire.connection() as opened:
            opened.sendall(head("GET", "/", get.wire.signed("GET", "/")))
            assert read_answer(opened).status == 200
        answer = get.close()
    assert (answer.status, answer.reason, answer.body, answer.header("ETag")) == (304, "Not Modified", b"", '"e"')
    names = {name.lower() for name, _ in answer.headers}
    assert not names & {"content-length", "transfer-encoding", "content-type"}


def test_connections_are_kept_after_each_kind_of_answer(held) -> None:
    """Section 7.5: several GETs on one connection, each ended as its framing says."""
    wire = Wire(held.server)
    with wire.connection() as opened:
        for sent, body in (
            ({"x-amz-fwd-status": "304", "x-amz-fwd-error-code": "NotModified"}, b""),
            ({"x-amz-fwd-status": "404", "x-amz-fwd-error-code": "NoSuchKey"}, b""),
            ({}, b"whole"),
            ({"Transfer-Encoding": "chunked"}, b"5\r\nwhole\r\n0\r\n\r\n"),
        ):
            get = Waiting(held)
            get._get = lambda opened=opened, get=get: setattr(get, "answer", on(opened, get))
            get._thread = threading.Thread(target=get._get)
            get.open()
            assert get.post(sent, body).status == 200
            answer = get.close()
            assert answer.status == int(sent.get("x-amz-fwd-status", 200))
            if not sent or "Transfer-Encoding" in sent:
                assert answer.body == b"whole"


def cut(get: Waiting, headers: dict[str, str], body: bytes) -> None:
    """Send an upload that ends where `body` does, and wait until the server has noticed."""
    with get.wire.connection() as opened:
        opened.sendall(head("POST", TARGET, {"Host": get.wire.netloc} | get.names | headers) + body)
        opened.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            assert opened.recv(65536) == b""


WRAPPED = {
    "Content-Encoding": "aws-chunked",
    "X-Amz-Content-SHA256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    "x-amz-trailer": "x-amz-checksum-crc32",
    "X-Amz-Decoded-Content-Length": "7",
}


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Length": "5"}, b""),
        ({"Transfer-Encoding": "chunked"}, b""),
        ({"Transfer-Encoding": "chunked"}, b"3\r\nabc\r\nno number\r\n"),
    ],
)
def test_an_upload_that_was_cut_before_its_first_byte_may_be_sent_again(held, headers, body) -> None:
    """Section 7.5: SDKs try again by themselves, with the same token; nothing of the first try was passed on."""
    with waiting(held) as get:
        for _ in range(3):
            cut(get, headers, body)
        assert get.post(body=b"once more").status == 200
        answer = get.close()
    assert (answer.status, answer.body) == (200, b"once more")


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        ({"Content-MD5": b64encode(bytes(16)).decode()}, b"abc", "BadDigest"),
        ({"Content-MD5": "AAAA"}, b"abc", "InvalidDigest"),
        ({"x-amz-checksum-crc32": "AAAAAA=="}, b"abc", "BadDigest"),
        (WRAPPED, b"3\r\nabc\r\nno\r\n", "IncompleteBody"),
        (WRAPPED, b"3\r\nabc\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", "IncompleteBody"),
    ],
)
def test_an_upload_that_was_refused_before_its_first_byte_may_be_sent_again(held, headers, body, code) -> None:
    with waiting(held) as get:
        refused = get.post(headers, body)
        assert (refused.status, refused.code) == (400, code)
        assert get.post(body=b"once more").status == 200
        answer = get.close()
    assert (answer.status, answer.body) == (200, b"once more")


def test_a_payload_that_is_not_the_signed_one_may_be_sent_again(held) -> None:
    with waiting(held) as get:
        signed = get.wire.signed("POST", TARGET, get.names, b"abc")
        assert get.wire.plain("POST", TARGET, signed, b"xyz").code == "XAmzContentSHA256Mismatch"
        assert get.wire.plain("POST", TARGET, signed, b"abc").status == 200
        assert get.close().body == b"abc"


def test_an_upload_that_breaks_after_its_first_byte_cuts_the_get(held) -> None:
    """Section 7.5: what has gone out cannot be taken back; the token is spent."""
    get = Waiting(held)
    get._get = lambda: None
    get._thread = threading.Thread(target=get._get)
    with get.wire.connection() as client, get.wire.connection() as upload:
        client.sendall(head("GET", get.path, get.wire.signed("GET", get.path)))
        get.open()
        upload.sendall(head("POST", TARGET, {"Host": get.wire.netloc, "Content-Length": "9"} | get.names) + b"abc")
        seen = b""
        while not seen.endswith(b"\r\n\r\nabc"):
            seen += client.recv(65536)
        upload.close()
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(65536) == b""
    assert b"Content-Length: 9\r\n" in seen
    again = get.post(body=b"once more")
    assert (again.status, again.code) == (400, "ValidationError")
    held.s3.put_object(Bucket=get.bucket, Key=f"done/{get.key}")


BY_CHANNEL = """
import gc, json
def lambda_handler(event, context):
    given = event["getObjectContext"]
    channel = next(one for one in gc.get_objects() if type(one).__name__ == "Channel" and hasattr(one, "leads_to"))
    names = [("x-amz-request-route", given["outputRoute"]), ("x-amz-request-token", given["outputToken"]),
             ("x-amz-content-sha256", "UNSIGNED-PAYLOAD")]
    def write(body, *more):
        answer = channel.ask("POST", "/WriteGetObjectResponse", [*names, *more], body=body, timeout=30)
        return answer[0], answer[3].decode()
    said = [
        write(b"abc", ("content-length", "5")),
        write(b"abcde", ("content-length", "3")),
        write(b"abc", ("content-length", "3"), ("x-amz-checksum-crc32", "AAAAAA==")),
        write(b"abc", ("content-length", "3"), ("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")),
    ]
    body = json.dumps(said).encode()
    assert write(body, ("content-length", str(len(body))))[0] == 200
    assert write(b"no", ("content-length", "2"))[0] == 400
"""


def test_an_answer_by_the_channel_may_be_sent_again(server) -> None:
    said = json.loads(make_lens_on(server, BY_CHANNEL).read("k"))
    assert [status for status, _ in said] == [400] * 4
    codes = ["IncompleteBody", "IncompleteBody", "BadDigest", "BadDigest"]
    assert [code for code, (_, text) in zip(codes, said, strict=True) if f"<Code>{code}</Code>" in text] == codes


RETRYING = """
import boto3, os, socket, threading, urllib.parse
there = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL_S3"])

def relay(listening):
    # Of the first request, the service gets the head alone; the second goes through.
    for length in (None, 7):
        ours, _ = listening.accept()
        theirs = socket.create_connection((there.hostname, there.port))
        data = b""
        while not (b"\\r\\n\\r\\n" in data and data.endswith(b"content")):
            data += ours.recv(65536)
        theirs.sendall(data if length else data[:-7])
        if length:
            ours.sendall(theirs.recv(65536))
        ours.close()
        theirs.close()
    listening.close()

def lambda_handler(event, context):
    listening = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=relay, args=(listening,)).start()
    given = event["getObjectContext"]
    s3 = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{listening.getsockname()[1]}")
    told = s3.write_get_object_response(
        Body=b"content", RequestRoute=given["outputRoute"], RequestToken=given["outputToken"])
    assert told["ResponseMetadata"]["RetryAttempts"] == 1
"""


def test_the_sdk_tries_again_by_itself(make_lens) -> None:
    lens = make_lens(RETRYING)
    assert lens.read("k") == b"content"


def test_a_function_that_does_not_send_again_has_not_answered(make_lens) -> None:
    lens = make_lens("""
import http.client, os, urllib.parse
def lambda_handler(event, context):
    given = event["getObjectContext"]
    names = {"x-amz-request-route": given["outputRoute"], "x-amz-request-token": given["outputToken"]}
    there = urllib.parse.urlsplit(os.environ["OBJECTLENS_ENDPOINT_URL"])
    connection = http.client.HTTPConnection(there.netloc)
    if event["userRequest"]["url"].endswith("/wrong"):
        connection.request("POST", "/WriteGetObjectResponse", b"abc", names | {"x-amz-checksum-crc32": "AAAAAA=="})
        connection.getresponse().read()
    else:
        connection.request("POST", "/WriteGetObjectResponse", b"", names | {"Content-Length": "5"})
    connection.close()
""")
    for key, status, code in (("wrong", 400, "LambdaInvalidResponse"), ("short", 500, "LambdaResponseNotReceived")):
        with pytest.raises(lens.s3.exceptions.ClientError) as caught:
            lens.read(key)
        error = caught.value.response
        assert (error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"]) == (status, code)


def on(opened, get: Waiting) -> Answer:
    opened.sendall(head("GET", get.path, get.wire.signed("GET", get.path)))
    return read_answer(opened)
