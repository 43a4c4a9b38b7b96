"""What the `/etc/hosts` of a sandbox names."""

from dataclasses import replace
from pathlib import Path

import pytest

from objectlens.functions import PackageStore, Surroundings
from objectlens.functions.configuration import Capture
from objectlens.functions.hosts import hosts_file
from objectlens.functions.labels import is_service
from objectlens.testing.executors import make_function, make_zip

CAPTURE = Capture(
    tls_url="https://127.0.0.1:9001",
    authority=Path("/authority"),
    bundle=Path("/bundle"),
    route="io-1",
    account="123456789012",
    address="127.9.0.1",
)


def names(packages, endpoint="http://127.0.0.1:9000", capture=CAPTURE, **changes) -> list[str]:
    function = make_function(packages.add(make_zip({"a.py": ""})), **changes)
    surroundings = Surroundings(
        folder=Path("/data/functions"), endpoint_url=endpoint, region="us-east-1", python="python", capture=capture
    )
    lines, machine = hosts_file(function, surroundings).splitlines(), Path("/etc/hosts").read_text().splitlines()
    assert lines[: len(machine)] == machine
    return lines[len(machine) :]


@pytest.fixture
def packages(tmp_path):
    return PackageStore(tmp_path)


def test_the_machines_names_stay_and_ours_follow(packages) -> None:
    lines = names(packages)
    assert lines[:4] == [
        "127.0.0.1 io-1.127.0.0.1",
        "127.0.0.1 123456789012.127.0.0.1",
        "127.0.0.1 io-1.localhost",
        "127.0.0.1 123456789012.localhost",
    ]
    addresses, ours = zip(*(line.split(" ") for line in lines[4:]), strict=True)
    assert set(addresses) == {"127.9.0.1"}
    assert all(is_service(name) for name in ours)
    region = make_function(packages.add(make_zip({"a.py": ""}))).region
    assert {f"s3.{region}.amazonaws.com", "sts.amazonaws.com", f"io-1.s3-object-lambda.{region}.amazonaws.com"} < set(
        ours
    )


def test_without_an_address_awss_names_are_awss(packages) -> None:
    for host, count in {"127.0.0.1": 4, "localhost": 2, "10.1.2.3": 2}.items():
        lines = names(packages, f"http://{host}:9000", replace(CAPTURE, address=None))
        assert len(lines) == count
        assert lines[0].endswith(f" io-1.{host}")
    for host in ("lens.example", "[::1]"):
        assert names(packages, f"http://{host}:9000", replace(CAPTURE, address=None)) == []


def test_it_is_the_machines_when_nothing_is_captured(packages) -> None:
    assert names(packages, capture=None) == []
    assert names(packages, environment={"OBJECTLENS_CAPTURE": "0"}) == []
