"""Properties: canonical arguments, chunk boundaries, headers of any bytes."""

import bz2
import gzip
import json

import lz4.frame
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from objectlens.transforms import BadArgument, BadPipeline, TransformError, compile_pipeline, parse_header
from objectlens.transforms import archive as archives
from objectlens.transforms import text as texts
from objectlens.transforms.image.headers import read_header
from objectlens.transforms.image.strip import strip

PROGRAM = compile_pipeline(
    {
        "family": "text",
        "pipeline": ["lower"],
        "parameters": {
            "a": {"type": "integer", "default": 1, "minimum": -9, "maximum": 9},
            "b": {"type": "number", "default": 0.5, "minimum": 0, "maximum": 1},
            "c": {"type": "boolean", "default": False},
            "d": {"type": "string", "default": "", "maxLength": 5},
        },
    }
)
MAGICS = [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF0000WEBP", b"II*\0", b"MM\0+", b"0000ftypavif"]
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "a": st.integers(-9, 9).map(str),
        "b": st.floats(0, 1).map(repr),
        "c": st.sampled_from(["true", "false", "1", "0", "True"]),
        "d": st.text(max_size=5),
    },
)


@given(VALUES, st.randoms())
def test_order_does_not_matter(values, random):
    names = list(values)
    random.shuffle(names)
    assert PROGRAM.arguments({name: values[name] for name in names}).canonical == PROGRAM.arguments(values).canonical


@given(VALUES)
def test_canonical_arguments_say_the_same_again(values):
    first = PROGRAM.arguments(values)
    again = PROGRAM.arguments(parse_header(first.canonical))
    assert again.canonical == first.canonical
    assert dict(again.values) == json.loads(first.canonical)


@given(st.dictionaries(st.text(max_size=6), st.text(max_size=12), max_size=4))
def test_any_arguments_come_to_values_or_a_bad_argument(values):
    names: tuple[str, ...] = ("none",)
    try:
        PROGRAM.arguments(values)
    except BadArgument as error:
        names = error.names
    assert names


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
STEP = st.sampled_from(["text.lower", "text.redact", "text.jsonl", "resize", "decode"])
ENTRIES = st.sampled_from(["pipeline", "family", "quality", "limits", "parameters", "presets", "presets_only"])


@settings(max_examples=200)
@given(JSON | st.dictionaries(ENTRIES, JSON) | st.builds(lambda name, said: {"pipeline": [{name: said}]}, STEP, JSON))
def test_any_json_compiles_or_is_a_bad_pipeline(said):
    reason = "compiled"
    try:
        compile_pipeline(json.dumps(said))
    except BadPipeline as error:
        reason = str(error)
    assert reason


@given(st.sampled_from(MAGICS), st.binary(max_size=300))
def test_any_header_is_read_or_refused(magic, rest):
    try:
        header = read_header(magic + rest, 100)
    except TransformError:
        return
    assert header.width > 0
    assert header.height > 0


@given(st.sampled_from(MAGICS[1:5]), st.binary(max_size=300))
def test_strip_survives_any_bytes(magic, rest):
    try:
        stripped = strip(magic + rest).body
    except TransformError:
        return
    assert len(stripped) <= len(magic + rest) + 12


@given(st.binary(max_size=5000), st.sampled_from([gzip.compress, bz2.compress, lz4.frame.compress, zstandard.compress]),
       st.integers(1, 200))  # fmt: skip
def test_chunk_boundaries_do_not_matter(data, compress, size):
    packed = compress(data)
    chunks = (packed[start : start + size] for start in range(0, len(packed), size))
    assert bytes(archives.decompress(chunks)) == data


@given(st.lists(st.dictionaries(st.text(max_size=4), st.integers(), max_size=3), max_size=8), st.integers(1, 20))
def test_json_lines_survive_any_chunks(records, size):
    data = "\n".join(json.dumps(one) for one in records).encode()
    chunks = (data[start : start + size] for start in range(0, len(data), size))
    lines = bytes(texts.jsonl(chunks)).splitlines()
    assert [json.loads(line) for line in lines] == records
