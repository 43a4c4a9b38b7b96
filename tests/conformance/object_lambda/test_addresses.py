"""Every way in which clients address one Object Lambda access point (reference sections 1 to 3)."""

import configparser
import http.client
import json
import os
import subprocess
import sys
import uuid
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from support.live import Lens, LiveServer, make_lens_on
from support.wire import Answer, Wire

UPPER = """
import boto3, requests, re
s3 = boto3.client("s3")
def lambda_handler(event, context):
    if "getObjectContext" in event:
        c = event["getObjectContext"]
        source = requests.get(c["inputS3Url"])
        more = {"Body": source.content.upper()} if source.ok else {"StatusCode": source.status_code,
            "ErrorCode": re.search("<Code>(.*?)</Code>", source.text)[1], "ErrorMessage": "from the function"}
        s3.write_get_object_response(RequestRoute=c["outputRoute"], RequestToken=c["outputToken"], **more)
    elif "headObjectContext" in event:
        source = requests.head(event["headObjectContext"]["inputS3Url"])
        return {"statusCode": source.status_code, "headers": dict(source.headers)}
    else:
        c = event.get("listObjectsContext") or event["listObjectsV2Context"]
        source = requests.get(c["inputS3Url"])
        return {"statusCode": source.status_code, "listResultXml": source.text}
"""
ALL = ("GetObject", "HeadObject", "ListObjects", "ListObjectsV2")
KEY = "d/a b+c=é.txt"


@pytest.fixture(scope="module")
def lens(server: LiveServer) -> Lens:
    made = make_lens_on(server, UPPER, actions=ALL)
    made.put(KEY, b"abc")
    return made


@pytest.fixture(scope="module")
def buckets(lens: Lens) -> dict[str, str]:
    """Every value of `Bucket` of table 2.2, and what a GET through it gives."""
    control, account = lens.server.client("s3control"), lens.server.account
    described = control.get_access_point_for_object_lambda(AccountId=account, Name=lens.name)
    return {
        "lens-arn": lens.arn,
        "lens-arn-colon": lens.arn.replace("accesspoint/", "accesspoint:"),
        "lens-arn-other-region": lens.arn.replace(lens.server.region, "eu-central-1"),
        "lens-alias": described["Alias"]["Value"],
        "ap-arn": lens.access_point_arn,
        "ap-arn-colon": lens.access_point_arn.replace("accesspoint/", "accesspoint:"),
        "ap-alias": control.get_access_point(AccountId=account, Name=lens.access_point)["Alias"],
        "bucket": lens.bucket,
    }


KINDS = (
    "lens-arn",
    "lens-arn-colon",
    "lens-arn-other-region",
    "lens-alias",
    "ap-arn",
    "ap-arn-colon",
    "ap-alias",
    "bucket",
)


def expected(kind: str) -> bytes:
    return b"ABC" if kind.startswith("lens") else b"abc"


@pytest.mark.parametrize("style", ["path", "virtual", "auto"])
@pytest.mark.parametrize("kind", KINDS)
def test_boto3_by_every_address(lens, buckets, kind, style) -> None:
    """Section 2.2: ARNs make host names whatever the style; aliases and buckets follow it."""
    s3 = lens.server.client("s3", s3={"addressing_style": style})
    assert s3.get_object(Bucket=buckets[kind], Key=KEY)["Body"].read() == expected(kind)
    assert s3.head_object(Bucket=buckets[kind], Key=KEY)["ContentLength"] == 3
    for listing in (s3.list_objects(Bucket=buckets[kind]), s3.list_objects_v2(Bucket=buckets[kind])):
        assert (listing["Name"], [one["Key"] for one in listing["Contents"]]) == (lens.bucket, [KEY])


PRESIGNED = [
    *((kind, style, "http://localhost:{port}") for kind in ("lens-arn", "lens-alias", "ap-arn", "ap-alias", "bucket")
      for style in ("virtual", "path")),
    # Below a name that is not among the server's own domains an ARN's host is known by its form; aliases need the path.
    *((kind, "path", "http://lens.example.org:9000") for kind in ("lens-arn", "lens-alias", "ap-arn", "bucket")),
    ("lens-arn", "virtual", "http://lens.example.org:9000"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "style", "endpoint"), PRESIGNED)
def test_presigned_urls_by_every_address(lens, buckets, kind, style, endpoint) -> None:
    """Section 3: with `s3v4` the ARN's URL is in the scope of `s3-object-lambda`, the others in that of `s3`."""
    server, target = lens.server, urlsplit(lens.server.url)
    endpoint = endpoint.format(port=target.port)
    client = foreign_client(server, endpoint, signature_version="s3v4", s3={"addressing_style": style})
    url = client.generate_presigned_url("get_object", Params={"Bucket": buckets[kind], "Key": KEY}, ExpiresIn=60)
    service = "s3-object-lambda" if kind == "lens-arn" else "s3"
    assert f"%2F{service}%2Faws4_request" in url
    answer = ask(server, "GET", url)
    assert (answer.status, answer.body) == (200, expected(kind)), answer.body
    assert ask(server, "GET", url + "&width=1").code == "SignatureDoesNotMatch"
    put = client.generate_presigned_url("put_object", Params={"Bucket": buckets[kind], "Key": f"put-{kind}"})
    assert ask(server, "PUT", put, b"new").status == 200
    assert lens.s3.get_object(Bucket=lens.bucket, Key=f"put-{kind}")["Body"].read() == b"new"
    lens.s3.delete_object(Bucket=lens.bucket, Key=f"put-{kind}")


@pytest.mark.parametrize("kind", ["lens-arn", "lens-alias", "ap-arn", "ap-alias", "bucket"])
def test_urls_presigned_with_version_2_tell_the_remedy(lens, buckets, kind) -> None:
    """Section 3: boto3 presigns so where no `signature_version` is set; AWS cannot accept it at access points."""
    client = foreign_client(lens.server, lens.server.url.replace("127.0.0.1", "localhost"), signature_version="s3")
    url = client.generate_presigned_url("get_object", Params={"Bucket": buckets[kind], "Key": KEY})
    assert "AWSAccessKeyId=" in url
    answer = ask(lens.server, "GET", url)
    assert (answer.status, answer.code) == (400, "InvalidRequest")
    assert "signature_version='s3v4'" in (answer.element("Message") or "")


def foreign_client(server: LiveServer, endpoint: str, **config):
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=server.region,
        aws_access_key_id=server.access_key_id,
        aws_secret_access_key=server.secret_access_key,
        config=Config(**config),
    )


def ask(server: LiveServer, method: str, url: str, body: bytes | None = None, absolute: bool = False) -> Answer:
    parts, target = urlsplit(url), urlsplit(server.url)
    connection = http.client.HTTPConnection(target.hostname, target.port, timeout=30)
    path = f"{parts.path or '/'}?{parts.query}"
    connection.request(method, f"http://{parts.netloc}{path}" if absolute else path, body, {"Host": parts.netloc})
    answer = connection.getresponse()
    found = Answer(answer.status, answer.reason, answer.getheaders(), answer.read())
    connection.close()
    return found


HOSTS = {
    "lens": ("{lens}-{account}.s3-object-lambda.{region}.amazonaws.com", "s3-object-lambda", b"ABC"),
    "lens-fips": ("{lens}-{account}.s3-object-lambda-fips.{region}.amazonaws.com", "s3-object-lambda", b"ABC"),
    "ap": ("{ap}-{account}.s3-accesspoint.{region}.amazonaws.com", "s3", b"abc"),
    "ap-dualstack": ("{ap}-{account}.s3-accesspoint.dualstack.{region}.amazonaws.com", "s3", b"abc"),
    "ap-china": ("{ap}-{account}.s3-accesspoint.cn-north-1.amazonaws.com.cn", "s3", b"abc"),
    "alias": ("{alias}.s3.{region}.amazonaws.com", "s3", b"ABC"),
    "alias-global": ("{alias}.s3.amazonaws.com", "s3", b"ABC"),
    "bucket": ("{bucket}.s3.{region}.amazonaws.com", "s3", b"abc"),
    "own": ("{lens}-{account}.localhost:9000", "s3-object-lambda", b"ABC"),
    "own-ip": ("{lens}-{account}.127.0.0.1:9000", "s3-object-lambda", b"ABC"),
    "own-ap": ("{ap}-{account}.localhost:9000", "s3", b"abc"),
    # Section 2.3: on AWS the first is InvalidSignature; here either scope is good for either kind.
    "lens-signed-as-s3": ("{lens}-{account}.localhost", "s3", b"ABC"),
    "ap-signed-as-lens": ("{ap}-{account}.localhost", "s3-object-lambda", b"abc"),
}


@pytest.mark.parametrize("absolute", [False, True], ids=["origin-form", "absolute-form"])
@pytest.mark.parametrize("name", HOSTS)
def test_hosts_and_scopes(lens, buckets, name, absolute) -> None:
    """Sections 2.2 and 2.3: hosts of AWS and of an endpoint, scopes right and wrong, with `x-id` signed."""
    server = lens.server
    form, service, body = HOSTS[name]
    host = form.format(
        lens=lens.name,
        ap=lens.access_point,
        account=server.account,
        region=server.region,
        alias=buckets["lens-alias"],
        bucket=lens.bucket,
    )
    target = f"/{uri(KEY)}?x-id=GetObject&unknown=1"
    request = AWSRequest("GET", f"http://{host}{target}", headers={"Host": host})
    S3SigV4Auth(Credentials(server.access_key_id, server.secret_access_key), service, server.region).add_auth(request)
    sent = f"http://{host}{target}" if absolute else target
    answer = Wire(server).plain("GET", sent, dict(request.headers.items()), None)
    assert (answer.status, answer.body) == (200, body)


def uri(key: str) -> str:
    from urllib.parse import quote

    return quote(key, safe="/-_.~")


def test_unknown_names(server) -> None:
    """Section 1.2."""
    s3 = server.client("s3")
    unknown = {
        f"arn:aws:s3:{server.region}:{server.account}:accesspoint/not-there": "InvalidAccessPoint",
        f"arn:aws:s3-object-lambda:{server.region}:{server.account}:accesspoint/not-there": "InvalidAccessPoint",
        f"arn:aws:s3-object-lambda:{server.region}:999999999999:accesspoint/not-there": "InvalidAccessPoint",
        "nope-hrzrlukc5m36ft7okagglf3gmwluquse1b-s3alias": "InvalidAccessPointAliasError",
        "nope-1a4n8yjrb3kda96f67zwrwiiuse1a--ol-s3": "InvalidAccessPointAliasError",
    }
    for bucket, code in unknown.items():
        with pytest.raises(ClientError) as caught:
            s3.get_object(Bucket=bucket, Key="k")
        error = caught.value.response
        assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == (code, 400)


def test_aliases_have_the_shape_of_awss(lens, buckets) -> None:
    """Section 1.2: leading characters of the name, metadata, suffix; at most 63 of `a-z0-9-`."""
    for kind, name, suffix in (("lens-alias", lens.name, "--ol-s3"), ("ap-alias", lens.access_point, "-s3alias")):
        alias = buckets[kind]
        assert alias.startswith(name[:15])
        assert alias.endswith(suffix)
        assert len(alias) <= 63
        assert set(alias) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


def test_an_account_of_11_digits_never_leaves_the_client(lens) -> None:
    """Section 2.1: the ARN of the article is refused by botocore itself."""
    with pytest.raises(Exception, match="Invalid bucket name"):
        lens.s3.get_object(Bucket=lens.arn.replace(lens.server.account, "12345678901"), Key="k")


# --- AWS's command line -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def aws(server: LiveServer, tmp_path_factory):
    """Return a function that runs `objectlens exec -- aws …`; gives (exit code, output, errors)."""
    folder = tmp_path_factory.mktemp("aws")
    config = folder / "config"
    parser = configparser.ConfigParser()
    parser["default"] = {"region": server.region, "retry_mode": "standard", "max_attempts": "1"}
    with config.open("w") as file:
        parser.write(file)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environ = kept | {"AWS_CONFIG_FILE": str(config), "HOME": str(folder), "AWS_PAGER": ""}
    place = ["--data", str(server.data)] if server.data else ["--endpoint", server.url]
    if not server.data:
        environ |= {"AWS_ACCESS_KEY_ID": server.access_key_id, "AWS_SECRET_ACCESS_KEY": server.secret_access_key}

    def run(*arguments: str) -> tuple[int, str, str]:
        command = [sys.executable, "-m", "objectlens", "exec", *place, "--", sys.executable, "-m", "awscli", *arguments]
        done = subprocess.run(
            command, cwd=folder, env=environ, capture_output=True, text=True, timeout=100, check=False
        )
        return done.returncode, done.stdout, done.stderr

    run.folder = folder
    return run


@pytest.mark.parametrize("kind", KINDS)
def test_s3api_works_with_every_address(lens, buckets, aws, kind) -> None:
    """Section 2.4."""
    code, output, errors = aws("s3api", "get-object", "--bucket", buckets[kind], "--key", KEY, "out")
    assert code == 0, errors
    assert (aws.folder / "out").read_bytes() == expected(kind)
    assert isinstance(json.loads(output), dict)
    if kind in {"lens-arn", "lens-alias", "ap-arn"}:
        code, output, errors = aws("s3api", "list-objects-v2", "--bucket", buckets[kind], "--query", "Contents[].Key")
        assert (code, json.loads(output)) == (0, [KEY]), errors
        code, output, errors = aws("s3api", "head-object", "--bucket", buckets[kind], "--key", KEY)
        assert (code, json.loads(output)["ContentLength"]) == (0, 3), errors


@pytest.mark.parametrize("kind", ["lens-alias", "ap-arn", "ap-alias", "bucket"])
def test_s3_commands(lens, buckets, aws, kind) -> None:
    """Section 2.4: `cp`, `ls`, `sync`, `presign`, `rm` by alias, access point ARN and bucket."""
    folder = f"cli-{uuid.uuid4().hex[:8]}"
    (aws.folder / "up").write_bytes(b"from here")
    where = f"s3://{buckets[kind]}/{folder}"
    code, _, errors = aws("s3", "cp", "up", f"{where}/up", "--no-progress")
    assert code == 0, errors
    code, output, errors = aws("s3", "ls", f"{where}/")
    assert (code, output.split()[-2:]) == (0, ["9", "up"]), errors
    code, _, errors = aws("s3", "sync", where, folder, "--no-progress")
    assert code == 0, errors
    got = (aws.folder / folder / "up").read_bytes()
    assert got == (b"FROM HERE" if kind.startswith("lens") else b"from here")
    code, _, errors = aws("s3", "rm", f"{where}/up")
    assert code == 0, errors
    assert aws("s3", "ls", f"{where}/")[0] == 1


def test_s3_commands_refuse_the_arn_of_a_lens_themselves(lens, aws) -> None:
    code, _, errors = aws("s3", "cp", f"s3://{lens.arn}/{KEY}", "out")
    assert code != 0
    assert "s3 commands do not support S3 Object Lambda resources" in errors
    with pytest.raises(ValueError, match="do not support S3 Object Lambda resource"):
        lens.s3.download_file(lens.arn, KEY, str(aws.folder / "never"))


def test_transfer_managers_work_by_alias(lens, buckets, tmp_path) -> None:
    """Section 2.4."""
    lens.s3.download_file(buckets["lens-alias"], KEY, str(tmp_path / "got"))
    assert (tmp_path / "got").read_bytes() == b"ABC"
    lens.s3.upload_file(str(tmp_path / "got"), buckets["lens-alias"], "sent")
    assert lens.s3.get_object(Bucket=lens.bucket, Key="sent")["Body"].read() == b"ABC"
    lens.s3.delete_object(Bucket=lens.bucket, Key="sent")
