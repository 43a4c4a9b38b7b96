import asyncio
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from objectlens.clock import SystemClock
from objectlens.functions import Credentials, PackageStore, Pool, Surroundings
from objectlens.functions.node.launch import CAPTURE, sdk_endpoint
from objectlens.testing.executors import Bench, make_function, make_zip

CAPTURED = [
    ("s3.amazonaws.com", 80),
    ("s3.us-west-2.amazonaws.com", 443),
    ("bucket.s3.amazonaws.com", 443),
    ("a.dotted.bucket.s3.us-west-2.amazonaws.com", 443),
    ("bucket.s3-us-west-2.amazonaws.com", 443),
    ("bucket.s3.dualstack.us-west-2.amazonaws.com", 443),
    ("bucket.s3-fips.us-gov-west-1.amazonaws.com", 443),
    ("BUCKET.S3.US-WEST-2.AMAZONAWS.COM", 443),
    ("ap-123456789012.s3-accesspoint.us-west-2.amazonaws.com", 443),
    ("ap-123456789012.s3-accesspoint.us-west-2.amazonaws.com", 80),
    ("io-1.s3-object-lambda.us-west-2.amazonaws.com", 443),
    ("ol-123456789012.s3-object-lambda-fips.us-west-2.amazonaws.com", 443),
    ("123456789012.s3-control.us-west-2.amazonaws.com", 443),
    ("bucket.s3.cn-north-1.amazonaws.com.cn", 443),
    ("lambda.us-west-2.amazonaws.com", 443),
    ("sts.amazonaws.com", 443),
    ("sts.eu-west-1.amazonaws.com", 443),
    ("iam.amazonaws.com", 443),
    ("127.0.0.1", 9000),
    ("bucket.127.0.0.1", 9000),
    ("localhost", 9000),
    ("ap-123456789012.localhost", 9000),
]
LEFT_ALONE = [
    ("dynamodb.us-west-2.amazonaws.com", 443),
    ("s3.amazonaws.com.example.org", 443),
    ("evils3.amazonaws.com", 443),
    ("bucket.s3-website-us-west-2.amazonaws.com", 80),
    ("bucket.s3-website.us-west-2.amazonaws.com", 80),
    ("mylambda.us-west-2.amazonaws.com", 443),
    ("abc.lambda-url.us-west-2.on.aws", 443),
    ("vpce-1.s3.us-west-2.vpce.amazonaws.com", 443),
    ("s3.us-west-2.amazonaws.com", 8443),
    ("example.org", 443),
    ("example.org", 80),
    ("example.org", 9000),
    ("169.254.169.254", 80),
    ("127.0.0.1", 9001),
    ("bucket.localhost", 80),
]

# Where would each connection go? Nothing is connected: the last step only takes notes.
PROBE = """
const net = require("node:net");
let seen;
net.Socket.prototype.connect = function (...args) {
  const options = Array.isArray(args[0]) ? args[0][0] : args[0];
  seen = typeof options === "object" ? [options.host, Number(options.port)] : [args[1], Number(options)];
  return this;
};
require(process.argv[1]);
const tls = require("node:tls");
const out = {};
for (const [host, port] of JSON.parse(process.argv[2])) {
  const secure = port === 443 || port === 8443;
  const forms = secure
    ? [() => tls.connect({ host, port }), () => tls.connect(port, host), () => tls.connect(port, { host })]
    : [() => net.connect({ host, port }), () => net.connect(port, host), () => new net.Socket().connect(port, host)];
  out[`${host}:${port}`] = forms.map((form) => { form().on("error", () => {}); return seen.join(":"); });
}
console.log(JSON.stringify(out));
"""


def probe(names, **environment):
    command = ["node", "-e", PROBE, CAPTURE, json.dumps(names)]
    environment = {
        "OBJECTLENS_ENDPOINT_URL": "http://127.0.0.1:9000",
        "PATH": os.environ["PATH"],
    } | environment
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_the_services_names_are_captured_and_no_others():
    assert probe(CAPTURED) == {f"{host}:{port}": ["127.0.0.1:9000"] * 3 for host, port in CAPTURED}
    assert probe(LEFT_ALONE) == {f"{host}:{port}": [f"{host}:{port}"] * 3 for host, port in LEFT_ALONE}


def test_an_endpoint_with_a_name_takes_labels_of_that_name_only():
    names = [("a.lens.example", 9000), ("lens.example", 9000), ("localhost", 9000), ("a.lens.example", 80)]
    seen = probe(names, OBJECTLENS_ENDPOINT_URL="http://lens.example:9000")
    assert [one[0] for one in seen.values()] == [
        "lens.example:9000",
        "lens.example:9000",
        "localhost:9000",
        "a.lens.example:80",
    ]


@pytest.mark.parametrize("environment", [{"OBJECTLENS_CAPTURE": "0"}, {"OBJECTLENS_ENDPOINT_URL": ""}])
def test_it_can_be_turned_off(environment):
    names = [one for one in CAPTURED if one[1] != 443]
    assert probe(names, **environment) == {f"{host}:{port}": [f"{host}:{port}"] * 3 for host, port in names}


@pytest.mark.parametrize(
    ("url", "environment", "expected"),
    [
        ("http://127.0.0.1:9000", {}, "http://localhost:9000"),
        ("http://10.1.2.3", {}, "http://localhost"),
        ("http://[::1]:9000", {}, "http://localhost:9000"),
        ("http://lens.example:9000", {}, "http://lens.example:9000"),
        ("http://127.0.0.1:9000", {"OBJECTLENS_CAPTURE": "0"}, "http://127.0.0.1:9000"),
    ],
)
def test_the_endpoint_that_sdks_are_told(url, environment, expected):
    assert sdk_endpoint(url, environment) == expected


class Recorder(BaseHTTPRequestHandler):
    """Answers with what it was asked."""

    def do_GET(self):
        body = f"{self.headers['Host']} {self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def server():
    """A server in the place of the service; returns its port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Recorder) as opened:
        thread = threading.Thread(target=opened.serve_forever)
        thread.start()
        yield opened.server_address[1]
        opened.shutdown()
        thread.join()


HOST = "b.s3.us-west-2.amazonaws.com"
THREAD = (
    "const { parentPort } = require('worker_threads');"
    f"fetch('https://{HOST}/k').then((answer) => answer.text()).then((text) => parentPort.postMessage(text));"
)
GET = (
    f"""
const tls = require("https");
const threads = require("worker_threads");
const THREAD = {json.dumps(THREAD)};
"""
    """
const get = (module, ...args) => new Promise((resolve, reject) => {
  (typeof module === "string" ? require(module) : module).get(...args, (answer) => {
    let text = ""; answer.on("data", (part) => text += part); answer.on("end", () => resolve(text));
  }).on("error", (error) => resolve(String(error.code)));
});
const text = async (url) => (await fetch(url)).text();
"""
)
WAYS = {
    "https": (f"get('https', 'https://{HOST}/k')", f"{HOST} /k"),
    "https with an agent": (
        f"get('https', {{ hostname: '{HOST}', path: '/k', agent: new tls.Agent({{ keepAlive: true }}) }})",
        f"{HOST} /k",
    ),
    "http": (f"get('http', 'http://{HOST}/k')", f"{HOST} /k"),
    "fetch": (f"text('https://{HOST}/k')", f"{HOST} /k"),
    "plain fetch": (f"text('http://{HOST}/k')", f"{HOST} /k"),
    "fetch of a label": ("text(`http://label.localhost:${port}/k`)", "label.localhost:PORT /k"),
    "http of a label before numbers": (
        "get('http', { host: 'label.127.0.0.1', port, path: '/k' })",
        "label.127.0.0.1:PORT /k",
    ),
    "https of a plain URL": ("get('https', `http://127.0.0.1:${port}/k?a=b`)", "127.0.0.1:PORT /k?a=b"),
    "https of a plain URL with an agent": (
        "get('https', new URL(`http://127.0.0.1:${port}/k`), { agent: new tls.Agent() })",
        "127.0.0.1:PORT /k",
    ),
    "https of a plain URL's parts": (
        "get('https', { protocol: 'http:', hostname: '127.0.0.1', port, path: '/k' })",
        "127.0.0.1:PORT /k",
    ),
    "https of a plain URL's parts without its protocol": (
        "get('https', { hostname: '127.0.0.1', port, path: '/k' })",
        "127.0.0.1:PORT /k",
    ),
    "an imported function": (
        "import('node:https').then((module) => get({ get: module.get }, `http://localhost:${port}/k`))",
        "localhost:PORT /k",
    ),
    "a worker thread": (
        "new Promise((resolve) => new threads.Worker(THREAD, { eval: true }).on('message', resolve))",
        f"{HOST} /k",
    ),
    "TLS to another port": ("get('https', { host: '127.0.0.1', port: other, path: '/k' })", "ECONNREFUSED"),
}


def test_every_way_of_asking_arrives(tmp_path, server):
    ways = ",".join(f"{json.dumps(name)}: {code}" for name, (code, _) in WAYS.items())
    code = f"""{GET}
exports.handler = async ({{ port, other }}) => {{
  const ways = {{ {ways} }};
  return Object.fromEntries(await Promise.all(Object.entries(ways).map(async ([name, way]) => [name, await way])));
}};"""
    seen = asyncio.run(invoke(tmp_path, server, {"index.js": code}, {"port": server, "other": 1}))
    assert seen == {name: expected.replace("PORT", str(server)) for name, (_, expected) in WAYS.items()}


def test_turned_off_https_takes_no_plain_url(tmp_path, server):
    code = (
        GET + "exports.handler = async ({ port }) => get('https', `http://127.0.0.1:${port}/k`).catch((e) => e.code);"
    )
    off = {"OBJECTLENS_CAPTURE": "0"}
    seen = asyncio.run(invoke(tmp_path, server, {"index.js": code}, {"port": server}, environment=off))
    assert seen == "ERR_INVALID_PROTOCOL"


def test_a_function_does_not_choose_the_endpoint(tmp_path, server):
    code = "exports.handler = async () => [process.env.OBJECTLENS_ENDPOINT_URL, process.env.AWS_ENDPOINT_URL_S3];"
    given = {"OBJECTLENS_ENDPOINT_URL": "http://10.0.0.1", "AWS_ENDPOINT_URL_S3": "http://10.0.0.2"}
    seen = asyncio.run(invoke(tmp_path, server, {"index.js": code}, None, environment=given))
    assert seen == [f"http://127.0.0.1:{server}", "http://10.0.0.2"]


async def invoke(folder, port, files, event, **changes):
    """Run a function whose service is at `port`; returns what it returned."""
    packages = PackageStore(folder / "packages")
    pool = Pool(
        packages=packages,
        surroundings=Surroundings(
            folder=folder,
            endpoint_url=f"http://127.0.0.1:{port}",
            region="eu-west-1",
            python=sys.executable,
            node_modules="none",
        ),
        credentials=lambda function: Credentials("AKID", "SECRET", "TOKEN"),
        clock=SystemClock(),
    )
    try:
        package = packages.add(make_zip(files))
        function = make_function(package, runtime="nodejs20.x", handler="index.handler", **changes)
        return await Bench(pool, packages.add).value(function, event)
    finally:
        await pool.close()
