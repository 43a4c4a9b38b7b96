"""The table of S3 operations against botocore's model: served, or declined by name; and what real requests match."""

import datetime as dt

import botocore.session
import pytest
from botocore.config import Config

from objectlens import errors
from objectlens.errors import MethodNotAllowed
from objectlens.http import Headers, HttpRequest
from objectlens.s3 import operations
from objectlens.s3.address import parse_address
from objectlens.s3.outputs_bucket import UNSET_OPERATIONS
from objectlens.s3.table import ROWS, SYNONYMS

DOMAINS = ("localhost", "127.0.0.1")
SESSION = botocore.session.get_session()
MODEL = SESSION.get_service_model("s3")
# Not in the model: the form upload of browsers, which has no SDK method.
EXTRA = {"PostObject"}


class Captured(Exception):
    def __init__(self, request):
        super().__init__(request.url)
        self.request = request


def client_for(addressing_style="path"):
    config = Config(signature_version="s3v4", s3={"addressing_style": addressing_style}, retries={"max_attempts": 0})
    client = SESSION.create_client(
        "s3", region_name="us-west-2", endpoint_url="http://localhost:9000", config=config,
        aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="secret",
    )  # fmt: skip

    def capture(request, **_):
        raise Captured(request)

    client.meta.events.register("before-send.s3", capture)
    return client


@pytest.fixture(scope="module", params=["path", "virtual"])
def client(request):
    return client_for(request.param)


def example(shape, name=""):
    """Make a minimal legal value of a shape: its required members, recursively."""
    kind = shape.type_name
    if kind == "structure":
        members = shape.required_members or (
            list(shape.members)[:1] if getattr(shape, "is_tagged_union", False) else []
        )
        return {one: example(shape.members[one], one) for one in members}
    if kind == "list":
        return [example(shape.member)]
    if kind == "map":
        return {}
    if kind == "string":
        if name == "Bucket":
            return "pics"
        if name == "Key":
            return "a b//../c.txt"
        if name == "CopySource":
            return "pics/source.txt"
        return shape.enum[0] if shape.enum else "text".ljust(shape.metadata.get("min", 0), "x")
    plain = {
        "integer": 1,
        "long": 1,
        "boolean": True,
        "blob": b"x",
        "timestamp": dt.datetime(2024, 1, 2, tzinfo=dt.UTC),
    }
    return plain[kind]


def sent(client, operation, **extra):
    model = MODEL.operation_model(operation)
    arguments = example(model.input_shape) if model.input_shape else {}
    with pytest.raises(Captured) as caught:
        client._make_api_call(operation, arguments | extra)
    request = caught.value.request
    path, _, query = request.url.partition("//")[2].partition("/")[2].partition("?")
    headers = Headers(
        (name, value.decode() if isinstance(value, bytes) else value) for name, value in request.headers.items()
    )
    host = headers.get("host") or request.url.split("/")[2]
    return HttpRequest(method=request.method, path="/" + path, query=query, headers=headers, host=host)


def matched(http):
    return operations.match(http, parse_address(http.host, http.path, DOMAINS))


def test_every_operation_of_the_model_is_in_the_table_and_no_other():
    names = {operations.canonical_name(name) for name in MODEL.operation_names}
    assert names | EXTRA == set(operations.OPERATIONS)
    assert len(names) >= 111


def test_synonyms_are_names_of_the_model():
    assert set(SYNONYMS) <= set(MODEL.operation_names)


@pytest.mark.parametrize("name", sorted(MODEL.operation_names))
def test_the_request_that_botocore_builds_matches_its_own_operation(client, name):
    assert matched(sent(client, name)).name == operations.canonical_name(name)


@pytest.mark.parametrize(
    "name", ["GetObject", "HeadObject", "DeleteObject", "GetObjectTagging", "GetObjectAcl", "GetObjectAttributes"]
)
def test_a_version_asks_for_another_permission(client, name):
    operation = matched(sent(client, name, VersionId="null"))
    assert operation.name == name
    assert "Version" in operation.action
    assert operation.action != operations.OPERATIONS[name].action


ARNS = {
    "access-point": "arn:aws:s3:us-west-2:123456789012:accesspoint/my-ap",
    "object-lambda": "arn:aws:s3-object-lambda:us-west-2:123456789012:accesspoint/my-ap",
}


@pytest.mark.parametrize("kind", sorted(ARNS))
# botocore itself refuses to send GetBucketLocation to an ARN.
@pytest.mark.parametrize("name", sorted(operations.ACCESS_POINT_OPERATIONS - {"GetBucketLocation"}))
def test_operations_of_access_points_match_when_sent_to_an_arn(kind, name):
    http = sent(client_for(), name, Bucket=ARNS[kind])
    address = parse_address(http.host, http.path, DOMAINS)
    assert (address.name, address.account, address.bucket_label) == ("my-ap", "123456789012", "my-ap-123456789012")
    operation = operations.match(http, address)
    assert operation.name == name
    operations.check_supported(operation, kind)


def test_all_that_access_points_accept_is_served():
    assert not [name for name in operations.ACCESS_POINT_OPERATIONS if operations.OPERATIONS[name].declined]


@pytest.mark.parametrize("name", sorted(set(operations.OPERATIONS) - operations.ACCESS_POINT_OPERATIONS))
def test_access_points_refuse_all_else(name):
    for kind in ("access-point", "object-lambda"):
        with pytest.raises(MethodNotAllowed):
            operations.check_supported(operations.OPERATIONS[name], kind)


@pytest.mark.parametrize("name", sorted(row.name for row in ROWS if row.declined))
def test_what_is_declined_is_declined_with_its_name_and_a_reason(name):
    with pytest.raises(errors.NotImplemented) as caught:
        operations.check_supported(operations.OPERATIONS[name], "bucket")
    assert caught.value.status == 501
    assert caught.value.message.startswith(f"{name} is not implemented. ")
    assert caught.value.message.endswith(".")


def test_what_is_answered_as_unset_is_served():
    assert not [name for name in UNSET_OPERATIONS if operations.OPERATIONS[name].declined]


def test_actions_are_iam_actions():
    for operation in operations.OPERATIONS.values():
        service, _, action = operation.action.partition(":")
        assert service in {"s3", "s3-object-lambda"}
        assert action.isalnum(), operation
        assert action[0].isupper(), operation
