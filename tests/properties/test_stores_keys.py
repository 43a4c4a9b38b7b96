"""Keys and paths: one to one, whatever the key."""

from hypothesis import given
from hypothesis import strategies as st

from objectlens.stores import keys

# Segments that meet every rule: empty, dots, long ones around the size of a piece, percent signs, our own marks.
segments = st.one_of(
    st.sampled_from(
        ["", ".", "..", "a", "a+", "a=", "a~", "%2F", "%", "x" * 63, "x" * 64, "x" * 65, "x" * 128, "é" * 40]
    ),
    st.text(max_size=8),
    st.text(alphabet="ab/.", max_size=130),
)
texts = st.lists(segments, min_size=1, max_size=12).map("/".join)
raw_keys = texts.map(lambda text: text.encode(errors="replace")[:1024].decode(errors="ignore").encode()).filter(bool)


def decoded(path: tuple[bytes, ...]) -> bytes:
    """Read a place in the odd tree as a walk does."""
    assert path[:2] == (keys.INNER, keys.ODD)
    pieces = [keys.odd_piece(name, is_folder=True) for name in path[2:-1]]
    last = keys.odd_piece(path[-1], is_folder=False)
    assert last is not None
    assert None not in pieces
    return b"".join(pieces) + last


@given(raw_keys)
def test_the_odd_tree_is_reversible(key):
    path = keys.odd(key)
    assert decoded(path) == key
    assert all(1 < len(name.rstrip(b"")) <= 255 or name in {b"+", b"=", b"~"} for name in path[2:])
    assert not any(b"/" in name or b"\0" in name or name in {b".", b".."} for name in path)


@given(raw_keys, raw_keys)
def test_folders_and_files_of_the_odd_tree_never_meet(one, other):
    first, second = keys.odd(one), keys.odd(other)
    if one != other:
        shorter, longer = sorted((first, second), key=len)
        assert longer[: len(shorter)] != shorter


@given(raw_keys)
def test_natural_paths_say_the_key(key):
    path = keys.natural(key)
    if path is not None:
        assert b"/".join(path) == key
        assert path[0] != keys.INNER


@given(st.lists(raw_keys, min_size=2, max_size=12))
def test_the_odd_tree_sorts_as_its_keys(some):
    def walked(key):
        """Return what a walk compares, folder by folder."""
        path = keys.odd(key)[2:]
        folders = [keys.odd_piece(name, is_folder=True) for name in path[:-1]]
        return [*folders, keys.odd_piece(path[-1], is_folder=False)]

    assert sorted(some, key=walked) == sorted(some)
