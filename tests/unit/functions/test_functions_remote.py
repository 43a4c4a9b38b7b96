"""The remote executor against an endpoint that answers what the test says, over HTTP on loopback."""

import asyncio
import base64
import json
import threading
import time
import uuid
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import pytest

from objectlens.clock import SystemClock
from objectlens.errors import (
    LambdaInvocationFailed,
    RequestTooLargeException,
    ResourceNotFoundException,
    ServiceUnavailable,
    TooManyRequestsException,
)
from objectlens.functions import Dispatch, Invocation, Outcome, Remote, RemoteExecutor, Remotes
from objectlens.functions.invoke_api import InvokeApi
from objectlens.functions.logs import log_folder, read_log
from objectlens.functions.remotes import remote_function

ARN = "arn:aws:lambda:eu-west-1:210987654321:function:resize"


class Endpoint:
    """Answers every request with `status`, `headers` and `body`, once it is `free` to; `seen` are the requests."""

    def __init__(self):
        self.status, self.headers, self.body = 200, {}, b"{}"
        self.drip = False
        self.free = threading.Event()
        self.free.set()
        self.seen = []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                endpoint.seen.append((self.path, dict(self.headers), body))
                endpoint.free.wait(30)
                try:
                    self.send_response(endpoint.status)
                    for name, value in {"Content-Length": str(len(endpoint.body)), **endpoint.headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    for piece in endpoint.pieces():
                        self.wfile.write(piece)
                except ConnectionError:
                    self.close_connection = True

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def pieces(self):
        if not self.drip:
            yield self.body
            return
        for one in self.body:
            yield bytes([one])
            time.sleep(0.1)

    async def sent(self, count):
        """Wait until so many requests have come in."""
        for _ in range(3000):
            if len(self.seen) >= count:
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"{len(self.seen)} requests came in")

    def refuse(self, status, code, headers=(), **more):
        self.status, self.body = status, json.dumps({"message": "its own words", **more}).encode()
        self.headers = {"x-amzn-ErrorType": code, "Content-Type": "application/json", **dict(headers)}


@pytest.fixture
def endpoint(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREMOTE0000000000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s" * 40)
    found = Endpoint()
    yield found
    found.free.set()
    found.server.shutdown()
    found.server.server_close()


@asynccontextmanager
async def opened(endpoint, tmp_path, **changes):
    options = {"name": "far", "functions": (ARN,), "public_url": "http://127.0.0.1:9000", "endpoint": endpoint.url}
    executor = RemoteExecutor(Remotes([Remote(**options | changes)]), folder=tmp_path, clock=SystemClock())
    try:
        yield executor
    finally:
        await executor.close()


def invocation(payload=b'{"a": 1}', arn=ARN, **changes):
    options = {
        "function": remote_function(arn),
        "payload": payload,
        "request_id": str(uuid.uuid4()),
        "invoked_arn": arn,
        "remote": "far",
    }
    return Invocation(**options | changes)


def invoke(endpoint, tmp_path, request=None, **changes):
    async def run():
        async with opened(endpoint, tmp_path, **changes) as executor:
            return await executor.invoke(request or invocation())

    return asyncio.run(run())


def logged(tmp_path):
    return [line.message for line in read_log(log_folder(tmp_path, "far.resize"))]


def test_the_request_is_invoke_as_aws_has_it(endpoint, tmp_path):
    endpoint.headers = {"X-Amz-Executed-Version": "3"}
    outcome = invoke(endpoint, tmp_path, invocation(arn=f"{ARN}:live", client_context='{"custom": {}}'))
    assert (outcome.payload, outcome.failure, outcome.executed_version) == (b"{}", None, "3")
    ((path, headers, body),) = endpoint.seen
    assert unquote(path) == f"/2015-03-31/functions/{ARN}:live/invocations"
    assert body == b'{"a": 1}'
    assert headers["X-Amz-Log-Type"] == "Tail"
    assert json.loads(base64.b64decode(headers["X-Amz-Client-Context"])) == {"custom": {}}
    assert "Credential=AKIAREMOTE0000000000/" in headers["Authorization"]
    assert "/eu-west-1/lambda/aws4_request" in headers["Authorization"]


def test_a_profile_and_a_region_of_its_own(endpoint, tmp_path, monkeypatch):
    (tmp_path / "keys").write_text("[lens]\naws_access_key_id = AKIALENS\naws_secret_access_key = s\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "keys"))
    invoke(endpoint, tmp_path, profile="lens", region="eu-north-1")
    assert "Credential=AKIALENS/" in endpoint.seen[0][1]["Authorization"]
    assert "/eu-north-1/lambda/" in endpoint.seen[0][1]["Authorization"]


def test_the_servers_own_endpoint_variables_play_no_part(endpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", "http://127.0.0.1:1")
    assert invoke(endpoint, tmp_path).payload == b"{}"


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("eu-west-1", "https://lambda.eu-west-1.amazonaws.com"),
        ("cn-north-1", "https://lambda.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_without_an_endpoint_it_is_awss_own(region, url, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    api = InvokeApi(Remote(name="aws", functions=(ARN,), public_url="https://lens.example.org"))
    assert api._client(region).meta.endpoint_url == url
    api.close()


def test_an_emulator_gets_no_signature_and_its_one_function(endpoint, tmp_path):
    invoke(endpoint, tmp_path, signed=False)
    ((path, headers, _),) = endpoint.seen
    assert path == "/2015-03-31/functions/function/invocations"
    assert "Authorization" not in headers


def test_a_failure_is_an_outcome(endpoint, tmp_path):
    endpoint.headers = {"X-Amz-Function-Error": "Unhandled"}
    endpoint.body = b'{"errorType": "KeyError", "errorMessage": "no"}'
    outcome = invoke(endpoint, tmp_path)
    assert (outcome.failure.kind, outcome.failure.type, outcome.failure.message) == ("Unhandled", "KeyError", "no")
    assert outcome.payload == endpoint.body


def test_a_failure_without_a_document_is_one_too(endpoint, tmp_path):
    endpoint.headers, endpoint.body = {"X-Amz-Function-Error": "Handled"}, b'"text"'
    assert invoke(endpoint, tmp_path).failure.kind == "Handled"


def test_the_tail_of_its_log_is_written_into_ours(endpoint, tmp_path):
    tail = (
        "START RequestId: far-1 Version: 3\nhello\nEND RequestId: far-1\nREPORT RequestId: far-1\tDuration: 5.00 ms\t"
        "Billed Duration: 5 ms\tMemory Size: 256 MB\tMax Memory Used: 80 MB\tInit Duration: 210.10 ms\t\n"
    )
    endpoint.headers = {"X-Amz-Log-Result": base64.b64encode(tail.encode()).decode(), "X-Amz-Executed-Version": "3"}
    request = invocation()
    outcome = invoke(endpoint, tmp_path, request)
    assert (outcome.memory_mb, outcome.init_ms, outcome.log_tail) == (80, 210.1, tail.encode())
    assert outcome.duration_ms > 0
    lines = logged(tmp_path)
    assert lines[0] == f"START RequestId: {request.request_id} Version: 3"
    assert lines[1] == "hello"
    assert lines[2].startswith("REMOTE RequestId: far-1\tDuration: 5.00 ms\t")
    assert lines[3] == f"END RequestId: {request.request_id}"
    assert lines[4].startswith(f"REPORT RequestId: {request.request_id}\tDuration: ")
    assert lines[4].endswith("\tMemory Size: 256 MB\tMax Memory Used: 80 MB\tInit Duration: 210.10 ms")


def test_what_a_failure_says_cannot_forge_lines_of_the_log(endpoint, tmp_path):
    endpoint.headers = {"X-Amz-Function-Error": "Unhandled"}
    forged = "no\n2026-01-01T00:00:00.000Z\tfar\tREPORT RequestId: 1"
    endpoint.body = json.dumps({"errorType": "KeyError", "errorMessage": forged}).encode()
    invoke(endpoint, tmp_path)
    assert logged(tmp_path)[1:3] == ["[ERROR] KeyError: no", forged.partition("\n")[2]]


def test_figures_that_are_none_do_no_harm(endpoint, tmp_path):
    tail = b"REPORT RequestId: 1\tMemory Size: 1.2.3 MB\tMax Memory Used: . MB\tInit Duration: x ms\n"
    endpoint.headers = {"X-Amz-Log-Result": base64.b64encode(tail).decode()}
    assert invoke(endpoint, tmp_path).memory_mb == 0


@pytest.mark.parametrize("tail", ["A", "\xe9"])
def test_a_tail_that_is_no_base64_is_none(endpoint, tmp_path, tail):
    endpoint.headers = {"X-Amz-Log-Result": tail}
    assert invoke(endpoint, tmp_path).log_tail == b""


def test_an_answer_over_six_megabytes_is_refused(endpoint, tmp_path):
    endpoint.body = b'"' + b"x" * (7 * 1024 * 1024) + b'"'
    outcome = invoke(endpoint, tmp_path)
    assert outcome.failure.type == "Function.ResponseSizeTooLarge"
    assert len(outcome.payload) < 1000


def test_an_event_over_six_megabytes_is_not_sent(endpoint, tmp_path):
    with pytest.raises(RequestTooLargeException):
        invoke(endpoint, tmp_path, invocation(b"x" * (6 * 1024 * 1024 + 1)))
    assert endpoint.seen == []


def test_throttling_keeps_its_reason_and_when_to_come_again(endpoint, tmp_path):
    endpoint.refuse(429, "TooManyRequestsException", {"Retry-After": "7"}, Reason="CallerRateLimitExceeded")
    with pytest.raises(TooManyRequestsException) as caught:
        invoke(endpoint, tmp_path)
    assert caught.value.headers == {"Retry-After": "7"}
    assert caught.value.detail == {"Reason": "CallerRateLimitExceeded"}


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        ((404, "ResourceNotFoundException"), ResourceNotFoundException, f"does not know the function {ARN}"),
        ((403, "AccessDeniedException"), LambdaInvocationFailed, f"lambda:InvokeFunction on {ARN}"),
        ((403, "UnrecognizedClientException"), LambdaInvocationFailed, "set remote.far.profile"),
        ((500, "ServiceException"), LambdaInvocationFailed, "answered 500 ServiceException"),
        ((502, "InvalidRuntimeException"), LambdaInvocationFailed, "answered 502 InvalidRuntimeException"),
        (
            (400, "InvalidParameterValueException"),
            LambdaInvocationFailed,
            "answered 400 InvalidParameterValueException",
        ),
    ],
)
def test_a_refusal_names_the_remote_and_the_remedy_and_is_not_tried_again(endpoint, tmp_path, answer, error, says):
    endpoint.refuse(*answer)
    with pytest.raises(error) as caught:
        invoke(endpoint, tmp_path)
    assert says in caught.value.message
    assert "remote far" in caught.value.message
    assert "its own words" not in caught.value.message
    assert len(endpoint.seen) == 1
    assert any("remote far" in line and line.startswith("[ERROR] RequestId: ") for line in logged(tmp_path))


def test_what_is_no_invoke_api_is_refused(endpoint, tmp_path):
    endpoint.status, endpoint.body = 500, b"<html>"
    with pytest.raises(LambdaInvocationFailed, match=r"answered 500\.$"):
        invoke(endpoint, tmp_path)


def test_credentials_that_are_not_there(endpoint, tmp_path):
    with pytest.raises(LambdaInvocationFailed, match=r"no credentials for the remote far\. Set remote\.far\.profile"):
        invoke(endpoint, tmp_path, profile="not-there")
    assert endpoint.seen == []


def test_an_answer_that_does_not_come_is_not_tried_again(endpoint, tmp_path):
    endpoint.free.clear()
    with pytest.raises(LambdaInvocationFailed, match="did not answer within 1 seconds"):
        invoke(endpoint, tmp_path, timeout_seconds=1.0)
    assert len(endpoint.seen) == 1


def test_an_answer_that_comes_drop_by_drop_has_a_limit_as_a_whole(endpoint, tmp_path, monkeypatch):
    monkeypatch.setattr("objectlens.functions.remote.CONNECT_SECONDS", 0.5)
    endpoint.drip, endpoint.body = True, b"x" * 40
    with pytest.raises(LambdaInvocationFailed, match=r"did not answer within 0\.5 seconds"):
        invoke(endpoint, tmp_path, timeout_seconds=0.5)


def test_an_answer_that_breaks_off_is_not_tried_again(endpoint, tmp_path):
    endpoint.headers, endpoint.body = {"Content-Length": "100", "Connection": "close"}, b"{}"
    with pytest.raises(LambdaInvocationFailed, match=r"could not be asked|cannot be reached"):
        invoke(endpoint, tmp_path)
    assert len(endpoint.seen) == 1


def test_a_remote_that_is_not_configured_has_no_functions(endpoint, tmp_path):
    with pytest.raises(ResourceNotFoundException):
        invoke(endpoint, tmp_path, invocation(remote="other"))


def test_at_most_so_many_are_in_work_and_others_wait(endpoint, tmp_path):
    endpoint.free.clear()

    async def run():
        async with opened(endpoint, tmp_path, concurrency=1, queue=1) as executor:
            first, second = (asyncio.ensure_future(executor.invoke(invocation())) for _ in range(2))
            await endpoint.sent(1)
            with pytest.raises(TooManyRequestsException):
                await executor.invoke(invocation())
            assert len(endpoint.seen) == 1
            endpoint.free.set()
            await asyncio.gather(first, second)
            assert len(endpoint.seen) == 2

    asyncio.run(run())


def test_who_waits_too_long_is_refused(endpoint, tmp_path):
    endpoint.free.clear()

    async def run():
        async with opened(endpoint, tmp_path, concurrency=1, queue_seconds=0.1) as executor:
            first = asyncio.ensure_future(executor.invoke(invocation()))
            await endpoint.sent(1)
            with pytest.raises(TooManyRequestsException) as caught:
                await executor.invoke(invocation())
            assert caught.value.headers == {"Retry-After": "1"}
            endpoint.free.set()
            await first
            # The place is free again.
            await executor.invoke(invocation())

    asyncio.run(run())


def test_who_goes_away_leaves_the_function_running_and_the_place_taken_until_it_ends(endpoint, tmp_path):
    endpoint.free.clear()

    async def run():
        async with opened(endpoint, tmp_path, concurrency=1, queue=1, queue_seconds=0.1) as executor:
            gone = asyncio.ensure_future(executor.invoke(invocation()))
            await endpoint.sent(1)
            gone.cancel()
            await asyncio.wait([gone])
            assert gone.cancelled()
            with pytest.raises(TooManyRequestsException):
                await executor.invoke(invocation())
        assert logged(tmp_path) == []

    asyncio.run(run())


def test_what_nobody_waits_for_any_more_is_logged_all_the_same(endpoint, tmp_path):
    endpoint.free.clear()

    async def run():
        async with opened(endpoint, tmp_path, concurrency=1) as executor:
            gone = asyncio.ensure_future(executor.invoke(invocation()))
            await endpoint.sent(1)
            gone.cancel()
            endpoint.free.set()
            await executor.invoke(invocation())
        assert sum(line.startswith("REPORT ") for line in logged(tmp_path)) == 2

    asyncio.run(run())


def test_who_goes_away_while_waiting_is_never_sent(endpoint, tmp_path):
    endpoint.free.clear()

    async def run():
        async with opened(endpoint, tmp_path, concurrency=1) as executor:
            first, waiting = (asyncio.ensure_future(executor.invoke(invocation())) for _ in range(2))
            await endpoint.sent(1)
            waiting.cancel()
            endpoint.free.set()
            await first
            await executor.invoke(invocation(b"3"))
        assert [body for _, _, body in endpoint.seen] == [b'{"a": 1}', b"3"]

    asyncio.run(run())


def test_closing_does_not_wait_for_remotes(endpoint, tmp_path):
    endpoint.free.clear()

    async def run():
        async with opened(endpoint, tmp_path) as executor:
            running = asyncio.ensure_future(executor.invoke(invocation()))
            await endpoint.sent(1)
            await executor.close()
            await asyncio.wait([running])
            assert running.cancelled()
            assert not endpoint.free.is_set()
            with pytest.raises(ServiceUnavailable):
                await executor.invoke(invocation())

    asyncio.run(run())


class Noting:
    """An executor that notes what it is asked."""

    def __init__(self):
        self.asked = []

    async def invoke(self, request):
        self.asked.append("invoke")
        return Outcome(payload=b"{}")

    async def retire(self, function):
        self.asked.append("retire")

    async def close(self):
        self.asked.append("close")


def test_what_runs_here_and_what_elsewhere_is_told_by_the_invocation():
    async def run():
        here, elsewhere = Noting(), Noting()
        both = Dispatch(here, elsewhere)
        await both.invoke(invocation(remote=None))
        assert (here.asked, elsewhere.asked) == (["invoke"], [])
        await both.invoke(invocation())
        await both.retire(remote_function(ARN))
        await both.close()
        assert (here.asked, elsewhere.asked) == (["invoke", "retire", "close"], ["invoke", "close"])

    asyncio.run(run())
