"""What is signed is proved, and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from objectlens.errors import AccessDenied, ServiceError, SignatureDoesNotMatch
from objectlens.http import Headers, HttpRequest
from objectlens.sigv4 import Credentials, SigningKeys, presign, read, sign, verify

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
KEY = Credentials("AKIA", "secret", "token")
HOST = "pics.localhost:9000"

text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
paths = text.map(lambda key: "/" + quote(key, safe="/~"))
queries = st.lists(st.tuples(text, text), max_size=3).map(
    lambda pairs: "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs if name)
)
names = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,10}", fullmatch=True).filter(
    lambda name: name.lower() not in {"host", "authorization", "date"}
)
headers = st.dictionaries(names, st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=10), max_size=3)


def in_header(path: str, query: str, extra: dict[str, str], service: str = "s3") -> HttpRequest:
    made = sign("GET", HOST, path, query, KEY, region="r", now=NOW, payload_hash=EMPTY, service=service, headers=extra)
    return HttpRequest("GET", path, query, Headers([("Host", HOST), *made.items()]), host=HOST)


def in_query(path: str, query: str, extra: dict[str, str]) -> HttpRequest:
    url = f"http://{HOST}{path}" + (f"?{query}" if query else "")
    url = presign("GET", url, KEY, region="r", now=NOW, expires=60, headers=extra)
    return HttpRequest("GET", path, url.partition("?")[2], Headers([("Host", HOST), *extra.items()]), host=HOST)


def proved(http: HttpRequest) -> bool:
    claim = read(http)
    # The id chooses the secret; under another one there is another secret, or none.
    if claim is None or claim.access_key_id != KEY.access_key_id:
        return False
    if claim.payload_hash is None:
        claim = replace(claim, payload_hash=EMPTY)
    try:
        verify(http, claim, KEY.secret, NOW, SigningKeys())
    except (SignatureDoesNotMatch, AccessDenied):
        return False
    return True


@given(path=paths, query=queries, extra=headers, service=st.sampled_from(["s3", "s3-object-lambda", "lambda"]))
@settings(deadline=None, max_examples=150)
def test_signed_in_the_header(path: str, query: str, extra: dict[str, str], service: str):
    # Two spellings of one name would be one header on the wire.
    extra = {name.lower(): value for name, value in extra.items()}
    assert proved(in_header(path, query, extra, service))


@given(path=paths, query=queries, extra=headers)
@settings(deadline=None, max_examples=150)
def test_signed_in_the_query(path: str, query: str, extra: dict[str, str]):
    extra = {name.lower(): value for name, value in extra.items()}
    http = in_query(path, query, extra)
    assert proved(http)
    assert proved(replace(http, headers=Headers([*http.headers, ("Range", "bytes=0-1")]))) or "range" in extra


@given(path=paths, other=paths, query=queries, carrier=st.sampled_from([in_header, in_query]))
@settings(deadline=None, max_examples=150)
def test_no_other_path_is_proved(path: str, other: str, query: str, carrier):
    assert proved(replace(carrier(path, query, {}), path=other)) is (other == path)


@given(
    where=st.sampled_from(["query", "authorization"]),
    position=st.integers(min_value=0, max_value=400),
    letter=st.characters(min_codepoint=33, max_codepoint=126),
)
@settings(deadline=None, max_examples=300)
def test_no_single_letter_can_be_changed(where: str, position: int, letter: str):
    http = in_query("/a b", "x=1", {}) if where == "query" else in_header("/a", "x=1", {})
    old = http.query if where == "query" else str(http.headers.get("authorization"))
    position %= len(old)
    new = old[:position] + letter + old[position + 1 :]
    if where == "query":
        changed = replace(http, query=new)
    else:
        others = [(name, value) for name, value in http.headers if name != "Authorization"]
        changed = replace(http, headers=Headers([*others, ("Authorization", new)]))
    # Letters that mean the same to the rule may be exchanged: hexadecimal digits of an escape, and `+` and a blank.
    if new.lower() == old.lower():
        return
    try:
        assert not proved(changed)
    except ServiceError as error:
        assert error.status in {400, 403}  # noqa: PT017


def test_the_token_cannot_be_left_out():
    http = in_header("/a", "", {})
    others = [(name, value) for name, value in http.headers if name != "X-Amz-Security-Token"]
    assert proved(http)
    assert not proved(replace(http, headers=Headers(others)))
