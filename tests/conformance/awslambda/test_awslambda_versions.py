"""Versions, aliases and Invoke of a running server, as a program that moves from AWS uses them."""

import base64
import hashlib
import io
import json
import time
import urllib.error
import urllib.request
import zipfile
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from support.live import ROLE, make_lens_on, zipped

ECHO = """
import os
def lambda_handler(event, context):
    print("seen", os.environ.get("STAGE"))
    if event == "fail": raise LookupError("nothing there")
    return {"event": event, "stage": os.environ.get("STAGE"), "version": context.function_version}
"""


@pytest.fixture
def client(server):
    return server.client("lambda")


@pytest.fixture
def name(server):
    return make_lens_on(server, ECHO, environment={"STAGE": "one"}).function


def refused(call, **parameters):
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    return caught.value.response["Error"]["Code"], caught.value.response["ResponseMetadata"]["HTTPStatusCode"]


def test_what_is_missing_is_missing_in_the_callers_region(server, name):
    client = replace(server, region="eu-west-1").client("lambda", cached=False)
    arn = f"arn:aws:lambda:eu-west-1:{server.account}:function"
    version = {"FunctionName": name, "Name": "live", "FunctionVersion": "9"}
    kept = {"FunctionName": name, "Qualifier": "9", "ProvisionedConcurrentExecutions": 1}
    for call, parameters, missing in (
        (client.get_function, {"FunctionName": "nope"}, "nope"),
        (client.delete_function, {"FunctionName": "nope"}, "nope"),
        (client.get_alias, {"FunctionName": name, "Name": "live"}, f"{name}:live"),
        (client.create_alias, version, f"{name}:9"),
        (client.put_provisioned_concurrency_config, kept, f"{name}:9"),
    ):
        with pytest.raises(client.exceptions.ResourceNotFoundException, match=f"{arn}:{missing}$"):
            call(**parameters)


def test_a_version_keeps_code_and_settings(client, name):
    client.update_function_configuration(FunctionName=name, Description="the first")
    one = client.publish_version(FunctionName=name)
    client.update_function_configuration(FunctionName=name, Environment={"Variables": {"STAGE": "two"}}, Description="")
    client.update_function_code(FunctionName=name, ZipFile=zipped(ECHO + "# two"))
    two = client.publish_version(FunctionName=name, Description="the second")
    assert (one["Version"], one["Description"], two["Version"], two["Description"]) == (
        "1", "the first", "2", "the second",
    )  # fmt: skip
    assert one["CodeSha256"] != two["CodeSha256"]
    assert one["Environment"]["Variables"] == {"STAGE": "one"}
    for version, stage in (("1", "one"), ("2", "two")):
        answer = client.invoke(FunctionName=name, Qualifier=version, Payload=b"{}")
        assert answer["ExecutedVersion"] == version
        assert json.load(answer["Payload"]) == {"event": {}, "stage": stage, "version": version}
    found = client.get_function(FunctionName=name, Qualifier="1")["Configuration"]
    assert (found["Version"], found["FunctionArn"]) == ("1", one["FunctionArn"])


def test_an_alias_is_what_was_executed(client, name):
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1", Description="for all")
    for parameters in ({"FunctionName": f"{name}:live"}, {"FunctionName": name, "Qualifier": "live"}):
        answer = client.invoke(**parameters, Payload=b"1")
        assert (answer["ExecutedVersion"], json.load(answer["Payload"])["version"]) == ("1", "1")
    assert refused(client.get_alias, FunctionName=name, Name="none") == ("ResourceNotFoundException", 404)
    assert refused(client.delete_function, FunctionName=name, Qualifier="1") == ("ResourceConflictException", 409)


def test_tags(client, name):
    arn = client.get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    client.tag_resource(Resource=arn, Tags={"team": "vision", "cost": "7"})
    client.untag_resource(Resource=arn, TagKeys=["cost"])
    assert client.list_tags(Resource=arn)["Tags"] == {"team": "vision"}
    assert client.get_function(FunctionName=name)["Tags"] == {"team": "vision"}


def test_the_tail_of_the_log_comes_with_the_answer(client, name):
    answer = client.invoke(FunctionName=name, Payload=b'"fail"', LogType="Tail")
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    document = json.load(answer["Payload"])
    assert (document["errorType"], document["errorMessage"]) == ("LookupError", "nothing there")
    tail = base64.b64decode(answer["LogResult"]).decode()
    request_id = answer["ResponseMetadata"]["RequestId"]
    for line in (
        f"START RequestId: {request_id} Version: $LATEST",
        "seen one",
        f"END RequestId: {request_id}",
        "REPORT",
    ):
        assert line in tail
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amz-executed-version"] == "$LATEST"
    assert "LogResult" not in client.invoke(FunctionName=name)


def test_an_event_is_taken_and_runs_later(server, client, name):
    answer = client.invoke(FunctionName=name, InvocationType="Event", Payload=b'"later"')
    assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
    if server.data is not None:
        log = server.data / "functions" / "logs" / name / "current.log"
        end = time.monotonic() + 20
        while not (log.exists() and answer["ResponseMetadata"]["RequestId"] in log.read_text()):
            assert time.monotonic() < end
            time.sleep(0.1)


def test_a_dry_run_asks_whether_one_may(server, client, name):
    assert client.invoke(FunctionName=name, InvocationType="DryRun")["StatusCode"] == 204
    assert refused(client.invoke, FunctionName="none", InvocationType="DryRun") == ("ResourceNotFoundException", 404)
    iam = server.client("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    own = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    theirs = server.client("lambda", cached=False, credentials=own)
    dry = {"FunctionName": name, "InvocationType": "DryRun"}
    assert refused(theirs.invoke, **dry) == ("AccessDeniedException", 403)
    arn = client.get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    statement = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=name, PolicyName="invoke", PolicyDocument=policy)
    assert theirs.invoke(**dry)["StatusCode"] == 204
    assert refused(theirs.get_function, FunctionName=name) == ("AccessDeniedException", 403)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"Payload": b"{"}, ("InvalidRequestContentException", 400)),
        ({"Payload": b"NaN"}, ("InvalidRequestContentException", 400)),
        ({"Payload": "[]".encode("utf-16")}, ("InvalidRequestContentException", 400)),
        ({"Payload": b'"' + b"x" * 6 * 1024 * 1024 + b'"'}, ("RequestTooLargeException", 413)),
        ({"Qualifier": "12"}, ("ResourceNotFoundException", 404)),
        ({"ClientContext": "%"}, ("InvalidRequestContentException", 400)),
    ],
)
def test_what_invoke_refuses(client, name, parameters, expected):
    assert refused(client.invoke, FunctionName=name, **parameters) == expected


def test_what_creating_refuses(client, name):
    made = {
        "FunctionName": name,
        "Runtime": "python3.11",
        "Role": ROLE,
        "Handler": "a.b",
        "Code": {"ZipFile": zipped("")},
    }
    assert refused(client.create_function, **made) == ("ResourceConflictException", 409)
    stale = {"FunctionName": name, "RevisionId": "other"}
    assert refused(client.publish_version, **stale) == ("PreconditionFailedException", 412)
    weights = {"RoutingConfig": {"AdditionalVersionWeights": {"1": 0.1}}}
    missing = {"FunctionName": name, "Name": "x", "FunctionVersion": "$LATEST", **weights}
    assert refused(client.create_alias, **missing)[1] in {400, 404}


def fetched(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_the_content_of_a_layer_can_be_fetched(client, name):
    content = zipped("value = 1\n")
    made = client.publish_layer_version(LayerName=name, Content={"ZipFile": content})
    told = client.get_layer_version(LayerName=name, VersionNumber=made["Version"])
    for version in (made, told):
        assert fetched(version["Content"]["Location"]) == (200, content)


def test_code_can_be_fetched_for_a_while(client, name):
    client.publish_version(FunctionName=name)
    client.update_function_code(FunctionName=name, ZipFile=zipped("# other\n" + ECHO))
    for qualifier, code in (("1", ECHO), ("$LATEST", "# other\n" + ECHO)):
        found = client.get_function(FunctionName=name, Qualifier=qualifier)
        status, data = fetched(found["Code"]["Location"])
        assert status == 200
        assert base64.b64encode(hashlib.sha256(data).digest()).decode() == found["Configuration"]["CodeSha256"]
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert archive.read("lambda_function.py").decode() == code
    url = found["Code"]["Location"]
    other = client.get_function(FunctionName=name, Qualifier="1")["Code"]["Location"]
    digest, theirs = url.partition("/-/code/")[2][:64], other.partition("/-/code/")[2][:64]
    for forged in (url.replace(digest, theirs), url.replace("Expires=1", "Expires=2"), url.partition("?")[0], url[:-1]):
        assert fetched(forged)[0] == 403
