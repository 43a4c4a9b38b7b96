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
from objectlens.functions.configuration import Capture
from objectlens.functions.labels import is_service
from objectlens.functions.node.launch import CAPTURE, sdk_endpoint
from objectlens.gateway.certificates import open_authority
from objectlens.gateway.tls import tls_context
from objectlens.gateway.trust import write_trust
from objectlens.s3.address import is_under
from objectlens.testing.executors import Bench, make_function, make_zip
from support.names import OTHERS, SERVICES

CAPTURED = [
    *SERVICES,
    ("127.0.0.1", 9000),
    ("bucket.127.0.0.1", 9000),
    ("localhost", 9000),
    ("ap-123456789012.localhost", 9000),
]
LEFT_ALONE = [
    *OTHERS,
    ("169.254.169.254", 80),
    ("127.0.0.1", 9002),
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
for (const [host, port, secure = port === 443 || port === 8443] of JSON.parse(process.argv[2])) {
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
        "OBJECTLENS_TLS_URL": "https://127.0.0.1:9001",
        "PATH": os.environ["PATH"],
    } | environment
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_the_services_names_are_captured_and_no_others():
    to = {443: "127.0.0.1:9001"}
    assert probe(CAPTURED) == {f"{host}:{port}": [to.get(port, "127.0.0.1:9000")] * 3 for host, port in CAPTURED}
    assert probe(LEFT_ALONE) == {f"{host}:{port}": [f"{host}:{port}"] * 3 for host, port in LEFT_ALONE}


def test_tls_to_the_endpoint_goes_to_its_tls_door():
    names = [("127.0.0.1", 9000, True), ("a.localhost", 9000, True), ("127.0.0.1", 9002, True)]
    assert [one[0] for one in probe(names).values()] == ["127.0.0.1:9001", "127.0.0.1:9001", "127.0.0.1:9002"]


def test_without_a_tls_door_tls_is_left_alone():
    seen = probe([("s3.amazonaws.com", 443), ("s3.amazonaws.com", 80)], OBJECTLENS_TLS_URL="")
    assert [one[0] for one in seen.values()] == ["s3.amazonaws.com:443", "127.0.0.1:9000"]


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
    assert probe(CAPTURED, **environment) == {f"{host}:{port}": [f"{host}:{port}"] * 3 for host, port in CAPTURED}


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
def server(tmp_path):
    """A server in the place of the service, plain and over TLS; returns the port, and the capture that leads to it."""
    domains = ("localhost", "127.0.0.1")
    authority = open_authority(tmp_path, domains, SystemClock().now())
    trust = write_trust(tmp_path / "trust", authority.certificate)
    context = tls_context(authority, lambda name: is_service(name) or is_under(name, domains), SystemClock())
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), Recorder) as plain,
        ThreadingHTTPServer(("127.0.0.1", 0), Recorder) as secure,
    ):
        secure.socket = context.wrap_socket(secure.socket, server_side=True)
        threads = [threading.Thread(target=one.serve_forever) for one in (plain, secure)]
        for thread in threads:
            thread.start()
        url = f"https://127.0.0.1:{secure.server_address[1]}"
        yield plain.server_address[1], Capture(tls_url=url, **trust._asdict(), route="io-1", account="123456789012")
        plain.shutdown()
        secure.shutdown()
        for thread in threads:
            thread.join()


HOST = "b.s3.us-west-2.amazonaws.com"
THREAD = (
    "const { parentPort } = require('worker_threads');"
    f"fetch('https://{HOST}/k').then((answer) => answer.text()).then((text) => parentPort.postMessage(text));"
)
GET = (
    f"""
const tls = require("https");
const sockets = require("tls");
const plain = require("net");
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
    "TLS to a label": ("text(`https://label.localhost:${port}/k`)", "label.localhost:PORT /k"),
    "TLS over a socket of one's own": (
        (
            f"get('https', {{ host: '{HOST}', path: '/k', agent: false, createConnection: () => sockets.connect({{ "
            f"servername: '{HOST}', socket: plain.connect(443, '{HOST}') }}) }})"
        ),
        f"{HOST} /k",
    ),
    "a name that the certificate does not have": (
        (
            f"get('https', {{ host: '{HOST}', servername: 's3.amazonaws.com', path: '/k', checkServerIdentity: (name, "
            f"certificate) => sockets.checkServerIdentity('{HOST}', certificate) }})"
        ),
        "ERR_TLS_CERT_ALTNAME_INVALID",
    ),
    "a name that is not ours": (
        "get('https', { host: '127.0.0.1', port, servername: 'example.com', path: '/k' })",
        "ERR_TLS_CERT_ALTNAME_INVALID",
    ),
    "other roots only": (
        f"get('https', {{ host: '{HOST}', path: '/k', agent: new tls.Agent({{ ca: sockets.rootCertificates[0] }}) }})",
        "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
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
    port, capture = server
    seen = asyncio.run(invoke(tmp_path, port, {"index.js": code}, {"port": port, "other": 1}, capture))
    assert seen == {name: expected.replace("PORT", str(port)) for name, (_, expected) in WAYS.items()}


def test_turned_off_https_takes_no_plain_url(tmp_path, server):
    code = (
        GET + "exports.handler = async ({ port }) => get('https', `http://127.0.0.1:${port}/k`).catch((e) => e.code);"
    )
    off = {"OBJECTLENS_CAPTURE": "0"}
    port, capture = server
    seen = asyncio.run(invoke(tmp_path, port, {"index.js": code}, {"port": port}, capture, environment=off))
    assert seen == "ERR_INVALID_PROTOCOL"


def test_a_function_does_not_choose_the_endpoint(tmp_path, server):
    names = ["OBJECTLENS_ENDPOINT_URL", "OBJECTLENS_TLS_URL", "AWS_ENDPOINT_URL_S3"]
    code = f"exports.handler = async () => {json.dumps(names)}.map((name) => process.env[name]);"
    port, capture = server
    given = dict.fromkeys(names, "http://10.0.0.1")
    seen = asyncio.run(invoke(tmp_path, port, {"index.js": code}, None, capture, environment=given))
    assert seen == [f"http://127.0.0.1:{port}", capture.tls_url, "http://10.0.0.1"]


@pytest.mark.parametrize("path", ["/var/runtime/ca-cert.pem", "/etc/pki/tls/certs/ca-bundle.crt"])
def test_a_function_that_names_the_roots_of_awss_runtimes_trusts_the_service(tmp_path, server, path):
    names = ["NODE_EXTRA_CA_CERTS", "AWS_CA_BUNDLE", "SSL_CERT_FILE"]
    asked = f"[await text('https://{HOST}/k'), ...{json.dumps(names)}.map((name) => process.env[name])]"
    port, capture = server
    given = {"NODE_EXTRA_CA_CERTS": path, "AWS_CA_BUNDLE": path, "SSL_CERT_FILE": "/my/own.pem"}
    code = f"{GET}exports.handler = async () => {asked};"
    seen = asyncio.run(invoke(tmp_path, port, {"index.js": code}, None, capture, environment=given))
    assert seen == [f"{HOST} /k", str(capture.authority), str(capture.bundle), "/my/own.pem"]


async def invoke(folder, port, files, event, capture, **changes):
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
            capture=capture,
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
