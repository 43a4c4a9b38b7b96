"""Access points through the whole server, with a real client."""

import uuid

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def control(server):
    return server.client("s3control")


@pytest.fixture
def name(server):
    """Return the name of a new bucket, and of the access points on it."""
    name = f"ap-{uuid.uuid4().hex[:12]}"
    server.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": server.region})
    return name


def code_of(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


def test_an_access_point_serves_by_arn_and_by_alias_until_it_goes(server, control, name):
    made = control.create_access_point(AccountId=server.account, Name=name, Bucket=name)
    assert made["AccessPointArn"] == f"arn:aws:s3:{server.region}:{server.account}:accesspoint/{name}"
    assert made["ResponseMetadata"]["RequestId"]
    s3 = server.client("s3")
    s3.put_object(Bucket=made["AccessPointArn"], Key="a b/é", Body=b"one")
    assert s3.get_object(Bucket=made["Alias"], Key="a b/é")["Body"].read() == b"one"
    assert s3.get_object(Bucket=name, Key="a b/é")["Body"].read() == b"one"
    got = control.get_access_point(AccountId=server.account, Name=name)
    assert (got["Bucket"], got["Alias"], got["NetworkOrigin"]) == (name, made["Alias"], "Internet")
    control.delete_access_point(AccountId=server.account, Name=name)
    assert code_of(s3.get_object, Bucket=made["AccessPointArn"], Key="a b/é") == "InvalidAccessPoint"
    assert code_of(s3.get_object, Bucket=made["Alias"], Key="a b/é") == "InvalidAccessPointAliasError"
    assert code_of(control.get_access_point, AccountId=server.account, Name=name) == "NoSuchAccessPoint"


def test_access_points_of_one_bucket_are_listed_page_by_page(server, control, name):
    names = [f"{name}-{number}" for number in range(5)]
    for one in names:
        control.create_access_point(AccountId=server.account, Name=one, Bucket=name)
    found, token = [], {}
    for _ in range(3):
        page = control.list_access_points(AccountId=server.account, Bucket=name, MaxResults=2, **token)
        found += [one["Name"] for one in page["AccessPointList"]]
        token = {"NextToken": page["NextToken"]} if "NextToken" in page else {}
    assert found == names
    assert token == {}


def test_a_bucket_with_access_points_stays(server, control, name):
    control.create_access_point(AccountId=server.account, Name=name, Bucket=name)
    with pytest.raises(ClientError):
        server.client("s3").delete_bucket(Bucket=name)
    control.delete_access_point(AccountId=server.account, Name=name)
    server.client("s3").delete_bucket(Bucket=name)


def test_what_is_refused(server, control, name):
    make = control.create_access_point
    account = server.account
    make(AccountId=account, Name=name, Bucket=name)
    assert code_of(make, AccountId=account, Name=name, Bucket=name) == "AccessPointAlreadyOwnedByYou"
    assert code_of(make, AccountId=account, Name=f"{name}-2", Bucket="no-such-bucket") == "NoSuchBucket"
    assert code_of(make, AccountId=account, Name="Upper", Bucket=name) == "InvalidAccessPoint"
    assert code_of(make, AccountId="999999999999", Name=f"{name}-3", Bucket=name) == "AccessDenied"
    assert code_of(control.list_jobs, AccountId=account) == "NotImplemented"
    get = control.get_access_point_policy
    assert code_of(get, AccountId=account, Name=name) == "NoSuchAccessPointPolicy"


def test_a_wrong_secret_is_refused_in_this_apis_own_form(server):
    stranger = server.client(
        "s3control",
        credentials={"aws_access_key_id": server.access_key_id, "aws_secret_access_key": "wrong"},
        cached=False,
    )
    assert code_of(stranger.list_access_points, AccountId=server.account) == "SignatureDoesNotMatch"
