import pytest

from objectlens.stores.remote.location import Location, UnknownStore, is_remote


def test_a_url_is_read():
    found = Location.parse(
        "s3://scans/2026/raw%20data?endpoint=https://minio.example.org:9000&region=eu-west-1&profile=lab"
    )
    assert (found.service, found.bucket, found.prefix) == ("s3", "scans", "2026/raw data/")
    assert found.options == {"endpoint": "https://minio.example.org:9000", "region": "eu-west-1", "profile": "lab"}
    assert found.shown == "s3://scans/2026/raw%20data"


@pytest.mark.parametrize("url", ["s3://b1", "s3://b1/", "gs://b1", "az://abc?account=lab", "az://$web?account=lab"])
def test_the_shortest_forms(url):
    assert Location.parse(url).prefix == ""


def test_what_is_elsewhere():
    assert [is_remote(url) for url in ("s3://b", "gs://b", "az://b", "file:///b", "managed:", "http://b")] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("s3://", "cannot be a bucket"),
        ("s3://bucket/a//c", "may not be empty"),
        ("s3://bucket/../c", "may not be empty"),
        ("s3://bucket?region=EU", "not the name of a region"),
        ("s3://bucket?addressing=other", "use path or virtual"),
        ("s3://bucket?profile=", "profile= is empty"),
        ("s3://bucket?region=a1&region=a1", "stands there twice"),
        ("s3://bucket#part", "after #"),
        ("s3://bucket?endpoint=minio:9000", "is not the URL of a server"),
        ("s3://bucket?endpoint=http://host:port", "is not the URL of a server"),
        ("gs://bucket?profile=x", "'profile' is not an option of gs://"),
        ("gs://bucket?endpoint=http://example.org", "in clear"),
        ("az://AB", "cannot be a bucket"),
        ("az://abc?account=A", "not the name of a storage account"),
    ],
)
def test_what_is_no_bucket_elsewhere(url, reason):
    with pytest.raises(UnknownStore, match=reason):
        Location.parse(url)


@pytest.mark.parametrize(
    "url",
    [
        "s3://key:hush@bucket",
        "s3://bucket?aws_access_key_id=hush",
        "s3://bucket?secret_access_key=hush",
        "s3://bucket?session_token=hush",
        "az://abc?account_key=hush",
        "az://abc?sas_token=hush",
        "az://abc?sig=hush",
        "gs://bucket?credentials=hush",
        "s3://bucket?endpoint=http://key:hush@host",
    ],
)
def test_credentials_are_refused_and_not_repeated(url):
    with pytest.raises(UnknownStore, match="holds credentials") as raised:
        Location.parse(url)
    assert "hush" not in str(raised.value)
