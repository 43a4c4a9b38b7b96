"""Handlers for Node.js, with the AWS SDK v3 that the runtime brings and with what packages bundle."""

import gzip
import hashlib
import io
import json
import subprocess
import time
import uuid
import zipfile
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from support.live import zipped

NODE = {"runtime": "nodejs20.x", "handler": "index.handler", "timeout": 20}

# What SDK v2 needs for S3, Lambda and STS; the whole of it is too large to be sent with every function.
V2_APIS = ("metadata.json", "s3-2006", "s3.", "lambda-2015", "sts-2011")


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory):
    """Return a function that makes a package of files and of npm packages."""
    folder = tmp_path_factory.mktemp("npm")
    (folder / "package.json").write_text('{"private": true}')
    wanted = ["aws-sdk@2", "axios@1", "node-fetch@2"]
    subprocess.run(["npm", "install", "--ignore-scripts", *wanted], cwd=folder, check=True, capture_output=True)

    def make(files: dict[str, str]) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name, text in files.items():
                archive.writestr(name, text)
            for path in sorted((folder / "node_modules").rglob("*")):
                if path.is_file() and _is_needed(path.relative_to(folder / "node_modules")):
                    archive.write(path, path.relative_to(folder))
        return buffer.getvalue()

    return make


def _is_needed(path: Path) -> bool:
    if path.suffix not in {".js", ".cjs", ".mjs", ".json"} or ".bin" in path.parts:
        return False
    if path.parts[0] != "aws-sdk":
        return True
    return path.parts[1] != "dist" and (path.parts[1] != "apis" or path.name.startswith(V2_APIS))


@pytest.fixture(scope="session", autouse=True)
def runtime(server):
    """Have the runtime made ready before any test's time counts."""
    lambdas = server.client("lambda")
    role = f"arn:aws:iam::{server.account}:role/function-role"
    package = zipped({"index.mjs": "import '@aws-sdk/client-s3'; export const handler = async () => 'ready';"})
    name = f"node-{uuid.uuid4().hex[:16]}"
    lambdas.create_function(
        FunctionName=name, Runtime="nodejs22.x", Handler="index.handler", Role=role, Timeout=30,
        Code={"ZipFile": package},
    )  # fmt: skip
    answer = lambdas.invoke(FunctionName=name)
    assert json.load(answer["Payload"]) == "ready"


ESM = """
import {{ S3Client, WriteGetObjectResponseCommand }} from "@aws-sdk/client-s3";
import {{ Readable }} from "node:stream";
const s3 = new S3Client({{}});
export const handler = async (event) => {{
  const {{ inputS3Url, outputRoute, outputToken }} = event.getObjectContext;
  const source = await fetch(inputS3Url);
  const answer = {{ {answer} }};
  await s3.send(new WriteGetObjectResponseCommand({{
    RequestRoute: outputRoute, RequestToken: outputToken, ContentType: "text/x-made", Metadata: {{ made: "yes" }},
    ...answer,
  }}));
  return {{ statusCode: 200 }};
}};
"""

BODIES = {
    "text": "Body: (await source.text()).toUpperCase()",
    "buffer": "Body: Buffer.from((await source.text()).toUpperCase())",
    "bytes": "Body: new TextEncoder().encode((await source.text()).toUpperCase())",
    "stream": "Body: Readable.from(async function* () { "
    "for await (const part of source.body) yield Buffer.from(part).toString().toUpperCase() }())",
    "stream with its length": "ContentLength: 60000, Body: Readable.from(async function* () { "
    "for await (const part of source.body) yield Buffer.from(Buffer.from(part).toString().toUpperCase()) }())",
    "piped": "Body: Readable.fromWeb(source.body.pipeThrough(new TransformStream({ transform(part, out) { "
    "out.enqueue(Buffer.from(Buffer.from(part).toString().toUpperCase())) } })))",
}


@pytest.mark.parametrize("body", sorted(BODIES))
def test_a_module_answers_through_sdk_v3(make_lens, body) -> None:
    lens = make_lens({"index.mjs": ESM.format(answer=BODIES[body])}, **NODE)
    lens.put("k é+.txt", b"hello " * 10_000)
    answer = lens.get("k é+.txt")
    assert answer["Body"].read() == b"HELLO " * 10_000
    assert (answer["ContentType"], answer["Metadata"]) == ("text/x-made", {"made": "yes"})


def test_a_large_body_streams_without_a_length(make_lens) -> None:
    made = "Readable.from((function* () { for (let i = 0; i < 640; i++) yield Buffer.alloc(65536, i) })())"
    lens = make_lens({"index.mjs": ESM.format(answer=f"Body: {made}")}, **NODE)
    lens.put("k")
    answer = lens.get("k")
    assert "ContentLength" not in answer
    digest = hashlib.sha256()
    for part in answer["Body"].iter_chunks(1 << 20):
        digest.update(part)
    assert digest.digest() == hashlib.sha256(b"".join(bytes([i % 256]) * 65536 for i in range(640))).digest()


COMMON_JS = """
const { S3 } = require("@aws-sdk/client-s3");
exports.handler = (event, context, callback) => {
  const { outputRoute: RequestRoute, outputToken: RequestToken, inputS3Url } = event.getObjectContext;
  require("node:https").get(inputS3Url, (source) => {
    const parts = [];
    source.on("data", (part) => parts.push(part));
    source.on("end", () => {
      new S3({}).writeGetObjectResponse(
        { RequestRoute, RequestToken, Body: Buffer.concat(parts).toString().toUpperCase() },
        (error) => callback(error, { statusCode: 200 }),
      );
    });
  });
};
"""


def test_a_callback_handler_answers_through_sdk_v3_and_reads_with_https(make_lens) -> None:
    lens = make_lens({"index.js": COMMON_JS}, **NODE)
    lens.put("k", b"hello")
    assert lens.read("k") == b"HELLO"


FETCHERS = {
    "axios": "(await require('axios').get(url, { responseType: 'arraybuffer' })).data",
    "node-fetch": "await (await require('node-fetch')(url)).buffer()",
    "fetch": "Buffer.from(await (await fetch(url)).arrayBuffer())",
    "https": "await new Promise((resolve, reject) => require('https').get(url, (answer) => {"
    " const parts = []; answer.on('data', (p) => parts.push(p)); answer.on('end', () => resolve(Buffer.concat(parts)));"
    " }).on('error', reject))",
    "https with options": "await new Promise((resolve, reject) => { const u = new URL(url);"
    " require('https').request({ hostname: u.hostname, port: u.port, path: u.pathname + u.search }, (answer) => {"
    " const parts = []; answer.on('data', (p) => parts.push(p)); answer.on('end', () => resolve(Buffer.concat(parts)));"
    " }).on('error', reject).end() })",
}

V2 = """
const AWS = require("aws-sdk");
const read = async (url) => %s;
exports.handler = async (event) => {
  const s3 = new AWS.S3(%s);
  const { outputRoute, outputToken, inputS3Url } = event.getObjectContext;
  const params = { RequestRoute: outputRoute, RequestToken: outputToken, Metadata: { host: s3.endpoint.hostname } };
  params.Body = (await read(inputS3Url)).toString().toUpperCase();
  await s3.writeGetObjectResponse(params).promise();
  return { status_code: 200 };
};
"""


@pytest.mark.parametrize("fetcher", sorted(FETCHERS))
def test_a_package_with_sdk_v2_answers_with_no_endpoint_named(make_lens, bundle, fetcher) -> None:
    lens = make_lens({}, package=bundle({"index.js": V2 % (FETCHERS[fetcher], "")}), **NODE)
    lens.put("a b+é", b"hello")
    answer = lens.get("a b+é")
    assert answer["Body"].read() == b"HELLO"
    assert answer["Metadata"]["host"].endswith(".amazonaws.com")


def test_sdk_v2_streams_reads_and_asks_who_it_is(make_lens, bundle, server) -> None:
    code = """
const AWS = require("aws-sdk");
const { PassThrough } = require("stream");
exports.handler = async (event) => {
  const { outputRoute, outputToken, inputS3Url } = event.getObjectContext;
  const me = await new AWS.STS().getCallerIdentity().promise();
  const own = await new AWS.S3().getObject({ Bucket: process.env.BUCKET, Key: "k" }).promise().catch((e) => e.code);
  const s3 = new AWS.S3({ signatureVersion: "v4" });
  const body = JSON.stringify({ me: me.Arn, own: own.Body ? own.Body.toString() : own });
  await s3.writeGetObjectResponse({ RequestRoute: outputRoute, RequestToken: outputToken, StatusCode: 200,
    Body: body, ContentLength: Buffer.byteLength(body) }).promise();
};
"""
    lens = make_lens({}, package=bundle({"index.js": code}), environment={"BUCKET": "nothing-here"}, **NODE)
    lens.put("k", b"hello")
    seen = json.loads(lens.read("k"))
    assert seen["me"].startswith(f"arn:aws:sts::{server.account}:assumed-role/function-role/")
    assert seen["own"] in {"AccessDenied", "NoSuchBucket"}


def test_sdk_v2_streams_without_a_length_and_calls_back(make_lens, bundle) -> None:
    code = """
const AWS = require("aws-sdk");
const axios = require("axios");
const zlib = require("zlib");
exports.handler = (event, context, callback) => {
  const { outputRoute, outputToken, inputS3Url } = event.getObjectContext;
  axios.get(inputS3Url, { responseType: "stream" }).then(({ data }) => {
    new AWS.S3().writeGetObjectResponse({ RequestRoute: outputRoute, RequestToken: outputToken,
      Body: data.pipe(zlib.createGzip()), ContentType: "application/gzip" }, callback);
  }, callback);
};
"""
    lens = make_lens({}, package=bundle({"index.js": code}), **NODE)
    content = bytes(range(256)) * 8192
    lens.put("k", content)
    answer = lens.get("k")
    assert "ContentLength" not in answer
    assert gzip.decompress(answer["Body"].read()) == content


def test_sdk_v2_forwards_errors(make_lens, bundle) -> None:
    code = """
const AWS = require("aws-sdk");
exports.handler = async (event) => {
  const { outputRoute: RequestRoute, outputToken: RequestToken, inputS3Url } = event.getObjectContext;
  const source = await fetch(inputS3Url);
  const params = { RequestRoute, RequestToken, StatusCode: source.status, ErrorMessage: "no such object" };
  await new AWS.S3().writeGetObjectResponse(params).promise();
};
"""
    lens = make_lens({}, package=bundle({"index.js": code}), **NODE)
    with pytest.raises(ClientError) as caught:
        lens.get("missing")
    error = caught.value.response
    assert (error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Message"]) == (404, "no such object")


V3_NO_ENDPOINT = """
delete process.env.AWS_ENDPOINT_URL_S3;
delete process.env.AWS_ENDPOINT_URL_STS;
const { S3Client, WriteGetObjectResponseCommand, GetObjectCommand } = await import("@aws-sdk/client-s3");
const { STSClient, GetCallerIdentityCommand } = await import("@aws-sdk/client-sts");
const s3 = new S3Client({ useArnRegion: true });
export const handler = async (event) => {
  const { outputRoute, outputToken, inputS3Url } = event.getObjectContext;
  const arn = event.configuration.supportingAccessPointArn;
  const own = await s3.send(new GetObjectCommand({ Bucket: arn, Key: "k" })).catch((e) => e.name);
  const me = await new STSClient({}).send(new GetCallerIdentityCommand({}));
  const Body = JSON.stringify({ me: me.Arn, own });
  await s3.send(new WriteGetObjectResponseCommand({ RequestRoute: outputRoute, RequestToken: outputToken, Body }));
};
"""


def test_sdk_v3_reaches_awss_own_names(make_lens) -> None:
    lens = make_lens({"index.mjs": V3_NO_ENDPOINT}, **NODE)
    lens.put("k", b"hello")
    seen = json.loads(lens.read("k"))
    assert ":assumed-role/function-role/" in seen["me"]
    assert seen["own"] == "AccessDenied"


def test_sdk_v3_reaches_an_access_point_by_its_arn(make_lens) -> None:
    code = """
import { S3Client, WriteGetObjectResponseCommand, GetObjectCommand } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { Upload } from "@aws-sdk/lib-storage";
const s3 = new S3Client({ useArnRegion: true });
export const handler = async (event) => {
  const { outputRoute, outputToken } = event.getObjectContext;
  const Bucket = event.configuration.supportingAccessPointArn;
  const command = new GetObjectCommand({ Bucket, Key: "k" });
  const direct = await s3.send(command).catch((e) => [e.name, e.$metadata.httpStatusCode]);
  const signed = (await fetch(await getSignedUrl(s3, command))).status;
  const Body = JSON.stringify({ direct, signed, upload: typeof Upload });
  await s3.send(new WriteGetObjectResponseCommand({ RequestRoute: outputRoute, RequestToken: outputToken, Body }));
};
"""
    lens = make_lens({"index.mjs": code}, **NODE)
    lens.put("k", b"hello")
    # The role allows nothing: the refusal shows that the request arrived, and that its signature was right.
    assert json.loads(lens.read("k")) == {"direct": ["AccessDenied", 403], "signed": 403, "upload": "function"}


def test_without_the_capture_sdk_v3_answers_with_host_prefixes_off(make_lens) -> None:
    code = ESM.format(answer=BODIES["text"]).replace("S3Client({})", "S3Client({ disableHostPrefix: true })")
    lens = make_lens({"index.mjs": code}, environment={"OBJECTLENS_CAPTURE": "0"}, **NODE)
    lens.put("k", b"hello")
    assert lens.read("k") == b"HELLO"


def test_errors_are_forwarded(make_lens) -> None:
    answer = 'StatusCode: 404, ErrorCode: "NoSuchPicture", ErrorMessage: "there is no such picture"'
    lens = make_lens({"index.mjs": ESM.format(answer=answer)}, **NODE)
    lens.put("k")
    with pytest.raises(ClientError) as caught:
        lens.get("k")
    assert caught.value.response["Error"] == {"Code": "NoSuchPicture", "Message": "there is no such picture"}
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_a_message_without_a_code(make_lens) -> None:
    lens = make_lens({"index.mjs": ESM.format(answer='StatusCode: 403, ErrorMessage: "not for you"')}, **NODE)
    lens.put("k")
    with pytest.raises(ClientError) as caught:
        lens.get("k")
    assert caught.value.response["Error"]["Message"] == "not for you"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


NO_ENDPOINT = "for (const name in process.env) if (name.startsWith('AWS_ENDPOINT_URL')) delete process.env[name];"


def allow_all(lens, server) -> None:
    """Give the function a role that may do what it tries, and tell it its bucket."""
    iam, name = server.client("iam"), f"{lens.bucket}-role"
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )
    allow = {"Effect": "Allow", "Action": ["s3:*", "lambda:*", "s3-object-lambda:*"], "Resource": "*"}
    iam.put_role_policy(
        RoleName=name, PolicyName="all", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    )
    server.client("lambda").update_function_configuration(
        FunctionName=lens.function, Role=role["Role"]["Arn"], Environment={"Variables": {"BUCKET": lens.bucket}}
    )


@pytest.mark.parametrize("start", ["", NO_ENDPOINT], ids=["endpoint", "AWS's names"])
def test_sdk_v3_uses_the_rights_of_the_functions_role(make_lens, server, start) -> None:
    code = """
import { S3Client, WriteGetObjectResponseCommand, GetObjectCommand } from "@aws-sdk/client-s3";
import { LambdaClient, InvokeCommand } from "@aws-sdk/client-lambda";
import { Upload } from "@aws-sdk/lib-storage";
import { Readable } from "node:stream";
const s3 = new S3Client({ useArnRegion: true });
export const handler = async (event) => {
  if (!event.getObjectContext) return "invoked";
  const { outputRoute, outputToken } = event.getObjectContext;
  const Bucket = process.env.BUCKET;
  const texts = [];
  for (const name of [Bucket, event.configuration.supportingAccessPointArn]) {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: name, Key: "a b/k" }));
    texts.push(await Body.transformToString());
  }
  const made = Readable.from([Buffer.alloc(6000000, "x"), Buffer.alloc(6000000, "y")]);
  await new Upload({ client: s3, params: { Bucket, Key: "made", Body: made } }).done();
  const command = new InvokeCommand({ FunctionName: process.env.AWS_LAMBDA_FUNCTION_NAME, Payload: "{}" });
  texts.push((await new LambdaClient({}).send(command)).Payload.transformToString());
  const Body = JSON.stringify(texts);
  await s3.send(new WriteGetObjectResponseCommand({ RequestRoute: outputRoute, RequestToken: outputToken, Body }));
};
"""
    lens = make_lens({"index.mjs": start + code}, **NODE)
    allow_all(lens, server)
    lens.put("a b/k", b"hello")
    assert json.loads(lens.read("a b/k")) == ["hello", "hello", '"invoked"']
    assert lens.s3.head_object(Bucket=lens.bucket, Key="made")["ContentLength"] == 12_000_000


V2_READS = """
const AWS = require("aws-sdk");
const { BUCKET: Bucket } = process.env;
exports.handler = async (event) => {
  if (!event.getObjectContext) return "invoked";
  const { outputRoute, outputToken } = event.getObjectContext;
  const s3 = new AWS.S3({ signatureVersion: "v4", useArnRegion: true });
  const texts = [];
  for (const name of [Bucket, event.configuration.supportingAccessPointArn, "DOTTED"]) {
    texts.push((await s3.getObject({ Bucket: name, Key: "a b/k" }).promise()).Body.toString());
  }
  const secure = [];
  for (const region of ["us-east-1", "eu-central-1"]) {
    const url = new AWS.S3({ region, signatureVersion: "v4" }).getSignedUrl("getObject", { Bucket, Key: "a b/k" });
    secure.push(url.startsWith(`https://${Bucket}.s3.`) && (await (await fetch(url)).text()));
  }
  await s3.upload({ Bucket, Key: "made", Body: Buffer.alloc(12000000, "x") }).promise();
  const FunctionName = process.env.AWS_LAMBDA_FUNCTION_NAME;
  texts.push((await new AWS.Lambda().invoke({ FunctionName, Payload: "{}" }).promise()).Payload);
  await s3.writeGetObjectResponse({ RequestRoute: outputRoute, RequestToken: outputToken,
    Body: JSON.stringify([...texts, ...secure]) }).promise();
};
"""


def test_sdk_v2_uses_the_rights_of_the_functions_role(make_lens, bundle, server) -> None:
    dotted = f"d.{uuid.uuid4().hex[:16]}.with.dots"
    lens = make_lens({}, package=bundle({"index.js": V2_READS.replace("DOTTED", dotted)}), **NODE)
    allow_all(lens, server)
    where = {"CreateBucketConfiguration": {"LocationConstraint": server.region}}
    lens.s3.create_bucket(Bucket=dotted, **where)
    lens.s3.put_object(Bucket=dotted, Key="a b/k", Body=b"dots")
    lens.put("a b/k", b"hello")
    assert json.loads(lens.read("a b/k")) == ["hello", "hello", "dots", '"invoked"', "hello", "hello"]
    assert lens.s3.head_object(Bucket=lens.bucket, Key="made")["ContentLength"] == 12_000_000


FAILURES = {
    "thrown": ("export const handler = async () => { throw new TypeError('boom'); };", "LambdaRuntimeError"),
    "rejected": ("export const handler = () => Promise.reject('boom');", "LambdaRuntimeError"),
    "callback": ("export const handler = (e, c, done) => done(new Error('boom'));", "LambdaRuntimeError"),
    "floating": (
        "export const handler = () => { Promise.reject(Error('x')); return new Promise((r) => setTimeout(r, 900)); };",
        "LambdaRuntimeError",
    ),
    "exit": ("export const handler = async () => process.exit(1);", "LambdaRuntimeError"),
    "init": ("throw new Error('boom');", "LambdaRuntimeError"),
    "import": ("import 'not-there';", "LambdaRuntimeError"),
    "silent": ("export const handler = async () => ({ statusCode: 200 });", "LambdaResponseNotReceived"),
}


@pytest.mark.parametrize("failure", sorted(FAILURES))
def test_failures_are_told(make_lens, failure) -> None:
    code, expected = FAILURES[failure]
    lens = make_lens({"index.mjs": code}, **NODE)
    lens.put("k")
    with pytest.raises(ClientError) as caught:
        lens.get("k")
    assert caught.value.response["Error"]["Code"] == expected
    lens.put("k", b"the source stays as it is")


def test_a_timeout_is_told(make_lens) -> None:
    code = "export const handler = async () => new Promise((resolve) => setTimeout(resolve, 60000));"
    lens = make_lens({"index.mjs": code}, **NODE | {"timeout": 1})
    lens.put("k")
    began = time.monotonic()
    with pytest.raises(ClientError):
        lens.get("k")
    assert time.monotonic() - began < 10


HEAD = """
import https from "node:https";
const head = (url) => new Promise((resolve, reject) => {
  https.request(url, { method: "HEAD" }, (answer) => resolve(answer.resume())).on("error", reject).end();
});
export const handler = async (event) => {
  const answer = await head(event.headObjectContext.inputS3Url);
  return { statusCode: answer.statusCode, headers: { ...answer.headers, "x-amz-meta-seen": "yes" } };
};
"""


def test_head_object(make_lens) -> None:
    lens = make_lens({"index.mjs": HEAD}, actions=("HeadObject",), **NODE)
    lens.put("k", b"hello", ContentType="text/x-source", Metadata={"from": "source"})
    answer = lens.s3.head_object(Bucket=lens.arn, Key="k")
    assert (answer["ContentLength"], answer["ContentType"]) == (5, "text/x-source")
    assert answer["Metadata"] == {"from": "source", "seen": "yes"}
    with pytest.raises(ClientError) as caught:
        lens.s3.head_object(Bucket=lens.arn, Key="missing")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


LIST_XML = """
exports.handler = async (event) => {
  const { inputS3Url } = event.listObjectsContext ?? event.listObjectsV2Context;
  const answer = await fetch(inputS3Url);
  const text = await answer.text();
  if (!answer.ok) return { statusCode: answer.status, errorMessage: text };
  const secret = /<Contents>(?:(?!<\\/Contents>).)*secret.*?<\\/Contents>/s;
  return { statusCode: 200, listResultXml: text.replace(secret, "") };
};
"""


@pytest.mark.parametrize("version", ["list_objects", "list_objects_v2"])
def test_lists_as_xml(make_lens, version) -> None:
    lens = make_lens({"index.cjs": LIST_XML}, actions=("ListObjects", "ListObjectsV2"), **NODE)
    for key in ("a", "secret", "z"):
        lens.put(key)
    listed = getattr(lens.s3, version)(Bucket=lens.arn)
    assert [one["Key"] for one in listed["Contents"]] == ["a", "z"]


LIST_JSON = """
exports.handler = async (event) => {
  const isV2 = event.listObjectsV2Context !== undefined;
  const contents = [{ key: "made/1 <&>", size: 7, eTag: '"e"', lastModified: "2024-01-02T03:04:05.000Z",
                      storageClass: "STANDARD" }];
  const listBucketResult = { name: "made", maxKeys: 1000, isTruncated: false, contents, prefix: "made/",
                             commonPrefixes: [{ prefix: "made/more/" }] };
  if (isV2) listBucketResult.keyCount = 2;
  return { statusCode: 200, listBucketResult };
};
"""


@pytest.mark.parametrize("version", ["list_objects", "list_objects_v2"])
def test_lists_as_json(make_lens, version) -> None:
    lens = make_lens({"index.cjs": LIST_JSON}, actions=("ListObjects", "ListObjectsV2"), **NODE)
    listed = getattr(lens.s3, version)(Bucket=lens.arn, Prefix="made/")
    assert [(one["Key"], one["Size"]) for one in listed["Contents"]] == [("made/1 <&>", 7)]
    assert [one["Prefix"] for one in listed["CommonPrefixes"]] == ["made/more/"]


def test_invoke_shows_the_answer_and_the_log(make_lens, server) -> None:
    code = (
        "exports.handler = async (event, context) => { console.warn('seen %j', event); return context.functionName; };"
    )
    lens = make_lens({"index.js": code}, **NODE)
    answer = server.client("lambda").invoke(FunctionName=lens.function, Payload=b'{"a": 1}', LogType="Tail")
    assert json.load(answer["Payload"]) == lens.function
    assert "FunctionError" not in answer
