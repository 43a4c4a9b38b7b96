"""Versions of objects, as boto3 sees them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.live import LiveServer, make_lens_on, zipped
from support.wire import Wire

NOWHERE = "3HL4kqtJvjVBH40NrjfkdE2bYJ8XbzQ1"


@pytest.fixture
def versioned(s3: Any, make_bucket: Callable[[], str]) -> str:
    """An empty bucket that keeps versions."""
    name = make_bucket()
    switch(s3, name, "Enabled")
    return name


def switch(s3: Any, bucket: str, status: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == status


def put(s3: Any, bucket: str, key: str, *bodies: bytes) -> list[str]:
    """Put an object so many times; return the versions."""
    return [s3.put_object(Bucket=bucket, Key=key, Body=body)["VersionId"] for body in bodies]


def read(s3: Any, bucket: str, key: str, version: str | None = None) -> bytes:
    more = {} if version is None else {"VersionId": version}
    return s3.get_object(Bucket=bucket, Key=key, **more)["Body"].read()


def listed(s3: Any, bucket: str, **arguments: Any) -> list[tuple[str, str, bool, str]]:
    """Return key, version, whether it is the latest, and its kind, as one page has them by kind."""
    page = s3.list_object_versions(Bucket=bucket, **arguments)
    kinds = (("version", page.get("Versions", [])), ("marker", page.get("DeleteMarkers", [])))
    return [(one["Key"], one["VersionId"], one["IsLatest"], kind) for kind, found in kinds for one in found]


def refused(call: Callable[..., Any], **arguments: Any) -> tuple[int, str, dict[str, str]]:
    """Return status, code and headers of an error."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    metadata = caught.value.response["ResponseMetadata"]
    return metadata["HTTPStatusCode"], caught.value.response["Error"]["Code"], metadata["HTTPHeaders"]


def test_the_state_of_a_bucket(s3: Any, bucket: str, wire: Wire) -> None:
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    for status in ("Suspended", "Enabled", "Enabled", "Suspended"):
        switch(s3, bucket, status)
    mfa = {"Status": "Enabled", "MFADelete": "Enabled"}
    status, code, _ = refused(
        s3.put_bucket_versioning, Bucket=bucket, MFA="arn:aws:iam::1:mfa/x 123456", VersioningConfiguration=mfa
    )
    assert (status, code) == (501, "NotImplemented")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled", "MFADelete": "Disabled"})
    for inside, code in (
        ("<Status>On</Status>", "MalformedXML"),
        ("<Status>Enabled</Status><MfaDelete>Perhaps</MfaDelete>", "MalformedXML"),
        ("", "IllegalVersioningConfigurationException"),
    ):
        body = f"<VersioningConfiguration>{inside}</VersioningConfiguration>".encode()
        answer = wire.send("PUT", f"/{bucket}?versioning", {}, body)
        assert (answer.status, answer.code) == (400, code)
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert refused(s3.get_bucket_versioning, Bucket="no-such-bucket-here")[:2] == (404, "NoSuchBucket")


def test_every_put_is_a_version(s3: Any, versioned: str) -> None:
    first, second, third = put(s3, versioned, "a/k", b"1", b"22", b"333")
    assert len({first, second, third}) == 3
    assert read(s3, versioned, "a/k") == b"333"
    assert read(s3, versioned, "a/k", first) == b"1"
    answer = s3.get_object(Bucket=versioned, Key="a/k", VersionId=second, Range="bytes=1-")
    assert (answer["Body"].read(), answer["VersionId"], answer["ContentRange"]) == (b"2", second, "bytes 1-1/2")
    assert s3.get_object(Bucket=versioned, Key="a/k")["VersionId"] == third
    head = s3.head_object(Bucket=versioned, Key="a/k", VersionId=first)
    assert (head["ContentLength"], head["VersionId"]) == (1, first)
    assert listed(s3, versioned) == [
        ("a/k", third, True, "version"),
        ("a/k", second, False, "version"),
        ("a/k", first, False, "version"),
    ]
    page = s3.list_object_versions(Bucket=versioned)["Versions"][1]
    assert (page["Size"], page["ETag"], page["StorageClass"]) == (
        2,
        s3.head_object(Bucket=versioned, Key="a/k", VersionId=second)["ETag"],
        "STANDARD",
    )
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=versioned)["Contents"]] == ["a/k"]
    assert refused(s3.get_object, Bucket=versioned, Key="a/k", VersionId=NOWHERE)[:2] == (404, "NoSuchVersion")
    assert refused(s3.get_object, Bucket=versioned, Key="a/k", VersionId="null")[:2] == (404, "NoSuchVersion")
    assert refused(s3.get_object, Bucket=versioned, Key="a/k", VersionId="short")[:2] == (400, "InvalidArgument")
    assert refused(s3.head_object, Bucket=versioned, Key="a/k", VersionId=NOWHERE)[0] == 404


def test_an_unversioned_bucket_tells_of_no_versions(s3: Any, bucket: str) -> None:
    assert "VersionId" not in s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert "VersionId" not in s3.get_object(Bucket=bucket, Key="k")
    assert s3.get_object(Bucket=bucket, Key="k", VersionId="null")["Body"].read() == b"x"
    assert refused(s3.get_object, Bucket=bucket, Key="k", VersionId=NOWHERE)[:2] == (404, "NoSuchVersion")
    assert listed(s3, bucket) == [("k", "null", True, "version")]
    answer = s3.delete_object(Bucket=bucket, Key="k", VersionId=NOWHERE)
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], "DeleteMarker" in answer) == (204, False)
    assert read(s3, bucket, "k") == b"x"
    answer = s3.delete_object(Bucket=bucket, Key="k")
    assert not {"DeleteMarker", "VersionId"} & answer.keys()
    _, code, headers = refused(s3.get_object, Bucket=bucket, Key="k")
    assert code == "NoSuchKey"
    assert "x-amz-delete-marker" not in headers


def test_delete_markers(s3: Any, versioned: str) -> None:
    (first,) = put(s3, versioned, "k", b"1")
    answer = s3.delete_object(Bucket=versioned, Key="k")
    marker = answer["VersionId"]
    assert answer["DeleteMarker"] is True
    for call in (s3.get_object, s3.head_object, s3.get_object_tagging):
        status, _, headers = refused(call, Bucket=versioned, Key="k")
        assert (status, headers["x-amz-delete-marker"], headers["x-amz-version-id"]) == (404, "true", marker)
        status, _, headers = refused(call, Bucket=versioned, Key="k", VersionId=marker)
        assert (status, headers["x-amz-delete-marker"], headers["allow"]) == (405, "true", "DELETE")
        assert headers["last-modified"]
    assert refused(s3.get_object, Bucket=versioned, Key="k", VersionId=marker)[1] == "MethodNotAllowed"
    assert "Contents" not in s3.list_objects_v2(Bucket=versioned)
    assert listed(s3, versioned) == [("k", first, False, "version"), ("k", marker, True, "marker")]
    assert read(s3, versioned, "k", first) == b"1"
    assert s3.delete_object(Bucket=versioned, Key="never")["DeleteMarker"] is True
    answer = s3.delete_object(Bucket=versioned, Key="k", VersionId=marker)
    assert (answer["DeleteMarker"], answer["VersionId"]) == (True, marker)
    assert read(s3, versioned, "k") == b"1"
    answer = s3.delete_object(Bucket=versioned, Key="k", VersionId=first)
    assert (answer.get("DeleteMarker"), answer["VersionId"]) == (None, first)
    _, code, headers = refused(s3.get_object, Bucket=versioned, Key="k")
    assert code == "NoSuchKey"
    assert "x-amz-delete-marker" not in headers
    for version in (first, NOWHERE):
        assert s3.delete_object(Bucket=versioned, Key="k", VersionId=version)["VersionId"] == version


def test_a_suspended_bucket_has_one_null_version(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"before")
    switch(s3, bucket, "Enabled")
    assert s3.get_object(Bucket=bucket, Key="k")["VersionId"] == "null"
    (first,) = put(s3, bucket, "k", b"with an id")
    assert listed(s3, bucket) == [("k", first, True, "version"), ("k", "null", False, "version")]
    assert read(s3, bucket, "k", "null") == b"before"
    switch(s3, bucket, "Suspended")
    assert "VersionId" not in s3.put_object(Bucket=bucket, Key="k", Body=b"null now")
    assert s3.get_object(Bucket=bucket, Key="k")["VersionId"] == "null"
    assert listed(s3, bucket) == [("k", "null", True, "version"), ("k", first, False, "version")]
    assert read(s3, bucket, "k", first) == b"with an id"
    answer = s3.delete_object(Bucket=bucket, Key="k")
    assert (answer["DeleteMarker"], answer["VersionId"]) == (True, "null")
    assert listed(s3, bucket) == [("k", first, False, "version"), ("k", "null", True, "marker")]
    assert refused(s3.get_object, Bucket=bucket, Key="k", VersionId="null")[0] == 405
    s3.put_object(Bucket=bucket, Key="k", Body=b"back")
    assert listed(s3, bucket) == [("k", "null", True, "version"), ("k", first, False, "version")]
    s3.delete_object(Bucket=bucket, Key="k", VersionId="null")
    assert read(s3, bucket, "k") == b"with an id"


def test_copies_of_versions(s3: Any, versioned: str, make_bucket: Callable[[], str]) -> None:
    first, second = put(s3, versioned, "k", b"1", b"2")
    source = {"Bucket": versioned, "Key": "k"}
    back = s3.copy_object(Bucket=versioned, Key="k", CopySource=source | {"VersionId": first})
    assert back["CopySourceVersionId"] == first
    assert back["VersionId"] not in {first, second}
    assert read(s3, versioned, "k") == b"1"
    assert len(listed(s3, versioned)) == 3
    other = make_bucket()
    answer = s3.copy_object(Bucket=other, Key="k", CopySource=source)
    assert (answer["CopySourceVersionId"], "VersionId" in answer) == (back["VersionId"], False)
    answer = s3.copy_object(Bucket=versioned, Key="l", CopySource={"Bucket": other, "Key": "k"})
    assert "CopySourceVersionId" not in answer
    assert answer["VersionId"]
    marker = s3.delete_object(Bucket=versioned, Key="k")["VersionId"]
    assert refused(s3.copy_object, Bucket=other, Key="m", CopySource=source)[:2] == (404, "NoSuchKey")
    named = refused(s3.copy_object, Bucket=other, Key="m", CopySource=source | {"VersionId": marker})
    assert named[:2] == (400, "InvalidRequest")
    missing = refused(s3.copy_object, Bucket=other, Key="m", CopySource=source | {"VersionId": NOWHERE})
    assert missing[:2] == (404, "NoSuchVersion")
    upload = {"Bucket": versioned, "Key": "parts"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    part = s3.upload_part_copy(**upload, PartNumber=1, CopySource=source | {"VersionId": second})
    assert part["CopySourceVersionId"] == second
    parts = [{"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}]
    done = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert s3.head_object(Bucket=versioned, Key="parts")["VersionId"] == done["VersionId"]
    assert read(s3, versioned, "parts", done["VersionId"]) == b"2"


def test_tags_and_attributes_of_versions(s3: Any, versioned: str) -> None:
    first = s3.put_object(Bucket=versioned, Key="k", Body=b"1", Tagging="n=1")["VersionId"]
    (second,) = put(s3, versioned, "k", b"22")
    thing = {"Bucket": versioned, "Key": "k"}
    answer = s3.get_object_tagging(**thing, VersionId=first)
    assert (answer["TagSet"], answer["VersionId"]) == ([{"Key": "n", "Value": "1"}], first)
    assert s3.get_object_tagging(**thing)["TagSet"] == []
    tags = {"TagSet": [{"Key": "m", "Value": "2"}]}
    assert s3.put_object_tagging(**thing, VersionId=first, Tagging=tags)["VersionId"] == first
    assert s3.get_object_tagging(**thing, VersionId=first)["TagSet"] == tags["TagSet"]
    assert s3.get_object_tagging(**thing)["VersionId"] == second
    assert s3.delete_object_tagging(**thing, VersionId=first)["VersionId"] == first
    assert s3.get_object_tagging(**thing, VersionId=first)["TagSet"] == []
    wanted = ["ETag", "ObjectSize"]
    answer = s3.get_object_attributes(**thing, VersionId=first, ObjectAttributes=wanted)
    assert (answer["ObjectSize"], answer["VersionId"]) == (1, first)
    answer = s3.get_object_attributes(**thing, ObjectAttributes=wanted)
    assert (answer["ObjectSize"], answer["VersionId"]) == (2, second)
    assert refused(s3.get_object_tagging, **thing, VersionId=NOWHERE)[:2] == (404, "NoSuchVersion")
    assert s3.get_object_acl(**thing, VersionId=first)["Grants"]


def test_delete_objects(s3: Any, versioned: str) -> None:
    first, second = put(s3, versioned, "k", b"1", b"2")
    answer = s3.delete_objects(Bucket=versioned, Delete={"Objects": [{"Key": "k"}, {"Key": "l"}]})
    made = {one["Key"]: one for one in answer["Deleted"]}
    assert all(one["DeleteMarker"] and "VersionId" not in one for one in made.values())
    markers = {key: one["DeleteMarkerVersionId"] for key, one in made.items()}
    assert {version for _, version, _, kind in listed(s3, versioned) if kind == "marker"} == {*markers.values()}
    named = [{"Key": "k", "VersionId": version} for version in (first, markers["k"], NOWHERE)]
    for _ in range(2):
        answer = s3.delete_objects(Bucket=versioned, Delete={"Objects": named})
        assert "Errors" not in answer
        assert [one["VersionId"] for one in answer["Deleted"]] == [first, markers["k"], NOWHERE]
        if _ == 0:
            gone = answer["Deleted"][1]
            assert (gone["DeleteMarker"], gone["DeleteMarkerVersionId"]) == (True, markers["k"])
            assert "DeleteMarker" not in answer["Deleted"][0]
    assert listed(s3, versioned) == [("k", second, True, "version"), ("l", markers["l"], True, "marker")]
    bad = s3.delete_objects(Bucket=versioned, Delete={"Objects": [{"Key": "k", "VersionId": "x"}]})
    assert [(one["Code"], one["VersionId"]) for one in bad["Errors"]] == [("InvalidArgument", "x")]


def test_listing_in_pages(s3: Any, versioned: str) -> None:
    keys = ["a", "b/1", "b/2", "c d+e", "ü"]
    for key in keys:
        put(s3, versioned, key, b"1", b"2", b"3")
    for key in ("a", "b/2", "z/only"):
        s3.delete_object(Bucket=versioned, Key=key)

    def paged(size: int, **arguments: Any) -> tuple[list[tuple[str, str, bool]], list[str]]:
        found, prefixes = [], []
        pages = s3.get_paginator("list_object_versions").paginate(
            Bucket=versioned, PaginationConfig={"PageSize": size}, **arguments
        )
        for page in pages:
            both = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            found += [(one["Key"], one["VersionId"], one["IsLatest"]) for one in both]
            prefixes += [one["Prefix"] for one in page.get("CommonPrefixes", [])]
            assert len(both) + len(page.get("CommonPrefixes", [])) <= size
        return found, prefixes

    everything, _ = paged(1000)
    assert len(everything) == 18
    assert sum(latest for _, _, latest in everything) == 6
    one_by_one, _ = paged(1)
    assert sorted(one_by_one) == sorted(everything)
    # One at a time, the order is that of the document: by key, the newest first.
    assert [key for key, _, _ in one_by_one] == sorted((key for key, _, _ in one_by_one), key=str.encode)
    assert [latest for _, _, latest in one_by_one[:5]] == [True, False, False, False, True]
    for size in (1, 2, 3, 1000):
        found, prefixes = paged(size, Delimiter="/")
        assert (sorted({key for key, _, _ in found}), prefixes) == (["a", "c d+e", "ü"], ["b/", "z/"])
        assert len(found) == 10
        assert len(paged(size, Prefix="b/")[0]) == 7
        assert paged(size, Prefix="z/", Delimiter="/")[0][0][0] == "z/only"
    page = s3.list_object_versions(Bucket=versioned, MaxKeys=2, EncodingType="url", Prefix="c")
    assert (page["IsTruncated"], page["NextKeyMarker"]) == (True, "c%20d%2Be")
    assert page["NextVersionIdMarker"] == page["Versions"][-1]["VersionId"]
    rest = s3.list_object_versions(Bucket=versioned, KeyMarker="b/2", MaxKeys=3)["Versions"]
    assert [one["Key"] for one in rest] == ["c d+e"] * 3
    assert refused(s3.list_object_versions, Bucket=versioned, VersionIdMarker=NOWHERE)[:2] == (400, "InvalidArgument")


def test_a_bucket_with_versions_is_not_empty(s3: Any, make_bucket: Callable[[], str]) -> None:
    name = make_bucket()
    switch(s3, name, "Enabled")
    (version,) = put(s3, name, "k", b"1")
    marker = s3.delete_object(Bucket=name, Key="k")["VersionId"]
    for gone in (version, marker):
        assert refused(s3.delete_bucket, Bucket=name)[:2] == (409, "BucketNotEmpty")
        s3.delete_object(Bucket=name, Key="k", VersionId=gone)
    switch(s3, name, "Suspended")
    s3.delete_bucket(Bucket=name)
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name})
    assert "Status" not in s3.get_bucket_versioning(Bucket=name)


def test_conditional_writes(s3: Any, versioned: str) -> None:
    first = s3.put_object(Bucket=versioned, Key="k", Body=b"1", IfNoneMatch="*")
    thing = {"Bucket": versioned, "Key": "k"}
    assert refused(s3.put_object, **thing, Body=b"2", IfNoneMatch="*")[:2] == (412, "PreconditionFailed")
    assert refused(s3.put_object, **thing, Body=b"2", IfMatch='"0"')[:2] == (412, "PreconditionFailed")
    second = s3.put_object(**thing, Body=b"2", IfMatch=first["ETag"])
    assert refused(s3.put_object, **thing, Body=b"3", IfMatch=first["ETag"])[0] == 412
    assert refused(s3.delete_object, **thing, IfMatch=first["ETag"])[0] == 412
    assert refused(s3.delete_object, **thing, VersionId=first["VersionId"], IfMatch=second["ETag"])[0] == 412
    s3.delete_object(**thing, IfMatch=second["ETag"])
    assert refused(s3.put_object, **thing, Body=b"3", IfMatch=second["ETag"])[:2] == (404, "NoSuchKey")
    s3.put_object(**thing, Body=b"3", IfNoneMatch="*")
    assert len(listed(s3, versioned)) == 4


def test_many_writers_lose_nothing(s3: Any, versioned: str) -> None:
    with ThreadPoolExecutor(8) as threads:
        bodies = {b"%d" % number: None for number in range(40)}
        made = dict(zip(bodies, threads.map(lambda body: put(s3, versioned, "k", body)[0], bodies), strict=True))
        for body, version in made.items():
            assert read(s3, versioned, "k", version) == body
        found = listed(s3, versioned)
        assert {version for _, version, _, _ in found} == {*made.values()}
        assert sum(latest for _, _, latest, _ in found) == 1
        list(threads.map(lambda version: s3.delete_object(Bucket=versioned, Key="k", VersionId=version), made.values()))
    assert listed(s3, versioned) == []


def test_emptying_with_a_paginator(s3: Any, versioned: str) -> None:
    """The way of tools: each page is deleted before the next one is asked for."""
    for key in ("a", "b"):
        put(s3, versioned, key, *[b"x"] * 7)
        s3.delete_object(Bucket=versioned, Key=key)
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=versioned, PaginationConfig={"PageSize": 3})
    for page in pages:
        both = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        names = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in both]
        assert "Errors" not in s3.delete_objects(Bucket=versioned, Delete={"Objects": names, "Quiet": True})
    assert listed(s3, versioned) == []


def person(server: LiveServer, *statements: dict[str, Any]) -> Any:
    """Return a client of a new user with these statements."""
    iam = server.client("iam")
    name = f"u{uuid.uuid4().hex[:12]}"
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document)
    credentials = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    return server.client("s3", cached=False, credentials=credentials)


def statement(effect: str, action: str | list[str], bucket: str, **more: Any) -> dict[str, Any]:
    resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    return {"Effect": effect, "Action": action, "Resource": resources, **more}


def test_actions_on_versions(server: LiveServer, s3: Any, versioned: str) -> None:
    first, second = put(s3, versioned, "k", b"1", b"2")
    thing = {"Bucket": versioned, "Key": "k"}
    reader = person(server, statement("Allow", ["s3:GetObject", "s3:ListBucket", "s3:DeleteObject"], versioned))
    assert reader.get_object(**thing)["Body"].read() == b"2"
    for call, arguments in (
        (reader.get_object, thing | {"VersionId": first}),
        (reader.head_object, thing | {"VersionId": second}),
        (reader.delete_object, thing | {"VersionId": first}),
        (reader.get_object_tagging, thing | {"VersionId": first}),
        (reader.list_object_versions, {"Bucket": versioned}),
        (reader.get_bucket_versioning, {"Bucket": versioned}),
        (reader.put_bucket_versioning, {"Bucket": versioned, "VersioningConfiguration": {"Status": "Suspended"}}),
        (reader.copy_object, thing | {"CopySource": thing | {"VersionId": first}}),
    ):
        assert refused(call, **arguments)[0] == 403
    named = [{"Key": "k", "VersionId": first}]
    assert refused(reader.get_object, **thing, VersionId="no id")[:2] == (403, "AccessDenied")
    errors = reader.delete_objects(Bucket=versioned, Delete={"Objects": named})["Errors"]
    assert [(one["Key"], one["VersionId"], one["Code"]) for one in errors] == [("k", first, "AccessDenied")]
    assert reader.delete_object(**thing)["DeleteMarker"] is True
    assert read(s3, versioned, "k", first) == b"1"
    only = {"StringEquals": {"s3:VersionId": second}}
    of_one = person(
        server,
        statement("Allow", "s3:GetObjectVersion", versioned, Condition=only),
        statement("Allow", ["s3:ListBucketVersions", "s3:GetBucketVersioning", "s3:PutObject"], versioned),
        statement("Allow", "s3:DeleteObjectVersion", versioned, Condition=only),
    )
    assert of_one.get_object(**thing, VersionId=second)["Body"].read() == b"2"
    assert refused(of_one.get_object, **thing, VersionId=first)[0] == 403
    assert refused(of_one.get_object, **thing)[0] == 403
    assert len(of_one.list_object_versions(Bucket=versioned)["Versions"]) == 2
    copied = of_one.copy_object(Bucket=versioned, Key="copy", CopySource=thing | {"VersionId": second})
    assert copied["CopySourceVersionId"] == second
    assert refused(of_one.copy_object, Bucket=versioned, Key="copy", CopySource=thing | {"VersionId": first})[0] == 403
    answer = of_one.delete_objects(
        Bucket=versioned, Delete={"Objects": [{"Key": "k", "VersionId": version} for version in (first, second)]}
    )
    assert [one["VersionId"] for one in answer["Deleted"]] == [second]
    assert [one["VersionId"] for one in answer["Errors"]] == [first]


def test_a_policy_that_keeps_versions_from_being_removed(server: LiveServer, s3: Any, versioned: str) -> None:
    (version,) = put(s3, versioned, "k", b"1")
    deny = statement("Deny", ["s3:DeleteObjectVersion", "s3:PutBucketVersioning"], versioned, Principal="*")
    s3.put_bucket_policy(Bucket=versioned, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    someone = person(server, statement("Allow", "s3:*", versioned))
    for client in (someone, s3):
        assert refused(client.delete_object, Bucket=versioned, Key="k", VersionId=version)[0] == 403
        assert client.delete_object(Bucket=versioned, Key="k")["DeleteMarker"] is True
    s3.delete_bucket_policy(Bucket=versioned)
    assert read(s3, versioned, "k", version) == b"1"


def test_who_may_not_list_learns_nothing(server: LiveServer, s3: Any, versioned: str) -> None:
    put(s3, versioned, "marked", b"1")
    marker = s3.delete_object(Bucket=versioned, Key="marked")["VersionId"]
    someone = person(server, statement("Allow", ["s3:GetObject", "s3:GetObjectVersion"], versioned))
    for key, version in (("marked", None), ("never", None), ("marked", NOWHERE), ("never", NOWHERE)):
        more = {} if version is None else {"VersionId": version}
        status, _, headers = refused(someone.get_object, Bucket=versioned, Key=key, **more)
        assert (status, "x-amz-delete-marker" in headers) == (403, False)
    assert refused(someone.get_object, Bucket=versioned, Key="marked", VersionId=marker)[0] == 405


SOURCE = """
import boto3, requests
def lambda_handler(event, context):
    if "headObjectContext" in event:
        answer = requests.head(event["headObjectContext"]["inputS3Url"])
        version = answer.headers.get("x-amz-version-id", "none")
        return {"statusCode": answer.status_code, "headers": {"Content-Length": 1, "x-amz-meta-version": version}}
    c = event["getObjectContext"]
    answer = requests.get(c["inputS3Url"])
    boto3.client("s3").write_get_object_response(
        RequestRoute=c["outputRoute"], RequestToken=c["outputToken"], StatusCode=answer.status_code,
        Body=answer.content[:20].upper(), VersionId=answer.headers.get("x-amz-version-id", "none"))
"""


def test_versions_through_an_object_lambda_access_point(server: LiveServer) -> None:
    lens = make_lens_on(server, SOURCE, actions=("GetObject", "HeadObject"))
    switch(lens.s3, lens.bucket, "Enabled")
    first, second = put(lens.s3, lens.bucket, "k", b"first", b"second")
    for version, body in ((None, b"SECOND"), (first, b"FIRST"), (second, b"SECOND")):
        more = {} if version is None else {"VersionId": version}
        answer = lens.get("k", **more)
        assert (answer["Body"].read(), answer["VersionId"]) == (body, version or second)
        head = lens.s3.head_object(Bucket=lens.arn, Key="k", **more)
        assert head["Metadata"]["version"] == (version or second)
    marker = lens.s3.delete_object(Bucket=lens.arn, Key="k")["VersionId"]
    assert refused(lens.get, key="k")[0] == 404
    assert refused(lens.get, key="k", VersionId=marker)[0] == 405
    assert lens.read("k", VersionId=first) == b"FIRST"
    assert len(lens.s3.list_object_versions(Bucket=lens.arn)["Versions"]) == 2
    assert lens.s3.get_object_tagging(Bucket=lens.arn, Key="k", VersionId=first)["VersionId"] == first


def test_code_of_a_version(server: LiveServer) -> None:
    lens = make_lens_on(server, SOURCE)
    switch(lens.s3, lens.bucket, "Enabled")
    answers = [zipped(f"def lambda_handler(event, context):\n    return {n}\n") for n in (1, 2)]
    first, _ = put(lens.s3, lens.bucket, "code.zip", *answers)
    lambdas = server.client("lambda")
    code = {"FunctionName": lens.function, "S3Bucket": lens.bucket, "S3Key": "code.zip"}
    for more, said in (({}, b"2"), ({"S3ObjectVersion": first}, b"1")):
        lambdas.update_function_code(**code, **more)
        assert lambdas.invoke(FunctionName=lens.function)["Payload"].read() == said
    missing = refused(lambdas.update_function_code, **code, S3ObjectVersion=NOWHERE)
    assert missing[0] in {400, 404}


def test_native_transforms_read_versions(server: LiveServer) -> None:
    lens = make_lens_on(server, SOURCE)
    control = server.client("s3control")
    transformation = {
        "Actions": ["GetObject", "HeadObject"],
        "ContentTransformation": {
            "AwsLambda": {
                "FunctionArn": f"arn:aws:lambda:{server.region}:{server.account}:function:objectlens-transform",
                "FunctionPayload": json.dumps({"family": "text", "pipeline": ["decode", "lower", "encode"]}),
            }
        },
    }
    control.put_access_point_configuration_for_object_lambda(
        AccountId=server.account,
        Name=lens.name,
        Configuration={
            "SupportingAccessPoint": lens.access_point_arn,
            "TransformationConfigurations": [transformation],
        },
    )
    switch(lens.s3, lens.bucket, "Enabled")
    first, second = put(lens.s3, lens.bucket, "k.txt", b"ONE", b"TWO")
    assert lens.read("k.txt") == b"two"
    assert lens.read("k.txt", VersionId=first) == b"one"
    tags = {"TagSet": [{"Key": "m", "Value": "2"}]}
    lens.s3.put_object_tagging(Bucket=lens.bucket, Key="k.txt", VersionId=first, Tagging=tags)
    assert lens.read("k.txt", VersionId=first) == b"one"
    marker = lens.s3.delete_object(Bucket=lens.bucket, Key="k.txt")["VersionId"]
    status, code, headers = refused(lens.get, key="k.txt")
    assert (status, code, headers["x-amz-version-id"]) == (404, "NoSuchKey", marker)
    assert refused(lens.get, key="k.txt", VersionId=marker)[0] == 405
    assert lens.read("k.txt", VersionId=second) == b"two"


def test_a_presigned_url_of_a_version(server: LiveServer, versioned: str, s3: Any, wire: Wire) -> None:
    first, _ = put(s3, versioned, "k", b"1", b"2")
    signing = server.client("s3", proxies={}, signature_version="s3v4")
    url = signing.generate_presigned_url("get_object", {"Bucket": versioned, "Key": "k", "VersionId": first})
    answer = wire.plain("GET", url.removeprefix(server.url), {})
    assert (answer.status, answer.body, answer.header("x-amz-version-id")) == (200, b"1", first)
