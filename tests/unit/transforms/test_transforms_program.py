"""Compiling, arguments, planning and running."""

import io
import json
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from objectlens.s3.table import ROWS
from objectlens.transforms import (
    BadArgument,
    BadInput,
    BadPipeline,
    Bounds,
    Context,
    LimitExceeded,
    Limits,
    MissingExtra,
    Resources,
    Result,
    compile_pipeline,
    image,
    parse_header,
    pipeline_schema,
    registry,
    transform,
)
from objectlens.transforms.arguments import SUBRESOURCES, Declared
from support.tars import tar

ROOT = Path(__file__).parents[3]
REFERENCE = (ROOT / "examples/pipelines/image-normalizer.json").read_text()


def photograph(width: int = 640, height: int = 480, quality: int = 92) -> bytes:
    rows, columns = np.mgrid[0:height, 0:width]
    waves = [np.sin(columns / a) + np.cos(rows / b) for a, b in ((37, 23), (51, 71), (90, 41))]
    noise = np.random.default_rng(1).normal(0, 4, (height, width, 3))
    pixels = np.clip(127 + 50 * np.stack(waves, axis=-1) + noise, 0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def bare(data: bytes) -> bytes:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    picture = cv2.resize(picture, (256, 256), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    return cv2.imencode(".jpeg", grey, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


def test_exact_is_bit_equal_to_the_reference_library():
    exact = compile_pipeline({**json.loads(REFERENCE), "quality": "exact"})
    data = photograph()
    assert exact.run(data).body == bare(data)


@pytest.mark.parametrize("size", [(500, 375), (1600, 1200), (2400, 700)])
def test_fast_keeps_38_db_of_exact(size):
    data = photograph(*size)
    pair = [
        cv2.imdecode(np.frombuffer(one, np.uint8), cv2.IMREAD_GRAYSCALE)
        for one in (bytes(compile_pipeline(REFERENCE).run(data)), bare(data))
    ]
    assert cv2.PSNR(*pair) >= 38


def test_the_plan_says_what_was_saved():
    fast = compile_pipeline(REFERENCE).explain()
    assert "the grey plane only" in fast
    assert "image.grayscale" not in fast.split("plan:")[1]
    exact = compile_pipeline({**json.loads(REFERENCE), "quality": "exact"}).explain()
    assert "image.grayscale" in exact.split("plan:")[1]


WITH_ARGUMENTS = {
    "pipeline": [
        {"decode": {}},
        {"resize": {"width": {"$param": "size"}}},
        {"encode": {"format": {"$param": "format"}}},
    ],
    "parameters": {
        "size": {"type": "integer", "default": 64, "minimum": 16, "maximum": 128},
        "format": {"type": "string", "default": "png", "enum": ["png", "webp"]},
    },
    "presets": {"thumb": {"size": 32}},
}


def test_arguments_change_the_result_and_are_canonical():
    program = compile_pipeline(WITH_ARGUMENTS)
    data = photograph()
    result = program.run(data, program.arguments({"size": "20", "format": "webp"}))
    assert result.content_type == "image/webp"
    assert cv2.imdecode(np.frombuffer(result.body, np.uint8), 1).shape == (15, 20, 3)
    assert program.arguments({"size": "64"}).canonical == program.arguments({}).canonical
    assert program.arguments({"preset": "thumb"}).canonical == program.arguments({"size": "032"}).canonical


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"sise": "20"}, ("sise",)),
        ({"size": "15"}, ("size",)),
        ({"size": "twenty"}, ("size",)),
        ({"format": "gif"}, ("format",)),
        ({"preset": "big"}, ("preset",)),
        ({"z": "1", "a": "1"}, ("a", "z")),
    ],
)
def test_wrong_arguments_are_named(given, names):
    with pytest.raises(BadArgument) as caught:
        compile_pipeline(WITH_ARGUMENTS).arguments(given)
    assert caught.value.names == names
    assert all(name in str(caught.value) for name in names)


@pytest.mark.parametrize("given", [{"size": 5}, {"size": None}, {"format": [1]}, {5: "a"}, {"size": True}])
def test_arguments_that_are_no_text_are_named(given):
    with pytest.raises(BadArgument, match="arguments are given as text, as requests do") as caught:
        compile_pipeline(WITH_ARGUMENTS).arguments(given)
    assert caught.value.names == (str(next(iter(given))),)


@pytest.mark.parametrize(
    ("bounds", "reason"),
    [
        ({"minimum": 3}, "is 2; it must be at least 3"),
        ({"maximum": 1}, "is 2; it must be at most 1"),
        ({"minimum": 3, "maximum": 4}, "is 2; it must be from 3 to 4"),
    ],
)
def test_bounds_are_said_in_words(bounds, reason):
    declared = {"w": {"type": "integer", "default": bounds.get("minimum", 1), **bounds}}
    with pytest.raises(BadArgument, match=reason):
        compile_pipeline({"pipeline": ["decode"], "parameters": declared}).arguments({"w": "2"})


def test_presets_only():
    program = compile_pipeline({**WITH_ARGUMENTS, "presets_only": True})
    assert program.arguments({"preset": "thumb"}).values["size"] == 32
    with pytest.raises(BadArgument, match="only presets"):
        program.arguments({"size": "32"})


def test_header_in_both_spellings():
    assert parse_header("size=20; format=webp") == {"size": "20", "format": "webp"}
    assert parse_header('{"size": 20, "format": "webp"}') == {"size": "20", "format": "webp"}
    with pytest.raises(BadArgument):
        parse_header("size")
    with pytest.raises(BadArgument):
        parse_header('{"a":' * 5000)
    for twice in ("size=1; size=1", '{"size": 1, "size": 2}'):
        with pytest.raises(BadArgument, match="size more than once"):
            parse_header(twice)
    for value in ("null", "[1]", '{"a": 1}'):
        with pytest.raises(BadArgument, match="'size' must be a text, a number, true or false"):
            parse_header(f'{{"size": {value}}}')


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ("", "not JSON"),
        ("[" * 5000, "not JSON"),
        ('{"pipeline": [{"decode": {"a": ' + "[" * 300 + "]" * 300 + "}}]}", "nested more than 64"),
        ('{"pipeline": [{"archive.webdataset": {"pipelines": {"jpg": 1}}}]}', "must be an object"),
        ('{"pipeline": [{"archive.webdataset": {"pipelines": {"jpg": {"pipeline": ["x"]}}}}]}', "no step 'x'"),
        ('{"pipeline": []}', "1 to 64"),
        ('{"pipeline": [{"decode": {}}], "stages": []}', "unknown entries stages"),
        ('{"pipeline": [{"decoed": {}}]}', "no step 'decoed'"),
        ('{"pipeline": [{"sound.decode": {}}]}', "no family of steps 'sound'"),
        ('{"pipeline": [{"resize": {"widht": 3}}]}', "no argument 'widht'"),
        ('{"pipeline": [{"resize": {"width": 0}}]}', "width must be from 1 to 65535"),
        ('{"pipeline": [{"resize": {"width": "x"}}]}', "width must be an integer"),
        ('{"pipeline": [{"crop": {"x": 0}}]}', "needs the argument"),
        ('{"pipeline": [{"decode": {}}, {"text.lower": {}}]}', "takes text"),
        ('{"pipeline": [{"resize": {"width": {"$param": "w"}}}]}', "not declared: w"),
        ('{"pipeline": ["decode"], "limits": {"pixel": 1}}', "no limit 'pixel'"),
        ('{"pipeline": ["decode"], "limits": {"pixels": -1}}', "over 0"),
        ('{"pipeline": ["decode"], "quality": "good"}', "fast or exact"),
        ('{"pipeline": ["decode"], "pipeline": ["encode"]}', "says 'pipeline' more than once"),
        (
            '{"pipeline": [{"resize": {"width": 1, "width": 2}}]}',
            """says 'width' more than once: {"width": 1, "width""",
        ),
        (
            '{"pipeline": [{"table.select": {"columns": ["a"]}}, {"table.filter": {"where": [["b", "==", 1]]}}]}',
            "step 2, table.filter: where asks for b, and the select before it keeps a alone",
        ),
        (
            '{"family": "table", "pipeline": [{"select": {"columns": ["a"]}}, {"select": {"columns": ["c"]}}]}',
            "step 2, table.select: columns asks for c",
        ),
        ('{"pipeline": [{"table.read": {"delimiter": "é"}}]}', "table.read: delimiter must be a character of ASCII"),
        ('{"pipeline": ["decode"], "parameters": {"a": {"type": "integer", "default": 1, "minimum": "x"}}}', "minimum"),
        ('{"pipeline": ["decode"], "parameters": {"a": {"type": "string", "default": "", "enum": "ab"}}}', "enum"),
        ('{"pipeline": ["decode"], "parameters": {"a": {"type": "integer", "default": "x"}}}', "default does not fit"),
    ],
)
def test_wrong_pipelines_are_refused_with_the_reason(payload, reason):
    with pytest.raises(BadPipeline, match=reason):
        compile_pipeline(payload)


def test_a_pipeline_cannot_raise_the_ceiling():
    program = compile_pipeline({"pipeline": ["decode"], "limits": {"pixels": 10**9}}, ceiling=Limits(pixels=1000))
    with pytest.raises(LimitExceeded, match="'pixels'") as caught:
        program.run(photograph())
    assert caught.value.limit == "pixels"


@pytest.mark.parametrize("source", [b"a\nb\n", iter([b"a", b"\nb\n"])])
def test_a_streaming_program_takes_whole_objects_too(source):
    lines = {"family": "text", "pipeline": [{"jsonl": {}}]}
    with pytest.raises(BadInput, match="line 1"):
        bytes(compile_pipeline(lines).run(source))


@pytest.mark.parametrize(
    ("steps", "streams"),
    [
        (["archive.decompress", "text.jsonl"], True),
        ([{"archive.member": {"name": "a.gz"}}, "archive.decompress"], True),
        # What gathers all of it on the way gains nothing by a stream, and belongs into a process of its own.
        (["archive.decompress", "image.decode"], False),
        (["text.decode", "text.normalize", "text.jsonl"], False),
        (["archive.decompress", {"archive.member": {"name": "a"}}], False),
        (["image.decode"], False),
    ],
)
def test_what_is_done_a_chunk_at_a_time(steps, streams):
    assert compile_pipeline({"pipeline": steps}).streams is streams


def test_digest_tells_programs_apart():
    texts = [REFERENCE, {**json.loads(REFERENCE), "quality": "exact"}, {"pipeline": ["decode"]}]
    assert len({compile_pipeline(text).digest for text in texts}) == 3
    assert compile_pipeline(REFERENCE).digest == compile_pipeline(json.loads(REFERENCE)).digest


def test_too_many_bytes_whole_and_streamed():
    program = compile_pipeline({"pipeline": ["decode"], "limits": {"bytes": 100}})
    with pytest.raises(LimitExceeded, match="'bytes'"):
        program.run(photograph())
    with pytest.raises(LimitExceeded, match="'bytes'"):
        program.run(iter([b"x" * 60, b"x" * 60]))


def test_a_family_without_its_libraries_names_the_extra(monkeypatch):
    def absent(name):
        raise ModuleNotFoundError(f"No module named 'cv2' for {name}", name="cv2")

    monkeypatch.setattr(registry, "import_module", absent)
    with pytest.raises(MissingExtra, match=r"pip install 'objectlens\[image\]'"):
        registry.find("decode")


def test_resources_stay_in_their_folder(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "secret").write_text("x")
    with pytest.raises(BadPipeline, match="no file"):
        Resources(tmp_path / "in").path("../secret")
    with pytest.raises(BadPipeline, match="no folder"):
        Resources().path("a")


@pytest.mark.parametrize("name", ["a\0b", "a" * 500, "a/" * 200, "."])
def test_what_is_no_name_of_a_file_is_no_resource(tmp_path, name):
    with pytest.raises(BadPipeline, match="no file"):
        Resources(tmp_path).path(name)
    pipeline = {"family": "text", "pipeline": [{"tokenize": {"file": name}}]}
    with pytest.raises(BadPipeline, match="no file"):
        compile_pipeline(pipeline, resources=Resources(tmp_path))


@transform
def darken(image: np.ndarray, ctx: Context, *, factor: float = 0.5) -> np.ndarray:
    return (image * factor).astype(np.uint8)


@transform
def shout(chunks, ctx):
    for chunk in chunks:
        yield chunk.upper()


@transform
def count(data, ctx):
    return str(len(data)).encode()


def test_functions_run_on_a_path_bytes_a_stream_and_a_value(tmp_path):
    path = tmp_path / "cat.jpg"
    path.write_bytes(photograph(40, 30))
    result = darken(path, factor=0.0)
    assert result.content_type == "image/png"
    assert cv2.imdecode(np.frombuffer(result.body, np.uint8), 1).max() == 0
    assert darken(np.full((2, 2, 3), 100, np.uint8)).max() == 50
    assert bytes(shout(iter([b"a", b"b"]))) == b"AB"
    assert bytes(shout(b"ab")) == b"AB"
    assert count(str(path)).body == str(path.stat().st_size).encode()


def test_bare_arrays_are_pictures_and_what_steps_do_not_take_is_told():
    array = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
    small = image.resize(width=4)(array)
    assert (small.order, small.pixels.shape) == ("rgb", (3, 4, 3))
    assert (image.grayscale >> image.encode(format="png"))(array).content_type == "image/png"
    assert np.array_equal((darken(factor=1.0))(image.picture(array)), array)
    for step, value, reason in (
        (image.resize(width=4), 5, "image.resize takes image, or a path, bytes or a stream of bytes, not int"),
        (image.resize(width=4), Pillow.fromarray(array), "takes image, or .*, not PIL.Image"),
        (image.decode >> image.grayscale, array, "image.decode takes a path, bytes or a stream of bytes, not numpy.nd"),
        (image.decode(), small, "not objectlens.Image"),
    ):
        with pytest.raises(TypeError, match=reason):
            step(value)


@transform
def place(
    data: bytes,
    ctx: Context,
    *,
    size: tuple[int, int] = (1, 2),
    when: date | None = None,
    names: list = [],  # noqa: B006  (never changed)
    n: int = 0,
) -> bytes:
    return json.dumps([size, when and when.year, names, n]).encode()


def test_annotations_of_other_kinds_can_be_set_in_python_only():
    whole = place()
    assert json.loads(bytes(whole(b"", **whole.read({"n": "3"})))) == [[1, 2], None, [], 3]
    set_here = place(size=(3, 4), when=date(2024, 2, 29), names=["a"])
    assert json.loads(bytes(set_here(b""))) == [[3, 4], 2024, ["a"], 0]
    for name in ("size", "when", "names"):
        with pytest.raises(BadArgument, match=f"unknown arguments: {name}; this pipeline takes: n$"):
            whole.read({name: "1"})


@transform
def say(
    data: bytes,
    ctx: Context,
    *,
    number: float = 1.0,
    times: Annotated[int | None, Bounds(1, 5)] = None,
    how: Literal["a", "b"] = "a",
    many: list[int] = [],  # noqa: B006  (never changed)
    preset: bool = False,
) -> bytes:
    return json.dumps([data.decode(), number, times, how, many, preset]).encode()


def test_what_a_chain_leaves_open_is_set_when_it_runs():
    def said(pipeline: Any, **given: str) -> Any:
        return json.loads(bytes(pipeline(b"x", **pipeline.read(given))))

    whole = say()
    assert said(whole) == ["x", 1.0, None, "a", [], False]
    assert said(whole, number="2", times="5", how="b", preset="true") == ["x", 2.0, 5, "b", [], True]
    assert json.loads(bytes(whole(b"x", many=[1, 2]))) == ["x", 1.0, None, "a", [1, 2], False]
    # It stays open for the next run, and what was said with the chain does not.
    assert said(whole) == ["x", 1.0, None, "a", [], False]
    twice = say(times=3) >> say
    assert said(twice, number="4", times="2") == ['["x", 4.0, 3, "a", [], false]', 4.0, 2, "a", [], False]
    for given, name in (
        ({"times": "6"}, "times"),
        ({"times": "2.5"}, "times"),
        ({"number": "nan"}, "number"),
        ({"how": "c"}, "how"),
        ({"many": "[1]"}, "many"),
        ({"other": "1"}, "other"),
    ):
        with pytest.raises(BadArgument, match=name) as caught:
            said(whole, **given)
        assert caught.value.names == (name,)
    for chain, names in ((say(times=3), {"times": 2}), (image.decode() >> image.flip, {"direction": "vertical"})):
        with pytest.raises(BadArgument, match="unknown arguments"):
            chain(b"x", **names)


def test_chains_convert_between_what_is_given_and_taken():
    job = image.decode >> image.resize(width=8, height=8) >> darken(factor=1.0) >> image.encode(format="png")
    assert cv2.imdecode(np.frombuffer(job(photograph(40, 30)).body, np.uint8), 1).shape == (8, 8, 3)
    assert bytes((shout >> count)(b"abc")) == b"3"


@transform
def either(image: np.ndarray, ctx: Context, *, how: str = "") -> Annotated[np.ndarray, "upside down"] | Result:
    if how == "chunks":
        return Result(iter([b"a ", b"result"]), "text/x-mine")
    data = {"text": b"a result", "picture": cv2.imencode(".png", image[..., ::-1] // 2)[1].tobytes()}.get(how)
    return image[::-1].copy() if data is None else Result(data, "text/x-mine", {"fact": "1"})


@transform
def unsaid(image: np.ndarray, ctx: Context, *, how: str = "") -> np.ndarray:
    return either.function(image, ctx, how=how)


@transform
def spoken(chunks: Iterator[bytes], ctx: Context, *, whole: bool = False) -> Iterator[bytes] | Result:
    return Result(b"".join(chunks), "text/x-mine") if whole else chunks


@transform
def poured(data: bytes, ctx: Context) -> Result:
    return Result(iter([data[:2], data[2:]]))


@pytest.mark.parametrize("step", [either, unsaid])
def test_a_step_may_give_a_result_instead(step):
    array = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    data = cv2.imencode(".png", array[..., ::-1])[1].tobytes()

    def shown(result: Any) -> np.ndarray:
        return cv2.imdecode(np.frombuffer(bytes(result), np.uint8), 1)[..., ::-1]

    assert np.array_equal(shown(step(data)), array[::-1])
    assert np.array_equal(step(array), array[::-1])
    for whole in (step(how="text"), image.decode >> step(how="text")):
        got = whole(data)
        assert (got.body, got.content_type, got.metadata) == (b"a result", "text/x-mine", {"fact": "1"})
    assert step(array, how="text").body == b"a result"
    assert bytes((image.decode >> step(how="chunks"))(data)) == b"a result"
    # What follows takes the body as it takes that of an object.
    for rest in (image.encode(format="png"), image.flip(axis="vertical") >> image.flip(axis="vertical"), step):
        wanted = array // 2 if rest is not step else array[::-1] // 2
        assert np.array_equal(shown((image.decode >> step(how="picture") >> rest)(data)), wanted)
    for how in ("text", "chunks"):
        assert bytes((step(how=how) >> count >> shout)(data)) == b"8"
        assert bytes((image.decode >> step(how=how) >> count)(data)) == b"8"
    with pytest.raises(BadInput, match="no picture of a known format"):
        (step(how="text") >> image.encode)(data)


def test_results_whole_and_as_chunks():
    for whole in (True, False):
        for rest in (shout, shout >> count >> shout, transform_text >> shout):
            assert bytes((spoken(whole=whole) >> rest)(b"abc")) == bytes(rest(b"abc"))
    for rest in (shout, count, transform_text):
        assert bytes((poured >> rest)(b"abc")) == bytes(rest(b"abc"))
    assert bytes(poured(b"abc")) == b"abc"


def test_a_signature_that_is_no_transform():
    async def awaited(data, ctx):
        return data

    async def streamed(chunks, ctx):
        yield b""

    for function in (awaited, streamed):
        with pytest.raises(TypeError, match=f"{function.__name__} is async"):
            transform(function)
    with pytest.raises(TypeError, match="must take the object and the context"):
        transform(lambda data: data)

    def two(data: bytes, ctx: Context) -> np.ndarray | Result | str: ...

    def taking(data: Result, ctx: Context) -> bytes: ...

    with pytest.raises(TypeError, match="two must give one kind of value, or a Result, not pixels or text"):
        transform(two)
    with pytest.raises(TypeError, match="taking cannot take a Result; let it take bytes"):
        transform(taking)
    with pytest.raises(BadInput, match="not UTF-8"):
        transform_text(b"\xff")


@transform
def transform_text(text: str, ctx: Context) -> str:
    return text


def test_a_program_runs_in_many_threads_at_once():
    program = compile_pipeline(WITH_ARGUMENTS)
    data = photograph()
    sizes = [str(16 + number % 40) for number in range(80)]
    alone = [program.run(data, program.arguments({"size": size})).body for size in sizes]
    with ThreadPoolExecutor(8) as threads:
        together = threads.map(lambda size: program.run(data, program.arguments({"size": size})).body, sizes)
        assert list(together) == alone


def test_inner_pipelines_count_for_the_digest(tmp_path):
    inner = {"pipeline": ["decode", "to_tensor", {"learned.onnx": {"file": "m.onnx"}}]}
    outer = {"pipeline": [{"archive.webdataset": {"pipelines": {"jpg": inner}}}]}
    digests = set()
    for content in (b"a", b"b"):
        (tmp_path / "m.onnx").write_bytes(content)
        digests.add(compile_pipeline(outer, resources=Resources(tmp_path)).digest)
    assert len(digests) == 2


@pytest.mark.parametrize(("around", "own"), [("exact", None), ("fast", None), ("exact", "fast"), ("fast", "exact")])
def test_inner_pipelines_have_the_quality_of_the_one_around_unless_they_say_theirs(around, own):
    steps = [{"resize": {"width": 64, "height": 48, "interpolation": "area"}}, {"encode": {"format": "png"}}]
    noise = np.random.default_rng(1).integers(0, 256, (480, 640, 3), np.uint8)
    photograph = cv2.imencode(".jpg", cv2.GaussianBlur(noise, (0, 0), 3))[1].tobytes()
    alone = {
        one: bytes(compile_pipeline({"pipeline": steps, "quality": one}).run(photograph)) for one in ("fast", "exact")
    }
    assert alone["fast"] != alone["exact"]
    inner = {"pipeline": steps} | ({"quality": own} if own else {})
    outer = {"pipeline": [{"archive.webdataset": {"pipelines": {"jpg": inner}}}], "quality": around}
    made = compile_pipeline(outer).run(tar({"0.jpg": photograph}))
    with tarfile.open(fileobj=io.BytesIO(bytes(made))) as archive:
        assert archive.extractfile("0.jpg").read() == alone[own or around]


def test_every_step_stands_in_the_schema():
    schema = pipeline_schema()
    for family in registry.FAMILIES:
        for step in registry.load(family).steps.values():
            entry = schema["$defs"][step.title]
            assert entry["description"].endswith((".", "!", ":")) or step.summary, step.title
            assert set(entry["properties"]) == {one.name for one in step.parameters}
    assert schema["$defs"]["image.resize"]["properties"]["width"]["anyOf"][0] == {
        "anyOf": [{"type": "integer", "minimum": 1, "maximum": 65535}, {"type": "null"}],
        "default": None,
    }
    json.dumps(schema)


@pytest.mark.parametrize("kind", ["integer", "number"])
@pytest.mark.parametrize("text", ["1_0", "\uff11\uff10", " 10", "10 ", "0x10", ".", "", "1e", "ten"])
def test_numbers_are_written_as_json_and_queries_write_them(kind: str, text: str) -> None:
    declared = Declared.parse("n", {"type": kind, "default": 1})
    with pytest.raises(BadArgument, match=f"must be of type {kind}"):
        declared.read(text)
    assert [declared.read(one) for one in ("10", "+10", "-10", "007")] == [10, 10, -10, 7]


@pytest.mark.parametrize("name", ["range", "versionId", "partNumber", "acl", "tagging", "uploadId", "Range"])
def test_parameters_are_not_called_what_s3_takes_from_the_query(name):
    said = {"pipeline": ["decode"], "parameters": {name: {"type": "integer", "default": 1}}}
    with pytest.raises(BadPipeline, match=f"cannot be called '{name}', which S3 itself takes from the query"):
        compile_pipeline(said)


def test_all_that_s3_reads_of_an_object_is_known():
    assert SUBRESOURCES | {""} == {row.subresource for row in ROWS if (row.method, row.level) == ("GET", "object")}


@pytest.mark.parametrize("kind", [[], {}, None, "float"])
def test_parameters_of_no_type(kind):
    with pytest.raises(BadPipeline, match="parameter 'n' must have a type"):
        compile_pipeline({"pipeline": ["decode"], "parameters": {"n": {"type": kind, "default": 1}}})


def test_a_bound_that_is_null_is_none():
    bounds = {"minimum": None, "maximum": None, "enum": None, "maxLength": None}
    assert Declared.parse("n", {"type": "string", "default": "a", **bounds}).read("a" * 256) == "a" * 256


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_a_pipeline_holds_no_number_that_json_does_not_have(word):
    text = '{"pipeline": ["decode"], "parameters": {"n": {"type": "integer", "default": 1, "minimum": %s}}}'
    with pytest.raises(BadPipeline, match=f"not JSON, which has no {word}$"):
        compile_pipeline(text % word)


def test_a_family_that_there_is_not_is_refused_also_where_no_name_needs_one():
    with pytest.raises(BadPipeline, match="there is no family of steps 'imgae'; there are image, audio"):
        compile_pipeline({"family": "imgae", "pipeline": ["image.decode"]})


def test_a_parameter_is_no_steps_arguments():
    said = {"pipeline": [{"resize": {"$param": "n"}}], "parameters": {"n": {"type": "integer", "default": 1}}}
    with pytest.raises(BadPipeline, match="the arguments of step 1, 'resize', must be an object"):
        compile_pipeline(said)


@pytest.mark.parametrize("name", [".decode", "..decode", "image..decode", "image."])
def test_names_of_no_step(name):
    with pytest.raises(BadPipeline, match=r"there is no (family|step)"):
        compile_pipeline({"pipeline": [name]})


def test_the_schema_has_references_wherever_they_may_stand():
    steps = pipeline_schema()["$defs"]
    reference = steps["image.resize"]["properties"]["width"]["anyOf"][1]
    assert reference["required"] == ["$param"]
    color = steps["image.pad"]["properties"]["color"]["anyOf"][0]
    assert color["items"]["anyOf"] == [{"type": "integer", "minimum": 0, "maximum": 255}, reference]
    times, nothing = steps["video.frames"]["properties"]["times"]["anyOf"][0]["anyOf"]
    assert times["items"]["anyOf"][1] == reference
    assert nothing == {"type": "null"}
    patterns = steps["text.redact"]["properties"]["patterns"]["anyOf"][0]
    assert patterns["additionalProperties"]["anyOf"][1] == reference
    pipelines = steps["archive.webdataset"]["properties"]["pipelines"]["anyOf"][0]
    assert (pipelines["minProperties"], pipelines["maxProperties"]) == (1, 64)


def test_the_schema_knows_names_without_a_dot_by_the_family():
    schema = pipeline_schema()
    said = {one["if"]["properties"]["family"]["const"]: one for one in schema["allOf"]}
    assert set(said) == set(registry.FAMILIES)
    for family, one in said.items():
        # Without a family it is that of images.
        assert ("required" in one["if"]) is (family != "image")
        name = one["then"]["properties"]["pipeline"]["items"]["$ref"].removeprefix("#/$defs/")
        reference, *short = schema["$defs"][name]["anyOf"]
        assert reference == {"$ref": "#/$defs/step"}
        assert short[-1]["properties"] == {
            step: {"$ref": f"#/$defs/{family}.{step}"} for step in registry.load(family).steps
        }


def test_the_schema_names_alone_only_steps_that_need_no_arguments():
    steps = pipeline_schema()["$defs"]
    names = steps["step"]["anyOf"][0]["enum"] + steps["image-step"]["anyOf"][1]["enum"]
    for name in ("image.crop", "image.decode", "crop", "decode"):
        try:
            compile_pipeline({"pipeline": [name]})
        except BadPipeline:
            assert name not in names
        else:
            assert name in names
