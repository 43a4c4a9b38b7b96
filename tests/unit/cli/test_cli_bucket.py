import json

import pytest
from click.testing import CliRunner

from objectlens.cli.main import main


@pytest.fixture
def run(tmp_path):
    def run(*arguments):
        environ = {"OBJECTLENS_DATA": str(tmp_path / "data"), "OBJECTLENS_CONFIG": None}
        return CliRunner().invoke(main, ["bucket", *arguments], env=environ)

    return run


@pytest.fixture
def photographs(tmp_path):
    folder = tmp_path / "my photographs"
    folder.mkdir()
    (folder / "one.jpg").write_bytes(b"jpeg")
    return folder


def test_a_folder_is_attached_listed_and_detached_and_its_files_stay(run, photographs):
    url = photographs.as_uri()
    assert run("add", "photographs", "--store", url).output == f"photographs is {url}\n"
    listed = json.loads(run("list", "--json").output)
    assert listed == [{"name": "photographs", "store": url, "region": "us-east-1"}]
    assert run("remove", "photographs").exit_code == 0
    assert json.loads(run("list", "--json").output) == []
    assert [one.name for one in photographs.iterdir()] == ["one.jpg"]


def test_a_name_is_given_once(run, photographs):
    run("add", "photographs", "--store", photographs.as_uri())
    shown = run("add", "photographs", "--store", photographs.as_uri())
    assert (shown.exit_code, shown.output) == (
        1,
        "Error: there is a bucket photographs already; see: objectlens bucket list\n",
    )


@pytest.mark.parametrize(
    ("name", "store", "reason"),
    [
        ("Upper", "file:///tmp", "cannot be a bucket's name"),
        ("pics", "file:///no/such/folder", "there is no folder"),
        ("pics", "file:///", "the root of the file system"),
        ("pics", "file://elsewhere/photos", "is not a store"),
        ("pics", "ftp://x", "is not a store"),
        ("pics", "managed:", "cannot be attached"),
    ],
)
def test_what_cannot_be_attached_is_refused_in_one_line(run, name, store, reason):
    shown = run("add", name, "--store", store)
    assert shown.exit_code == 1
    assert reason in shown.output
    assert shown.output.count("\n") == 1


def test_the_data_directory_is_not_attached_nor_what_holds_it_nor_what_it_holds(run, tmp_path):
    (tmp_path / "data" / "buckets").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "data")
    for folder in (tmp_path, tmp_path / "data", tmp_path / "data" / "buckets", tmp_path / "link"):
        assert "in the data directory" in run("add", "pics", "--store", folder.as_uri()).output
    assert json.loads(run("list", "--json").output) == []


def test_only_what_is_there_is_detached(run):
    assert "there is no bucket pics" in run("remove", "pics").output
