"""Browsers' forms, taken apart however their bytes come in."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from objectlens.errors import (
    IncompleteBody,
    InvalidArgument,
    MalformedPOSTRequest,
    MaxPostPreDataLengthExceededError,
)
from objectlens.s3.forms import MAX_FIELDS, FormDecoder

BOUNDARY = "----WebKitFormBoundary7MA4YWxk"
TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def part(name, value, more=""):
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
    return head.encode() + (value if isinstance(value, bytes) else value.encode()) + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()
FORM = (
    part("Key", "user/${filename}")
    + part("x-amz-meta-name", "Jörg\r\nand others")
    + part("file", b"\r\n--half\r\n-", '; filename="a.jpg"\r\nContent-Type: image/jpeg')
    + part("submit", "Upload")
    + END
)


def decoded(*chunks, content_type=TYPE):
    decoder = FormDecoder(content_type)
    payload = b"".join(piece for chunk in chunks for piece in decoder.feed(chunk))
    decoder.close()
    return decoder, payload


def test_fields_and_the_file():
    decoder, payload = decoded(FORM)
    assert decoder.fields == {"key": "user/${filename}", "x-amz-meta-name": "Jörg\r\nand others"}
    assert decoder.filename == "a.jpg"
    assert payload == b"\r\n--half\r\n-"


@given(st.lists(st.integers(0, len(FORM)), max_size=12))
def test_wherever_the_bytes_are_cut(cuts):
    places = [0, *sorted(cuts), len(FORM)]
    decoder, payload = decoded(*(FORM[start:end] for start, end in itertools.pairwise(places)))
    assert payload == b"\r\n--half\r\n-"
    assert decoder.fields.keys() == {"key", "x-amz-meta-name"}


@given(st.binary(max_size=300).filter(lambda body: BOUNDARY.encode() not in body), st.integers(1, 40))
def test_any_file_in_pieces(body, size):
    form = part("key", "k") + part("file", body) + END
    _, payload = decoded(*(form[at : at + size] for at in range(0, len(form), size)))
    assert payload == body


def test_the_fields_are_known_before_the_file():
    decoder = FormDecoder(TYPE)
    start = FORM.index(b"--half") - 2
    assert decoder.feed(FORM[:start]) == []
    assert decoder.at_file
    assert decoder.fields["key"] == "user/${filename}"


@pytest.mark.parametrize(
    ("more", "filename"),
    [
        ("", ""),
        ('; filename="C:\\\\x.jpg"', "C:\\\\x.jpg"),
        ("; filename=bare.jpg", "bare.jpg"),
        ('; filename="a%22b.jpg"', 'a"b.jpg'),
        ("; filename*=utf-8''%C3%BC.jpg", "ü.jpg"),
    ],
)
def test_names_of_files(more, filename):
    assert decoded(part("key", "k") + part("file", "x", more) + END)[0].filename == filename


def test_a_preamble_and_a_quoted_boundary():
    form = b"This is a form.\r\n" + part("key", "k") + part("file", "x") + END
    decoder, payload = decoded(form, content_type=f'Multipart/Form-Data; charset=utf-8; boundary="{BOUNDARY}"')
    assert (decoder.fields, payload) == ({"key": "k"}, b"x")


@pytest.mark.parametrize("content_type", [None, "", "text/plain", "multipart/form-data", "multipart/mixed; boundary=x"])
def test_what_is_no_form(content_type):
    with pytest.raises(MalformedPOSTRequest):
        FormDecoder(content_type)


@pytest.mark.parametrize(
    ("form", "error"),
    [
        (b"", MalformedPOSTRequest),
        (part("key", "k")[:-2], MalformedPOSTRequest),
        (part("key", "k") + END, InvalidArgument),
        (part("key", "k") + part("file", "x"), IncompleteBody),
        (part("", "k") + END, MalformedPOSTRequest),
        (part("key", b"\xff") + part("file", "x") + END, MalformedPOSTRequest),
        (f"--{BOUNDARY}\r\nX: y\r\n\r\nv\r\n".encode() + END, MalformedPOSTRequest),
        (f"--{BOUNDARY}x\r\n".encode(), MalformedPOSTRequest),
        (part("key", "k" * MAX_FIELDS) + part("file", "x") + END, MaxPostPreDataLengthExceededError),
        (b"".join(part(f"f{n}", "v" * 1000) for n in range(25)) + END, MaxPostPreDataLengthExceededError),
        (b"x" * (MAX_FIELDS + 100), MaxPostPreDataLengthExceededError),
    ],
)
def test_what_does_not_parse(form, error):
    with pytest.raises(error):
        decoded(form)
