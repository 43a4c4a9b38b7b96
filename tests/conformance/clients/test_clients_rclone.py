"""rclone, s3cmd and s5cmd."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from support.live import LiveServer
from support.trees import files

Run = Callable[..., str]
REMOTE = {
    "RCLONE_CONFIG_LENS_TYPE": "s3",
    "RCLONE_CONFIG_LENS_PROVIDER": "Other",
    "RCLONE_CONFIG_LENS_ENV_AUTH": "true",
}


def test_rclone(run: Run, rclone: str, s3: Any, bucket: str, tree: Path) -> None:
    def start(*arguments: str | Path) -> str:
        return run(rclone, *arguments, RCLONE_CONFIG_LENS_ENDPOINT=s3.meta.endpoint_url, **REMOTE)

    expected = files(tree)
    start("sync", "--s3-upload-cutoff", "8M", tree, f"lens:{bucket}/up")
    start("check", tree, f"lens:{bucket}/up")
    start("sync", f"lens:{bucket}/up", tree.parent / "back")
    assert files(tree.parent / "back") == expected
    assert "photo ünï.jpg" in start("lsf", "-R", f"lens:{bucket}")
    start("copy", f"lens:{bucket}/up/deep", f"lens:{bucket}/within")
    start("check", tree / "deep", f"lens:{bucket}/within")
    start("copyto", f"lens:{bucket}/up/deep/plus+and%41.bin", tree.parent / "one")
    assert (tree.parent / "one").read_bytes() == expected["deep/plus+and%41.bin"]
    start("moveto", f"lens:{bucket}/up/a.txt", f"lens:{bucket}/moved.txt")
    assert s3.get_object(Bucket=bucket, Key="moved.txt")["Body"].read() == expected["a.txt"]
    # The time of the file is kept in the metadata, as rclone does it.
    assert "mtime" in s3.head_object(Bucket=bucket, Key="up/empty")["Metadata"]
    start("touch", f"lens:{bucket}/up/empty")
    start("mkdir", f"lens:{bucket}-two")
    start("rmdir", f"lens:{bucket}-two")
    start("delete", f"lens:{bucket}")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_s3cmd(run: Run, s3cmd: str, server: LiveServer, bucket: str, tree: Path) -> None:
    s3 = server.client("s3", proxies={})
    folder = tree.parent
    host = urlsplit(server.url).netloc
    settings = folder / "s3cfg"
    settings.write_text(
        f"[default]\nhost_base = {host}\nhost_bucket = {host}\nuse_https = False\nbucket_location = {server.region}\n"
        f"access_key = {server.access_key_id}\nsecret_key = {server.secret_access_key}\n"
    )

    def start(*arguments: str | Path) -> str:
        return run(s3cmd, "-c", settings, *arguments)

    expected = files(tree)
    start("put", "--recursive", "--multipart-chunk-size-mb=8", f"{tree}/", f"s3://{bucket}/up/")
    assert start("ls", "--recursive", f"s3://{bucket}").count("s3://") == len(expected)
    (tree.parent / "back").mkdir()
    start("get", "--recursive", f"s3://{bucket}/up/", f"{tree.parent / 'back'}/")
    assert files(tree.parent / "back") == expected
    start("sync", f"{tree}/", f"s3://{bucket}/up/")
    start("mv", f"s3://{bucket}/up/a.txt", f"s3://{bucket}/moved.txt")
    assert s3.get_object(Bucket=bucket, Key="moved.txt")["Body"].read() == expected["a.txt"]
    start("modify", "--add-header=Cache-Control:no-store", f"s3://{bucket}/up/empty")
    assert "File size: 10" in start("info", f"s3://{bucket}/moved.txt")
    start("info", f"s3://{bucket}")
    start("mb", f"s3://{bucket}-two")
    start("rb", f"s3://{bucket}-two")
    start("del", "--recursive", "--force", f"s3://{bucket}")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_s5cmd(run: Run, other_python: Path, s3: Any, bucket: str, tree: Path) -> None:
    def start(*arguments: str | Path, **options: Any) -> str:
        # Its own way of naming the endpoint, and no question to a network that may not be there.
        environ = {"S3_ENDPOINT_URL": s3.meta.endpoint_url, "AWS_EC2_METADATA_DISABLED": "true"}
        return run(other_python.with_name("s5cmd"), *arguments, **environ, **options)

    expected = files(tree)
    start("cp", "--part-size", "5", f"{tree}/", f"s3://{bucket}/up/")
    assert start("ls", f"s3://{bucket}/up/*").count("\n") == len(expected)
    assert s3.head_object(Bucket=bucket, Key="up/large.bin")["ETag"].count("-") == 1
    start("cp", f"s3://{bucket}/up/*", f"{tree.parent / 'back'}/")
    assert files(tree.parent / "back") == expected
    assert start("sync", f"{tree}/", f"s3://{bucket}/up/") == ""
    (tree / "new").write_text("new")
    (tree / "a.txt").unlink()
    start("sync", "--delete", f"{tree}/", f"s3://{bucket}/up/")
    assert start("cat", f"s3://{bucket}/up/new") == "new"
    start("mv", f"s3://{bucket}/up/new", f"s3://{bucket}/moved ü")
    start("cp", f"s3://{bucket}/up/large.bin", f"s3://{bucket}/copy.bin")
    assert s3.get_object(Bucket=bucket, Key="copy.bin")["Body"].read() == expected["large.bin"]
    assert "6" in start("du", f"s3://{bucket}/*")
    assert "not found" in start("head", f"s3://{bucket}/up/new", check=False)
    start("rm", f"s3://{bucket}/*")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
