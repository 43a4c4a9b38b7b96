"""A folder of files that somebody has, attached as a bucket."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.live import LiveServer
from support.wire import refused


@dataclass(frozen=True)
class Attached:
    name: str
    folder: Path
    server: LiveServer

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "objectlens", "bucket", *arguments, "--data", str(self.server.data)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def attached(server: LiveServer, tmp_path: Path) -> Iterator[Attached]:
    folder = tmp_path / "my photographs"
    (folder / "2020").mkdir(parents=True)
    (folder / "cat.jpg").write_bytes(b"\xff\xd8\xff cat")
    (folder / "2020" / "ünï ©.png").write_bytes(b"png")
    (folder / "notes.txt").write_text("notes")
    (folder / "unknown").write_bytes(b"?")
    (folder / "empty").write_bytes(b"")
    one = Attached(f"att-{uuid.uuid4().hex[:12]}", folder, server)
    done = one.command("add", one.name, "--store", folder.as_uri())
    assert done.returncode == 0, done.stderr
    yield one
    one.command("remove", one.name)


def files(folder: Path) -> dict[str, bytes]:
    """Return the user's files, without what the server keeps of its own."""
    found = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not name.startswith("."):
            found[name] = path.read_bytes()
    return found


def test_files_are_objects(s3: Any, attached: Attached) -> None:
    listed = {one["Key"]: one["Size"] for one in s3.list_objects_v2(Bucket=attached.name)["Contents"]}
    assert listed == {"2020/ünï ©.png": 3, "cat.jpg": 7, "empty": 0, "notes.txt": 5, "unknown": 1}
    expected = {
        "cat.jpg": "image/jpeg",
        "2020/ünï ©.png": "image/png",
        "notes.txt": "text/plain",
        "unknown": "binary/octet-stream",
    }
    for key, kind in expected.items():
        assert s3.head_object(Bucket=attached.name, Key=key)["ContentType"] == kind
    assert s3.get_object(Bucket=attached.name, Key="cat.jpg")["Body"].read() == b"\xff\xd8\xff cat"
    assert s3.get_object(Bucket=attached.name, Key="cat.jpg", Range="bytes=4-6")["Body"].read() == b"cat"
    rolled = s3.list_objects_v2(Bucket=attached.name, Delimiter="/")
    assert [one["Prefix"] for one in rolled["CommonPrefixes"]] == ["2020/"]


def test_writes_are_plain_files(s3: Any, attached: Attached) -> None:
    s3.put_object(Bucket=attached.name, Key="new/deep/file.bin", Body=b"new", Metadata={"a": "b"}, ContentType="x/y")
    assert files(attached.folder)["new/deep/file.bin"] == b"new"
    answer = s3.head_object(Bucket=attached.name, Key="new/deep/file.bin")
    assert (answer["Metadata"], answer["ContentType"]) == ({"a": "b"}, "x/y")
    s3.put_object(Bucket=attached.name, Key="cat.jpg", Body=b"another cat")
    assert (attached.folder / "cat.jpg").read_bytes() == b"another cat"
    upload = {"Bucket": attached.name, "Key": "joined"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    etag = s3.upload_part(**upload, PartNumber=1, Body=b"part")["ETag"]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    assert (attached.folder / "joined").read_bytes() == b"part"
    s3.copy_object(Bucket=attached.name, Key="copied", CopySource={"Bucket": attached.name, "Key": "notes.txt"})
    assert (attached.folder / "copied").read_text() == "notes"


def test_deletes_delete(s3: Any, attached: Attached) -> None:
    s3.delete_object(Bucket=attached.name, Key="cat.jpg")
    s3.delete_object(Bucket=attached.name, Key="2020/ünï ©.png")
    assert "cat.jpg" not in files(attached.folder)
    assert "2020/ünï ©.png" not in files(attached.folder)


def test_changes_by_others_are_seen(s3: Any, attached: Attached) -> None:
    before = s3.head_object(Bucket=attached.name, Key="notes.txt")
    s3.put_object(Bucket=attached.name, Key="notes.txt", Body=b"mine", Metadata={"a": "b"})
    (attached.folder / "notes.txt").write_text("edited by hand")
    answer = s3.get_object(Bucket=attached.name, Key="notes.txt")
    assert answer["Body"].read() == b"edited by hand"
    assert answer["ETag"] != before["ETag"]
    (attached.folder / "later.txt").write_text("later")
    assert s3.get_object(Bucket=attached.name, Key="later.txt")["Body"].read() == b"later"
    os.rename(attached.folder / "later.txt", attached.folder / "moved.txt")
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket=attached.name, Key="later.txt")
    assert "moved.txt" in {one["Key"] for one in s3.list_objects_v2(Bucket=attached.name)["Contents"]}


def test_nothing_outside_is_reached(s3: Any, attached: Attached) -> None:
    secret = attached.folder.parent / "secret"
    secret.write_text("secret")
    (attached.folder / "link").symlink_to(secret)
    for key in ("../secret", "2020/../../secret", "link", "/etc/passwd", str(secret)):
        with refused("NoSuchKey", 404):
            s3.get_object(Bucket=attached.name, Key=key)
    s3.put_object(Bucket=attached.name, Key="../secret", Body=b"mine")
    assert s3.get_object(Bucket=attached.name, Key="../secret")["Body"].read() == b"mine"
    assert secret.read_text() == "secret"


def test_a_file_in_the_way_of_a_folder(s3: Any, attached: Attached) -> None:
    s3.put_object(Bucket=attached.name, Key="notes.txt/inside", Body=b"inside")
    assert s3.get_object(Bucket=attached.name, Key="notes.txt")["Body"].read() == b"notes"
    assert s3.get_object(Bucket=attached.name, Key="notes.txt/inside")["Body"].read() == b"inside"
    s3.put_object(Bucket=attached.name, Key="2020", Body=b"file")
    assert s3.get_object(Bucket=attached.name, Key="2020/ünï ©.png")["Body"].read() == b"png"
    assert s3.get_object(Bucket=attached.name, Key="2020")["Body"].read() == b"file"


def test_removing_lets_the_files_be(s3: Any, attached: Attached) -> None:
    before = files(attached.folder)
    done = attached.command("remove", attached.name)
    assert done.returncode == 0, done.stderr
    with refused("404", 404):
        s3.head_bucket(Bucket=attached.name)
    assert files(attached.folder) == before


def test_deleting_the_bucket_lets_the_files_be(s3: Any, attached: Attached) -> None:
    before = files(attached.folder)
    s3.delete_bucket(Bucket=attached.name)
    assert files(attached.folder) == before


def test_what_cannot_be_attached(attached: Attached, tmp_path: Path) -> None:
    missing = attached.command("add", "not-there", "--store", (tmp_path / "none").as_uri())
    assert missing.returncode != 0
    assert "none" in missing.stderr
    taken = attached.command("add", attached.name, "--store", attached.folder.as_uri())
    assert taken.returncode != 0
    assert attached.name in taken.stderr
    assert attached.server.data
    own = attached.command("add", "own-data", "--store", attached.server.data.as_uri())
    assert own.returncode != 0
    assert "data directory" in own.stderr
    assert attached.command("add", "Bad_Name", "--store", attached.folder.as_uri()).returncode != 0
