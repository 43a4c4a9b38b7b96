"""The acceleration of Python handlers: each case runs with it and without, and must come to the same."""

import asyncio
import importlib.util
from typing import Any

import pytest

from objectlens.functions import accelerate
from objectlens.functions.logs import log_folder, read_log
from objectlens.testing.executors import make_function, make_zip
from support.accelerated import both_ways, three_ways

WRITE = """
import boto3, io, time
from botocore.exceptions import ClientError
time.sleep = lambda seconds: None
def handler(event, context):
    event = dict(event)
    if "file" in event: event["Body"] = io.BytesIO(event.pop("file").encode())
    if "text" in event: event["Body"] = event.pop("text").encode()
    try:
        answer = boto3.client("s3").write_get_object_response(RequestRoute="io-1", **event)
        answer["ResponseMetadata"].pop("HTTPHeaders")
        return answer
    except ClientError as error:
        error.response["ResponseMetadata"].pop("HTTPHeaders")
        return [type(error).__name__, str(error), error.response]
    except Exception as error:
        return [type(error).__name__, str(error)]
"""

EVENTS = [
    {"RequestToken": "one", "text": "the answer", "ContentType": "text/plain", "Metadata": {"Key": "v 1"}},
    {"RequestToken": "empty"},
    {"RequestToken": "file", "file": "from a file"},
    {"RequestToken": "long", "text": "x" * 200_000},
    {"RequestToken": "said", "StatusCode": 404, "ErrorCode": "NoSuchKey", "ErrorMessage": "not  here: é"},
    {"RequestToken": "ascii", "StatusCode": 404, "ErrorCode": "NoSuchKey", "ErrorMessage": "two  spaces, +=/~"},
    {"RequestToken": "bad", "text": "x"},
    {"RequestToken": "retry", "text": "x"},
    {"RequestToken": "cut", "text": "x"},
    {"RequestToken": "wrong", "StatusCode": "many"},
    {"RequestToken": "length", "text": "abc", "ContentLength": 3},
]


def test_writing_an_answer_comes_to_the_same(bench, recorder):
    (values, seen), (plain_values, plain_seen) = both_ways(bench, recorder, WRITE, EVENTS)
    assert values == plain_values
    assert len(values) == len(EVENTS)
    first = {one["token"]: one for one in seen}
    plain = {one["token"]: one for one in plain_seen}
    assert first.keys() == plain.keys() == {one["RequestToken"] for one in EVENTS} - {"wrong"}
    for token, one in first.items():
        assert one["body"] == plain[token]["body"]
        # A file in memory is sent as bytes are: nobody has to be asked first whether it may come.
        assert one["headers"] == {k: v for k, v in plain[token]["headers"].items() if k != "expect"}, token
        assert one["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKID/")


def test_the_short_way_is_taken_where_it_can_be(bench, recorder):
    (_, seen), (_, plain) = both_ways(bench, recorder, WRITE, EVENTS[:1])
    assert [one["by the SDK"] for one in (*seen, *plain)] == [False, True]


def run(bench, recorder, code, event=None, **files):
    (fast, _), (plain, _) = both_ways(bench, recorder, code, [event], files)
    return fast[0], plain[0]


SAME = """
import boto3
from botocore.config import Config
def pair(*arguments, **options):
    return boto3.client(*arguments, **options) is boto3.client(*arguments, **options)
def handler(event, context):
    boto3.client("s3").exceptions.NoSuchKey
    return {
        "same": pair("s3"),
        "config": boto3.client("s3", config=Config(retries={"total_max_attempts": 2}))
            is boto3.client("s3", config=Config(retries={"total_max_attempts": 2})),
        "other config": boto3.client("s3", config=Config(read_timeout=1)) is boto3.client("s3", config=Config(read_timeout=2)),
        "other region": boto3.client("s3", region_name="a-b-1") is boto3.client("s3"),
        "other service": boto3.client("sts") is boto3.client("s3"),
        "other session": boto3.Session().client("s3") is boto3.Session().client("s3"),
    }
"""  # noqa: E501


def test_equal_calls_give_the_same_client_and_others_do_not(bench, recorder):
    fast, plain = run(bench, recorder, SAME)
    assert fast == {name: name in {"same", "config"} for name in fast}
    assert plain == dict.fromkeys(fast, False)


CHANGES = """
import boto3, os
from botocore.stub import Stubber
calls = []
def handler(event, context):
    def note(**_): calls.append(1)
    out = []
    for _ in range(3):
        client = boto3.client("s3")
        client.meta.events.register("before-call.s3.WriteGetObjectResponse", note)
        client.write_get_object_response(RequestRoute="r", RequestToken="t")
        out.append(len(calls))
    with Stubber(boto3.client("s3")) as stub:
        stub.add_response("list_buckets", {"Buckets": []})
        stub.client.list_buckets()
        stub.add_response("write_get_object_response", {})
        out.append(stub.client.write_get_object_response(RequestRoute="r", RequestToken="t"))
    try:
        boto3.client("s3").write_get_object_response(RequestRoute="r", RequestToken="t")
        out.append("not stubbed")
    except Exception as error:
        out.append(type(error).__name__)
    boto3.client("s3").write_get_object_response = lambda **members: "mine"
    out.append(boto3.client("s3").write_get_object_response(RequestRoute="r", RequestToken="t") == "mine")
    out.append(issubclass(boto3.client("s3").exceptions.NoSuchKey, Exception))
    os.environ["AWS_REGION"] = os.environ["AWS_DEFAULT_REGION"] = "eu-north-1"
    session = boto3.Session()
    out.append(session.client("s3").meta.region_name)
    seen = []
    session.events.register("before-send.s3", lambda request, **_: seen.append(request.url) or None)
    session.client("s3").write_get_object_response(RequestRoute="r", RequestToken="t")
    out.append(len(seen))
    return out
"""


def test_a_client_that_was_changed_is_not_given_again(bench, recorder):
    fast, plain = run(bench, recorder, CHANGES)
    assert fast == plain == [1, 2, 3, {}, "not stubbed", False, True, "eu-north-1", 1]


def test_a_client_made_at_import_is_accelerated_after_the_fork(bench, recorder):
    code = "import boto3\nclient = boto3.client('s3')\n" + WRITE.replace('boto3.client("s3").', "client.")
    (values, seen), (plain, _) = both_ways(bench, recorder, code, EVENTS[:3])
    assert values == plain
    assert [one["body"] for one in seen] == [b"the answer", b"", b"from a file"]


def test_the_functions_own_sdk_is_left_alone_when_it_is_another(bench, recorder):
    code = "import boto3\ndef handler(event, context):\n    return boto3.session.Session().client('s3')"
    session = "class Session:\n    def client(self, name):\n        return 'mine: ' + name"
    fast, plain = run(
        bench, recorder, code, **{"boto3/__init__.py": "import boto3.session", "boto3/session.py": session}
    )
    assert fast == plain == "mine: s3"


def test_nothing_is_imported_that_the_handler_does_not_import(bench, recorder):
    code = "import sys\ndef handler(event, context):\n    return [name for name in event if name in sys.modules]"
    fast, plain = run(bench, recorder, code, ["boto3", "botocore", "accelerate", "launch", "mold", "objectlens"])
    assert fast == plain == []


FETCH = """
import requests
from requests.adapters import HTTPAdapter
def handler(event, context):
    out = []
    for _ in range(4):
        answer = requests.get(event + "/a?b=c", headers={"K": "v"})
        out.append([answer.status_code, answer.text, answer.url, answer.elapsed.total_seconds() < 5])
    out.append(requests.get(event + "/s", stream=True).raw.read(2).decode())
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=2))
        out.append(session.get(event).text)
    try:
        requests.get("http://127.0.0.1:1/", timeout=1)
    except requests.ConnectionError as error:
        out.append(type(error).__name__)
    return out
"""


def test_fetching_comes_to_the_same_over_fewer_connections(bench, recorder):
    counts = []

    async def main(switch):
        async with bench(endpoint_url=recorder.url) as opened:
            package = opened.install(make_zip({"app.py": FETCH}))
            variables = {"OBJECTLENS_ACCELERATE": switch}
            return await opened.value(make_function(package, environment=variables), recorder.url)

    values, seen = [], []
    for switch in ("1", "0"):
        before, recorder.seen = recorder.connections, []
        values.append(asyncio.run(main(switch)))
        counts.append(recorder.connections - before)
        seen.append(recorder.seen)
    assert values[0] == values[1]
    assert len(values[0]) == 7
    assert seen[0] == seen[1]
    assert counts[0] < counts[1] == 6


READ = """
import requests, os
def handler(event, context):
    path, options = event
    os.environ.update(options.pop("environ", {}))
    try:
        answer = requests.get(os.environ["AWS_ENDPOINT_URL_S3"] + path, **options)
        out = [answer.status_code, answer.reason, answer.url, len(answer.content), answer.text[:100], answer.ok]
        out += [[(name, value) for name, value in answer.headers.items() if name != "Date"], answer.cookies.get_dict()]
        out += [[one.status_code for one in answer.history], answer.encoding, sorted(answer.request.headers.items())]
        out += [answer.raw.closed, answer.raw.isclosed()]
        return out + [answer.raw.status, answer.raw.version, answer.raw.headers.getlist("X-Twice"), answer.raw.read()]
    except Exception as error:
        return [type(error).__name__, type(error.args[0]).__name__]
    finally:
        os.environ.pop("http_proxy", None)
""".replace("answer.raw.read()", "len(answer.raw.read())")
SOURCE = "/bucket-s3alias/key-{}?X-Amz-Signature=ab%2Fcd&x=a%20b"
READS = [
    *(
        (SOURCE.format(kind), {})
        for kind in ("", "missing", "gzip", "long", "empty", "chunked", "moved", "same", "cookie")
    ),
    (SOURCE.format(""), {"headers": {"Range": "bytes=0-3", "If-Match": "x"}}),
    (SOURCE.format(""), {"headers": {"Host": "another"}}),
    *((SOURCE.format(""), {"headers": {name: "b"}}) for name in ("X A", "X-Ü", "Range ", "X:A")),
    (SOURCE.format(""), {"auth": ["user", "word"]}),
    (SOURCE.format(""), {"params": {"ü": "%zz"}}),
    (SOURCE.format("") + "&low=%2f&wild=%zz&é=ü", {"timeout": 5}),
    (SOURCE.format("slow"), {"timeout": 0.3}),
    (SOURCE.format("cut"), {}),
    (SOURCE.format("short"), {}),
    (SOURCE.format(""), {"timeout": "long"}),
    (SOURCE.format(""), {"proxies": {"http": "http://127.0.0.1:1"}}),
    (SOURCE.format(""), {"environ": {"http_proxy": "http://127.0.0.1:1"}}),
    ("/bucket/key-", {}),
]


def test_reading_a_source_comes_to_the_same(bench, recorder):
    (values, _), (plain, _) = both_ways(bench, recorder, READ, READS)
    for read, value, expected in zip(READS, values, plain, strict=True):
        assert value == expected, read
    assert [value[0] for value in values[:9]] == [200, 404, 200, 200, 200, 200, 200, 304, 200]


def test_reads_reach_the_service_as_they_would(bench, recorder):
    reads = [
        read for read in READS if not any(kind in read[0] for kind in ("chunked", "same", "cookie", "cut", "short"))
    ]
    (_, seen), (_, plain) = both_ways(bench, recorder, READ, reads)
    assert seen == plain


OBSERVED = """
import boto3, requests, os
import socket
from http.client import HTTPConnection
from botocore.awsrequest import AWSRequest
from botocore.client import BaseClient
from botocore.endpoint import Endpoint
from botocore.httpsession import URLLib3Session
from botocore.signers import RequestSigner
from urllib3.connectionpool import HTTPConnectionPool
seen = []
def watch(owner, name):
    made = getattr(owner, name)
    def watching(*arguments, **options):
        seen.append(name)
        return made(*arguments, **options)
    setattr(owner, name, watching)
    return lambda: setattr(owner, name, made)
def write():
    return boto3.client("s3").write_get_object_response(RequestRoute="r", RequestToken="t", Body=b"x")
def read():
    return requests.get(os.environ["AWS_ENDPOINT_URL_S3"] + "/bucket-s3alias/key?X-Amz-Signature=x")
def read_in_session():
    return requests.Session().get(os.environ["AWS_ENDPOINT_URL_S3"] + "/bucket-s3alias/key?X-Amz-Signature=x")
def handler(event, context):
    for _ in range(2):
        write(), read(), read_in_session()
    for owner, name, work in (
        (BaseClient, "_make_api_call", write),
        (Endpoint, "make_request", write),
        (Endpoint, "_send", write),
        (URLLib3Session, "send", write),
        (RequestSigner, "sign", write),
        (AWSRequest, "prepare", write),
        (HTTPConnection, "request", read),
        (HTTPConnection, "getresponse", read),
        (requests.adapters.HTTPAdapter, "send", read),
        (requests.adapters.HTTPAdapter, "build_response", read),
        (requests.models.PreparedRequest, "prepare", read),
        (HTTPConnectionPool, "_make_request", read),
        (HTTPConnectionPool, "_make_request", read_in_session),
        (socket.socket, "sendall", read),
    ):
        undo = watch(owner, name)
        work()
        undo()
        seen.append("|")
    return [sorted(set(one.split())) for one in " ".join(seen).split("|")]
"""


def test_tools_that_observe_the_libraries_see_calls(bench, recorder):
    fast, plain = run(bench, recorder, OBSERVED)
    assert fast == plain
    assert len(plain) == 15
    assert [work for work in plain if work][-2:] == [["_make_request"], ["sendall"]]


EARLY = (
    OBSERVED.replace("seen = []", "seen = []", 1).partition("def handler")[0]
    + """
watch(Endpoint, "make_request"), watch(HTTPConnectionPool, "_make_request"), watch(HTTPConnection, "request")
def handler(event, context):
    for _ in range(3):
        write(), read(), read_in_session()
    return sorted(seen)
"""
)


def test_tools_that_came_first_see_calls(bench, recorder):
    fast, plain = run(bench, recorder, EARLY)
    assert fast == plain
    assert plain.count("make_request") == 3
    assert plain.count("_make_request") == 9


LOGGED = (
    OBSERVED.partition("def handler")[0]
    + """
import logging
lines = []
class Lines(logging.Handler):
    def emit(self, record):
        lines.append(record.name)
logging.getLogger().addHandler(Lines())
def handler(event, context):
    for _ in range(2):
        write(), read(), read_in_session()
    found = []
    for name in ("urllib3", "urllib3.connectionpool", "botocore", "botocore.endpoint"):
        lines.clear()
        logging.getLogger(name).setLevel(logging.DEBUG)
        write(), read(), read_in_session()
        logging.getLogger(name).setLevel(logging.NOTSET)
        # Making a client, which is not done again, has a lot to say as well.
        found.append(sorted({"urllib3.connectionpool", "botocore.endpoint", "botocore.auth"}.intersection(lines)))
    return found
"""
)


def test_who_wants_to_read_what_libraries_do_can(bench, recorder):
    fast, plain = run(bench, recorder, LOGGED)
    assert fast == plain
    assert [bool(lines) for lines in plain] == [True] * 4


CONFIGURED = """
import boto3
from botocore.config import Config
def handler(event, context):
    boto3.client("s3", config=Config())
    changed = Config()
    changed.read_timeout, changed.signature_version = 7, "s3v4"
    client = boto3.client("s3", config=changed)
    found = [client.meta.config.read_timeout, client.meta.config.signature_version]
    for change in (
        lambda session: session.set_credentials("OTHER", "x"),
        lambda session: session.set_default_client_config(Config(read_timeout=9)),
        lambda session: session.set_config_variable("region", "eu-west-3"),
        lambda session: setattr(session, "user_agent_extra", "mine"),
    ):
        session = boto3.Session()
        session.client("s3")
        change(session._session)
        client = session.client("s3")
        key = client._request_signer._credentials.access_key
        found.append([key, client.meta.config.read_timeout, client.meta.region_name, "mine" in client.meta.config.user_agent])
    boto3.client("s3", config=Config(read_timeout=11)).meta.config.read_timeout = 1
    found.append(boto3.client("s3", config=Config(read_timeout=11)).meta.config.read_timeout)
    boto3.client("s3", config=Config(s3={"payload_signing_enabled": True})).meta.config.s3["x"] = 1
    found.append(boto3.client("s3", config=Config(s3={"payload_signing_enabled": True})).meta.config.s3)
    found.append([boto3.client("s3", verify=one)._endpoint.http_session._verify is True for one in (True, 1)])
    found.append(boto3.client("s3", config=Config(proxies_config={1: "a", "1": None})).meta.region_name)
    return found
"""  # noqa: E501


def test_what_was_set_in_a_session_or_a_configuration_counts(bench, recorder):
    fast, plain = run(bench, recorder, CONFIGURED)
    assert fast == plain
    assert plain[0:2] == [7, "s3v4"]
    assert len(plain) == 10


LENGTHS = """
import boto3
def handler(event, context):
    out = []
    for length in (10, 10, 12, 5):
        try:
            client = boto3.client("s3", config=boto3.session.Config(retries={"total_max_attempts": 1}, read_timeout=1))
            answer = client.write_get_object_response(
                RequestRoute="io-1", RequestToken=str(length), Body=b"0123456789", ContentLength=length
            )
            out.append(answer["ResponseMetadata"]["HTTPStatusCode"])
        except Exception as error:
            out.append(type(error).__name__)
    return out
"""


def test_a_length_that_is_said_is_the_one_that_counts(bench, recorder):
    (values, seen), (plain, plain_seen) = both_ways(bench, recorder, LENGTHS, [None])
    assert values == plain
    assert [one["body"] for one in seen if one["token"] == "5"] == [b"01234"]
    assert [one["body"] for one in plain_seen if one["token"] == "5"] == [b"01234"]


RESPONSES = """
import os, requests
def handler(event, context):
    url = os.environ["AWS_ENDPOINT_URL_S3"] + "/bucket-s3alias/key?X-Amz-Signature=x"
    one, other = requests.get(url), requests.get(url)
    one.history.append(1)
    one.headers["mine"] = "1"
    one.cookies.set("a", "b")
    found = [other.history, "mine" in other.headers, other.cookies.get_dict(), one.cookies.get_dict()]
    found += [{name: type(getattr(other, name)).__name__ for name in requests.Response.__attrs__}, other.next]
    made = requests.Response.__init__
    def init(self):
        made(self)
        self.seen = True
    requests.Response.__init__ = init
    try:
        return [*found, requests.get(url).seen]
    finally:
        requests.Response.__init__ = made
"""


def test_responses_share_nothing_and_have_what_the_library_gives_them(bench, recorder):
    fast, plain = run(bench, recorder, RESPONSES)
    assert fast == plain
    assert plain[:3] == [[], False, {}]
    assert plain[-1] is True


BODIES = """
import boto3, io
class Own(io.BytesIO):
    pass
def made(kind, position):
    body = {"text": lambda: "gr\\u00fcn", "lone": lambda: "\\ud800", "file": lambda: io.BytesIO(b"0123456789"),
            "own": lambda: Own(b"0123456789"), "closed": lambda: io.BytesIO(b"0123456789")}[kind]()
    if kind == "closed":
        body.close()
    elif position:
        body.seek(position)
    return body
def handler(event, context):
    out, s3 = [], boto3.client("s3")
    for token, kind, position in event:
        body = made(kind, position)
        try:
            s3.write_get_object_response(RequestRoute="io-1", RequestToken=token, Body=body, StatusCode=200)
            out.append([token, body.tell() if isinstance(body, io.BytesIO) else None])
        except Exception as error:
            out.append([token, type(error).__name__])
    return out
"""


def test_texts_and_files_in_memory_are_sent_as_the_sdk_sends_them(bench, recorder):
    tokens = [("t", "text", 0), ("t2", "text", 0), ("f", "file", 0), ("f4", "file", 4), ("end", "file", 10)]
    odd = [("own", "own", 2), ("closed", "closed", 0), ("lone", "lone", 0)]
    (values, seen), (plain, plain_seen) = both_ways(bench, recorder, BODIES, [[*tokens, *odd, *tokens]])
    assert values == plain
    assert [(one["token"], one["body"]) for one in seen] == [(one["token"], one["body"]) for one in plain_seen]
    assert {one["token"] for one in seen if not one["by the SDK"]} == {token for token, _, _ in tokens}


REPLACED = """
import os, socket, pickle, requests, boto3
from unittest import mock
made = socket.socket
class Socket(made):
    def __init__(self, family=socket.AF_INET, type=socket.SOCK_STREAM, proto=0):
        super().__init__(family, type, proto)
socket.socket = Socket
def handler(event, context):
    url = os.environ["AWS_ENDPOINT_URL_S3"] + "/bucket-s3alias/key?X-Amz-Signature=x"
    socket.socket = made
    answer = requests.get(url)
    again = pickle.loads(pickle.dumps(answer))
    found = [type(again) is requests.Response, again.text == answer.text, again.url == url, len(answer.raw.read(5))]
    with mock.patch("os.environ", dict(os.environ)):
        found.append(requests.get(url).status_code)
        answer = boto3.client("s3").write_get_object_response(RequestRoute="r", RequestToken="t", Body=b"x")
        found.append(answer["ResponseMetadata"]["HTTPStatusCode"])
    return found
"""


def test_parts_of_python_may_be_replaced(bench, recorder):
    fast, plain = run(bench, recorder, REPLACED)
    assert fast == plain == [True, True, True, 0, 200, 200]


def test_forks_are_prepared_without_a_word(bench, recorder, tmp_path):
    code = "import boto3, logging\nlogging.getLogger().setLevel(logging.DEBUG)\ndef handler(event, context): return 1"
    run(bench, recorder, code)
    lines = [line.message for line in read_log(log_folder(tmp_path, "f0"))]
    assert lines[0].startswith("INIT_START")
    assert not [line for line in lines if "botocore" in line or "endpoint" in line]


AGAIN = """
import boto3, io
def handler(event, context):
    out = []
    for members in event:
        for name in ("Body",):
            if name in members: members[name] = members[name].encode()
        try:
            answer = boto3.client("s3").write_get_object_response(RequestRoute=members.pop("route", "io-1"), **members)
            out.append([answer["ResponseMetadata"]["HTTPStatusCode"], answer["ResponseMetadata"]["RetryAttempts"]])
        except Exception as error:
            out.append([type(error).__name__, str(error)])
    return out
"""
CALLS = [
    {"RequestToken": "first", "Body": "1", "StatusCode": 200, "Metadata": {"A": "b"}, "CacheControl": "x"},
    {
        "RequestToken": "again",
        "Body": "22",
        "StatusCode": 201,
        "Metadata": {"C": "d e", "Long": "f"},
        "CacheControl": "y",
    },
    {"RequestToken": "wrong", "Body": "22", "StatusCode": "201", "Metadata": {}, "CacheControl": "y"},
    {"RequestToken": "letters", "Body": "22", "StatusCode": 200, "Metadata": {"k": "é"}, "CacheControl": "y"},
    {"RequestToken": "empty", "Body": "", "StatusCode": 200, "Metadata": {}, "CacheControl": ""},
    {"RequestToken": "route", "route": "a.b", "Body": "", "StatusCode": 200, "Metadata": {}, "CacheControl": "y"},
    {"RequestToken": "route", "route": "a b", "Body": "", "StatusCode": 200, "Metadata": {}, "CacheControl": "y"},
    {"RequestToken": "line", "Body": "1", "StatusCode": 200, "Metadata": {"a": "b\nc"}, "CacheControl": "y"},
    {"RequestToken": "bad", "Body": "22", "StatusCode": 200, "Metadata": {}, "CacheControl": "y"},
    *(
        {"RequestToken": "name", "Body": "1", "StatusCode": 200, "Metadata": names, "CacheControl": "y"}
        for names in (
            {"a b": "c"},
            {"Ünï": "c"},
            {"a\0b": "c"},
            {"a:b": "c"},
            {"a: 1\nx-amz-fwd-header-content-language: de\nx-amz-meta-b": "c"},
        )
    ),
    {"RequestToken": "unknown", "Body": "22", "NoSuchThing": 1},
]


def test_a_call_like_an_earlier_one_comes_to_the_same(bench, recorder):
    (values, seen), (plain, plain_seen) = both_ways(bench, recorder, AGAIN, [CALLS])
    assert values == plain
    unique = {(one["token"], one["body"], tuple(sorted(one["headers"].items()))) for one in seen}
    assert unique == {(one["token"], one["body"], tuple(sorted(one["headers"].items()))) for one in plain_seen}
    assert [one["by the SDK"] for one in seen if one["token"] in {"first", "again"}] == [False, False]


def hooks_of_their_own() -> Any:
    """Return botocore's module of event hooks once more, for a test to change."""
    found = importlib.util.find_spec("botocore.hooks")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_emitters_share_the_names_of_the_usual_table_only():
    hooks = hooks_of_their_own()
    accelerate._inspect_once(hooks)
    usual = [hooks.EventAliaser(hooks.HierarchicalEmitter()) for _ in range(2)]
    own = hooks.EventAliaser(hooks.HierarchicalEmitter(), {"before": "after"})
    heard = []
    for one in (*usual, own):
        one.register("before-call.cloudsearchdomain", lambda **_: heard.append("usual"))
        one.register("before.x", lambda **_: heard.append("own"))
        one.emit("before-call.cloudsearch-domain")
        one.emit("after.x")
    assert heard == ["usual", "usual", "own"]
    assert usual[0]._alias_name_cache is usual[1]._alias_name_cache is not own._alias_name_cache


def test_methods_are_asked_once_and_still_told_apart():
    hooks = hooks_of_their_own()
    asked: list[Any] = []
    ask = hooks.accepts_kwargs
    hooks.accepts_kwargs = lambda function: asked.append(function) or ask(function)
    accelerate._inspect_once(hooks)

    for _ in range(2):
        emitter = hooks.HierarchicalEmitter()
        emitter.register("x", Handlers().takes)
        with pytest.raises(ValueError, match="must accept keyword"):
            emitter.register("x", Handlers().takes_none)
    assert asked == [Handlers.takes, Handlers.takes_none]


class Handlers:
    def takes(self, **_: Any) -> None:
        pass

    def takes_none(self) -> None:
        pass


ELSEWHERE = """
import boto3, os, requests, urllib.request
from botocore.config import Config
def attempt(do):
    try:
        return do()
    except Exception as error:
        return type(error).__name__
def handler(event, context):
    once = Config(retries={"total_max_attempts": 1})
    client = boto3.client("s3", config=once)
    write = lambda client: client.write_get_object_response(RequestRoute="r", RequestToken="t", Body=b"x")
    there = boto3.client("s3", endpoint_url=os.environ["OBJECTLENS_ENDPOINT_URL"], config=once)
    out = [attempt(lambda: write(client)["ResponseMetadata"]["HTTPStatusCode"]) for _ in range(2)]
    out += [attempt(lambda: write(there)["ResponseMetadata"]["HTTPStatusCode"]) for _ in range(2)]
    for base in (os.environ["AWS_ENDPOINT_URL_S3"], os.environ["OBJECTLENS_ENDPOINT_URL"]):
        out.append(attempt(lambda: requests.get(base + event).text))
        out.append(attempt(lambda: urllib.request.urlopen(base + event).read().decode()))
    return out
"""


def test_what_is_for_another_service_goes_there(bench, recorder):
    own = {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"}
    event = SOURCE.format("")
    for (value,), _ in three_ways(bench, recorder, ELSEWHERE, [event], environment=own)[:3]:
        assert value == [*["EndpointConnectionError"] * 2, 200, 200, "ConnectionError", "URLError", "data", "data"]
