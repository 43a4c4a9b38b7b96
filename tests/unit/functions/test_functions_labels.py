"""Names below the service's host, as a Python function's process resolves them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import objectlens.functions

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
