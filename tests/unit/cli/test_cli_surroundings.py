import urllib.request

import botocore.httpsession
import botocore.utils
import pytest
import requests.utils

from objectlens.cli.surroundings import surround
from objectlens.settings import Credentials

ROOT = Credentials("AKIAROOT", "root-secret")


def surrounded(environ=(), endpoint="http://127.0.0.1:9000", credentials=ROOT):
    return surround(dict(environ), endpoint=endpoint, region="us-east-1", credentials=credentials)


def test_the_program_gets_key_region_endpoint_and_proxy():
    assert surrounded({"PATH": "/bin"}) == {
        "PATH": "/bin",
        "AWS_ACCESS_KEY_ID": "AKIAROOT",
        "AWS_SECRET_ACCESS_KEY": "root-secret",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9000",
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "AWS_EC2_METADATA_DISABLED": "true",
        "HTTP_PROXY": "http://127.0.0.1:9000",
        "http_proxy": "http://127.0.0.1:9000",
    }


@pytest.mark.parametrize(
    "name",
    [
        "AWS_PROFILE",
        "AWS_SESSION_TOKEN",
        "AWS_ROLE_ARN",
        "AWS_ENDPOINT_URL_S3",
        "AWS_ENDPOINT_URL_S3_CONTROL",
        "AWS_USE_FIPS_ENDPOINT",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    ],
)
def test_what_would_lead_elsewhere_is_taken_away(name):
    assert name not in surrounded({name: "x"})


def test_without_a_key_of_ours_the_callers_own_stays():
    kept = surrounded({"AWS_PROFILE": "work", "AWS_SESSION_TOKEN": "t"}, credentials=None)
    assert (kept["AWS_PROFILE"], kept["AWS_SESSION_TOKEN"]) == ("work", "t")
    assert "AWS_ACCESS_KEY_ID" not in kept


@pytest.mark.parametrize("name", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_a_region_that_was_chosen_stays(name):
    environ = surrounded({name: "us-west-2"})
    assert (environ["AWS_REGION"], environ["AWS_DEFAULT_REGION"]) == ("us-west-2", "us-west-2")


def test_a_proxy_for_https_is_the_callers_business():
    environ = surrounded({"https_proxy": "http://proxy:3128"}, endpoint="https://lens.example")
    assert environ["https_proxy"] == "http://proxy:3128"
    assert "http_proxy" not in environ


@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
@pytest.mark.parametrize(
    ("endpoint", "before", "after"),
    [
        ("http://127.0.0.1:9000", "localhost,127.0.0.1,.corp.example", "localhost,.corp.example"),
        ("http://127.0.0.1:9000", "*", ""),
        ("http://127.0.0.1:9000", "0.0.1, 27.0.0.1", " 27.0.0.1"),
        (
            "http://lens.corp.example:9000",
            "corp.example:9000,*.corp.example,lens.corp.example.org",
            "lens.corp.example.org",
        ),
        ("http://[::1]:9000", "::1,localhost", "localhost"),
    ],
)
def test_no_proxy_loses_what_would_keep_names_below_the_server_from_it(name, endpoint, before, after):
    assert surrounded({name: before}, endpoint=endpoint)[name] == after


@pytest.mark.parametrize("before", ["localhost,127.0.0.1", "*", "127.0.0.1:9000", ".127.0.0.1"])
def test_the_clients_agree_that_arn_hosts_go_through_the_proxy(before, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
    for name, value in surrounded({"no_proxy": before}).items():
        monkeypatch.setenv(name, value)
    url = "http://image-normalizer-123456789012.127.0.0.1:9000/images/test.png"
    assert botocore.utils.get_environ_proxies(url)["http"] == "http://127.0.0.1:9000"
    assert requests.utils.get_environ_proxies(url)["http"] == "http://127.0.0.1:9000"
    assert not urllib.request.proxy_bypass("image-normalizer-123456789012.127.0.0.1:9000")
