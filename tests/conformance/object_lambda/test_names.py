"""AWS's own host names inside functions: code that names them, or knows no endpoint variable, reaches this server."""

import io
import json
import os
import socket
import subprocess
import sys
import zipfile

import pytest
from botocore.exceptions import ClientError

from objectlens.gateway.trust import usual_roots
from support.live import make_lens_on, start_server, stop_server

CODE = '''
import asyncio, http.client, io, json, os, socket, ssl, urllib.request
import aiohttp, boto3, httpx, requests, urllib3
from botocore.config import Config

REGION, BUCKET, DOTTED = os.environ["AWS_REGION"], os.environ["BUCKET"], os.environ["DOTTED"]
AWS = f"https://s3.{REGION}.amazonaws.com"
IGNORED = Config(ignore_configured_endpoint_urls=True)

def s3(url=AWS, style="virtual", **config):
    return boto3.client("s3", endpoint_url=url, config=Config(s3={"addressing_style": style}, **config))

def aws(service, **options):
    return boto3.client(service, config=IGNORED, **options)

def read(client, bucket=BUCKET, key="k"):
    return client.get_object(Bucket=bucket, Key=key)["Body"].read().decode()

def presigned(url=AWS, bucket=BUCKET, key="k"):
    signer = s3(url, signature_version="s3v4")
    return signer.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key})

async def with_aiohttp(url):
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return await answer.text()

async def with_httpx(url):
    async with httpx.AsyncClient() as client:
        return (await client.get(url)).text

async def with_streams(url):
    host, _, target = url.removeprefix("https://").partition("/")
    reader, writer = await asyncio.open_connection(host, 443, ssl=True)
    writer.write(f"GET /{target} HTTP/1.1\\r\\nHost: {host}\\r\\nConnection: close\\r\\n\\r\\n".encode())
    answer = await reader.read()
    writer.close()
    return answer.partition(b"\\r\\n\\r\\n")[2].decode()

def with_http_client(url):
    host, _, target = url.removeprefix("https://").partition("/")
    connection = http.client.HTTPSConnection(host)
    connection.request("GET", f"/{target}")
    return connection.getresponse().read().decode()

def plain(url):
    return url.replace("https://", "http://")

WAYS = {
    "boto3, the endpoint named": lambda: read(s3()),
    "boto3, path style": lambda: read(s3(style="path")),
    "boto3, another region": lambda: read(s3("https://s3.eu-central-1.amazonaws.com")),
    "boto3, the global endpoint": lambda: read(s3("https://s3.amazonaws.com")),
    "boto3, dual stack": lambda: read(s3(f"https://s3.dualstack.{REGION}.amazonaws.com")),
    "boto3, legacy": lambda: read(s3(f"https://s3-{REGION}.amazonaws.com")),
    "boto3, plain": lambda: read(s3(plain(AWS))),
    "boto3, no endpoint": lambda: read(aws("s3")),
    "boto3, a bucket with dots": lambda: read(s3(), DOTTED),
    "access point": lambda: read(aws("s3"), os.environ["ACCESS_POINT"]),
    "Object Lambda access point": lambda: read(aws("s3"), os.environ["OBJECT_LAMBDA"]).lower(),
    "requests": lambda: requests.get(presigned()).text,
    "requests, dots": lambda: requests.get(presigned(bucket=DOTTED)).text,
    "requests, plain": lambda: requests.get(presigned(plain(AWS))).text,
    "urllib3": lambda: urllib3.request("GET", presigned()).data.decode(),
    "urllib": lambda: urllib.request.urlopen(presigned()).read().decode(),
    "http.client": lambda: with_http_client(presigned()),
    "httpx": lambda: httpx.get(presigned()).text,
    "httpx, asynchronous": lambda: asyncio.run(with_httpx(presigned())),
    "aiohttp": lambda: asyncio.run(with_aiohttp(presigned())),
    "aiohttp, plain": lambda: asyncio.run(with_aiohttp(presigned(plain(AWS)))),
    "asyncio": lambda: asyncio.run(with_streams(presigned())),
}

def large():
    """Send and read 40 MB, in parts, and a stream of unknown length."""
    content, client = bytes(range(256)) * 160_000, s3()
    client.upload_fileobj(io.BytesIO(content), BUCKET, "large")
    out = io.BytesIO()
    client.download_fileobj(BUCKET, "large", out)
    part = client.get_object(Bucket=BUCKET, Key="large", Range="bytes=1000000-1000255")["Body"].read()
    signer = s3(signature_version="s3v4")
    url = signer.generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": "whole"})
    requests.put(url, data=content).raise_for_status()
    return [out.getvalue() == content, part == content[1_000_000:1_000_256], read_length("whole") == len(content)]

def read_length(key):
    with requests.get(presigned(key=key), stream=True) as answer:
        return sum(len(part) for part in answer.iter_content(1 << 16))

def services():
    role = os.environ["ROLE"]
    return {
        "sts": boto3.client("sts", endpoint_url="https://sts.amazonaws.com").get_caller_identity()["Arn"].split("/")[1],
        "sts in a region": aws("sts").get_caller_identity()["Arn"].split("/")[1],
        "iam": aws("iam").get_role(RoleName=role)["Role"]["RoleName"],
        "lambda": aws("lambda").get_function_configuration(FunctionName=os.environ["AWS_LAMBDA_FUNCTION_NAME"])["Role"],
        "s3control": aws("s3control").get_access_point(
            AccountId="123456789012", Name=os.environ["ACCESS_POINT"].rpartition("/")[2])["Bucket"],
        "a label": requests.get(os.environ["OBJECTLENS_ENDPOINT_URL"].replace("://", "://label.") + "/k").status_code,
    }

def error(call):
    try:
        return f"no error: {call()!r}"
    except Exception as found:
        return f"{type(found).__name__}: {found}"

def connected(address, name, context):
    with socket.create_connection(address, 10) as raw, context.wrap_socket(raw, server_hostname=name) as sock:
        return sock.version()

def trust():
    port = int(os.environ["OBJECTLENS_TLS_URL"].rpartition(":")[2])
    ours, usual = ssl.create_default_context(), ssl.create_default_context(cafile=os.environ["MACHINE"])
    usual_bundle = len(ssl.create_default_context(cafile=os.environ["MACHINE"]).get_ca_certs())
    url = f"https://s3.{REGION}.amazonaws.com/"
    pool = urllib3.HTTPSConnectionPool("s3.amazonaws.com", assert_hostname="sts.amazonaws.com", retries=False)
    return {
        "right": connected(("s3.amazonaws.com", 443), "s3.amazonaws.com", ours),
        "without our authority": error(lambda: connected(("s3.amazonaws.com", 443), "s3.amazonaws.com", usual)),
        "another name": error(lambda: pool.request("GET", "/")),
        "a name that is not ours": error(lambda: connected(("127.0.0.1", port), "dynamodb.amazonaws.com", ours)),
        "an address": connected(("127.0.0.1", port), "127.0.0.1", ours),
        "the machine's roots as well": len(ours.get_ca_certs()) - usual_bundle,
    }

def leads(name, port):
    try:
        return sorted({found[4][:2] for found in socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)})
    except OSError:
        return []

OTHERS = ["dynamodb.us-east-1.amazonaws.com", "example.com", "s3.amazonaws.com.evil.example", "evils3.amazonaws.com"]

def others():
    found = [address for name in OTHERS for port in (80, 443) for address in leads(name, port)]
    found += leads("s3.amazonaws.com", 8443)
    return [address for address in found if address[0].startswith("127.")]

def secret():
    """Read what a policy shows over TLS only."""
    return [read(s3(), key="secret"), error(lambda: read(s3(plain(AWS)), key="secret"))]

DOES = {"secret": secret, "large": large, "services": services, "trust": trust, "others": others}

def handler(event, context):
    if "getObjectContext" not in event:
        return DOES[event["do"]]() if "do" in event else WAYS[event["way"]]()
    given = event["getObjectContext"]
    source = requests.get(given["inputS3Url"]).text
    s3().write_get_object_response(
        RequestRoute=given["outputRoute"], RequestToken=given["outputToken"], Body=source.upper().encode())
'''
WAYS = [line.split('"')[1] for line in CODE.partition("WAYS = {")[2].partition("\n}")[0].splitlines() if '"' in line]


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A handler with HTTP clients that are asynchronous."""
    folder = tmp_path_factory.mktemp("pip")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", folder]
    subprocess.run([*install, "aiohttp>=3.11", "httpx>=0.28"], check=True, capture_output=True)
    (folder / "index.py").write_text(CODE)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                archive.write(path, path.relative_to(folder))
    return buffer.getvalue()


def make_role(server, name: str) -> str:
    iam = server.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )
    allow = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    iam.put_role_policy(
        RoleName=name, PolicyName="all", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    )
    return role["Role"]["Arn"]


@pytest.fixture(scope="session")
def lens(server, package):
    """A lens whose function may do anything."""
    made = make_lens_on(server, {}, package=package, handler="index.handler", timeout=60, memory=512)
    role, dotted = make_role(server, f"{made.bucket}-role"), f"{made.bucket}.with.dots"
    where = {"CreateBucketConfiguration": {"LocationConstraint": server.region}}
    made.s3.create_bucket(Bucket=dotted, **where)
    made.s3.put_object(Bucket=dotted, Key="k", Body=b"hello")
    made.put("k", b"hello")
    variables = {
        "BUCKET": made.bucket,
        "DOTTED": dotted,
        "ACCESS_POINT": made.access_point_arn,
        "OBJECT_LAMBDA": made.arn,
        "ROLE": role.rpartition("/")[2],
        "MACHINE": str(usual_roots()),
    }
    server.client("lambda").update_function_configuration(
        FunctionName=made.function, Role=role, Environment={"Variables": variables}
    )
    return made


def ask(lens, **event):
    answer = lens.server.client("lambda").invoke(FunctionName=lens.function, Payload=json.dumps(event))
    result = json.load(answer["Payload"])
    assert "FunctionError" not in answer, result
    return result


@pytest.mark.parametrize("way", WAYS)
def test_python_reaches_awss_own_names(lens, way) -> None:
    assert ask(lens, way=way) == "hello"


def test_large_bodies_come_and_go(lens) -> None:
    assert ask(lens, do="large") == [True, True, True]


def test_the_other_services_have_their_names(lens) -> None:
    role = f"{lens.bucket}-role"
    assert ask(lens, do="services") == {
        "sts": role,
        "sts in a region": role,
        "iam": role,
        "lambda": f"arn:aws:iam::{lens.server.account}:role/{role}",
        "s3control": lens.bucket,
        "a label": 404,
    }


def test_certificates_are_verified(lens) -> None:
    seen = ask(lens, do="trust")
    assert seen["right"] == seen["an address"] == "TLSv1.3"
    assert "CERTIFICATE_VERIFY_FAILED" in seen["without our authority"]
    assert "doesn't match" in seen["another name"] or "mismatch" in seen["another name"]
    assert "Hostname mismatch" in seen["a name that is not ours"]
    assert seen["the machine's roots as well"] == 1


def test_policies_see_whether_it_was_tls(lens) -> None:
    lens.put("secret", b"told")
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{lens.bucket}/secret",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    lens.s3.put_bucket_policy(Bucket=lens.bucket, Policy=json.dumps(policy))
    told, refusal = ask(lens, do="secret")
    assert told == "told"
    assert "AccessDenied" in refusal


def test_other_names_are_left_alone(lens) -> None:
    assert ask(lens, do="others") == []


def test_a_handler_that_names_the_endpoint_answers(lens) -> None:
    assert lens.read("k") == b"HELLO"


LISTED = """
import boto3, json, os, subprocess
from botocore.config import Config
def lambda_handler(event, context):
    given = event["getObjectContext"]
    client = boto3.client("s3", config=Config(ignore_configured_endpoint_urls=True))
    url = f"https://sts.{os.environ['AWS_REGION']}.amazonaws.com/"
    said = subprocess.run(["curl", "-sS", "-w", "%{http_code}", "-o", "/dev/null", url], capture_output=True, text=True)
    client.write_get_object_response(
        RequestRoute=given["outputRoute"], RequestToken=given["outputToken"], Body=said.stdout + said.stderr)
"""


def test_names_lead_here_for_functions_that_go_by_a_proxy(sandboxed) -> None:
    server, _ = sandboxed
    lens = make_lens_on(server, LISTED, environment={"OBJECTLENS_NETWORK": ".example.org:443"}, timeout=30)
    lens.put("k", b"hello")
    assert lens.read("k") == b"403"  # of this service, over TLS that curl trusts


OFF = """
import os, socket
def lambda_handler(event, context):
    try:
        found = {one[4][0] for one in socket.getaddrinfo("s3.amazonaws.com", 443)}
    except OSError:
        found = set()
    with open("/etc/hosts") as file:
        named = "amazonaws" in file.read()
    given = [name for name in ("AWS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS") if name in os.environ]
    return [sorted(one for one in found if one.startswith("127.")), named, given]
"""


def test_a_function_may_mean_aws_itself(sandboxed) -> None:
    server, _ = sandboxed
    lens = make_lens_on(server, OFF, environment={"OBJECTLENS_CAPTURE": "0"}, timeout=30)
    answer = server.client("lambda").invoke(FunctionName=lens.function)
    assert json.load(answer["Payload"]) == [[], False, []]


# A function in the shell: it reads the source, and answers at the URL that its environment names.
BOOTSTRAP = """#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
field() { echo "$event" | sed -n "s/.*\\"$1\\": *\\"\\([^\\"]*\\)\\".*/\\1/p"; }
while :; do
  event=$(curl -sS -D "$TMPDIR/head" "$api/next" | tr -d '\\n')
  id=$(sed -n 's/^lambda-runtime-aws-request-id: *\\([^[:space:]]*\\).*/\\1/Ip' "$TMPDIR/head")
  route=$(field outputRoute)
  said=$( { curl -sS -f "$(field inputS3Url)" | tr a-z A-Z | curl -sS -f -X POST --data-binary @- \
    -H "Content-Type: application/octet-stream" -H "x-amz-request-route: $route" \
    -H "x-amz-request-token: $(field outputToken)" "$(eval echo "$ANSWER_AT")/WriteGetObjectResponse"; } 2>&1 )
  [ -z "$said" ] || echo "$said" >&2
  curl -sS -X POST -d "\\"$said\\"" "$api/$id/response" >/dev/null
done
"""


def bootstrap() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        member = zipfile.ZipInfo("bootstrap")
        member.external_attr = 0o755 << 16
        archive.writestr(member, BOOTSTRAP)
    return buffer.getvalue()


def low_ports_are_free(address: str) -> bool:
    """Whether this user may take port 443."""
    with socket.socket() as sock:
        try:
            sock.bind((address, 443))
        except PermissionError:
            return False
    return True


@pytest.fixture(scope="module")
def sandboxed(tmp_path_factory):
    """A server whose functions are in sandboxes, with ports 443 and 80 of an address if this user may have them."""
    address = f"127.{os.getpid() % 200 + 10}.{os.getpid() // 200 % 250}.1"
    environment = {"OBJECTLENS_FUNCTIONS_ISOLATION": "auto", "OBJECTLENS_FUNCTIONS_NODE_MODULES": "none"}
    if low_ports_are_free(address):
        environment["OBJECTLENS_FUNCTIONS_CAPTURE_ADDRESS"] = address
    server = start_server(tmp_path_factory.mktemp("sandboxed") / "data", env=environment)
    try:
        yield server, "OBJECTLENS_FUNCTIONS_CAPTURE_ADDRESS" in environment
    finally:
        assert stop_server(server) == 0


ANSWERS = {
    "https://$route.s3-object-lambda.$AWS_REGION.amazonaws.com": True,
    "https://s3.amazonaws.com": True,
    "http://s3.$AWS_REGION.amazonaws.com": True,
    "http://$route.${OBJECTLENS_ENDPOINT_URL#http://}": False,
    "http://$route.localhost:${OBJECTLENS_ENDPOINT_URL##*:}": False,
}


@pytest.mark.parametrize("answer_at", ANSWERS)
def test_any_program_in_a_sandbox_reaches_the_names_of_its_hosts_file(sandboxed, answer_at) -> None:
    server, captures = sandboxed
    variables = {"ANSWER_AT": answer_at}
    lens = make_lens_on(
        server, {}, package=bootstrap(), runtime="provided.al2", handler="any", environment=variables, timeout=20
    )
    lens.put("k", b"hello")
    if captures or not ANSWERS[answer_at]:
        assert lens.read("k") == b"HELLO"
    else:
        with pytest.raises(ClientError):
            lens.read("k")


def test_python_in_a_sandbox_reaches_them(sandboxed) -> None:
    server, _ = sandboxed
    code = """
import boto3, os, socket
def lambda_handler(event, context):
    sts = boto3.client("sts", endpoint_url=f"https://sts.{os.environ['AWS_REGION']}.amazonaws.com")
    return sts.get_caller_identity()["Account"]
"""
    lens = make_lens_on(server, code)
    answer = server.client("lambda").invoke(FunctionName=lens.function)
    assert json.load(answer["Payload"]) == server.account


def test_node_in_a_sandbox_reaches_them(sandboxed) -> None:
    server, _ = sandboxed
    code = """
exports.handler = async () => {
  const answers = [];
  for (const url of ["https://s3.amazonaws.com/", "http://s3.eu-west-1.amazonaws.com/", "https://b.s3.amazonaws.com/k"])
    answers.push((await fetch(url)).status);
  return answers;
};
"""
    lens = make_lens_on(server, {"index.js": code}, runtime="nodejs20.x", handler="index.handler", timeout=20)
    answer = server.client("lambda").invoke(FunctionName=lens.function)
    assert json.load(answer["Payload"]) == [403, 403, 404]
