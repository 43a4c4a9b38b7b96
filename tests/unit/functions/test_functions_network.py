"""What a function may reach."""

import asyncio
import ipaddress
import os
import signal
import socket
import subprocess
import sys
import textwrap
from contextlib import asynccontextmanager, closing
from dataclasses import replace

import pytest

from objectlens.clock import SystemClock
from objectlens.errors import ServiceException
from objectlens.functions import Credentials, Entrances, Limits, PackageStore, Pool, Surroundings
from objectlens.functions.forwarding import Forwarder
from objectlens.functions.messages import Messenger
from objectlens.functions.network import OPEN, Network, network_of
from objectlens.functions.orders import RUNTIME_API
from objectlens.functions.peers import Family
from objectlens.functions.reception import reception_for
from objectlens.functions.starting import Code
from objectlens.testing.executors import Bench, make_function, make_zip
from support.debian import debian_program
from support.hosts import children, descendants, gone, until

debian_program("bubblewrap", "bwrap")
KINDS = [pytest.param({}, id="forked"), pytest.param({"OBJECTLENS_TEMPLATE": "0"}, id="plain")]


def policy(text):
    return network_of({"OBJECTLENS_NETWORK": text})


def test_policies_are_read():
    assert network_of({}) is OPEN
    assert policy("open") is OPEN
    assert policy(" None ") == Network(open=False)
    mixed = policy("api.example.com:443, .example.org,10.0.0.0/8, 192.0.2.1:8080, [2001:db8::1]:80, 2001:db8::/32")
    assert mixed.captured
    assert not network_of({"OBJECTLENS_NETWORK": "a.example", "OBJECTLENS_CAPTURE": "0"}).captured
    assert mixed.by_name("API.example.com.", 443)
    assert not mixed.by_name("api.example.com", 80)
    assert mixed.by_name("deep.below.example.org", 1)
    assert not mixed.by_name("example.org", 1)
    assert not mixed.by_name("notexample.org", 1)
    for address, port, allowed in (
        ("10.1.2.3", 5, True),
        ("11.1.2.3", 5, False),
        ("192.0.2.1", 8080, True),
        ("192.0.2.1", 80, False),
        ("2001:db8::1", 80, True),
        ("2001:db9::1", 80, False),
    ):
        assert mixed.by_address(ipaddress.ip_address(address), port) is allowed, address


@pytest.mark.parametrize(
    "text", ["http://example.com", "example.com:x", "example.com:0", "a b", "*.example.com", ":80"]
)
def test_policies_that_cannot_be_read_are_refused(text):
    with pytest.raises(ValueError, match="OBJECTLENS_NETWORK"):
        policy(text)


async def answer(reader, writer):
    # Until 3.11.3, Python leaves a connection open when this fails, as it does when who asked hangs up.
    with closing(writer):
        head = await reader.readuntil(b"\r\n\r\n")
        body = head.split(b"\r\n")[0]
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()


@asynccontextmanager
async def pool_with_service(folder, isolation="auto", **limits):
    """A pool, and a service that answers with the request's first line."""
    (folder / "functions").mkdir()
    service = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = service.sockets[0].getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    packages = PackageStore(folder / "functions" / "packages")
    pool = Pool(
        packages=packages,
        surroundings=Surroundings(
            folder=folder / "functions",
            endpoint_url=url,
            region="us-east-1",
            python=sys.executable,
            node_modules="none",
            isolation=isolation,
            entrances=Entrances(url, lambda sock: asyncio.start_server(answer, sock=sock)),
        ),
        credentials=lambda function: Credentials("AKID", "SECRET", "TOKEN"),
        clock=SystemClock(),
        limits=Limits(**limits),
    )
    try:
        yield Bench(pool, packages.add), port
    finally:
        await pool.close()
        service.close()


class Other:
    """A second gateway process, as far as the host can tell; `sockets` came with the last message that brought some."""

    def __init__(self, host):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.said, self.sockets = asyncio.Queue(), []
        self.channel = Messenger(ours, self.receive, lambda: None)
        with theirs:
            host.attach(theirs)

    def receive(self, message, files):
        count = message["sockets"] if message["say"] == "leased" else len(files)
        if files:
            self.drop()
            self.sockets = [socket.socket(fileno=fd) for fd in files[:count]]
        for fd in files[count:]:
            os.close(fd)
        self.said.put_nowait(message)

    def send(self, message, *files):
        self.channel.send(message, [os.dup(fd) for fd in files])

    async def hear(self):
        return await asyncio.wait_for(self.said.get(), 10)

    def drop(self):
        for sock in self.sockets:
            sock.close()
        self.sockets = []

    def close(self):
        self.drop()
        self.channel.close()


REACH = """
import os, socket, urllib.request
SERVICE = os.environ["OBJECTLENS_ENDPOINT_URL"]
def ask(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.read().decode()
    except OSError as error:
        return str(error)
def connect(host, port):
    try:
        socket.create_connection((host, port), 5).close()
        return "reached"
    except OSError as error:
        return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
"""


def reach(folder, handler, event=None, environment=None, **limits):
    async def main():
        async with pool_with_service(folder, **limits) as (bench, port):
            code = REACH + textwrap.dedent(handler)
            function = bench.function(code, environment=environment or {}, timeout=20)
            return await bench.value(function, event), port

    return asyncio.run(main())


@pytest.mark.parametrize("environment", KINDS)
def test_without_a_network_only_the_service_is_reached(tmp_path, environment):
    handler = """
        def handler(event, context):
            own = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
            return [ask(SERVICE + "/x"), connect(own[0], int(own[1])), connect("127.0.0.1", event),
                    connect("192.0.2.1", 80), connect("example.com", 80), sorted(os.listdir("/sys/class/net"))
                    if os.path.exists("/sys") else ["lo"]]
    """
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        other_port = other.getsockname()[1]
        seen, _ = reach(tmp_path, handler, other_port, environment | {"OBJECTLENS_NETWORK": "none"})
    assert seen[0] == "GET /x HTTP/1.1"
    assert seen[1] == "reached"
    assert seen[2] == "Connection refused"
    assert seen[3] == "Network is unreachable"
    assert "reached" not in seen[4]
    assert seen[5] == ["lo"]


@pytest.mark.parametrize("environment", KINDS)
def test_a_list_lets_through_what_it_has(tmp_path, environment):
    handler = """
        def handler(event, context):
            allowed, other = event
            proxy = os.environ["HTTP_PROXY"].rpartition("/")[2].split(":")
            with socket.create_connection((proxy[0], int(proxy[1])), 10) as sock:
                sock.sendall(b"CONNECT 127.0.0.1:%d HTTP/1.1\\r\\n\\r\\n" % allowed)
                greeting = sock.recv(1000).decode().split("\\r\\n")[0]
                sock.sendall(b"GET /tunnel HTTP/1.1\\r\\n\\r\\n")
                tunnel = sock.makefile().read().split("\\n")[-1]
            plain = [ask(f"http://127.0.0.1:{port}/plain?a=b") for port in event]
            service = [ask(SERVICE + "/x")]
            del os.environ["NO_PROXY"], os.environ["no_proxy"]
            service.append(ask(SERVICE + "/by-the-proxy"))
            return [greeting, tunnel, *plain, connect("127.0.0.1", allowed), *service]
    """

    async def main():
        service = await asyncio.start_server(answer, "127.0.0.1", 0)
        other = await asyncio.start_server(answer, "127.0.0.1", 0)
        ports = [one.sockets[0].getsockname()[1] for one in (service, other)]
        async with pool_with_service(tmp_path) as (bench, _):
            function = bench.function(
                REACH + textwrap.dedent(handler),
                environment=environment | {"OBJECTLENS_NETWORK": f"127.0.0.1:{ports[0]}"},
                timeout=20,
            )
            seen = await bench.value(function, ports)
        service.close()
        other.close()
        return seen

    seen = asyncio.run(main())
    assert seen == [
        "HTTP/1.1 200 Connection established",
        "GET /tunnel HTTP/1.1",
        "GET /plain?a=b HTTP/1.1",
        "HTTP Error 403: Forbidden by OBJECTLENS_NETWORK",
        "Connection refused",
        "GET /x HTTP/1.1",
        "GET /by-the-proxy HTTP/1.1",
    ]


@pytest.mark.parametrize("environment", KINDS)
def test_the_service_is_there_before_the_imports_end(tmp_path, environment):
    handler = """
        SEEN = ask(SERVICE + "/early")
        def handler(event, context):
            return SEEN
    """
    seen, _ = reach(tmp_path, handler, environment=environment | {"OBJECTLENS_NETWORK": "none"})
    assert seen == "GET /early HTTP/1.1"


def test_forks_have_the_service_until_they_end(tmp_path):
    """Also when nothing more is forked from their template."""
    code = REACH + "import time\ndef handler(event, context):\n    time.sleep(event)\n    return ask(SERVICE)"

    async def main():
        async with pool_with_service(tmp_path) as (bench, _):
            function = bench.function(code, environment={"OBJECTLENS_NETWORK": "none"}, timeout=20)
            await bench.value(function, 0)
            late = asyncio.ensure_future(bench.value(function, 1))
            await asyncio.sleep(0.3)
            await bench.executor.retire(function)
            receptions = bench.executor._molds._receptions
            assert len(receptions) == 1
            assert await late == "GET / HTTP/1.1"
            await until(lambda: not receptions)

    asyncio.run(main())


def test_a_host_that_is_killed_takes_the_sandboxes_with_it_and_another_makes_new_ones(tmp_path):
    code = REACH + "import time\ndef handler(event, context):\n    time.sleep(event)\n    return ask(SERVICE)"

    async def main():
        async with pool_with_service(tmp_path) as (bench, _):
            functions = [
                bench.function(code, name, environment=environment | {"OBJECTLENS_NETWORK": "none"}, timeout=20)
                for name, environment in (("forked", {}), ("plain", {"OBJECTLENS_TEMPLATE": "0"}))
            ]
            for round_ in range(3):
                if round_ == 1:
                    held = len(os.listdir("/proc/self/fd"))
                for function in functions:
                    assert await bench.value(function, 0) == "GET / HTTP/1.1"
                running = [asyncio.ensure_future(bench.invoke(function, 60)) for function in functions]
                await asyncio.sleep(0.3)
                host = bench.executor._host.pid
                family = descendants(host)
                os.kill(host, signal.SIGKILL)
                assert [(await one).failure.type for one in running] == ["Runtime.ExitError"] * 2
                await gone(host, *family)
                await until(lambda: bench.executor._host.pid is not None)
            await until(lambda: len(os.listdir("/proc/self/fd")) <= held)

    asyncio.run(main())


@pytest.mark.parametrize("environment", KINDS)
def test_a_sandbox_killed_before_it_has_made_its_sockets_ends_like_any_other(tmp_path, environment):
    code = REACH + "def handler(event, context):\n    return event or ask(SERVICE)"

    async def main():
        async with pool_with_service(tmp_path) as (bench, _):
            assert await bench.value(bench.function(code, "first"), 1)
            host = bench.executor._host.pid
            others = set(children(host))
            variables = environment | {"OBJECTLENS_NETWORK": "none"}
            function = bench.function(code, environment=variables, timeout=20)
            outcome = asyncio.ensure_future(bench.invoke(function))
            await until(lambda: set(children(host)) - others, step=0.001)
            os.kill(*(set(children(host)) - others), signal.SIGKILL)
            failure = (await outcome).failure
            if environment:
                assert failure.message.endswith("signal: killed")
            else:  # it was a template's: the environment had one of its own
                assert failure is None
            assert await bench.value(function) == "GET / HTTP/1.1"

    asyncio.run(main())


def test_gateways_share_the_sandbox_of_a_template(tmp_path):
    """Each that asks for it gets its sockets, and each environment an address of its own."""
    code = REACH + "def handler(event, context):\n    return ask(SERVICE)"

    async def main():
        async with pool_with_service(tmp_path) as (bench, port):
            function = bench.function(code, environment={"OBJECTLENS_NETWORK": "none"}, timeout=20)
            await bench.value(function)
            pool = bench.executor
            (key,) = pool._molds._entries
            runtime = pool._runtimes[function.runtime]
            reception = reception_for(network_of(function.environment), pool._surroundings.entrances)
            code_ = Code(task_root=pool._packages.path(function.package))
            order = pool._molds._order(function, runtime, code_, Credentials("a", "b", "c"), reception)
            order = replace(order, variables=dict(order.variables) | {"AWS_LAMBDA_RUNTIME_API": RUNTIME_API})
            other = Other(pool._host)
            await other.hear()
            other.send({"do": "mold", "id": 1, "order": order.write(), "key": key, "limit": 10}, 2)
            assert (await other.hear())["say"] == "opened"
            assert [one.getsockname() for one in other.sockets] == [("127.0.0.1", port)]
            assert (await other.hear())["say"] == "molded"
            other.send({"do": "lease", "id": 2, "order": order.write(), "fork": key, "files": 1}, 2)
            leased = await other.hear()
            assert (leased["say"], leased["note"], leased["sockets"]) == ("leased", None, 1)
            (own,) = other.sockets
            own.setblocking(True)
            own.settimeout(10)
            place = own.getsockname()
            with closing(await asyncio.to_thread(lambda: own.accept()[0])) as asking:
                assert asking.getsockname() == place
            assert await bench.value(function) == "GET / HTTP/1.1"
            other.send({"do": "stop", "id": 2, "patience": 0})
            assert [(await other.hear())["say"] for _ in range(2)] == ["ended", "gone"]
            other.close()

    asyncio.run(main())


def test_many_environments_share_a_template_without_a_network(tmp_path):
    async def main():
        async with pool_with_service(tmp_path, per_function=4) as (bench, _):
            code = REACH + "import time\ndef handler(event, context):\n    time.sleep(0.3)\n    return ask(SERVICE)"
            function = bench.function(code, environment={"OBJECTLENS_NETWORK": "none"}, timeout=20)
            for _ in range(2):
                assert await asyncio.gather(*(bench.value(function) for _ in range(8))) == ["GET / HTTP/1.1"] * 8
            await bench.executor.retire(function)
            assert await bench.value(function) == "GET / HTTP/1.1"

    asyncio.run(main())


@pytest.mark.parametrize("runtime", ["nodejs20.x", "provided.al2023"])
def test_other_runtimes_go_without_a_network_too(tmp_path, runtime):
    bootstrap = """#!/bin/sh
API=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime
while :; do
    HEAD=$(curl -sS -D - -o /dev/null "$API/invocation/next")
    ID=$(echo "$HEAD" | tr -d '\\r' | sed -n 's/^Lambda-Runtime-Aws-Request-Id: //Ip')
    SEEN=$(curl -sS "$OBJECTLENS_ENDPOINT_URL/x" 2>&1)
    curl -sS -X POST "$API/invocation/$ID/response" -d "\\"$SEEN\\"" >/dev/null
done
"""
    index = """exports.handler = async () => (await fetch(process.env.OBJECTLENS_ENDPOINT_URL + "/x")).text();"""

    async def main():
        async with pool_with_service(tmp_path) as (bench, _):
            package = bench.install(make_zip({"index.js": index, "bootstrap": bootstrap}, executable=("bootstrap",)))
            function = make_function(
                package,
                runtime=runtime,
                handler="index.handler",
                timeout=20,
                environment={"OBJECTLENS_NETWORK": "none"},
            )
            assert await bench.value(function) == "GET /x HTTP/1.1"

    asyncio.run(main())


def test_a_policy_that_cannot_be_kept_is_refused(tmp_path, caplog):
    async def main():
        async with pool_with_service(tmp_path, isolation="off") as (bench, _):
            function = bench.function("def handler(e, c): return 1", environment={"OBJECTLENS_NETWORK": "none"})
            with pytest.raises(ServiceException, match=r"needs a sandbox.*functions.isolation"):
                await bench.invoke(function)

    asyncio.run(main())
    assert "an environment of f failed: its network policy needs a sandbox" in caplog.text
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("url", ["http://192.0.2.1:9000", "http://objects.example:9000", "http://127.0.0.1:80"])
def test_a_service_elsewhere_cannot_be_brought_in(url):
    assert url in (Entrances(url, None).refusal or "")


@pytest.mark.parametrize("isolation", ["off", "auto"])
@pytest.mark.parametrize("environment", KINDS)
def test_the_invocations_of_others_cannot_be_taken(tmp_path, environment, isolation):
    victim = """
        import os, time
        def handler(event, context):
            time.sleep(event)
            return os.environ["AWS_LAMBDA_RUNTIME_API"]
    """
    thief = """
        import http.client
        def handler(event, context):
            try:
                there = http.client.HTTPConnection(event, timeout=5)
                there.request("GET", "/2018-06-01/runtime/invocation/next")
                return there.getresponse().status
            except OSError as error:
                return type(error).__name__
    """

    async def main():
        async with pool_with_service(tmp_path, isolation=isolation) as (bench, _):
            one = bench.function(textwrap.dedent(victim), "victim", environment=environment, timeout=20)
            two = bench.function(textwrap.dedent(thief), "thief", environment=environment, timeout=20)
            address = await bench.value(one, 0)
            stolen = await bench.value(two, address)
            assert await bench.value(one, 0) == address
            return stolen

    assert asyncio.run(main()) in {"RemoteDisconnected", "ConnectionResetError"}


def test_a_family_knows_its_connections():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        ends = client.getsockname(), server.getsockname()
        assert Family(os.getpid(), "NOBODY=has this").holds(*ends)
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
            assert not Family(other.pid, "NOBODY=has this").holds(*ends)
            other.communicate(b"\n")


def test_a_family_knows_its_ipv6_sockets():
    with closing(socket.create_server(("127.0.0.1", 0))) as server, closing(socket.socket(socket.AF_INET6)) as client:
        client.connect(("::ffff:127.0.0.1", server.getsockname()[1]))
        near = ("127.0.0.1", client.getsockname()[1])
        assert Family(os.getpid(), "NOBODY=has this").holds(near, server.getsockname())


def own_address():
    """Return an address of this machine's beside its loopback; the loopback's where it has no other."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("192.0.2.1", 9))  # sends nothing, but has the kernel choose
        except OSError:
            return "127.0.0.1"
        return sock.getsockname()[0]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"CONNECT rebound.example:{port} HTTP/1.1\r\n\r\n", b"403 Forbidden"),
        (b"CONNECT mapped.example:{port} HTTP/1.1\r\n\r\n", b"403 Forbidden"),
        (b"CONNECT own.example:{port} HTTP/1.1\r\n\r\n", b"403 Forbidden"),
        (b"CONNECT no..name:{port} HTTP/1.1\r\n\r\n", b"502 Bad Gateway"),
        (b"CONNECT other.example:{port} HTTP/1.1\r\n\r\n", b"403 Forbidden"),
        (b"CONNECT localhost:{port} HTTP/1.1\r\n\r\n", b"200 Connection established"),
        (b"CONNECT nowhere.example:{port} HTTP/1.1\r\n\r\n", b"502 Bad Gateway"),
        (b"GET http://localhost:{port}/ HTTP/1.1\r\n\r\n", b"200 OK"),
        (b"GET https://localhost:{port}/ HTTP/1.1\r\n\r\n", b"400 Bad Request"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400 Bad Request"),
        (b"CONNECT Bucket.S3.eu-west-1.amazonaws.com:443 HTTP/1.1\r\n\r\n", b"200 Connection established"),
        (b"GET http://sts.amazonaws.com/ HTTP/1.1\r\n\r\n", b"200 OK"),
        (b"CONNECT bucket.s3.amazonaws.com:8443 HTTP/1.1\r\n\r\n", b"403 Forbidden"),
        (b"CONNECT dynamodb.eu-west-1.amazonaws.com:443 HTTP/1.1\r\n\r\n", b"403 Forbidden"),
        (b"CONNECT localhost HTTP/1.1\r\n\r\n", b"400 Bad Request"),
        (b"CONNECT localhost:x HTTP/1.1\r\n\r\n", b"400 Bad Request"),
    ],
)
def test_what_the_way_out_lets_through(request_, status, monkeypatch):
    """A name that is allowed does not lead to this machine, whoever answers for it."""

    async def main():
        loop = asyncio.get_running_loop()
        service = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = service.sockets[0].getsockname()[1]

        async def resolve(host, port_, **_):
            if host == "nowhere.example":
                raise socket.gaierror
            if host == "no..name":
                raise UnicodeError  # as the codec for names in other alphabets does
            if host == "mapped.example":
                return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::ffff:127.0.0.1", port_, 0, 0))]
            if host == "own.example":
                return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (own_address(), port_))]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port_))]

        monkeypatch.setattr(loop, "getaddrinfo", resolve)
        home = dict.fromkeys((80, 443), ("127.0.0.1", port))
        forwarder = Forwarder(
            policy("rebound.example, nowhere.example, mapped.example, own.example, localhost"), 0, home
        )
        sock = socket.create_server(forwarder.address)
        server = await forwarder.start(sock)
        reader, writer = await asyncio.open_connection(sock=socket.create_connection(sock.getsockname()))
        writer.write(request_.replace(b"{port}", str(port).encode()))
        first = await reader.readline()
        writer.close()
        await writer.wait_closed()
        if forwarder._tasks:
            await asyncio.wait(forwarder._tasks)
        await asyncio.sleep(0.05)  # the service's side hangs up
        forwarder.close()
        for one in (server, service):
            one.close()
        return first

    assert status in asyncio.run(main())
