import pytest

from objectlens.stores import keys


@pytest.mark.parametrize("key", ["a", "images/a.png", "a.b/.c/..d", "x" * 255, "é/ü", " ", "a\\b"])
def test_keys_that_are_paths(key):
    assert keys.natural(key.encode()) == tuple(part.encode() for part in key.split("/"))


@pytest.mark.parametrize(
    "key",
    [
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "a/../b",
        "./a",
        "x" * 256,
        "a\0b",
        ".objectlens",
        ".objectlens/keys/x",
        "sub/.objectlens/x",
        "d/" * 101 + "e",
    ],
)
def test_keys_that_are_not(key):
    assert keys.natural(key.encode()) is None


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("a//b", "a+/+/b="),
        ("dir/", "dir+/="),
        ("../x", "..+/x="),
        ("a\0%b", "a%00%25b="),
        ("ä", "%C3%A4="),
        ("x" * 64, "x" * 64 + "~/="),
        ("x" * 65 + "/y", "x" * 64 + "~/x+/y="),
        ("d/" * 100 + "a/b", "d+/" * 100 + "a%2Fb="),
    ],
)
def test_where_odd_keys_live(key, path):
    assert b"/".join(keys.odd(key.encode())) == b".objectlens/keys/" + path.encode()


@pytest.mark.parametrize(
    ("name", "is_folder", "piece"),
    [
        (b"a+", True, b"a/"),
        (b"a=", False, b"a"),
        (b"=", False, b""),
        (b"x" * 64 + b"~", True, b"x" * 64),
        (b"a=", True, None),
        (b"a+", False, None),
        (b"a~", True, None),
        (b"x" * 64 + b"=", False, None),
        (b"x" * 64 + b"+", True, None),
        (b"%61=", False, None),
        (b"a b%", False, None),
        (b"a", False, None),
    ],
)
def test_names_in_the_odd_tree(name, is_folder, piece):
    assert keys.odd_piece(name, is_folder=is_folder) == piece


def test_no_path_grows_too_long():
    worst = [b"\xff" * 1024, b"/" * 1024, b"\xff/" * 512, b"d/" * 100 + b"\xff" * 800, b"/" * 100 + b"/" * 924]
    for key in worst:
        path = keys.odd(key)
        assert max(map(len, path)) <= 255
        assert len(b"/".join(path)) < 3500
        assert len(path) < 130


@pytest.mark.parametrize("key", ["", "x" * 1025, "\ud800"])
def test_what_is_no_key(key):
    with pytest.raises(ValueError, match="a key must"):
        keys.encoded(key)
