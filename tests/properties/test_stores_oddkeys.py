"""Keys under other names: every key has one, every name one key, and their order is that of the keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from objectlens.stores import StoreLacks
from objectlens.stores.remote import oddkeys

TEXT = st.text(st.sampled_from("ab/.\\\x01é\U00010000￿- "), min_size=1, max_size=40)
ANY = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=120)


@given(TEXT | ANY)
def test_a_name_leads_back_to_its_key(key):
    place = oddkeys.place_of(key)
    if oddkeys.is_odd(key):
        assert place.startswith(oddkeys.FOLDER)
        assert oddkeys.key_of(place) == key
        assert not oddkeys.is_odd(place.removeprefix(oddkeys.INNER))
        assert all(len(part) <= 200 for part in place.split("/"))
        assert len(place) <= 1024
    else:
        assert place == key


@given(TEXT, TEXT)
def test_names_sort_as_keys(one, other):
    one, other = f"{one}//", f"{other}//"
    assert (oddkeys.place_of(one) < oddkeys.place_of(other)) == (one.encode() < other.encode())


@given(TEXT | ANY, st.data())
def test_a_prefix_finds_what_begins_with_it(key, data):
    key = f"{key}//"
    prefix = key[: data.draw(st.integers(0, len(key)))]
    assert oddkeys.place_of(key).startswith(oddkeys.prefix_of(prefix.encode()))


@given(TEXT, TEXT)
def test_what_follows_a_key_follows_its_mark(after, key):
    key = f"{key}//"
    if key.encode() > after.encode():
        assert oddkeys.place_of(key) > oddkeys.after_of(after.encode())


def test_an_odd_key_has_less_room():
    assert len(oddkeys.place_of("/" * oddkeys.LONGEST_ODD)) <= 1024
    with pytest.raises(StoreLacks, match="too many"):
        oddkeys.place_of("/" * (oddkeys.LONGEST_ODD + 1))
