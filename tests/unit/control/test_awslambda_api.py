"""The Lambda API as boto3 sees it; requests go to the engine without a socket between."""

import asyncio
import base64
import json
import os
import random
import sys
import threading
import time
import uuid
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError

from objectlens.access.values import Caller
from objectlens.catalog import Catalog
from objectlens.clock import SystemClock
from objectlens.control.awslambda import DECLINED, HANDLERS, Downloads, Events, Lambda, collect_packages, concurrency
from objectlens.control.protocol import ControlApi
from objectlens.database import Database, sqlite_url
from objectlens.errors import NoSuchKey, ServiceError
from objectlens.functions import Credentials, Limits, PackageStore, Pool, Surroundings, ZipStore
from objectlens.http import Headers, HttpRequest
from objectlens.testing.executors import make_zip

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/function"
ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function"
LAYER = f"arn:aws:lambda:us-east-1:{ACCOUNT}:layer"
ROOT = Caller(
    kind="Root", account=ACCOUNT, arn=f"arn:aws:iam::{ACCOUNT}:root", principal_id=ACCOUNT, access_key_id="ROOT"
)
ECHO = make_zip({"app.py": "def handler(event, context):\n    print('seen')\n    return event"})
OTHER = make_zip({"app.py": "def handler(event, context):\n    return 'other'"})


class House:
    """The API with all that it stands on, living on a loop of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.asked = []
        self.prepared = []
        self.tasks = set()
        self.run(self._open())

    def run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    async def _open(self):
        self.database = await Database.open(sqlite_url(self.folder))
        packages = PackageStore(self.folder / "packages")
        self.pool = Pool(
            packages=packages,
            surroundings=Surroundings(
                folder=self.folder, endpoint_url="http://127.0.0.1:9", region="us-east-1", python=sys.executable
            ),
            credentials=lambda function: Credentials("a", "b", "c"),
            clock=SystemClock(),
            limits=Limits(per_function=4),
        )
        self.events = Events(self.pool, SystemClock(), delays=(0.1, 0.2))
        self.lambda_ = Lambda(
            catalog=Catalog(self.database, SystemClock()),
            packages=packages,
            executor=self.pool,
            prepare=self.prepare,
            tasks=self,
            events=self.events,
            downloads=Downloads(ZipStore(self.folder / "zips"), b"k", SystemClock()),
            arrange=self.pool.arrange,
            provision=self.pool.provision,
            read_object=self.read_object,
            clock=SystemClock(),
            region="us-east-1",
            draw=random.Random(7).random,
        )
        self.api = ControlApi("lambda", HANDLERS, self.lambda_, self.authorize, declined=DECLINED)

    def start(self, work):
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def prepare(self, function):
        self.prepared.append((function.name, function.runtime))

    async def read_object(self, caller, bucket, key, *, version, limit):
        if key != "code.zip":
            raise NoSuchKey
        return ECHO

    async def authorize(self, caller, action, resource, *, context=None, http=None):
        self.asked.append((action, resource if isinstance(resource, str) else resource.arn))

    async def answer(self, request):
        url = urlsplit(request.url)
        body = request.body or b""
        body = body if isinstance(body, bytes) else body.read()
        headers = [
            (name, value.decode() if isinstance(value, bytes) else value) for name, value in request.headers.items()
        ]
        http = HttpRequest(request.method, url.path, url.query, Headers(headers), url.netloc)
        request_id = str(uuid.uuid4())
        try:
            return await self.api.serve(http, ROOT, body, request_id)
        except ServiceError as error:
            return self.api.render_error(error, request_id)

    def before_send(self, request, **_):
        response = self.run(self.answer(request))
        answer = AWSResponse(request.url, response.status, dict(response.headers), Raw(response.body))
        assert answer.content is not None  # read, as botocore's own transport does
        return answer

    async def _close(self):
        if self.tasks:
            await asyncio.wait(self.tasks)
        await self.pool.close()
        await self.database.close()

    def close(self):
        self.run(self._close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


class Raw:
    def __init__(self, body):
        self.body = body

    def stream(self, **_):
        yield self.body

    def read(self, amount=None):
        data, self.body = (self.body, b"") if amount is None else (self.body[:amount], self.body[amount:])
        return data


@pytest.fixture
def house(tmp_path):
    opened = House(tmp_path)
    try:
        yield opened
    finally:
        opened.close()


@pytest.fixture(scope="module")
def boto():
    return boto3.client(
        "lambda",
        endpoint_url="http://127.0.0.1:9",
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
    )


@pytest.fixture
def client(house, boto):
    boto.meta.events.register("before-send.lambda", house.before_send)
    try:
        yield boto
    finally:
        boto.meta.events.unregister("before-send.lambda", house.before_send)


def create(client, name="f", code=ECHO, **more):
    return client.create_function(
        **{
            "FunctionName": name,
            "Runtime": "python3.11",
            "Role": ROLE,
            "Handler": "app.handler",
            "Code": {"ZipFile": code},
            **more,
        }
    )


def refused(call, code, text="", status=None, **parameters):
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    answer = caught.value.response
    assert answer["Error"]["Code"] == code, answer
    assert text in answer["Error"]["Message"]
    assert status in {None, answer["ResponseMetadata"]["HTTPStatusCode"]}
    return answer


def test_creating_and_describing(client, house):
    made = create(client, MemorySize=256, Timeout=7, Environment={"Variables": {"KEY": "value"}}, Tags={"team": "a"})
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    expected = {
        "FunctionName": "f",
        "FunctionArn": f"{ARN}:f",
        "Runtime": "python3.11",
        "Role": ROLE,
        "Handler": "app.handler",
        "CodeSize": len(ECHO),
        "Description": "",
        "Timeout": 7,
        "MemorySize": 256,
        "Version": "$LATEST",
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": ["x86_64"],
        "EphemeralStorage": {"Size": 512},
        "Environment": {"Variables": {"KEY": "value"}},
    }
    assert {key: made[key] for key in expected} == expected
    assert made["LastModified"].endswith("+0000")
    found = client.get_function(FunctionName="f")
    assert {key: found["Configuration"][key] for key in expected} == expected
    assert found["Tags"] == {"team": "a"}
    assert client.get_function_configuration(FunctionName="f")["CodeSha256"] == made["CodeSha256"]
    assert ("lambda:CreateFunction", f"{ARN}:f") in house.asked
    assert ("iam:PassRole", ROLE) in house.asked
    client.get_waiter("function_active_v2").wait(FunctionName="f")
    client.get_waiter("function_updated_v2").wait(FunctionName="f")
    client.get_waiter("function_exists").wait(FunctionName="f")


def test_defaults(client):
    made = create(client)
    assert (made["Timeout"], made["MemorySize"], "Environment" in made) == (3, 128, False)


@pytest.mark.parametrize("name", ["f", f"{ACCOUNT}:function:f", f"{ARN}:f", f"{ARN}:f:$LATEST", "f:$LATEST"])
def test_names_have_many_forms(client, name):
    create(client)
    assert json.load(client.invoke(FunctionName=name, Payload=b"5")["Payload"]) == 5
    assert client.get_function_configuration(FunctionName=name)["FunctionName"] == "f"


def test_a_name_twice(client):
    create(client)
    refused(lambda: create(client), "ResourceConflictException", "Function already exist: f", 409)


def test_what_is_not_there(client):
    text = f"Function not found: {ARN}:nope"
    for call in (
        "get_function",
        "get_function_configuration",
        "delete_function",
        "invoke",
        "list_versions_by_function",
    ):
        refused(getattr(client, call), "ResourceNotFoundException", text, 404, FunctionName="nope")
    create(client)
    refused(client.invoke, "ResourceNotFoundException", f"{ARN}:f:7", 404, FunctionName="f", Qualifier="7")


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"Timeout": 901}, "ValidationException", "'timeout' failed to satisfy constraint"),
        ({"Timeout": 0}, "ValidationException", "value greater than or equal to 1"),
        ({"MemorySize": 64}, "ValidationException", "'memorySize'"),
        ({"MemorySize": 20000}, "ValidationException", "less than or equal to 10240"),
        ({"Role": "admin"}, "ValidationException", "'role'"),
        ({"Runtime": "cobol"}, "ValidationException", "enum value set"),
        ({"EphemeralStorage": {"Size": 11000}}, "ValidationException", "10240"),
        ({"FunctionName": "a b"}, "ValidationException", "functionName"),
        ({"FunctionName": "f" * 65}, "ValidationException", "'functionName' failed to satisfy constraint: Member must"),
        ({"Handler": "a b"}, "ValidationException", "handler"),
        ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "InvalidParameterValueException", "reserved keys"),
        ({"Environment": {"Variables": {"KEY": "x" * 4096}}}, "InvalidParameterValueException", "4KB limit"),
        ({"Layers": [f"{LAYER}:l:1"]}, "InvalidParameterValueException", "l:1 does not exist"),
        ({"Layers": [f"{LAYER}:{n}:1" for n in "abcdef"]}, "InvalidParameterValueException", "more than 5 layers"),
        ({"Layers": [f"{LAYER}:a:1", f"{LAYER}:a:2"]}, "InvalidParameterValueException", "Two different versions"),
        ({"Code": {"ZipFile": b"no zip"}}, "InvalidParameterValueException", "Could not unzip uploaded file"),
        ({"Code": {"ZipFile": b""}}, "InvalidParameterValueException", "non-empty zip"),
        ({"Code": {"ZipFile": make_zip({"../x": ""})}}, "InvalidParameterValueException", "leaves the package"),
        ({"Code": {"ImageUri": "x"}}, "InvalidParameterValueException", "container images"),
        ({"PackageType": "Image"}, "InvalidParameterValueException", "container images"),
        ({"Tags": {f"k{n}": "" for n in range(51)}}, "InvalidParameterValueException", "at most 50 tags"),
        ({"Tags": {"aws:team": "a"}}, "InvalidParameterValueException", "aws: prefixed"),
        ({"Code": {"S3Bucket": "buck", "S3Key": "no.zip"}}, "InvalidParameterValueException", "NoSuchKey"),
        ({"Code": {}}, "InvalidParameterValueException", "source for function code"),
        ({"Code": {"ZipFile": ECHO, "S3Bucket": "buck"}}, "InvalidParameterValueException", "other FunctionCode"),
    ],
)
def test_what_creating_refuses(client, house, changes, code, text):
    refused(lambda: create(client, **changes), code, text, 400)
    assert client.list_functions()["Functions"] == []
    assert not (house.folder / "packages").exists() or list((house.folder / "packages").iterdir()) == []


def test_runtime_and_handler_are_wanted(client):
    for missing in ("Runtime", "Handler"):
        parameters = {"FunctionName": "f", "Runtime": "python3.11", "Role": ROLE, "Handler": "a.b"}
        del parameters[missing]
        text = "Runtime and Handler are mandatory"
        code = {"ZipFile": ECHO}
        refused(client.create_function, "InvalidParameterValueException", text, 400, Code=code, **parameters)


def test_code_from_a_bucket(client):
    create(client, Code={"S3Bucket": "deployments", "S3Key": "code.zip"})
    assert client.invoke(FunctionName="f", Payload=b'"x"')["Payload"].read() == b'"x"'


def test_invoking(client):
    create(client)
    answer = client.invoke(FunctionName="f", Payload=b'{"a": [1, null]}', LogType="Tail")
    assert answer["StatusCode"] == 200
    assert "FunctionError" not in answer
    assert answer["ExecutedVersion"] == "$LATEST"
    assert json.load(answer["Payload"]) == {"a": [1, None]}
    log = base64.b64decode(answer["LogResult"]).decode()
    assert "\nseen\n" in log
    assert "REPORT RequestId: " + answer["ResponseMetadata"]["RequestId"] in log
    assert "LogResult" not in client.invoke(FunctionName="f")
    assert json.load(client.invoke(FunctionName="f")["Payload"]) == {}


def test_a_function_that_fails_is_still_a_200(client):
    create(client, code=make_zip({"app.py": "def handler(event, context):\n    raise LookupError('no')"}))
    answer = client.invoke(FunctionName="f")
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    document = json.load(answer["Payload"])
    assert (document["errorType"], document["errorMessage"]) == ("LookupError", "no")


def test_a_dry_run_runs_nothing(client, house):
    create(client)
    assert client.invoke(FunctionName="f", InvocationType="DryRun")["StatusCode"] == 204
    assert house.pool._size == 0
    assert ("lambda:InvokeFunction", f"{ARN}:f") in house.asked


def test_an_event_is_accepted_and_runs(client, house):
    code = f"def handler(event, context):\n    open('{house.folder}/done', 'w').write(event)"
    create(client, code=make_zip({"app.py": code}))
    answer = client.invoke(FunctionName="f", InvocationType="Event", Payload=b'"ran"')
    assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
    end = time.monotonic() + 10
    while not (house.folder / "done").exists() and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(0.05)
    assert (house.folder / "done").read_text() == "ran"


def test_the_client_context(client):
    code = "def handler(event, context):\n    return context.client_context.custom"
    create(client, code=make_zip({"app.py": code}))
    context = base64.b64encode(json.dumps({"custom": {"k": "é\u2028😀"}}, ensure_ascii=False).encode()).decode()
    answer = client.invoke(FunctionName="f", ClientContext=context)
    assert json.load(answer["Payload"]) == {"k": "é\u2028😀"}
    for bad in ("%%%", base64.b64encode(b"[1]").decode(), base64.b64encode(b"{").decode()):
        refused(client.invoke, "InvalidRequestContentException", "Base64", 400, FunctionName="f", ClientContext=bad)


def test_a_number_may_have_any_length(client):
    create(
        client, code=make_zip({"app.py": "import sys\nsys.set_int_max_str_digits(0)\ndef handler(e, c):\n    return e"})
    )
    assert client.invoke(FunctionName="f", Payload=b"1" * 5000)["Payload"].read() == b"1" * 5000


def test_payloads_that_are_refused(client):
    create(client)
    refused(client.invoke, "InvalidRequestContentException", "parse", 400, FunctionName="f", Payload=b"{")
    big = json.dumps("x" * (6 * 1024 * 1024)).encode()
    refused(client.invoke, "RequestTooLargeException", "6291456", 413, FunctionName="f", Payload=big)
    event = {"FunctionName": "f", "InvocationType": "Event", "Payload": json.dumps("x" * 1024 * 1024).encode()}
    refused(client.invoke, "RequestTooLargeException", "Event", 413, **event)


def test_a_runtime_that_is_not_here(client):
    create(client, Runtime="ruby3.3")
    refused(client.invoke, "InvalidRuntimeException", "ruby3.3", 502, FunctionName="f")


def test_new_code(client):
    old = create(client)
    client.invoke(FunctionName="f")
    new = client.update_function_code(FunctionName="f", ZipFile=OTHER)
    assert new["CodeSha256"] != old["CodeSha256"]
    assert new["RevisionId"] != old["RevisionId"]
    assert new["LastUpdateStatus"] == "Successful"
    assert json.load(client.invoke(FunctionName="f")["Payload"]) == "other"


def test_a_dry_run_of_new_code_changes_nothing(client):
    old = create(client)
    shown = client.update_function_code(FunctionName="f", ZipFile=OTHER, DryRun=True)
    assert shown["CodeSha256"] != old["CodeSha256"]
    assert client.get_function_configuration(FunctionName="f")["CodeSha256"] == old["CodeSha256"]


def test_new_settings(client):
    create(client, Timeout=5, Environment={"Variables": {"KEY": "old"}})
    new = client.update_function_configuration(FunctionName="f", MemorySize=512, Environment={"Variables": {}})
    assert (new["MemorySize"], new["Timeout"], "Environment" in new) == (512, 5, False)


def test_revisions_guard_against_lost_updates(client):
    made = create(client)
    client.update_function_configuration(FunctionName="f", Description="x", RevisionId=made["RevisionId"])
    stale = {"FunctionName": "f", "RevisionId": made["RevisionId"]}
    refused(client.update_function_configuration, "PreconditionFailedException", "RevisionId", 412, **stale)
    refused(client.update_function_code, "PreconditionFailedException", "RevisionId", 412, ZipFile=OTHER, **stale)
    refused(client.publish_version, "PreconditionFailedException", "RevisionId", 412, **stale)


def test_deleting(client):
    create(client)
    client.publish_version(FunctionName="f")
    client.invoke(FunctionName="f")
    assert client.delete_function(FunctionName="f")["ResponseMetadata"]["HTTPStatusCode"] == 204
    refused(client.invoke, "ResourceNotFoundException", "", 404, FunctionName="f")
    refused(client.invoke, "ResourceNotFoundException", "", 404, FunctionName="f", Qualifier="1")
    create(client)
    assert client.publish_version(FunctionName="f")["Version"] == "2"


def test_listing(client):
    for number in range(5):
        create(client, f"f{number}")
    client.publish_version(FunctionName="f1")
    first = client.list_functions(MaxItems=2)
    assert [one["FunctionName"] for one in first["Functions"]] == ["f0", "f1"]
    pages = client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2})
    assert [one["FunctionName"] for page in pages for one in page["Functions"]] == [f"f{n}" for n in range(5)]
    everything = client.list_functions(FunctionVersion="ALL")["Functions"]
    assert [one["FunctionArn"] for one in everything][1:4] == [f"{ARN}:f1:$LATEST", f"{ARN}:f1:1", f"{ARN}:f2:$LATEST"]
    refused(client.list_functions, "InvalidParameterValueException", "Marker", 400, Marker="\u00e9!")


def test_versions_are_frozen(client):
    made = create(client, Description="first")
    one = client.publish_version(FunctionName="f", Description="one")
    assert (one["Version"], one["FunctionArn"], one["Description"]) == ("1", f"{ARN}:f:1", "one")
    assert client.publish_version(FunctionName="f", Description="one")["Version"] == "1"
    client.update_function_code(FunctionName="f", ZipFile=OTHER)
    two = client.update_function_configuration(FunctionName="f", Description="two")
    assert client.publish_version(FunctionName="f", CodeSha256=two["CodeSha256"])["Version"] == "2"
    stale = {"FunctionName": "f", "CodeSha256": made["CodeSha256"]}
    refused(client.publish_version, "InvalidParameterValueException", "is different from current", 400, **stale)
    shown = [
        (one["Version"], one["Description"]) for one in client.list_versions_by_function(FunctionName="f")["Versions"]
    ]
    assert shown == [("$LATEST", "two"), ("1", "one"), ("2", "two")]
    old = client.invoke(FunctionName="f", Qualifier="1", Payload=b"1")
    assert (old["ExecutedVersion"], json.load(old["Payload"])) == ("1", 1)
    assert json.load(client.invoke(FunctionName="f:2")["Payload"]) == "other"
    frozen = {"FunctionName": "f:1", "Description": "x"}
    refused(client.update_function_configuration, "InvalidParameterValueException", "do not change", 400, **frozen)
    client.delete_function(FunctionName="f", Qualifier="1")
    refused(client.invoke, "ResourceNotFoundException", "", 404, FunctionName="f", Qualifier="1")
    latest = {"FunctionName": "f", "Qualifier": "$LATEST"}
    refused(client.delete_function, "InvalidParameterValueException", "without deleting the function", 400, **latest)


def test_publishing_with_the_code(client):
    assert create(client, Publish=True)["Version"] == "1"
    assert client.update_function_code(FunctionName="f", ZipFile=OTHER, Publish=True)["Version"] == "2"


def test_qualifiers_that_differ(client):
    create(client)
    both = {"FunctionName": "f:1", "Qualifier": "2"}
    refused(client.get_function, "InvalidParameterValueException", "does not match the specified", 400, **both)


def test_aliases(client):
    create(client)
    client.publish_version(FunctionName="f")
    client.update_function_code(FunctionName="f", ZipFile=OTHER, Publish=True)
    made = client.create_alias(FunctionName="f", Name="live", FunctionVersion="1", Description="d")
    assert (made["AliasArn"], made["FunctionVersion"]) == (f"{ARN}:f:live", "1")
    refused(
        client.create_alias, "ResourceConflictException", "Alias already exists", 409,
        FunctionName="f", Name="live", FunctionVersion="1",
    )  # fmt: skip
    answer = client.invoke(FunctionName="f", Qualifier="live", Payload=b"1")
    assert (answer["ExecutedVersion"], json.load(answer["Payload"])) == ("1", 1)
    client.update_alias(FunctionName="f", Name="live", FunctionVersion="2")
    assert client.invoke(FunctionName="f:live")["ExecutedVersion"] == "2"
    assert client.get_alias(FunctionName="f", Name="live")["Description"] == "d"
    assert [one["Name"] for one in client.list_aliases(FunctionName="f")["Aliases"]] == ["live"]
    assert client.list_aliases(FunctionName="f", FunctionVersion="1")["Aliases"] == []
    refused(client.delete_function, "ResourceConflictException", "alias", 409, FunctionName="f", Qualifier="2")
    client.delete_alias(FunctionName="f", Name="live")
    refused(client.get_alias, "ResourceNotFoundException", "Cannot find alias", 404, FunctionName="f", Name="live")
    missing = {"FunctionName": "f", "Name": "x", "FunctionVersion": "9"}
    refused(client.create_alias, "ResourceNotFoundException", f"{ARN}:f:9", 404, **missing)


def test_an_alias_shares_its_calls(client):
    create(client)
    client.publish_version(FunctionName="f")
    client.update_function_code(FunctionName="f", ZipFile=OTHER, Publish=True)
    routing = {"AdditionalVersionWeights": {"2": 0.25}}
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1", RoutingConfig=routing)
    assert client.get_alias(FunctionName="f", Name="live")["RoutingConfig"] == routing
    seen = [client.invoke(FunctionName="f:live")["ExecutedVersion"] for _ in range(80)]
    assert 8 <= seen.count("2") <= 34
    assert seen.count("1") + seen.count("2") == 80


def test_permissions(client):
    create(client)
    added = client.add_permission(
        FunctionName="f",
        StatementId="s3",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn="arn:aws:s3:::pics",
        SourceAccount=ACCOUNT,
    )
    statement = json.loads(added["Statement"])
    assert statement == {
        "Sid": "s3",
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": f"{ARN}:f",
        "Condition": {
            "StringEquals": {"AWS:SourceAccount": ACCOUNT},
            "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::pics"},
        },
    }
    call = {"FunctionName": "f", "StatementId": "s3", "Action": "lambda:InvokeFunction", "Principal": "*"}
    refused(client.add_permission, "ResourceConflictException", "already exists", 409, **call)
    client.add_permission(**{**call, "StatementId": "other", "Principal": "999999999999"})
    found = client.get_policy(FunctionName="f")
    policy = json.loads(found["Policy"])
    assert [one["Sid"] for one in policy["Statement"]] == ["s3", "other"]
    assert policy["Statement"][1]["Principal"] == {"AWS": "arn:aws:iam::999999999999:root"}
    assert found["RevisionId"] == client.get_function_configuration(FunctionName="f")["RevisionId"]
    client.remove_permission(FunctionName="f", StatementId="s3")
    client.remove_permission(FunctionName="f", StatementId="other")
    refused(client.get_policy, "ResourceNotFoundException", "", 404, FunctionName="f")
    gone = {"FunctionName": "f", "StatementId": "s3"}
    refused(client.remove_permission, "ResourceNotFoundException", "s3", 404, **gone)
    refused(client.add_permission, "InvalidParameterValueException", "$LATEST", 400, **call, Qualifier="$LATEST")
    odd = {**call, "StatementId": "odd", "Principal": "nobody"}
    refused(client.add_permission, "InvalidParameterValueException", "nobody", 400, **odd)


def test_permissions_of_an_alias_are_its_own(client):
    create(client, Publish=True)
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    call = {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "*"}
    added = client.add_permission(FunctionName="f", Qualifier="live", **call)
    assert json.loads(added["Statement"])["Resource"] == f"{ARN}:f:live"
    assert client.get_policy(FunctionName="f", Qualifier="live")["Policy"]
    refused(client.get_policy, "ResourceNotFoundException", "", 404, FunctionName="f")


def test_a_policy_has_its_limit(client):
    create(client)
    call = {
        "FunctionName": "f",
        "Action": "lambda:InvokeFunction",
        "Principal": "*",
        "SourceArn": "arn:aws:s3:::" + "x" * 1000,
    }
    for number in range(15):
        client.add_permission(StatementId=f"s{number}", **call)
    refused(
        lambda: [client.add_permission(StatementId=f"t{number}", **call) for number in range(5)],
        "PolicyLengthExceededException",
        "20480",
        400,
    )


def test_no_function_has_a_code_signing_configuration(client):
    create(client)
    found = client.get_function_code_signing_config(FunctionName="f")
    assert set(found) == {"ResponseMetadata"}
    refused(client.get_function_code_signing_config, "ResourceNotFoundException", "", 404, FunctionName="g")


def test_reserved_concurrency(client):
    create(client, Publish=True)
    assert "ReservedConcurrentExecutions" not in client.get_function_concurrency(FunctionName="f")
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    assert client.get_function_concurrency(FunctionName="f")["ReservedConcurrentExecutions"] == 0
    assert client.get_function(FunctionName="f")["Concurrency"] == {"ReservedConcurrentExecutions": 0}
    for qualifier in ("$LATEST", "1"):
        answer = refused(
            client.invoke, "TooManyRequestsException", "Rate Exceeded", 429, FunctionName="f", Qualifier=qualifier
        )
        assert answer["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
        assert answer["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "1"
    client.delete_function_concurrency(FunctionName="f")
    assert client.invoke(FunctionName="f")["StatusCode"] == 200
    one = {"FunctionName": "f:1", "ReservedConcurrentExecutions": 1}
    refused(client.put_function_concurrency, "InvalidParameterValueException", "as a whole", 400, **one)


def test_tags(client):
    create(client, Tags={"a": "1", "b": "2"})
    client.tag_resource(Resource=f"{ARN}:f", Tags={"b": "3", "c": "4"})
    client.untag_resource(Resource=f"{ARN}:f", TagKeys=["a"])
    assert client.list_tags(Resource=f"{ARN}:f")["Tags"] == {"b": "3", "c": "4"}
    many = {str(number): "" for number in range(50)}
    refused(client.tag_resource, "InvalidParameterValueException", "50", 400, Resource=f"{ARN}:f", Tags=many)
    theirs = {"AWS:x": ""}
    refused(client.tag_resource, "InvalidParameterValueException", "prefixed", 400, Resource=f"{ARN}:f", Tags=theirs)
    refused(client.list_tags, "ResourceNotFoundException", "", 404, Resource=f"{ARN}:g")


def publish(client, name="l", files=None, **more):
    content = {"ZipFile": make_zip(files or {"python/lib.py": "value = 1"})}
    return client.publish_layer_version(LayerName=name, Content=content, **more)


def test_layers_are_published_and_described(client, house):
    made = publish(
        client,
        Description="what all need",
        LicenseInfo="MIT",
        CompatibleRuntimes=["python3.11", "python3.12"],
        CompatibleArchitectures=["x86_64"],
    )
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert (made["LayerArn"], made["LayerVersionArn"], made["Version"]) == (f"{LAYER}:l", f"{LAYER}:l:1", 1)
    assert made["Content"].keys() == {"CodeSha256", "CodeSize", "Location"}
    assert made["CreatedDate"].endswith("+0000")
    described = client.get_layer_version(LayerName=f"{LAYER}:l", VersionNumber=1)
    for told in (made, described):
        assert told["Content"].pop("Location").startswith("http://")
    assert {name: described[name] for name in described if name != "ResponseMetadata"} == {
        name: made[name] for name in made if name != "ResponseMetadata"
    }
    assert client.get_layer_version_by_arn(Arn=f"{LAYER}:l:1")["Description"] == "what all need"
    assert ("lambda:PublishLayerVersion", f"{LAYER}:l") in house.asked
    assert house.asked[-1] == ("lambda:GetLayerVersion", f"{LAYER}:l:1")
    missing = {"LayerName": "l", "VersionNumber": 2}
    refused(client.get_layer_version, "ResourceNotFoundException", "does not exist", 404, **missing)
    bad = {"LayerName": "l", "Content": {"ZipFile": b"no zip"}}
    refused(client.publish_layer_version, "InvalidParameterValueException", "Could not unzip", 400, **bad)
    from_bucket = {"S3Bucket": "buck", "S3Key": "code.zip"}
    assert client.publish_layer_version(LayerName="l", Content=from_bucket)["Content"]["CodeSize"] == len(ECHO)


def test_versions_of_layers_are_listed_newest_first_and_never_numbered_again(client):
    for number in range(3):
        publish(client, CompatibleRuntimes=["python3.12" if number else "nodejs20.x"])
    publish(client, "other", CompatibleArchitectures=["arm64"])
    first = client.list_layer_versions(LayerName="l", MaxItems=2)
    assert [one["Version"] for one in first["LayerVersions"]] == [3, 2]
    rest = client.list_layer_versions(LayerName="l", Marker=first["NextMarker"])
    assert [one["Version"] for one in rest["LayerVersions"]] == [1]
    assert "NextMarker" not in rest
    node = client.list_layer_versions(LayerName="l", CompatibleRuntime="nodejs20.x")
    assert [one["Version"] for one in node["LayerVersions"]] == [1]
    assert client.list_layer_versions(LayerName="none")["LayerVersions"] == []
    page = client.list_layers(MaxItems=1)
    assert [(one["LayerName"], one["LatestMatchingVersion"]["Version"]) for one in page["Layers"]] == [("l", 3)]
    page = client.list_layers(Marker=page["NextMarker"])
    assert [(one["LayerName"], one["LayerArn"]) for one in page["Layers"]] == [("other", f"{LAYER}:other")]
    assert client.list_layers(CompatibleRuntime="nodejs20.x")["Layers"][0]["LatestMatchingVersion"]["Version"] == 1
    for number in (3, 3):  # a second time is no error
        gone = client.delete_layer_version(LayerName="l", VersionNumber=number)
        assert gone["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert publish(client)["Version"] == 4


USER = make_zip({"app.py": "import lib\ndef handler(event, context):\n    return lib.value"})


def test_functions_keep_deleted_layers(client, house):
    arn = publish(client)["LayerVersionArn"]
    made = create(client, code=USER, Layers=[arn])
    (shown,) = made["Layers"]
    assert shown["Arn"] == arn
    assert shown["CodeSize"] > 0
    assert ("lambda:GetLayerVersion", arn) in house.asked
    client.delete_layer_version(LayerName="l", VersionNumber=1)
    house.run(collect_packages(house.lambda_))
    assert client.invoke(FunctionName="f")["Payload"].read() == b"1"
    client.update_function_configuration(FunctionName="f", Layers=[arn])
    client.publish_version(FunctionName="f")
    newer = publish(client, files={"python/lib.py": "value = 2"})["LayerVersionArn"]
    client.update_function_configuration(FunctionName="f", Layers=[newer])
    assert client.invoke(FunctionName="f")["Payload"].read() == b"2"
    assert client.invoke(FunctionName="f", Qualifier="1")["Payload"].read() == b"1"
    gone = {"FunctionName": "f", "Layers": [arn]}
    refused(client.update_function_configuration, "InvalidParameterValueException", "does not exist", 400, **gone)
    assert "Layers" not in client.update_function_configuration(FunctionName="f", Layers=[])
    assert client.get_function_configuration(FunctionName="f:1")["Layers"] == [shown]


def test_code_and_layers_have_one_limit_together(client):
    large = {"large": bytes(90 * 1024 * 1024), "noise": os.urandom(1024 * 1024)}
    arns = [publish(client, name, {**large, name: name})["LayerVersionArn"] for name in "ab"]
    assert len(create(client, Layers=arns)["Layers"]) == 2
    new = {"FunctionName": "f", "ZipFile": make_zip({"app.py": "", **large})}
    refused(client.update_function_code, "InvalidParameterValueException", "combined with layers exceeds", 400, **new)
    create(client, "g", code=new["ZipFile"])
    more = {"FunctionName": "g", "Layers": arns}
    refused(client.update_function_configuration, "InvalidParameterValueException", "The actual size is", 400, **more)


def test_permissions_of_layers(client):
    publish(client)
    version = {"LayerName": "l", "VersionNumber": 1}
    refused(client.get_layer_version_policy, "ResourceNotFoundException", "No policy", 404, **version)
    added = {**version, "StatementId": "all", "Action": "lambda:GetLayerVersion", "Principal": "*"}
    given = client.add_layer_version_permission(**added, OrganizationId="o-a1b2c3d4e5")
    statement = json.loads(given["Statement"])
    assert statement["Resource"] == f"{LAYER}:l:1"
    assert statement["Condition"] == {"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}
    refused(client.add_layer_version_permission, "ResourceConflictException", "already exists", 409, **added)
    shown = client.get_layer_version_policy(**version)
    assert json.loads(shown["Policy"])["Statement"] == [statement]
    assert shown["RevisionId"] == given["RevisionId"]
    stale = {**version, "StatementId": "all", "RevisionId": "another"}
    refused(client.remove_layer_version_permission, "PreconditionFailedException", "RevisionId", 412, **stale)
    client.remove_layer_version_permission(**version, StatementId="all")
    refused(client.get_layer_version_policy, "ResourceNotFoundException", "No policy", 404, **version)
    added["VersionNumber"] = 9
    refused(client.add_layer_version_permission, "ResourceNotFoundException", "does not exist", 404, **added)


def test_the_account(client):
    create(client)
    create(client, "g", Publish=True)
    client.put_function_concurrency(FunctionName="g", ReservedConcurrentExecutions=30)
    settings = client.get_account_settings()
    assert settings["AccountUsage"]["FunctionCount"] == 2
    assert settings["AccountUsage"]["TotalCodeSize"] == 3 * len(ECHO)
    assert settings["AccountLimit"]["UnreservedConcurrentExecutions"] == 970


def test_every_operation_is_served_or_declined_by_name(house, client):
    names = set(client.meta.service_model.operation_names)
    assert HANDLERS.keys() <= names
    assert [name for name in names - HANDLERS.keys() if house.api.reason(name) is None] == []
    assert [name for name in HANDLERS if house.api.reason(name)] == []
    refused(client.list_event_source_mappings, "NotImplemented", "functions are invoked by GET requests", 501)


def test_what_a_runtime_needs_is_made_ready_when_a_function_is_made_or_changed(house, client):
    create(client, "f")
    client.update_function_configuration(FunctionName="f", Runtime="nodejs20.x")
    assert house.prepared == [("f", "python3.11"), ("f", "nodejs20.x")]


def test_what_is_reserved_must_leave_a_part(client):
    create(client)
    create(client, "g")
    over = {"FunctionName": "f", "ReservedConcurrentExecutions": 901}
    text = "UnreservedConcurrentExecution below its minimum value of [100]"
    refused(client.put_function_concurrency, "InvalidParameterValueException", text, 400, **over)
    assert "Concurrency" not in client.get_function(FunctionName="f")
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=900)
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=600)
    client.put_function_concurrency(FunctionName="g", ReservedConcurrentExecutions=300)
    assert client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] == 100
    one = {"FunctionName": "g", "ReservedConcurrentExecutions": 301}
    refused(client.put_function_concurrency, "InvalidParameterValueException", text, 400, **one)


def provisioned(client, count=2, qualifier="1", name="f"):
    return client.put_provisioned_concurrency_config(
        FunctionName=name, Qualifier=qualifier, ProvisionedConcurrentExecutions=count
    )


def settled(client, qualifier="1"):
    end = time.monotonic() + 20
    while True:
        found = client.get_provisioned_concurrency_config(FunctionName="f", Qualifier=qualifier)
        if found["Status"] != "IN_PROGRESS" or time.monotonic() > end:
            return found
        time.sleep(0.05)


def test_provisioned_concurrency(client, house):
    create(client, Publish=True)
    made = provisioned(client)
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert (made["Status"], made["RequestedProvisionedConcurrentExecutions"]) == ("IN_PROGRESS", 2)
    found = settled(client)
    assert found["Status"] == "READY"
    assert found["AllocatedProvisionedConcurrentExecutions"] == found["AvailableProvisionedConcurrentExecutions"] == 2
    assert "StatusReason" not in found
    assert house.pool._size == 2
    (listed,) = client.list_provisioned_concurrency_configs(FunctionName="f")["ProvisionedConcurrencyConfigs"]
    assert (listed["FunctionArn"], listed["Status"]) == (f"{ARN}:f:1", "READY")
    assert client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] == 998
    gone = client.delete_provisioned_concurrency_config(FunctionName="f", Qualifier="1")
    assert gone["ResponseMetadata"]["HTTPStatusCode"] == 204
    nothing = {"FunctionName": "f", "Qualifier": "1"}
    code = "ProvisionedConcurrencyConfigNotFoundException"
    refused(client.get_provisioned_concurrency_config, code, "No Provisioned Concurrency Config", 404, **nothing)
    end = time.monotonic() + 10
    while house.pool._size and time.monotonic() < end:
        time.sleep(0.02)
    assert house.pool._size == 0


def test_provisioned_concurrency_of_an_alias_moves_with_it(client, house):
    create(client, Publish=True)
    client.update_function_code(FunctionName="f", ZipFile=OTHER, Publish=True)
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    provisioned(client, 2, "live")
    assert settled(client, "live")["Status"] == "READY"
    client.update_alias(FunctionName="f", Name="live", FunctionVersion="2")
    assert settled(client, "live")["Status"] == "READY"
    assert {group.function.version: group.minimum for group in house.pool._groups.values() if group.minimum} == {"2": 2}
    # A canary takes its share along.
    routing = {"AdditionalVersionWeights": {"1": 0.5}}
    client.update_alias(FunctionName="f", Name="live", RoutingConfig=routing)
    assert settled(client, "live")["Status"] == "READY"
    assert {group.function.version: group.minimum for group in house.pool._groups.values()} == {"1": 1, "2": 1}
    client.delete_function(FunctionName="f")
    assert house.pool._groups == {}


def test_what_provisioned_concurrency_refuses(client):
    create(client, Publish=True)
    client.update_function_code(FunctionName="f", ZipFile=OTHER, Publish=True)
    client.create_alias(FunctionName="f", Name="latest", FunctionVersion="$LATEST")
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    split = {"AdditionalVersionWeights": {"2": 0.1}}
    client.create_alias(FunctionName="f", Name="split", FunctionVersion="1", RoutingConfig=split)
    bad = "InvalidParameterValueException"
    for qualifier, code, text in (
        ("$LATEST", bad, "cannot be applied to unpublished function versions"),
        ("latest", bad, "cannot be applied to unpublished function versions"),
        ("split", bad, "Alias with weights can not be used"),
        ("9", "ResourceNotFoundException", f"{ARN}:f:9"),
    ):
        refused(provisioned, code, text, client=client, qualifier=qualifier)
    refused(provisioned, "ResourceNotFoundException", f"{ARN}:nope", 404, client=client, name="nope")
    refused(provisioned, bad, "minimum value of [100]", 400, client=client, count=901)
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=2)
    refused(provisioned, bad, "greater than the reservedConcurrentExecution", 400, client=client, count=3)
    provisioned(client, 2, "live")
    refused(provisioned, "ResourceConflictException", "pointed by a Provisioned", 409, client=client)
    fewer = {"FunctionName": "f", "ReservedConcurrentExecutions": 1}
    refused(client.put_function_concurrency, bad, "should not be lower than", 400, **fewer)
    client.delete_provisioned_concurrency_config(FunctionName="f", Qualifier="live")
    provisioned(client, 1, "1")
    refused(
        provisioned, "ResourceConflictException", "on an already Provisioned version", 409,
        client=client, qualifier="live",
    )  # fmt: skip


def test_provisioned_environments_that_fail_are_said(client):
    create(client, code=make_zip({"app.py": "raise RuntimeError('no')"}), Publish=True)
    provisioned(client)
    found = settled(client)
    assert (found["Status"], found["StatusReason"]) == ("FAILED", "FUNCTION_ERROR_INIT_FAILURE")


TRYING = """
import time
def handler(event, context):
    with open({path!r}, "a") as file: file.write(context.aws_request_id + "\\n")
    if sum(1 for _ in open({path!r})) < {succeeds}: raise LookupError("not yet")
"""


def tried(client, house, succeeds):
    path = house.folder / "tried"
    code = make_zip({"app.py": TRYING.format(path=str(path), succeeds=succeeds)})
    create(client, code=code)
    return path


def all_delivered(house):
    end = time.monotonic() + 20
    while house.tasks and time.monotonic() < end:
        time.sleep(0.02)
    assert not house.tasks


def test_an_event_is_tried_again_until_the_function_succeeds(client, house):
    path = tried(client, house, 2)
    sent = client.invoke(FunctionName="f", InvocationType="Event")
    all_delivered(house)
    assert path.read_text().split() == [sent["ResponseMetadata"]["RequestId"]] * 2


def test_an_event_is_given_up_after_two_retries_and_said(client, house, caplog):
    path = tried(client, house, 9)
    client.invoke(FunctionName="f", InvocationType="Event")
    all_delivered(house)
    assert len(path.read_text().split()) == 3
    assert f"gave up event {path.read_text().split()[0]} of {ARN}:f: LookupError" in caplog.text


def test_an_event_waits_for_a_function_that_is_throttled(client, house):
    path = tried(client, house, 1)
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    assert client.invoke(FunctionName="f", InvocationType="Event")["StatusCode"] == 202
    time.sleep(0.3)
    assert not path.exists()
    client.delete_function_concurrency(FunctionName="f")
    all_delivered(house)
    assert len(path.read_text().split()) == 1


def test_how_events_are_tried_again_can_be_set(client, house):
    path = tried(client, house, 9)
    missing = {"FunctionName": "f"}
    text = f"{ARN}:f:$LATEST doesn't have an EventInvokeConfig"
    for call in ("get_function_event_invoke_config", "delete_function_event_invoke_config"):
        refused(getattr(client, call), "ResourceNotFoundException", text, 404, **missing)
    made = client.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=0)
    assert (made["FunctionArn"], made["MaximumRetryAttempts"]) == (f"{ARN}:f:$LATEST", 0)
    assert "MaximumEventAgeInSeconds" not in made
    client.update_function_event_invoke_config(FunctionName="f", MaximumEventAgeInSeconds=60)
    found = client.get_function_event_invoke_config(FunctionName="f")
    assert (found["MaximumRetryAttempts"], found["MaximumEventAgeInSeconds"]) == (0, 60)
    listed = client.list_function_event_invoke_configs(FunctionName="f")["FunctionEventInvokeConfigs"]
    assert [one["FunctionArn"] for one in listed] == [f"{ARN}:f:$LATEST"]
    client.invoke(FunctionName="f", InvocationType="Event")
    all_delivered(house)
    assert len(path.read_text().split()) == 1
    queue = {"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:123456789012:q"}}
    refused(
        client.put_function_event_invoke_config, "InvalidParameterValueException", "destinations", 400,
        FunctionName="f", DestinationConfig=queue,
    )  # fmt: skip
    client.delete_function_event_invoke_config(FunctionName="f")
    refused(client.get_function_event_invoke_config, "ResourceNotFoundException", text, 404, **missing)


NO_VPC = {"SubnetIds": [], "SecurityGroupIds": [], "Ipv6AllowedForDualStack": False}
ELASTIC = f"arn:aws:elasticfilesystem:us-east-1:{ACCOUNT}:access-point/fsap-0123456789abcdef0"
PROVIDER = f"arn:aws:lambda:us-east-1:{ACCOUNT}:capacity-provider:p"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}}, "OBJECTLENS_NETWORK"),
        ({"DeadLetterConfig": {"TargetArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"}}, "dead-letter queues"),
        ({"FileSystemConfigs": [{"Arn": ELASTIC, "LocalMountPath": "/mnt/a"}]}, "file systems"),
        ({"ImageConfig": {"Command": ["run"]}}, "container images"),
        ({"KMSKeyArn": f"arn:aws:kms:us-east-1:{ACCOUNT}:key/k"}, "keys of KMS"),
        ({"DurableConfig": {"ExecutionTimeout": 60}}, "durable functions"),
        (
            {"RuntimeConfig": {"RuntimeArn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:runtime/mine", "RuntimeAlias": "a"}},
            "runtime versions",
        ),
        (
            {
                "CapacityProviderConfig": {
                    "LambdaManagedInstancesCapacityProviderConfig": {"CapacityProviderArn": PROVIDER}
                }
            },
            "capacity providers",
        ),
        ({"LoggingConfig": {"LogFormat": "Text", "ApplicationLogLevel": "WARN"}}, "JSON alone"),
        ({"LoggingConfig": {"SystemLogLevel": "WARN"}}, "JSON alone"),
    ],
)
def test_settings_that_nobody_serves_are_refused_by_name(client, changes, words):
    refused(lambda: create(client, **changes), "InvalidParameterValueException", words, 400)
    create(client)
    change = client.update_function_configuration
    refused(change, "InvalidParameterValueException", words, 400, FunctionName="f", **changes)


def test_what_only_creating_and_publishing_may_name_is_refused(client):
    key = {"ZipFile": ECHO, "SourceKMSKeyArn": f"arn:aws:kms:us-east-1:{ACCOUNT}:key/k"}
    refused(lambda: create(client, Code=key), "InvalidParameterValueException", "keys of KMS", 400)
    to = {"PublishTo": "LATEST_PUBLISHED"}
    refused(lambda: create(client, **to), "InvalidParameterValueException", "capacity providers", 400)
    create(client)
    for call, more in ((client.update_function_code, {"ZipFile": OTHER}), (client.publish_version, {})):
        refused(call, "InvalidParameterValueException", "capacity providers", 400, FunctionName="f", **to, **more)


def test_settings_that_ask_for_nothing_are_taken(client):
    empty = {"VpcConfig": NO_VPC, "DeadLetterConfig": {"TargetArn": ""}, "KMSKeyArn": "", "FileSystemConfigs": []}
    made = create(client, **empty, ImageConfig={})
    assert not set(empty) & set(made)
    assert not set(empty) & set(client.update_function_configuration(FunctionName="f", **empty))


def kept(configuration):
    return [configuration[name] for name in ("LoggingConfig", "TracingConfig", "SnapStart")]


def test_settings_that_are_kept_are_told_again(client):
    text = {"LogFormat": "Text", "LogGroup": "/aws/lambda/f"}
    off = {"ApplyOn": "None", "OptimizationStatus": "Off"}
    assert kept(create(client)) == [text, {"Mode": "PassThrough"}, off]
    changed = client.update_function_configuration(
        FunctionName="f",
        LoggingConfig={"LogFormat": "JSON", "LogGroup": "/teams/a", "SystemLogLevel": "WARN"},
        TracingConfig={"Mode": "Active"},
        SnapStart={"ApplyOn": "PublishedVersions"},
    )
    logs = {"LogFormat": "JSON", "LogGroup": "/teams/a", "SystemLogLevel": "WARN", "ApplicationLogLevel": "INFO"}
    snap = {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}
    assert kept(changed) == [logs, {"Mode": "Active"}, snap]
    assert kept(client.update_function_configuration(FunctionName="f", Timeout=9)) == kept(changed)
    assert kept(client.get_function(FunctionName="f")["Configuration"]) == kept(changed)
    published = client.publish_version(FunctionName="f")
    assert kept(published) == [logs, {"Mode": "Active"}, snap | {"OptimizationStatus": "On"}]
    update = client.update_function_configuration
    more = update(FunctionName="f", LoggingConfig={"ApplicationLogLevel": "ERROR"})
    assert more["LoggingConfig"] == logs | {"ApplicationLogLevel": "ERROR"}
    back = update(FunctionName="f", LoggingConfig={"LogFormat": "Text"}, SnapStart={"ApplyOn": "None"})
    assert kept(back) == [{"LogFormat": "Text", "LogGroup": "/teams/a"}, {"Mode": "Active"}, off]
    # That is another version than the one published, and that one has not changed.
    assert client.publish_version(FunctionName="f")["Version"] == "2"
    assert kept(client.get_function_configuration(FunctionName="f", Qualifier="1")) == kept(published)


def test_a_log_in_json_from_the_next_invocation_on(client):
    create(client)
    client.invoke(FunctionName="f", Payload=b"1")
    client.update_function_configuration(FunctionName="f", LoggingConfig={"LogFormat": "JSON"})
    tail = base64.b64decode(client.invoke(FunctionName="f", Payload=b"1", LogType="Tail")["LogResult"])
    assert [json.loads(line)["type"] for line in tail.splitlines() if line.startswith(b"{")] == [
        "platform.initStart",
        "platform.start",
        "platform.report",
    ]


def test_a_database_that_does_not_answer_is_logged_once_and_not_at_each_look(house, caplog, monkeypatch):
    monkeypatch.setattr(concurrency, "LOOK_SECONDS", 0.01)
    file = house.folder / "objectlens.db"
    file.rename(house.folder / "elsewhere.db")
    file.mkdir()
    house.database._engine.dispose()  # as when a connection was lost
    read, looks, enough = house.database.read, [], asyncio.Event()

    async def counted(work):
        looks.append(work)
        if len(looks) == 4:
            enough.set()
        return await read(work)

    monkeypatch.setattr(house.database, "read", counted)

    async def look():
        following = asyncio.ensure_future(concurrency.keep_arranged(house.lambda_))
        await enough.wait()
        following.cancel()

    house.run(look())
    file.rmdir()
    (house.folder / "elsewhere.db").rename(file)
    (warning,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert warning.name == "objectlens.database.engine"
    assert warning.exc_info is None
