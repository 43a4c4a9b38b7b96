import asyncio
import json
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from objectlens.access.values import Signature
from objectlens.catalog import Catalog
from objectlens.catalog.entities import Bucket, PublicAccessBlock
from objectlens.clock import FixedClock
from objectlens.control.s3control import S3Control, s3control_api
from objectlens.database import Database, sqlite_url
from objectlens.errors import AccessDenied
from support import direct

NOW = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)
ACCOUNT = direct.ACCOUNT
AP = f"arn:aws:s3:us-west-2:{ACCOUNT}:accesspoint/"
OLAP = f"arn:aws:s3-object-lambda:us-west-2:{ACCOUNT}:accesspoint/"
FUNCTION = f"arn:aws:lambda:us-west-2:{ACCOUNT}:function:resize"


class Gate:
    """Lets everything pass, notes what was asked, and can be shut."""

    def __init__(self):
        self.asked = []
        self.shut = False

    async def __call__(self, caller, action, resource, *, context, http):
        self.asked.append((action, resource if isinstance(resource, str) else resource.arn, dict(context)))
        if self.shut:
            raise AccessDenied


class World:
    def __init__(self, runner, folder):
        self.runner = runner
        self.clock = FixedClock(NOW)
        self.database = runner.run(Database.open(sqlite_url(folder)))
        self.catalog = Catalog(self.database, self.clock)
        self.gate = Gate()
        self.api = s3control_api(S3Control(catalog=self.catalog, clock=self.clock, region="us-west-2"), self.gate)
        self.client = direct.client(self.api, runner)
        runner.run(self.catalog.buckets.create(bucket("pics")))

    def point(self, name="my-ap", **more):
        return self.client.create_access_point(AccountId=ACCOUNT, Name=name, Bucket="pics", **more)

    def lens(self, name="my-ol", **more):
        self.point()
        return self.client.create_access_point_for_object_lambda(
            AccountId=ACCOUNT, Name=name, Configuration=configuration(**more)
        )


def bucket(name, account=ACCOUNT, block=None):
    return Bucket(name=name, account=account, region="us-west-2", created_at=NOW, public_access_block=block)


def configuration(**more):
    return {
        "SupportingAccessPoint": f"{AP}my-ap",
        "TransformationConfigurations": [
            {"Actions": ["GetObject"], "ContentTransformation": {"AwsLambda": {"FunctionArn": FUNCTION}}}
        ],
    } | more


def transformation(actions=("GetObject",), function=FUNCTION, **more):
    return {"Actions": list(actions), "ContentTransformation": {"AwsLambda": {"FunctionArn": function} | more}}


def policy(resource, principal=f"arn:aws:iam::{ACCOUNT}:user/ann", action="s3:GetObject"):
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def world(tmp_path):
    with asyncio.Runner() as runner:
        made = World(runner, tmp_path)
        yield made
        runner.run(made.database.close())


def refused(code, status, call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response = caught.value.response
    assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    return response["Error"]["Message"]


def body(response):
    return {key: value for key, value in response.items() if key != "ResponseMetadata"}


def test_an_access_point_is_made_described_and_removed(world):
    made = body(world.point())
    assert made["AccessPointArn"] == f"{AP}my-ap"
    assert made["Alias"].startswith("my-ap-")
    assert made["Alias"].endswith("-s3alias")
    got = body(world.client.get_access_point(AccountId=ACCOUNT, Name="my-ap"))
    assert got == {
        "Name": "my-ap",
        "Bucket": "pics",
        "NetworkOrigin": "Internet",
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        },
        "CreationDate": NOW,
        "Alias": made["Alias"],
        "AccessPointArn": f"{AP}my-ap",
        "Endpoints": {
            "ipv4": "s3-accesspoint.us-west-2.amazonaws.com",
            "fips": "s3-accesspoint-fips.us-west-2.amazonaws.com",
            "fips_dualstack": "s3-accesspoint-fips.dualstack.us-west-2.amazonaws.com",
            "dualstack": "s3-accesspoint.dualstack.us-west-2.amazonaws.com",
        },
        "BucketAccountId": ACCOUNT,
    }
    assert body(world.client.delete_access_point(AccountId=ACCOUNT, Name="my-ap")) == {}
    for call in (world.client.get_access_point, world.client.delete_access_point):
        text = refused("NoSuchAccessPoint", 404, call, AccountId=ACCOUNT, Name="my-ap")
        assert text == "The specified accesspoint does not exist"


def test_an_access_point_of_a_vpc_keeps_flags_and_tags(world):
    world.point(
        VpcConfiguration={"VpcId": "vpc-1a2b"},
        PublicAccessBlockConfiguration={"BlockPublicAcls": True},
        Tags=[{"Key": "team", "Value": "ml"}],
    )
    got = world.client.get_access_point(AccountId=ACCOUNT, Name="my-ap")
    assert (got["NetworkOrigin"], got["VpcConfiguration"]) == ("VPC", {"VpcId": "vpc-1a2b"})
    assert got["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "IgnorePublicAcls": False,
        "BlockPublicPolicy": False,
        "RestrictPublicBuckets": False,
    }
    tags = world.client.list_tags_for_resource(AccountId=ACCOUNT, ResourceArn=f"{AP}my-ap")["Tags"]
    assert tags == [{"Key": "team", "Value": "ml"}]


def test_a_new_access_point_is_in_the_region_its_creator_works_in(world):
    signature = Signature(
        kind="REST-HEADER", version="AWS4-HMAC-SHA256", age_ms=0, service="s3", region="eu-west-1", payload_hash=""
    )
    caller = direct.ROOT.__class__(
        kind="Root", account=ACCOUNT, arn="a", principal_id="p", access_key_id="k", signature=signature
    )
    made = direct.client(world.api, world.runner, caller).create_access_point(
        AccountId=ACCOUNT, Name="abroad", Bucket="pics"
    )
    assert made["AccessPointArn"] == f"arn:aws:s3:eu-west-1:{ACCOUNT}:accesspoint/abroad"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a" * 51, "51 characters"),
        ("My-ap", "lower-case"),
        ("-ap", "begin and end"),
        ("ap-", "begin and end"),
        ("my_ap", "lower-case"),
        ("my.ap", "lower-case"),
        ("my-s3alias", "-s3alias is reserved"),
        ("my--ol-s3", "--ol-s3 is reserved"),
        ("my--x-s3", "--x-s3 is reserved"),
    ],
)
def test_names_against_the_rules_are_refused(world, name, words):
    assert words in refused("InvalidAccessPoint", 400, world.point, name=name)
    world.point()
    make = world.client.create_access_point_for_object_lambda
    text = refused("InvalidAccessPoint", 400, make, AccountId=ACCOUNT, Name=name, Configuration=configuration())
    assert words in text


def test_the_longest_names_fit(world):
    world.point("a" * 50)
    world.lens("b" * 45)
    make = world.client.create_access_point_for_object_lambda
    arguments = {"AccountId": ACCOUNT, "Configuration": configuration()}
    assert "45" in refused("InvalidAccessPoint", 400, make, Name="b" * 46, **arguments)


def test_a_name_serves_one_access_point_of_either_kind(world):
    world.lens()
    text = refused("AccessPointAlreadyOwnedByYou", 409, world.point)
    assert text == "Your previous request to create the named accesspoint succeeded and you already own it."
    assert "Object Lambda access point my-ol" in refused("AccessPointAlreadyOwnedByYou", 409, world.point, name="my-ol")
    make = world.client.create_access_point_for_object_lambda
    refused("AccessPointAlreadyOwnedByYou", 409, make, AccountId=ACCOUNT, Name="my-ol", Configuration=configuration())
    text = refused(
        "AccessPointAlreadyOwnedByYou", 409, make, AccountId=ACCOUNT, Name="my-ap", Configuration=configuration()
    )
    assert "access point my-ap" in text


def test_the_bucket_must_exist_and_be_its_owners(world):
    make = world.client.create_access_point
    refused("NoSuchBucket", 404, make, AccountId=ACCOUNT, Name="my-ap", Bucket="nope")
    world.runner.run(world.catalog.buckets.create(bucket("theirs", "999999999999")))
    text = refused("AccessDenied", 403, make, AccountId=ACCOUNT, Name="my-ap", Bucket="theirs")
    assert "BucketAccountId" in text
    make(AccountId=ACCOUNT, Name="my-ap", Bucket="theirs", BucketAccountId="999999999999")
    assert world.client.get_access_point(AccountId=ACCOUNT, Name="my-ap")["BucketAccountId"] == "999999999999"


def test_listing_goes_page_by_page(world):
    world.runner.run(world.catalog.buckets.create(bucket("logs")))
    for number in range(5):
        world.point(f"ap-{number}")
    world.client.create_access_point(AccountId=ACCOUNT, Name="zz-logs", Bucket="logs")
    names, token = [], {}
    while True:
        page = world.client.list_access_points(AccountId=ACCOUNT, MaxResults=4, **token)
        names.append([one["Name"] for one in page["AccessPointList"]])
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert names == [["ap-0", "ap-1", "ap-2", "ap-3"], ["ap-4", "zz-logs"]]
    only = world.client.list_access_points(AccountId=ACCOUNT, Bucket="logs")["AccessPointList"]
    assert [one["Name"] for one in only] == ["zz-logs"]
    assert only[0]["AccessPointArn"] == f"{AP}zz-logs"
    assert world.client.list_access_points(AccountId=ACCOUNT, MaxResults=0)["AccessPointList"] == []
    listing = world.client.list_access_points
    assert "NextToken" in refused("InvalidRequest", 400, listing, AccountId=ACCOUNT, NextToken="no token of ours!")
    refused("InvalidRequest", 400, listing, AccountId=ACCOUNT, MaxResults=1001)


def test_an_object_lambda_access_point_is_made_described_and_removed(world):
    made = body(world.lens())
    assert made["ObjectLambdaAccessPointArn"] == f"{OLAP}my-ol"
    assert made["Alias"]["Status"] == "READY"
    assert made["Alias"]["Value"].endswith("--ol-s3")
    got = body(world.client.get_access_point_for_object_lambda(AccountId=ACCOUNT, Name="my-ol"))
    assert set(got) == {"Name", "PublicAccessBlockConfiguration", "CreationDate", "Alias"}
    pages = world.client.get_paginator("list_access_points_for_object_lambda").paginate(AccountId=ACCOUNT)
    listed = [one for page in pages for one in page["ObjectLambdaAccessPointList"]]
    assert listed == [{"Name": "my-ol", **made}]
    # The supporting access point may go first: what is left is broken, and can still be removed.
    world.client.delete_access_point(AccountId=ACCOUNT, Name="my-ap")
    world.client.delete_access_point_for_object_lambda(AccountId=ACCOUNT, Name="my-ol")
    gone = world.client.get_access_point_for_object_lambda
    refused("NoSuchAccessPoint", 404, gone, AccountId=ACCOUNT, Name="my-ol")


def test_the_configuration_is_returned_as_it_was_put(world):
    world.lens()
    document = {
        "SupportingAccessPoint": f"{AP}my-ap",
        "CloudWatchMetricsEnabled": True,
        "AllowedFeatures": ["GetObject-PartNumber", "GetObject-Range"],
        "TransformationConfigurations": [
            transformation(["GetObject", "HeadObject"], f"{FUNCTION}:prod", FunctionPayload='{"a": "<&>"}\n'),
            transformation(["ListObjectsV2"], f"{FUNCTION}:$LATEST"),
        ],
    }
    put = world.client.put_access_point_configuration_for_object_lambda
    assert body(put(AccountId=ACCOUNT, Name="my-ol", Configuration=document)) == {}
    got = world.client.get_access_point_configuration_for_object_lambda(AccountId=ACCOUNT, Name="my-ol")
    assert got["Configuration"] == document
    refused("NoSuchAccessPoint", 404, put, AccountId=ACCOUNT, Name="other", Configuration=document)


@pytest.mark.parametrize(
    ("code", "words", "wrong"),
    [
        ("InvalidRequest", "does not exist", {"SupportingAccessPoint": f"{AP}missing"}),
        ("InvalidRequest", "'configuration.supportingAccessPoint'", {"SupportingAccessPoint": "my-ap"}),
        ("InvalidRequest", "'configuration.supportingAccessPoint'", {"SupportingAccessPoint": "arn:aws:s3:::pics"}),
        ("InvalidRequest", "'configuration.supportingAccessPoint'", {"SupportingAccessPoint": f"{OLAP}my-ap"}),
        ("InvalidRequest", "not the ARN of an access point", {"SupportingAccessPoint": f"{AP}my-ap/object/a"}),
        (
            "InvalidRequest",
            "not in the account",
            {"SupportingAccessPoint": "arn:aws:s3:us-west-2:999999999999:accesspoint/my-ap"},
        ),
        ("InvalidRequest", "enum value set", {"AllowedFeatures": ["PutObject-Range"]}),
        ("InvalidRequest", "at least one", {"TransformationConfigurations": []}),
        ("InvalidRequest", "enum value set", {"TransformationConfigurations": [transformation(["PutObject"])]}),
        ("InvalidRequest", "at least one Action", {"TransformationConfigurations": [transformation([])]}),
        (
            "InvalidRequest",
            "GetObject has more than one",
            {"TransformationConfigurations": [transformation(), transformation()]},
        ),
        (
            "InvalidRequest",
            "not an ARN",
            {"TransformationConfigurations": [transformation(function=f"{ACCOUNT}:function:resize")]},
        ),
        (
            "InvalidRequest",
            "not the ARN of a function",
            {"TransformationConfigurations": [transformation(function=f"arn:aws:lambda:us-west-2:{ACCOUNT}:layer:f")]},
        ),
        (
            "InvalidRequest",
            "regular expression",
            {"TransformationConfigurations": [transformation(function=f"{FUNCTION}:a:b")]},
        ),
        (
            "InvalidRequest",
            "as the function must be",
            {
                "TransformationConfigurations": [
                    transformation(function="arn:aws:lambda:us-west-2:999999999999:function:resize")
                ]
            },
        ),
        ("MalformedXML", "one of: AwsLambda", {"TransformationConfigurations": [{"Actions": ["GetObject"]}]}),
    ],
)
def test_configurations_against_the_rules_are_refused(world, code, words, wrong):
    world.lens()
    loose = direct.client(world.api, world.runner, parameter_validation=False)
    if "one of" in words:
        wrong["TransformationConfigurations"][0]["ContentTransformation"] = {}
    put = loose.put_access_point_configuration_for_object_lambda
    assert words in refused(code, 400, put, AccountId=ACCOUNT, Name="my-ol", Configuration=configuration(**wrong))
    got = world.client.get_access_point_configuration_for_object_lambda(AccountId=ACCOUNT, Name="my-ol")
    assert got["Configuration"]["TransformationConfigurations"] == [transformation()]


def test_the_region_of_the_supporting_access_point_plays_no_part(world):
    world.lens(SupportingAccessPoint=f"arn:aws:s3:eu-central-1:{ACCOUNT}:accesspoint/my-ap")


POLICIES = [
    ("", "my-ap", f"{AP}my-ap/object/*", "s3:GetObject"),
    ("_for_object_lambda", "my-ol", f"{OLAP}my-ol", "s3-object-lambda:GetObject"),
]


@pytest.mark.parametrize(("kind", "name", "resource", "action"), POLICIES)
def test_policies_are_kept_to_the_letter(world, kind, name, resource, action):
    world.lens()
    named = {"AccountId": ACCOUNT, "Name": name}
    put, get, status, delete = (
        getattr(world.client, f"{verb}_access_point_policy{what}{kind}")
        for verb, what in (("put", ""), ("get", ""), ("get", "_status"), ("delete", ""))
    )
    missing = "The specified accesspoint policy does not exist"
    assert refused("NoSuchAccessPointPolicy", 404, get, **named) == missing
    assert refused("NoSuchAccessPointPolicy", 404, status, **named) == missing
    text = policy(resource, action=action).replace(",", ",\n  ")
    assert body(put(Policy=text, **named)) == {}
    assert get(**named)["Policy"] == text
    assert status(**named)["PolicyStatus"] == {"IsPublic": False}
    assert body(delete(**named)) == {}
    refused("NoSuchAccessPointPolicy", 404, get, **named)
    delete(**named)
    refused("NoSuchAccessPoint", 404, put, AccountId=ACCOUNT, Name="nobody", Policy=text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no JSON", "first byte must be"),
        ("{}", "Statement"),
        (policy("arn:aws:s3:::pics/*"), "invalid resource: arn:aws:s3:::pics/*"),
        (policy(f"{AP}other/object/*"), "invalid resource"),
        (policy(f"{AP}my-ap/object/*", action="get"), ""),
        (policy(f"{AP}my-ap/object/*") + " " * 20_480, "20480 bytes"),
    ],
)
def test_policies_against_the_rules_are_refused(world, text, words):
    world.point()
    put = world.client.put_access_point_policy
    assert words in refused("MalformedPolicy", 400, put, AccountId=ACCOUNT, Name="my-ap", Policy=text)


def test_wildcards_in_resources_may_cover_the_access_point(world):
    world.point()
    for resource in (f"{AP}my-ap", f"{AP}*", f"{AP}my-*/object/a*", f"{AP}my-ap/object/a/b?"):
        if not resource.endswith("my-*/object/a*"):
            world.client.put_access_point_policy(AccountId=ACCOUNT, Name="my-ap", Policy=policy(resource))


OPEN = {"BlockPublicAcls": False, "IgnorePublicAcls": False, "BlockPublicPolicy": False, "RestrictPublicBuckets": False}


def test_a_public_policy_passes_only_where_nothing_blocks_it(world):
    named = {"AccountId": ACCOUNT, "Name": "my-ap", "Policy": policy(f"{AP}my-ap/object/*", "*")}
    put = world.client.put_access_point_policy
    world.point()
    assert "Block Public Access" in refused("AccessDenied", 403, put, **named)
    world.client.delete_access_point(AccountId=ACCOUNT, Name="my-ap")
    world.point(PublicAccessBlockConfiguration=OPEN)
    put(**named)
    status = world.client.get_access_point_policy_status(AccountId=ACCOUNT, Name="my-ap")
    assert status["PolicyStatus"] == {"IsPublic": True}
    world.client.put_public_access_block(
        AccountId=ACCOUNT, PublicAccessBlockConfiguration=OPEN | {"BlockPublicPolicy": True}
    )
    refused("AccessDenied", 403, put, **named)
    world.client.delete_public_access_block(AccountId=ACCOUNT)
    put(**named)
    world.runner.run(
        world.catalog.buckets.update(
            "pics", change=lambda now: bucket("pics", block=PublicAccessBlock(block_public_acls=False))
        )
    )
    refused("AccessDenied", 403, put, **named)


def test_the_settings_of_the_account(world):
    get = world.client.get_public_access_block
    text = refused("NoSuchPublicAccessBlockConfiguration", 404, get, AccountId=ACCOUNT)
    assert text
    with pytest.raises(world.client.exceptions.NoSuchPublicAccessBlockConfiguration):
        get(AccountId=ACCOUNT)
    world.client.delete_public_access_block(AccountId=ACCOUNT)
    for flags in (OPEN | {"IgnorePublicAcls": True}, OPEN):
        world.client.put_public_access_block(AccountId=ACCOUNT, PublicAccessBlockConfiguration=flags)
        assert get(AccountId=ACCOUNT)["PublicAccessBlockConfiguration"] == flags


def test_tags_of_access_points_and_buckets(world):
    world.lens()
    for arn in (f"{AP}my-ap", f"{OLAP}my-ol", "arn:aws:s3:::pics"):
        named = {"AccountId": ACCOUNT, "ResourceArn": arn}
        response = world.client.tag_resource(Tags=[{"Key": "a", "Value": "1"}, {"Key": "b c", "Value": "é +"}], **named)
        assert response["ResponseMetadata"]["HTTPStatusCode"] == 204
        world.client.tag_resource(Tags=[{"Key": "a", "Value": ""}], **named)
        assert world.client.list_tags_for_resource(**named)["Tags"] == [
            {"Key": "a", "Value": ""},
            {"Key": "b c", "Value": "é +"},
        ]
        world.client.untag_resource(TagKeys=["a", "never there"], **named)
        assert world.client.list_tags_for_resource(**named)["Tags"] == [{"Key": "b c", "Value": "é +"}]


def test_tags_against_the_rules_are_refused(world):
    world.point()
    tag = world.client.tag_resource
    named = {"AccountId": ACCOUNT, "ResourceArn": f"{AP}my-ap"}
    refused("InvalidTag", 400, tag, Tags=[{"Key": "aws:x", "Value": "1"}], **named)
    refused("InvalidTag", 400, tag, Tags=[{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}], **named)
    tag(Tags=[{"Key": f"k{number}", "Value": ""} for number in range(50)], **named)
    refused("TooManyTags", 400, tag, Tags=[{"Key": "one more", "Value": ""}], **named)
    for arn, code, status in (
        (f"{AP}nobody", "NoSuchAccessPoint", 404),
        ("arn:aws:s3:::nobody", "NoSuchBucket", 404),
        ("arn:aws:s3:us-west-2:999999999999:accesspoint/my-ap", "InvalidRequest", 400),
        ("arn:aws:iam::123456789012:user/ann", "InvalidRequest", 400),
    ):
        refused(code, status, tag, AccountId=ACCOUNT, ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}])


def test_another_account_is_refused(world):
    text = refused("AccessDenied", 403, world.client.list_access_points, AccountId="999999999999")
    assert "123456789012" in text
    assert world.gate.asked == []
    text = refused("AccessDenied", 403, world.client.get_access_point, AccountId="12345678901", Name="my-ap")
    assert "x-amz-account-id is 12345678901" in text


def test_permissions_are_asked_before_anything_is_done(world):
    world.lens()
    world.client.tag_resource(AccountId=ACCOUNT, ResourceArn=f"{AP}my-ap", Tags=[{"Key": "team", "Value": "ml"}])
    world.gate.asked.clear()
    world.gate.shut = True
    refused("AccessDenied", 403, world.point, name="new-ap", Tags=[{"Key": "team", "Value": "ml"}])
    refused("AccessDenied", 403, world.client.delete_access_point, AccountId=ACCOUNT, Name="my-ap")
    refused("AccessDenied", 403, world.client.get_access_point, AccountId=ACCOUNT, Name="nobody")
    refused("AccessDenied", 403, world.client.delete_public_access_block, AccountId=ACCOUNT)
    refused("AccessDenied", 403, world.client.delete_access_point_for_object_lambda, AccountId=ACCOUNT, Name="my-ol")
    refused(
        "AccessDenied", 403, world.client.untag_resource, AccountId=ACCOUNT, ResourceArn=f"{AP}my-ap", TagKeys=["team"]
    )
    assert world.gate.asked == [
        (
            "s3:CreateAccessPoint",
            f"{AP}new-ap",
            {"s3:AccessPointNetworkOrigin": "Internet", "aws:RequestTag/team": "ml", "aws:TagKeys": ("team",)},
        ),
        ("s3:DeleteAccessPoint", f"{AP}my-ap", {}),
        ("s3:GetAccessPoint", f"{AP}nobody", {}),
        ("s3:PutAccountPublicAccessBlock", "*", {}),
        ("s3:DeleteAccessPointForObjectLambda", f"{OLAP}my-ol", {}),
        ("s3:UntagResource", f"{AP}my-ap", {"aws:TagKeys": ("team",)}),
    ]
    world.gate.shut = False
    assert world.client.get_access_point(AccountId=ACCOUNT, Name="my-ap")["Name"] == "my-ap"


def test_operations_that_are_not_served_say_why(world):
    text = refused("NotImplemented", 501, world.client.list_access_grants, AccountId=ACCOUNT)
    assert text.startswith("objectlens does not serve ListAccessGrants: it has no S3 Access Grants")
    text = refused("NotImplemented", 501, world.client.list_jobs, AccountId=ACCOUNT)
    assert "Batch Operations" in text
