"""Names below the service's host, as a Python function's process resolves them."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import objectlens.functions
from objectlens.functions.labels import is_service
from objectlens.gateway.endpoints import which_api
from objectlens.http import HttpRequest
from objectlens.s3.address import parse_address
from support.names import OTHERS, SERVICES

LABELS = str(Path(objectlens.functions.__file__).with_name("labels.py"))
ASK = """
import json, runpy, socket, sys
runpy.run_path(sys.argv[1])["install"]()
def ask(name):
    try:
        return sorted({found[4][0] for found in socket.getaddrinfo(name, 80, socket.AF_INET, socket.SOCK_STREAM)})
    except OSError:
        return None
names = sys.argv[2:]
print(json.dumps([ask(name) for name in names] + [ask(names[0].encode())]))
"""


def resolved(environ: dict[str, str], *names: str) -> list:
    output = subprocess.check_output([sys.executable, "-c", ASK, LABELS, *names], env=dict(os.environ) | environ)
    return json.loads(output)


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9000", "http://localhost:9000", "https://localhost"])
def test_names_below_the_endpoint_are_the_endpoint(endpoint) -> None:
    host = endpoint.split("/")[2].split(":")[0]
    names = [f"my-ap-123456789012.{host}", f"A.B.{host.upper()}", host, "127.0.0.2", f"not{host}.invalid"]
    found = resolved({"OBJECTLENS_ENDPOINT_URL": endpoint}, *names)
    assert found == [["127.0.0.1"], ["127.0.0.1"], ["127.0.0.1"], ["127.0.0.2"], None, ["127.0.0.1"]]


@pytest.mark.parametrize(
    "environ",
    [
        {"OBJECTLENS_ENDPOINT_URL": "http://127.0.0.1:9000", "OBJECTLENS_CAPTURE": "0"},
        {"OBJECTLENS_ENDPOINT_URL": ""},
    ],
)
def test_without_an_endpoint_or_when_switched_off_nothing_changes(environ) -> None:
    assert resolved(environ, "my-ap-123456789012.127.0.0.1", "127.0.0.1")[:2] == [None, ["127.0.0.1"]]


NAMES = """
import json, runpy, socket, sys
real = socket.getaddrinfo
socket.getaddrinfo = lambda host, port, family=0, type=0, proto=0, flags=0: real(
    host, port, family, type, proto, flags | socket.AI_NUMERICHOST)  # nothing is asked of a resolver
runpy.run_path(sys.argv[1])["install"]()
def resolve(*arguments, **options):
    try:
        return socket.getaddrinfo(*arguments, type=socket.SOCK_STREAM, **options)[0][4]
    except OSError:
        return None
def connected(address):
    sock = socket.socket()
    error = sock.connect_ex(address)
    assert error == 0, error
    peer = sock.getpeername()
    sock.close()
    return peer
assert resolve("s3.amazonaws.com", 443, flags=socket.AI_NUMERICHOST) is None
out = []
for name, port in json.loads(sys.argv[2]):
    found = [resolve(name, port), resolve(name.encode(), str(port))]
    out.append([found[0] == found[1], list(connected(found[0])) if found[0] else None])
print(json.dumps(out))
"""


@pytest.fixture
def doors():
    """Two sockets that listen, in the place of the service's; returns their ports."""
    with socket.create_server(("127.0.0.1", 0)) as plain, socket.create_server(("127.0.0.1", 0)) as secure:
        yield plain.getsockname()[1], secure.getsockname()[1]


def asked(names, doors, **environ):
    given = {
        "OBJECTLENS_ENDPOINT_URL": f"http://127.0.0.1:{doors[0]}",
        "OBJECTLENS_TLS_URL": f"https://127.0.0.1:{doors[1]}",
    } | environ
    command = [sys.executable, "-W", "error", "-c", NAMES, LABELS, json.dumps(names)]
    return json.loads(subprocess.check_output(command, env=dict(os.environ) | given))


def test_the_services_names_lead_to_the_service_and_no_others(doors) -> None:
    to = {80: ["127.0.0.1", doors[0]], 443: ["127.0.0.1", doors[1]]}
    assert asked(SERVICES, doors) == [[True, to[port]] for _, port in SERVICES]
    assert asked(OTHERS, doors) == [[True, None]] * len(OTHERS)


def test_it_can_be_turned_off(doors) -> None:
    assert asked(SERVICES, doors, OBJECTLENS_CAPTURE="0") == [[True, None]] * len(SERVICES)


def test_without_a_tls_door_only_plain_connections_are_led(doors) -> None:
    seen = asked([("s3.amazonaws.com", 443), ("s3.amazonaws.com", 80)], doors, OBJECTLENS_TLS_URL="")
    assert seen == [[True, None], [True, ["127.0.0.1", doors[0]]]]


@pytest.mark.parametrize(("name", "expected"), [(n, True) for n, _ in SERVICES] + [(n, False) for n, _ in OTHERS])
def test_the_gateway_knows_the_same_names(name, expected) -> None:
    name = name.lower().rstrip(".")
    told = (
        parse_address(name, "/", ()).level == "bucket"
        or which_api(HttpRequest(method="GET", path="/", host=name)) != "s3"
    )
    plain = name.startswith(("s3.", "s3-")) and is_service(name)
    assert is_service(name) == (expected or name == "s3.us-west-2.amazonaws.com")
    assert is_service(name) == (told or plain)
