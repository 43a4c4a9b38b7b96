import io
import os
import stat
import struct
import zipfile

import pytest

from objectlens.errors import InvalidParameterValueException
from objectlens.functions import unzip as module
from objectlens.functions.unzip import unzip

SORRY = "Could not unzip uploaded file. Please check your file, then try to upload again."


def archive(*members):
    """A zip of `(name, content, mode)`; names are written as they are."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content, mode in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.filename = info.orig_filename = name
            info.external_attr = mode << 16
            file.writestr(info, content)
    return buffer.getvalue()


def refused(data, folder, reason):
    with pytest.raises(InvalidParameterValueException) as caught:
        unzip(data, folder)
    assert caught.value.message.startswith(SORRY)
    assert reason in caught.value.message
    assert not (folder.parent / "evil").exists()


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "package"
    place.mkdir()
    return place


def test_files_folders_modes_and_inner_links(folder):
    unzip(
        archive(
            ("lib/", b"", 0o40755),
            ("lib/a.py", b"x = 1", 0o100644),
            ("bin/tool", b"#!/bin/sh", 0o100755),
            ("link", b"lib/a.py", 0o120777),
            ("made-on-windows.py", b"y = 2", 0),
        ),
        folder,
    )
    assert (folder / "lib/a.py").read_bytes() == b"x = 1"
    assert (folder / "link").read_bytes() == b"x = 1"
    assert stat.S_IMODE((folder / "bin/tool").stat().st_mode) == 0o755
    assert stat.S_IMODE((folder / "lib/a.py").stat().st_mode) == 0o644
    assert (folder / "made-on-windows.py").read_bytes() == b"y = 2"


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/evil", "a/../evil", "..", "a\\..\\evil"])
def test_names_that_leave_the_package(folder, name):
    refused(archive((name, b"x", 0o100644)), folder, "leaves the package")


@pytest.mark.parametrize("target", ["/etc/passwd", "../evil", "a/../../evil", ""])
def test_links_that_leave_the_package(folder, target):
    refused(archive(("link", target.encode(), 0o120777)), folder, "leads out of the package")


def test_links_that_leave_it_by_way_of_links(folder):
    members = [("d/x", b"..", 0o120777), ("y", b"d/x/../evil", 0o120777)]
    refused(archive(*members), folder, "leads out of the package")


def test_members_below_a_link(folder):
    refused(archive(("a", b".", 0o120777), ("a/b", b"x", 0o100644)), folder, "not a folder")


@pytest.mark.parametrize("kind", [stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK])
def test_devices_and_pipes(folder, kind):
    refused(archive(("dev", b"", kind | 0o644)), folder, "neither a file nor a folder")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("second", ["a.py", "./a.py"])
def test_a_member_twice(folder, second):
    refused(archive(("a.py", b"1", 0o100644), (second, b"2", 0o100644)), folder, "twice")


def test_a_file_that_is_also_a_folder(folder):
    refused(archive(("a", b"1", 0o100644), ("a/b", b"2", 0o100644)), folder, "not a folder")
    other = folder.parent / "other"
    other.mkdir()
    refused(archive(("a/b", b"2", 0o100644), ("a", b"1", 0o100644)), other, "both a file and a folder")


@pytest.mark.parametrize("data", [b"", b"not a zip at all", b"PK\x03\x04" + b"\0" * 40, b"PK\x05\x06" + b"\xff" * 18])
def test_what_is_not_a_zip(folder, data):
    refused(data, folder, "")


def test_a_damaged_member(folder):
    data = bytearray(archive(("a.py", os.urandom(1000), 0o100644)))
    data[200] ^= 0xFF
    refused(bytes(data), folder, "")


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("mode", [0o100644, 0o120777])
def test_a_member_that_is_damaged_in_another_compression(folder, compression, mode):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        info = zipfile.ZipInfo("a.py")
        info.external_attr = mode << 16
        file.writestr(info, os.urandom(1000), compression)
    data = bytearray(buffer.getvalue())
    data[60:100] = bytes(40)
    refused(bytes(data), folder, "")


def test_an_encrypted_member(folder):
    data = bytearray(archive(("a.py", b"x", 0o100644)))
    central = data.index(b"PK\x01\x02")
    data[6] |= 1
    data[central + 8] |= 1
    refused(bytes(data), folder, "encrypted")


def test_more_than_lambda_allows(folder, monkeypatch):
    monkeypatch.setattr(module, "MAX_UNZIPPED", 1000)
    with pytest.raises(InvalidParameterValueException, match="Unzipped size must be smaller than 1000 bytes"):
        unzip(archive(("a", b"x" * 600, 0o100644), ("b", b"x" * 600, 0o100644)), folder)


def test_a_member_that_is_longer_than_it_says(folder, monkeypatch):
    monkeypatch.setattr(module, "MAX_UNZIPPED", 100_000)
    data = bytearray(archive(("a", b"x" * 500_000, 0o100644)))
    for offset, place in ((22, 0), (24, data.index(b"PK\x01\x02"))):
        struct.pack_into("<I", data, place + offset, 1000)
    with pytest.raises(InvalidParameterValueException):
        unzip(bytes(data), folder)
    assert sum(path.stat().st_size for path in folder.rglob("*")) <= 100_000


def test_a_bomb(folder, monkeypatch):
    monkeypatch.setattr(module, "RATIO_FLOOR", 1_000_000)
    refused(archive(("zeros", b"\0" * 2_000_000, 0o100644)), folder, "times its size")


def test_too_many_members(folder, monkeypatch):
    monkeypatch.setattr(module, "MAX_MEMBERS", 3)
    refused(archive(*((f"f{n}", b"", 0o100644) for n in range(4))), folder, "4 members")


@pytest.mark.parametrize("name", ["a" * 256, "ü" * 200, "a/" * 150 + "x", "/".join(["a" * 200] * 20)])
def test_names_that_the_file_system_does_not_take(folder, name):
    refused(archive(("a.py", b"x", 0o100644), (name, b"x", 0o100644)), folder, "too long or too deep")


def test_a_zip_with_nothing_in_it(folder):
    with pytest.raises(InvalidParameterValueException, match="Uploaded file must be a non-empty zip"):
        unzip(archive(), folder)
