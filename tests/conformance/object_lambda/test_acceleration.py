"""What an accelerated function is told of the source is what the wire says, to the letter."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.live import make_lens_on

HANDLER = """
import boto3, http.client, json, requests, urllib.error, urllib.request, urllib3
from urllib.parse import urlsplit

NEW = {"x-amz-request-id", "x-amz-id-2", "date"}

def told(status, reason, headers, body):
    body = body.decode("latin-1")
    for name in ("RequestId", "HostId", "ServerTime"):
        start, found, rest = body.partition(f"<{name}>")
        body = start + found + rest.partition("<")[2]
    return [status, reason, [[name, value] for name, value in headers if name.lower() not in NEW], body]

def wire(url, headers):
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc)
    connection.putrequest("GET", f"{parts.path}?{parts.query}", skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    found = told(answer.status, answer.reason, answer.getheaders(), answer.read())
    connection.close()
    return found

def by_urllib(url, headers):
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, headers=headers))
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return told(answer.status, answer.reason, answer.headers.items(), answer.read())

def by_urllib3(url, headers):
    answer = urllib3.PoolManager().request("GET", url, headers=headers, decode_content=False)
    return told(answer.status, answer.reason, answer.headers.iteritems(), answer.data)

def by_requests(url, headers):
    answer = requests.get(url, headers=headers)
    return told(answer.status_code, answer.reason, answer.raw.headers.iteritems(), answer.content)

def briefly(url, headers):
    answer = requests.get(url)
    return told(answer.status_code, answer.reason, answer.raw.headers.iteritems(), answer.content)

def lambda_handler(event, context):
    where = event["getObjectContext"]
    headers = json.loads(event["userRequest"]["headers"].get("x-told", "{}"))
    kept = {"Accept-Encoding": "identity", **headers}
    out = {
        "urllib": by_urllib(where["inputS3Url"], headers) == wire(where["inputS3Url"], {**kept, "Connection": "close"}),
        "urllib3": by_urllib3(where["inputS3Url"], headers) == wire(where["inputS3Url"], headers),
        "requests": by_requests(where["inputS3Url"], headers) == wire(where["inputS3Url"], headers),
        "briefly": briefly(where["inputS3Url"], {}) == wire(where["inputS3Url"], {}),
    }
    expected = wire(where["inputS3Url"], headers)
    boto3.client("s3").write_get_object_response(
        RequestRoute=where["outputRoute"], RequestToken=where["outputToken"], Body=json.dumps([out, expected]).encode())
"""


@pytest.mark.parametrize("key", ["there", "marked", "empty", "missing", "long"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Range": "bytes=1-2"}, 206),
        ({"Range": "bytes=999999999-"}, 416),
        ({"If-None-Match": "*"}, 304),
        ({"If-Match": '"other"'}, 412),
        ({"x-amz-expected-bucket-owner": "123456789012"}, 403),
        ({"x-amz-server-side-encryption-customer-algorithm": "AES256"}, 403),
    ],
)
def test_answers_are_those_of_the_wire(lens, key, headers, status):
    def add(request, **_):
        request.headers["x-told"] = json.dumps(headers)

    events = lens.s3.meta.events
    events.register("before-sign.s3.GetObject", add)
    try:
        same, told = json.loads(lens.get(key)["Body"].read())
    finally:
        events.unregister("before-sign.s3.GetObject", add)
    assert same == dict.fromkeys(same, True), told
    if key == "there":
        assert told[0] == status
    if key == "missing" and status != 403:
        assert told[0] == 404


def test_a_header_that_a_query_asks_for(lens):
    for value in ("text/plain; x=é", "a\nSet-Cookie: b=c", "a\r\n\r\nb"):
        same, told = json.loads(lens.get("there", ResponseContentType=value)["Body"].read())
        assert same == dict.fromkeys(same, True), told


@pytest.fixture(scope="module")
def lens(server):
    made = make_lens_on(server, HANDLER)
    made.put("there", b"the original")
    made.put("marked", b"x", Metadata={"a": "b"}, ContentEncoding="other", CacheControl="no-store")
    made.put("empty", b"")
    made.put("long", b"0123456789" * 200_000)
    return made


OF_THE_MODULE = """
import boto3, json, os, time
s3 = boto3.client("s3")

def connections():
    with open("/proc/self/net/tcp") as file:
        connected = {line.split()[9] for line in file.readlines()[1:]}
    numbers = [name for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")]
    return sum(os.readlink(f"/proc/self/fd/{name}")[len("socket:["):-1] in connected for name in numbers)

def lambda_handler(event, context):
    time.sleep(0.2)  # so that each of those who ask has an environment of its own
    where = event["getObjectContext"]
    for _ in range(2):
        body = json.dumps([os.environ["AWS_LAMBDA_LOG_STREAM_NAME"], connections()]).encode()
        try:
            s3.write_get_object_response(
                RequestRoute=where["outputRoute"], RequestToken=where["outputToken"], Body=body)
        except s3.exceptions.ClientError:  # it is answered already
            pass
"""


def test_the_client_of_a_module_takes_no_connection_in_any_environment(server):
    lens = make_lens_on(server, OF_THE_MODULE)
    with ThreadPoolExecutor(3) as pool:
        told = list(pool.map(lambda _: json.loads(lens.read("k")), range(9)))
    assert len({environment for environment, _ in told}) >= 2
    assert {count for _, count in told} == {0}
