"""Native transforms behind an Object Lambda access point, declared with plain boto3."""

import gzip
import hashlib
import io
import json
import os
import tarfile
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest
from botocore.exceptions import ClientError
from PIL import Image
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from support.live import LiveServer, start_server, stop_server
from support.tars import tar

EXAMPLES = Path(__file__).parents[3] / "examples"
PHOTOGRAPHS = sorted(path for path in (EXAMPLES / "photographs").iterdir() if path.suffix in {".jpg", ".png"})
LAMBDA = "arn:aws:lambda:us-west-2"
REFERENCE_JOB = (EXAMPLES / "pipelines" / "image-normalizer.json").read_text(encoding="utf-8")


@dataclass
class NativeLens:
    server: LiveServer
    bucket: str
    name: str

    @property
    def arn(self) -> str:
        return f"arn:aws:s3-object-lambda:{self.server.region}:{self.server.account}:accesspoint/{self.name}"

    @property
    def s3(self) -> Any:
        return self.server.client("s3")

    def get(self, key: str, query: str = "", header: str | None = None, **members: Any) -> Any:
        client = self.server.client("s3", cached=False)

        def change(request: Any, **_: Any) -> None:
            if query:
                request.url += ("&" if "?" in request.url else "?") + query
            if header is not None:
                request.headers["x-objectlens-args"] = header

        client.meta.events.register("before-sign.s3.*", change)
        return client.get_object(Bucket=self.arn, Key=key, **members)


def lens_on(
    server: LiveServer, payload: str | dict[str, Any], features=(), actions=("GetObject", "HeadObject")
) -> NativeLens:
    name = f"n{uuid.uuid4().hex[:16]}"
    server.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": server.region})
    control = server.client("s3control")
    control.create_access_point(AccountId=server.account, Name=f"{name}-ap", Bucket=name)
    text = payload if isinstance(payload, str) else json.dumps(payload)
    control.create_access_point_for_object_lambda(
        AccountId=server.account,
        Name=f"{name}-ol",
        Configuration={
            "SupportingAccessPoint": f"arn:aws:s3:{server.region}:{server.account}:accesspoint/{name}-ap",
            "AllowedFeatures": list(features),
            "TransformationConfigurations": [
                {
                    "Actions": list(actions),
                    "ContentTransformation": {
                        "AwsLambda": {
                            "FunctionArn": f"{LAMBDA}:{server.account}:function:objectlens-transform",
                            "FunctionPayload": text,
                        }
                    },
                }
            ],
        },
    )
    return NativeLens(server, name, f"{name}-ol")


@pytest.fixture
def native(server: LiveServer):
    return partial(lens_on, server)


def test_the_reference_job_on_every_photograph(native) -> None:
    lens = native(REFERENCE_JOB)
    for path in PHOTOGRAPHS:
        lens.s3.put_object(Bucket=lens.bucket, Key=path.name, Body=path.read_bytes())
        answer = lens.get(path.name)
        assert answer["ContentType"] == "image/jpeg"
        picture = Image.open(io.BytesIO(answer["Body"].read()))
        assert (picture.size, picture.mode, picture.format) == ((256, 256), "L", "JPEG")
        reference = cv2.resize(cv2.imread(str(path), cv2.IMREAD_COLOR), (256, 256), interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(reference, cv2.COLOR_BGR2GRAY)
        assert cv2.PSNR(np.asarray(picture), grey) > 30, path.name


def test_head_range_etag_and_conditions_are_those_of_the_result(native) -> None:
    lens = native(REFERENCE_JOB, features=("GetObject-Range", "HeadObject-Range"))
    lens.s3.put_object(Bucket=lens.bucket, Key="k.png", Body=(EXAMPLES / "photographs" / "test.png").read_bytes())
    answer = lens.get("k.png")
    body = answer["Body"].read()
    head = lens.s3.head_object(Bucket=lens.arn, Key="k.png")
    assert (head["ContentLength"], head["ETag"], head["ContentType"]) == (len(body), answer["ETag"], "image/jpeg")
    assert head["LastModified"] == lens.s3.head_object(Bucket=lens.bucket, Key="k.png")["LastModified"]
    part = lens.get("k.png", Range="bytes=10-99", IfMatch=answer["ETag"])
    assert part["Body"].read() == body[10:100]
    assert (part["ContentRange"], part["ETag"]) == (f"bytes 10-99/{len(body)}", answer["ETag"])
    for members, status in (
        ({"IfNoneMatch": answer["ETag"]}, 304),
        ({"IfMatch": '"x"'}, 412),
        ({"Range": "bytes=999999-"}, 416),
    ):
        with pytest.raises(ClientError) as caught:
            lens.get("k.png", **members)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    lens.s3.put_object(Bucket=lens.bucket, Key="k.png", Body=(EXAMPLES / "photographs" / "rocket.jpg").read_bytes())
    assert lens.get("k.png")["ETag"] != answer["ETag"]


def test_ranges_need_no_feature(native) -> None:
    lens = native(REFERENCE_JOB, actions=("GetObject",))
    lens.s3.put_object(Bucket=lens.bucket, Key="k", Body=(EXAMPLES / "photographs" / "rocket.jpg").read_bytes())
    body = lens.get("k")["Body"].read()
    assert lens.get("k", Range="bytes=-7")["Body"].read() == body[-7:]
    assert lens.s3.head_object(Bucket=lens.arn, Key="k")["ContentLength"] == len(body)


PARAMETERS = {
    "pipeline": [
        {"decode": {}},
        {"resize": {"width": {"$param": "width"}, "height": 32}},
        {"encode": {"format": "png"}},
    ],
    "parameters": {"width": {"type": "integer", "default": 48, "minimum": 1, "maximum": 256}},
}


def test_arguments_come_in_the_query_or_the_header(native) -> None:
    lens = native(PARAMETERS)
    lens.s3.put_object(Bucket=lens.bucket, Key="k", Body=(EXAMPLES / "photographs" / "rocket.jpg").read_bytes())

    def width(**members: str) -> int:
        return Image.open(io.BytesIO(lens.get("k", **members)["Body"].read())).size[0]

    assert (width(), width(query="width=20"), width(header="width=24"), width(query="x-id=GetObject")) == (
        48,
        20,
        24,
        48,
    )
    tags = {lens.get("k", query=query)["ETag"] for query in ("", "width=48", "width=20")}
    assert len(tags) == 2


def test_presigned_urls_hold_their_arguments(native) -> None:
    payload = {
        "pipeline": ["decode", {"resize": {"width": {"$param": "width"}, "height": 20}}, {"encode": {"format": "png"}}],
        "parameters": {"width": {"type": "integer", "default": 40}},
    }
    lens = native(payload)
    lens.s3.put_object(Bucket=lens.bucket, Key="a", Body=PHOTOGRAPHS[0].read_bytes())
    client = lens.server.client("s3", cached=False, signature_version="s3v4")

    def presigned(header: str | None = None) -> str:
        def change(request: Any, **_: Any) -> None:
            request.url += ("&" if "?" in request.url else "?") + "width=33" * (header is None)
            if header is not None:
                request.headers["x-objectlens-args"] = header

        client.meta.events.register("before-sign.s3.GetObject", change, unique_id="arguments")
        url: str = client.generate_presigned_url("get_object", Params={"Bucket": lens.arn, "Key": "a"})
        client.meta.events.unregister("before-sign.s3.GetObject", unique_id="arguments")
        return url

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": lens.server.url}))

    def width(url: str, **headers: str) -> int:
        with opener.open(urllib.request.Request(url, headers=headers)) as answer:
            return Image.open(io.BytesIO(answer.read())).width

    said = {"x-objectlens-args": "width=50"}
    assert width(presigned()) == 33
    assert width(presigned("width=50"), **said) == 50
    for url, headers in ((presigned().replace("width=33", "width=34"), {}), (presigned(), said)):
        with pytest.raises(urllib.error.HTTPError) as refused:
            width(url, **headers)
        assert refused.value.code == 403
        refused.value.close()


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"query": "width=1000"}, "width"),
        ({"query": "width=" + "9" * 400}, "width"),
        ({"query": "wdith=10"}, "wdith"),
        ({"header": "width=many"}, "width"),
        ({"header": "width=10", "query": "width=10"}, "width"),
    ],
)
def test_wrong_arguments_are_named(native, members, named) -> None:
    lens = native(PARAMETERS)
    lens.s3.put_object(Bucket=lens.bucket, Key="k", Body=b"x")
    with pytest.raises(ClientError) as caught:
        lens.get("k", **members)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert named in caught.value.response["Error"]["Message"]


@pytest.mark.parametrize("body", [b"", b"not a picture", b"\xff\xd8\xff" + b"\0" * 100])
def test_corrupt_objects_are_refused_with_the_reason(native, body) -> None:
    lens = native(REFERENCE_JOB)
    lens.s3.put_object(Bucket=lens.bucket, Key="k", Body=body)
    with pytest.raises(ClientError) as caught:
        lens.get("k")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 422
    assert caught.value.response["Error"]["Code"] == "InvalidTransformInput"


def test_a_bomb_is_stopped_at_its_header(native) -> None:
    lens = native({**json.loads(REFERENCE_JOB), "limits": {"pixels": 100_000}})
    lens.s3.put_object(Bucket=lens.bucket, Key="k", Body=(EXAMPLES / "photographs" / "retina.jpg").read_bytes())
    with pytest.raises(ClientError) as caught:
        lens.get("k")
    assert caught.value.response["Error"]["Code"] == "TransformLimitExceeded"
    assert "pixels" in caught.value.response["Error"]["Message"]


def test_what_takes_a_library_too_long_is_over_a_limit(native) -> None:
    lens = native({"family": "text", "pipeline": ["html"], "limits": {"cpu_seconds": 1}})
    # For each attribute the parser looks through those before it.
    tag = "<p " + " ".join(f"a{number}" for number in range(100_000)) + ">text"
    lens.s3.put_object(Bucket=lens.bucket, Key="k", Body=tag.encode())
    lens.s3.put_object(Bucket=lens.bucket, Key="page", Body=b"<p>text")
    with pytest.raises(ClientError, match="cpu_seconds") as caught:
        lens.get("k")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 422
    assert caught.value.response["Error"]["Code"] == "TransformLimitExceeded"
    assert lens.get("page")["Body"].read() == b"text"


def test_a_missing_object_is_missing(native) -> None:
    lens = native(REFERENCE_JOB)
    with pytest.raises(ClientError) as caught:
        lens.get("k")
    assert caught.value.response["Error"]["Code"] == "NoSuchKey"


@pytest.mark.parametrize("payload", ["", "{", '{"pipeline": [{"no-such-step": {}}]}'])
def test_a_wrong_pipeline_is_refused_when_it_is_declared(native, payload) -> None:
    with pytest.raises(ClientError) as caught:
        native(payload or " ")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_the_same_request_gives_the_same_bytes(native) -> None:
    lens = native(REFERENCE_JOB)
    lens.s3.put_object(Bucket=lens.bucket, Key="k", Body=(EXAMPLES / "photographs" / "china.jpg").read_bytes())
    digests = {hashlib.sha256(lens.get("k")["Body"].read()).hexdigest() for _ in range(5)}
    assert len(digests) == 1


def test_a_head_of_a_streamed_result_leaves_no_file_open(native, server) -> None:
    if server.process is None:
        return
    lens = native({"pipeline": [{"archive.decompress": {}}]})
    lens.s3.put_object(Bucket=lens.bucket, Key="k.gz", Body=gzip.compress(b"text" * 100_000))
    assert lens.get("k.gz")["Body"].read() == b"text" * 100_000
    process = psutil.Process(server.process.pid)
    before = process.num_fds()
    for _ in range(20):
        lens.s3.head_object(Bucket=lens.arn, Key="k.gz")
    assert process.num_fds() <= before + 4


def test_the_operators_files_and_limits_are_settings(tmp_path) -> None:
    folder = tmp_path / "resources"
    folder.mkdir()

    def known(number: int) -> None:
        Tokenizer(WordLevel({"hello": number, "?": 0}, unk_token="?")).save(str(folder / "words.json"))

    known(7)
    settings = {"RESOURCES": str(folder), "PIXELS": "5000"}
    server = start_server(
        tmp_path / "data", env={f"OBJECTLENS_TRANSFORMS_{name}": value for name, value in settings.items()}
    )
    try:
        words = lens_on(server, {"family": "text", "pipeline": [{"tokenize": {"file": "words.json"}}]})
        words.s3.put_object(Bucket=words.bucket, Key="a.txt", Body=b"hello")

        def ids() -> list[int]:
            return np.load(io.BytesIO(words.get("a.txt")["Body"].read())).tolist()

        assert ids() == [7]
        # What was made with another file is not given again.
        known(2048)
        assert ids() == [2048]
        with pytest.raises(ClientError, match=r"no file 'none\.json' in the folder for resources"):
            lens_on(server, {"family": "text", "pipeline": [{"tokenize": {"file": "none.json"}}]})

        small = lens_on(server, {"pipeline": ["decode", "encode"], "limits": {"pixels": 10**9}})
        small.s3.put_object(Bucket=small.bucket, Key="a", Body=cv2.imencode(".png", np.zeros((51, 100)))[1].tobytes())
        with pytest.raises(ClientError, match=r"5,000 on 'pixels'.*transforms\.pixels of the server's settings"):
            small.get("a")
    finally:
        assert stop_server(server) == 0


def test_files_of_the_operator_are_refused_where_there_are_none(native) -> None:
    with pytest.raises(ClientError, match=r"transforms\.resources"):
        native({"family": "text", "pipeline": [{"tokenize": {"file": "words.json"}}]})


def test_streams_that_fail_at_once_are_errors_of_s3(native) -> None:
    lens = native({"family": "text", "pipeline": [{"jsonl": {"keep": ["a"]}}]})
    for key, body in (("good", b'{"a": 1, "b": 2}\n'), ("bad", b'{"a": 1}\n{bad\n')):
        lens.s3.put_object(Bucket=lens.bucket, Key=key, Body=body)
    answer = lens.get("good")
    assert (answer["Body"].read(), answer["ContentLength"]) == (b'{"a":1}\n', 8)
    assert answer["ContentType"] == "application/x-ndjson"
    with pytest.raises(ClientError, match="line 2 is not JSON") as caught:
        lens.get("bad")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 422
    with pytest.raises(ClientError, match="operators are"):
        native({"family": "text", "pipeline": [{"jsonl": {"where": [["a", "~", 1]]}}]})


@pytest.mark.parametrize("cache", ["", "no-store"])
def test_streams_that_break_off_are_errors_where_nothing_of_them_is_sent(native, cache: str) -> None:
    lens = native({"pipeline": [{"archive.decompress": {}}]})
    lens.s3.put_object(Bucket=lens.bucket, Key="cut.gz", Body=gzip.compress(os.urandom(3_000_000))[:-100])
    client = lens.server.client("s3", cached=False)
    client.meta.events.register(
        "before-sign.s3.*", lambda request, **_: request.headers.add_header("Cache-Control", cache)
    )
    for asking in (client.head_object, partial(client.get_object, Range="bytes=0-9")):
        with pytest.raises(ClientError) as caught:
            asking(Bucket=lens.arn, Key="cut.gz")
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 422
    assert "the gzip stream is cut short" in str(caught.value)


def test_shards_are_made_member_by_member(native) -> None:
    small = ["image.decode", {"image.resize": {"width": 16, "height": 16}}, {"image.encode": {"format": "png"}}]
    lens = native(
        {"pipeline": [{"archive.webdataset": {"pipelines": {"jpg": {"pipeline": small, "extension": "png"}}}}]}
    )
    picture = (EXAMPLES / "photographs" / "rocket.jpg").read_bytes()
    good = {name: body for n in range(8) for name, body in ((f"{n}.jpg", picture), (f"{n}.json", b'{"n": %d}' % n))}
    lens.s3.put_object(Bucket=lens.bucket, Key="good.tar", Body=tar(good))
    lens.s3.put_object(Bucket=lens.bucket, Key="bad.tar", Body=tar({"first.jpg": b"no picture", **good}))
    with tarfile.open(fileobj=io.BytesIO(lens.get("good.tar")["Body"].read())) as archive:
        assert archive.getnames() == [f"{n}.{kind}" for n in range(8) for kind in ("png", "json")]
        assert Image.open(archive.extractfile("7.png")).size == (16, 16)  # type: ignore[arg-type]
        assert archive.extractfile("7.json").read() == b'{"n": 7}'  # type: ignore[union-attr]
    with pytest.raises(ClientError, match=r"member 'first\.jpg': ") as caught:
        lens.get("bad.tar")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 422
