"""Whatever a key is, its way to the server and back keeps it to the letter."""

from urllib.parse import quote, quote_plus

from botocore.handlers import decode_list_object_v2
from botocore.parsers import RestXMLParser
from botocore.session import get_session
from hypothesis import assume, given
from hypothesis import strategies as st

from objectlens.errors import InvalidURI, KeyTooLongError
from objectlens.s3.address import decode_key, parse_address
from objectlens.s3.inputs import new_token
from objectlens.s3.inputs.listing import place_of
from objectlens.s3.outputs import Item, ListBucketResult

KEYS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=200)
# What XML 1.0 can carry without encoding.
PLAIN_KEYS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn", "Co")), min_size=1, max_size=50)
LISTING = get_session().get_service_model("s3").operation_model("ListObjectsV2").output_shape


@given(KEYS, st.sampled_from(["/", "", "/~.-_!*'()"]))
def test_a_key_survives_any_legal_way_to_encode_it(key, safe):
    assume(len(key.encode()) <= 1024)
    assert decode_key(quote(key, safe=safe)) == key
    assert parse_address("localhost", f"/pics/{quote(key, safe=safe)}", ["localhost"]).key == key
    assert parse_address("pics.localhost", f"/{quote(key, safe=safe)}", ["localhost"]).key == key


@given(st.text(max_size=60))
def test_any_path_is_an_address_or_one_of_two_errors(raw):
    try:
        address = parse_address("localhost", "/" + raw, ["localhost"])
    except (InvalidURI, KeyTooLongError):
        return
    assert (address.level == "object") == bool(address.key)
    assert (address.level == "service") == (address.name is None)


@given(st.text(max_size=40))
def test_any_host_is_an_address(host):
    address = parse_address(host, "/a/b", ["localhost", "[::1]"])
    assert address.level == "object"
    assert address.key in {"b", "a/b"}


@given(KEYS)
def test_a_token_holds_its_place(key):
    assert place_of(new_token(key)) == key
    assert quote_plus(new_token(key), safe="=") == new_token(key)


def parsed(page):
    response = {"status_code": 200, "headers": {}, "body": page.xml()}
    return RestXMLParser().parse(response, LISTING)


@given(st.lists(KEYS, max_size=5), KEYS)
def test_botocore_reads_encoded_keys_back(keys, prefix):
    items = tuple(Item(key=key, modified=None, etag="e", size=1) for key in keys)
    page = ListBucketResult(version=2, name="pics", prefix=prefix, encoding_type="url", items=items)
    answer = parsed(page)
    decode_list_object_v2(answer, {"encoding_type_auto_set": True})
    assert [one["Key"] for one in answer.get("Contents", [])] == keys
    assert answer["Prefix"] == prefix


@given(st.lists(PLAIN_KEYS, max_size=5))
def test_botocore_reads_plain_keys_back(keys):
    items = tuple(Item(key=key, modified=None, etag="e", size=1) for key in keys)
    answer = parsed(ListBucketResult(version=2, name="pics", items=items))
    assert [one["Key"] for one in answer.get("Contents", [])] == keys
