"""The AWS CLI through `objectlens exec`."""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.trees import files

Run = Callable[..., str]


@pytest.fixture
def aws(run: Run) -> Run:
    program = Path(sys.executable).with_name("aws")

    def start(*arguments: str | Path, **options: Any) -> str:
        return run(program, *arguments, **options)

    return start


def test_a_day_of_work(aws: Run, s3: Any, bucket: str, tree: Path, tmp_path: Path) -> None:
    expected = files(tree)
    aws("s3", "sync", "--quiet", tree, f"s3://{bucket}/up")
    assert aws("s3", "sync", tree, f"s3://{bucket}/up") == ""
    back = tmp_path / "back"
    aws("s3", "sync", "--quiet", f"s3://{bucket}/up", back)
    assert files(back) == expected
    assert aws("s3", "sync", f"s3://{bucket}/up", back) == ""
    (tree / "a.txt").unlink()
    (tree / "new").write_text("new")
    changes = aws("s3", "sync", "--delete", tree, f"s3://{bucket}/up")
    assert "delete: s3://" in changes
    assert "upload: " in changes
    assert s3.head_object(Bucket=bucket, Key="up/large.bin")["ETag"].endswith('-3"')
    listing = aws("s3", "ls", "--recursive", "--summarize", f"s3://{bucket}/up/")
    assert "deep/er/photo ünï.jpg" in listing
    assert "Total Objects: 5" in listing
    assert "PRE deep/" in aws("s3", "ls", f"s3://{bucket}/up/")
    aws("s3", "mv", "--quiet", f"s3://{bucket}/up/deep", f"s3://{bucket}/moved", "--recursive")
    assert aws("s3", "cp", "--quiet", f"s3://{bucket}/moved/plus+and%41.bin", tmp_path / "one") == ""
    assert (tmp_path / "one").read_bytes() == expected["deep/plus+and%41.bin"]
    # A copy within the server, in parts.
    aws("s3", "cp", "--quiet", f"s3://{bucket}/up/large.bin", f"s3://{bucket}/copy.bin")
    assert s3.get_object(Bucket=bucket, Key="copy.bin")["Body"].read() == expected["large.bin"]
    aws("s3", "rm", "--quiet", "--recursive", f"s3://{bucket}")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_buckets_and_urls(aws: Run, s3: Any, bucket: str, tmp_path: Path) -> None:
    assert bucket in aws("s3", "ls")
    (tmp_path / "k").write_text("hello")
    aws("s3", "cp", "--quiet", tmp_path / "k", f"s3://{bucket}/k", "--content-type", "text/x", "--metadata", "a=b")
    # Where AWS still takes version 2, the CLI presigns with it unless it is told.
    aws("configure", "set", "default.s3.signature_version", "s3v4")
    url = aws("s3", "presign", f"s3://{bucket}/k").strip()
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert (answer.read(), answer.headers["Content-Type"]) == (b"hello", "text/x")
    state = json.loads(aws("s3api", "head-object", "--bucket", bucket, "--key", "k"))
    assert (state["ContentLength"], state["Metadata"]) == (5, {"a": "b"})
    complaint = aws("s3", "cp", f"s3://{bucket}/none", "-", check=False)
    assert "404" in complaint
    complaint = aws("s3", "rb", f"s3://{bucket}", check=False)
    assert "BucketNotEmpty" in complaint
    aws("s3", "mb", f"s3://{bucket}-two")
    aws("s3", "rb", f"s3://{bucket}-two")
    complaint = aws(
        "s3api",
        "put-bucket-accelerate-configuration",
        "--bucket",
        bucket,
        "--accelerate-configuration",
        "Status=Enabled",
        check=False,
    )
    assert "NotImplemented" in complaint
