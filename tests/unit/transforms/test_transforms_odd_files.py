"""Files that are sound but rare: each comes to what the reference library makes of it, or is refused by name."""

import io
import json
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import soundfile
from PIL import Image as Pillow
from PIL import ImageEnhance, ImageOps
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from objectlens.transforms import (
    Audio,
    BadArgument,
    BadInput,
    BadPipeline,
    Context,
    Image,
    LimitExceeded,
    Resources,
    audio,
    compile_pipeline,
    image,
    registry,
    table,
    text,
)

TESTS = Path(__file__).parent
PIXELS = np.arange(12 * 20 * 3, dtype=np.uint8).reshape(12, 20, 3)
PICTURE = Pillow.fromarray(PIXELS).resize((48, 32))


def saved(name: str, picture: Pillow.Image = PICTURE, **options: object) -> bytes:
    sink = io.BytesIO()
    picture.save(sink, name, **options)
    return sink.getvalue()


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("alpha", [False, True])
def test_every_orientation_is_turned_upright(name: str, alpha: bool) -> None:
    for value in range(1, 9):
        exif = Pillow.Exif()
        exif[0x112] = value
        data = saved(name, exif=exif)
        made = (image.decode(alpha=alpha) >> image.encode(format="png"))(data)
        got = np.asarray(Pillow.open(io.BytesIO(made.body)).convert("RGB")).astype(int)
        wanted = np.asarray(ImageOps.exif_transpose(Pillow.open(io.BytesIO(data))).convert("RGB"))
        assert got.shape == wanted.shape, value
        assert np.abs(got - wanted).mean() < 12, value


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("steps", [[], [{"alpha": True}], ["image.grayscale"]])
def test_pictures_that_are_to_lie_as_they_do(name: str, steps: list[object]) -> None:
    options = {"orient": False} | (steps[0] if steps and isinstance(steps[0], dict) else {})
    rest = [one for one in steps if isinstance(one, str)]
    pipeline = [{"image.decode": options}, *rest, {"image.encode": {"format": "png"}}]
    for value in range(1, 9):
        exif = Pillow.Exif()
        exif[0x112] = value
        made = compile_pipeline({"pipeline": pipeline}).run(saved(name, exif=exif))
        mode = "L" if rest else "RGB"
        got = np.asarray(Pillow.open(io.BytesIO(bytes(made))).convert(mode)).astype(int)
        wanted = np.asarray(PICTURE.convert(mode))
        assert got.shape == wanted.shape, value
        assert np.abs(got - wanted).mean() < 12, value


def test_broken_exif_leaves_the_picture_as_it_lies() -> None:
    whole = saved("PNG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    made = (image.decode(alpha=True) >> image.encode(format="png"))(whole)
    assert Pillow.open(io.BytesIO(made.body)).size == PICTURE.size


@pytest.mark.parametrize("mode", ["LA", "P", "1", "CMYK", "L"])
def test_modes_of_pictures_are_pillows(mode: str) -> None:
    data = saved("TIFF" if mode == "CMYK" else "PNG", PICTURE.convert(mode))
    made = (image.decode >> image.encode(format="png"))(data)
    wanted = np.asarray(Pillow.open(io.BytesIO(data)).convert("RGB")).astype(int)
    assert np.abs(np.asarray(Pillow.open(io.BytesIO(made.body)).convert("RGB")) - wanted).mean() < 4


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "1"])
def test_one_value_that_is_transparent(mode: str) -> None:
    picture = PICTURE.convert(mode)
    chosen = picture.getpixel((5, 5))
    data = saved("PNG", picture, transparency=chosen)
    made = (image.decode(alpha=True) >> image.encode(format="png"))(data)
    wanted = Pillow.open(io.BytesIO(data)).convert("RGBA")
    assert wanted.getpixel((5, 5))[3] == 0
    assert np.array_equal(np.asarray(Pillow.open(io.BytesIO(made.body)).convert("RGBA")), np.asarray(wanted))


def test_one_value_of_sixteen_bits_that_is_transparent() -> None:
    grey = (np.arange(12 * 20, dtype=np.uint16).reshape(12, 20) * 200)[:, ::-1]
    parts = re.split(rb"(?=....IDAT)", cv2.imencode(".png", grey)[1].tobytes(), maxsplit=1, flags=re.DOTALL)
    said = b"tRNS" + int(grey[3, 4]).to_bytes(2, "big")
    data = parts[0] + b"\0\0\0\2" + said + zlib.crc32(said).to_bytes(4, "big") + parts[1]
    for orient in (True, False):
        made = (image.decode(alpha=True, orient=orient) >> image.encode(format="png"))(data)
        got = np.asarray(Pillow.open(io.BytesIO(made.body)))
        assert np.array_equal(got[..., 3], np.where(grey == grey[3, 4], 0, 255))
        assert np.abs(got[..., 0] - grey / 257).max() <= 0.5


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation"])
def test_what_is_transparent_stays_so(name: str) -> None:
    alpha = np.arange(32 * 48, dtype=np.uint8).reshape(32, 48)
    picture = Image(np.dstack([np.asarray(PICTURE), alpha]), "rgba", "png")
    got = getattr(image, name)(picture, factor=0.5)
    enhancer = {"brightness": "Brightness", "contrast": "Contrast", "saturation": "Color"}[name]
    wanted = np.asarray(getattr(ImageEnhance, enhancer)(Pillow.fromarray(picture.pixels)).enhance(0.5))
    assert np.array_equal(got.pixels[..., 3], alpha)
    assert np.abs(got.pixels.astype(int) - wanted).max() <= 2
    assert np.array_equal(image.jitter(picture, hue=0.3, seed=1).pixels[..., 3], alpha)


def test_bare_arrays_become_pictures_and_come_back() -> None:
    for array in (PIXELS, PIXELS[..., 0]):
        assert np.array_equal(image.pixels(image.picture(array)), array)
    with pytest.raises(BadInput, match="no picture"):
        image.picture(PIXELS.astype(np.float32))


def test_strip_takes_what_hides_behind_the_end() -> None:
    data = saved("JPEG", progressive=True)
    assert image.strip(data + b"\xff\xd8 a secret place").body == image.strip(data).body
    assert image.strip(saved("PNG") + b"a secret place").body == saved("PNG")


def test_strip_refuses_a_chunk_that_is_empty() -> None:
    data = saved("WEBP") + b"VP8X" + bytes(4)
    data = data[:4] + (len(data) - 8).to_bytes(4, "little") + data[8:]
    with pytest.raises(BadInput, match="WEBP picture is cut short or corrupt"):
        image.strip(data)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
def test_strip_refuses_what_is_cut_short(name: str) -> None:
    whole = saved(name, exif=b"Exif\0\0II*\0\x08\0\0\0\0\0")
    # The last chunk of a PNG has 12 bytes.
    for left in (len(whole) - 12, len(whole) // 2, 40, 33):
        with pytest.raises(BadInput, match=r"cut short|corrupt|header"):
            image.strip(whole[:left])


def test_whatever_a_corrupt_picture_comes_to_is_told() -> None:
    whole = saved("AVIF", save_all=True, append_images=[PICTURE.transpose(Pillow.Transpose.ROTATE_180)])
    # Without its clock, Pillow divides by zero.
    assert whole.count(b"mdhd") == 1
    for alpha in (False, True):
        with pytest.raises(BadInput, match="cannot read the AVIF picture"):
            image.decode(alpha=alpha)(whole.replace(b"mdhd", b"Adhd"))


def test_float_pictures_are_refused_by_name() -> None:
    data = saved("TIFF", Pillow.fromarray(np.ones((4, 4), np.float32)))
    with pytest.raises(BadInput, match="float32"):
        image.decode(alpha=True)(data)


@pytest.mark.parametrize(
    ("name", "rate", "channels", "reason"),
    [
        ("ogg", 384_000, 1, "200,000"),
        ("mp3", 7_919, 1, "48,000"),
        ("mp3", 8_000, 6, "channels"),
        ("flac", 8_000, 9, "8"),
    ],
)
def test_formats_that_cannot_hold_a_sound(name: str, rate: int, channels: int, reason: str) -> None:
    with pytest.raises(BadInput, match=f"cannot hold.*{reason}"):
        audio.encode(Audio(np.zeros((100, channels), np.float32), rate), format=name)


def test_subtypes_that_a_format_does_not_have() -> None:
    for name in ("flac", "ogg", "mp3"):
        with pytest.raises(BadArgument, match=f"{name} cannot hold FLOAT; its subtypes are default") as caught:
            audio.encode(format=name, subtype="FLOAT")
        assert caught.value.names == ("subtype",)
    sound = Audio(np.zeros((8000, 1), np.float32), 8000, "ogg")
    with pytest.raises(BadInput, match="ogg cannot hold PCM_24"):
        audio.encode(sound, subtype="PCM_24")
    sound = Audio(sound.samples, 8000, "flac")
    assert soundfile.info(io.BytesIO(audio.encode(sound, subtype="PCM_24").body)).subtype == "PCM_24"


@pytest.mark.parametrize("subtype", ["PCM_24", "GSM610", "ULAW"])
def test_sounds_of_other_codes(subtype: str) -> None:
    sink = io.BytesIO()
    soundfile.write(sink, np.sin(np.arange(3200) / 9), 8000, format="WAV", subtype=subtype)
    made = (audio.decode >> audio.encode(subtype="FLOAT"))(sink.getvalue())
    got, _ = soundfile.read(io.BytesIO(made.body))
    wanted = soundfile.SoundFile(io.BytesIO(sink.getvalue())).read(len(got))
    assert np.allclose(got, wanted, atol=1e-6)


def test_what_is_no_sound_is_told_without_addresses() -> None:
    with pytest.raises(BadInput, match="Format not recognised") as caught:
        audio.decode(b"x" * 100)
    assert "0x" not in str(caught.value)
    assert audio.loudness(Audio(np.ones((3000, 1), np.float32), 1)).rate == 1


def test_texts() -> None:
    with pytest.raises(BadArgument, match="no charset"):
        text.decode(b"a", charset="a\0b")
    with pytest.raises(BadArgument, match="no CSS selector"):
        text.html(b"<p>x</p>", selector="::::")
    assert bytes(text.jsonl(b"\xef\xbb\xbf")) == b""
    lines = b"2024-01-02\n192.168.100.200\n"
    assert bytes(text.redact(lines + b"030-1234567")) == lines + b"[phone]"
    assert bytes(text.redact("ä@müller.de".encode())) == b"[email]"


def written(data: bytes, *steps: object) -> bytes:
    pipeline = {"family": "table", "pipeline": ["read", *steps, {"write": {"format": "json"}}]}
    return bytes(compile_pipeline(pipeline).run(data))


def test_tables() -> None:
    assert written(b'a,b\n"x\ny","q""q"\n') == b'{"a":"x\\ny","b":"q\\"q"}\n'
    assert len(written(b'a,b\n"' + b"x" * 3_000_000 + b'",2\n1,2\n').splitlines()) == 2
    assert written(b'\xef\xbb\xbf{"a":1}\n') == b'{"a":1}\n'
    assert written(b"a\r1\r2\r") == b'{"a":1}\n{"a":2}\n'
    with pytest.raises(BadInput, match="not UTF-8"):
        written("a,b\nü,2\n".encode("latin-1"))
    with pytest.raises(BadInput, match="same name"):
        written(b"a,a\n1,2\n")
    with pytest.raises(LimitExceeded, match="'columns'"):
        written(b'"a\nb"' + b",a" * 20_000 + b"\n")
    with pytest.raises(BadInput, match="header"):
        written(b'"' + b"\n" * (5 << 20) + b'"' + b",a" * 20_000 + b"\n")


def test_rows_that_json_has_no_words_for() -> None:
    sink = pa.BufferOutputStream()
    pa.parquet.write_table(pa.table({"f": [float("nan"), 1.5], "b": [b"\xff", None], "l": [[float("inf")], []]}), sink)
    rows = [json.loads(line, parse_constant=pytest.fail) for line in written(sink.getvalue().to_pybytes()).splitlines()]
    assert rows == [{"f": None, "b": "/w==", "l": [None]}, {"f": 1.5, "b": None, "l": []}]


def test_every_step_is_tested() -> None:
    """Its example is checked with the documentation; here, that tests of its family call it by its name."""
    tested = "\n".join(path.read_text() for path in TESTS.glob("test_*.py"))
    names = {"sklearn": "fitted", "filter": "filter"}
    for family in registry.FAMILIES:
        for name in registry.load(family).steps:
            word = names.get(name, name)
            assert re.search(rf"(?:\.{word}\b|\"{word}\"|\.{word}\")", tested), f"{family}.{name}"


def test_pictures_too_long_to_turn_with_an_interpolation_are_refused() -> None:
    long = Image(np.zeros((2, 40_000, 3), np.uint8), "bgr")
    with pytest.raises(BadInput, match="of 40000x2 with lanczos; resize"):
        image.rotate(long, angle=1.0, expand=False, interpolation="lanczos")


@pytest.mark.parametrize("quality", [1, 100])
def test_webp_keeps_transparency_alone_as_it_is(quality: int) -> None:
    alpha = np.random.default_rng(1).integers(0, 256, (32, 48), np.uint8)
    picture = Image(np.dstack([np.asarray(PICTURE), alpha]), "rgba", "png")
    made = Pillow.open(io.BytesIO(image.encode(picture, format="webp", quality=quality).body))
    assert np.array_equal(np.asarray(made)[..., 3], alpha)
    assert not np.array_equal(np.asarray(made)[..., :3], picture.pixels[..., :3])


def test_transparent_tiff_keeps_its_colours() -> None:
    transparent = np.dstack([np.asarray(PICTURE), np.full((32, 48), 40, np.uint8)])
    data = saved("TIFF", Pillow.fromarray(transparent), compression="tiff_lzw")
    assert np.array_equal(
        image.decode(alpha=True).steps[0].call(data, Context()).pixels[..., [2, 1, 0, 3]], transparent
    )


@pytest.mark.parametrize("name", ["flac", "ogg", "mp3"])
def test_sounds_that_only_wav_can_hold(name: str) -> None:
    nowhere = np.array([[0.5], [np.nan]], np.float32)
    with pytest.raises(BadInput, match="no numbers"):
        audio.encode(Audio(nowhere, 8000), format=name)
    with pytest.raises(BadInput, match="no length"):
        audio.encode(Audio(nowhere[:0], 8000), format=name)
    assert audio.encode(Audio(nowhere[:0], 8000), format="wav").body.startswith(b"RIFF")


def test_groups_of_digits_in_names_are_no_telephone_numbers() -> None:
    said = b"123e4567-e89b-12d3-a456-426614174000 part-2000123477 "
    assert bytes(text.redact(said + b"-030 1234567, +49-30-1234567")) == said + b"-[phone], [phone]"


@pytest.mark.parametrize(
    ("step", "arguments"),
    [
        ("text.html", {"selector": ":::"}),
        ("text.redact", {"patterns": {"x": "(a+"}}),
        ("text.decode", {"charset": "klingon"}),
        ("text.jsonl", {"where": [["a", "~", 1]]}),
        ("text.jsonl", {"where": [["a", "=="]]}),
        ("table.filter", {"where": [["a", "~", 1]]}),
        ("table.filter", {"where": [["a", "==", 10**30]]}),
        ("table.filter", {"where": [["a", "in", [1, 10**30]]]}),
        ("table.read", {"delimiter": "ü"}),
        ("table.read", {"delimiter": "\n"}),
        ("table.read", {"delimiter": '"'}),
        ("table.filter", {"where": [["a", "==", {"b": object()}]]}),
        ("video.frames", {"times": [0], "fps": 1}),
        ("audio.mfcc", {"n_mfcc": 9, "n_mels": 8}),
        ("image.normalize", {"std": [0]}),
        ("image.normalize", {"mean": [0, 0], "std": [1, 1]}),
        ("image.resize", {}),
        *(("table.read", {"delimiter": one}) for one in ("é", '"', "\n", "\r", "\0")),
    ],
)
def test_what_no_object_could_make_right_is_refused_at_once(step: str, arguments: dict[str, object]) -> None:
    with pytest.raises(BadArgument):
        registry.find(step).bind(arguments)


@pytest.mark.parametrize(
    "encoded", ["a,b\n1,2\n".encode("utf-16"), '{"a": 1}\n'.encode("utf-16"), "é,b\n1,2\n".encode("latin-1")]
)
def test_tables_that_are_not_utf_8_say_what_to_do(encoded: bytes) -> None:
    with pytest.raises(BadInput, match=r"begin with text\.decode"):
        table.read(encoded)
    decoded = compile_pipeline({"pipeline": ["text.decode", "table.read", {"table.write": {"format": "json"}}]})
    assert len(json.loads(decoded.run(encoded).body)) <= 2


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        (pa.array([1, 2000, None], pa.timestamp("ns")),
         ["1970-01-01 00:00:00.000000001", "1970-01-01 00:00:00.000002"]),
        (
            pa.array([1, 10**18, None], pa.timestamp("ns", "Europe/Berlin")),
            ["1970-01-01 01:00:00.000000001+01:00", "2001-09-09 03:46:40+02:00"],
        ),
        (pa.array([-(10**17), 0, None], pa.timestamp("us")), ["-1199-02-15 14:13:20.000000", "1970-01-01 00:00:00"]),
        (pa.array([1, 10**7, None], pa.date32()), ["1970-01-02", "29349-01-26"]),
        (pa.array([1, 2000, None], pa.time64("ns")), ["00:00:00.000000001", "00:00:00.000002"]),
        (pa.array([86400 * 10**9 + 5, -1, None], pa.duration("ns")),
         ["1 day, 0:00:00.000000005", "-1 day, 23:59:59.999999999"]),
        (pa.array([{"t": 1}, {"t": None}, None], pa.struct([("t", pa.timestamp("ns"))])),
         [{"t": "1970-01-01 00:00:00.000000001"}, {"t": None}]),
        (pa.array([[1], [], None], pa.list_(pa.timestamp("ns"))), [["1970-01-01 00:00:00.000000001"], []]),
        (pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.timestamp("ns"))),
         [[["k", "1970-01-01 00:00:00.000000001"]], []]),
        (pa.array([1, 1, None], pa.timestamp("ns")).dictionary_encode(), ["1970-01-01 00:00:00.000000001"] * 2),
    ],
)  # fmt: skip
def test_times_that_python_does_not_have(values: pa.Array, wanted: list[object]) -> None:
    odd = pa.table({"v": values, "x": pa.array([float("nan"), 1.0, 2.0])})
    rows = [json.loads(line) for line in table.write(odd, format="json").body.splitlines()]
    assert [row["v"] for row in rows] == [*wanted, None]
    assert [row["x"] for row in rows] == [None, 1.0, 2.0]


def test_columns_that_a_format_has_no_place_for() -> None:
    lists = pa.table({"v": pa.array([[1], None])})
    with pytest.raises(BadInput, match=r"cannot be written as csv: .*list<.*with select, or write another format"):
        table.write(lists, format="csv")


def test_columns_with_dots_and_parts_of_columns() -> None:
    sink = pa.BufferOutputStream()
    dotted = pa.table({"a.x": [1, 2], "a": [{"x": 7, "y": 8}, {"x": 9, "y": 0}]})
    pa.parquet.write_table(dotted, sink)
    nested = pa.BufferOutputStream()
    pa.parquet.write_table(dotted.select(["a"]), nested)
    for quality in ("fast", "exact"):
        steps = ["table.read", {"table.select": {"columns": ["a.x"]}}, {"table.write": {"format": "json"}}]
        program = compile_pipeline({"pipeline": steps, "quality": quality})
        assert bytes(program.run(sink.getvalue().to_pybytes())) == b'{"a.x":1}\n{"a.x":2}\n'
        with pytest.raises(BadInput, match=r"no columns a\.x; it has a$"):
            program.run(nested.getvalue().to_pybytes())


HALF, HUGE = "\ud800", 10**400


@pytest.mark.parametrize(
    ("step", "arguments", "named"),
    [
        ("image.blur", {"sigma": HUGE}, "sigma must be a finite number"),
        ("image.normalize", {"mean": [HUGE]}, "mean must be a finite number"),
        ("image.pad", {"width": 9, "height": 9, "color": [1, 2]}, "color must be"),
        ("text.html", {"separator": HALF}, "no character"),
        ("table.filter", {"where": [["a", "==", HALF]]}, "no character"),
    ],
)
def test_arguments_that_are_no_numbers_and_no_characters(step: str, arguments: dict[str, object], named: str) -> None:
    with pytest.raises(BadPipeline, match=named):
        compile_pipeline(json.dumps({"pipeline": [{step: arguments}]}))


def test_such_arguments_of_requests_are_named() -> None:
    kinds = {"n": ("integer", 1), "x": ("number", 1.5), "s": ("string", "a")}
    declared = {name: {"type": kind, "default": default} for name, (kind, default) in kinds.items()}
    program = compile_pipeline(
        {
            "pipeline": [{"text.html": {"separator": {"$param": "s"}}}],
            "parameters": declared | {"top": {"type": "integer", "default": 1, "maximum": 9}},
        }
    )
    for given in ({"x": "1" * 400}, {"x": "1e400"}, {"s": HALF}, {"top": "1" * 400}, {"n": "9" * 5000}, {"x": "nan"}):
        with pytest.raises(BadArgument) as caught:
            program.arguments(given)
        assert caught.value.names == (*given,)
        assert len(str(caught.value)) < 200
    assert program.arguments({"n": "9" * 400}).values["n"] == int("9" * 400)
    with pytest.raises(BadPipeline, match="'x' must be a finite number"):
        compile_pipeline({"pipeline": ["image.decode"], "parameters": {"x": {"type": "number", "default": HUGE}}})


@pytest.mark.parametrize(
    ("steps", "kind", "default", "wrong"),
    [
        ([{"image.resize": {"width": {"$param": "mine"}}}], "integer", 5, "70000"),
        ([{"image.pad": {"width": 9, "height": 9, "color": [{"$param": "mine"}]}}], "integer", 5, "300"),
        (["image.decode", {"image.normalize": {"std": [{"$param": "mine"}]}}, "image.to_tensor"], "number", 1, "0"),
        ([{"text.redact": {"patterns": {"x": {"$param": "mine"}}}}], "string", "a", "(a+"),
        ([{"video.frames": {"fps": {"$param": "mine"}}}, "video.sheet"], "number", 1, "1000"),
    ],
)
def test_arguments_that_steps_refuse_are_told_by_the_names_of_requests(
    steps: list[object], kind: str, default: object, wrong: str
) -> None:
    program = compile_pipeline({"pipeline": steps, "parameters": {"mine": {"type": kind, "default": default}}})
    with pytest.raises(BadArgument, match="argument 'mine' does not fit: ") as caught:
        program.arguments({"mine": wrong})
    assert caught.value.names == ("mine",)


def test_what_arguments_choose_within_and_among_files(tmp_path: Path) -> None:
    inner = {"pipeline": ["image.decode", {"image.resize": {"width": {"$param": "wide"}}}]}
    shards = {
        "pipeline": [{"archive.webdataset": {"pipelines": {"jpg": inner}}}],
        "parameters": {"wide": {"type": "integer", "default": 8}},
    }
    program = compile_pipeline(shards)
    assert program.arguments({"wide": "9"}).values == {"wide": 9}
    with pytest.raises(BadArgument, match="width must be from 1 to 65535, not 70000") as caught:
        program.arguments({"wide": "70000"})
    assert caught.value.names == ("wide",)
    words = {
        "pipeline": [{"text.tokenize": {"file": {"$param": "words"}}}],
        "parameters": {"words": {"type": "string", "default": "words.json"}},
    }
    for name in ("words.json", "others.json"):
        Tokenizer(WordLevel({"?": 0}, unk_token="?")).save(str(tmp_path / name))
    program = compile_pipeline(words, resources=Resources(tmp_path))
    assert "others.json" in program.arguments({"words": "others.json"}).canonical
    with pytest.raises(BadArgument, match=r"no file '\.\./others\.json'") as caught:
        program.arguments({"words": "../others.json"})
    assert caught.value.names == ("words",)


def test_zero_has_one_form() -> None:
    declared = {"x": {"type": "number", "default": 1.0}}
    program = compile_pipeline({"pipeline": ["image.decode"], "parameters": declared})
    assert {program.arguments({"x": zero}).canonical for zero in ("0", "-0", "-0.0", "0e9")} == {'{"x":0.0}'}


def test_half_characters_do_not_come_out_of_bytes() -> None:
    data = rb"a\ud800b<p>"
    with pytest.raises(BadInput, match="half a character at 1"):
        (text.decode(charset="unicode_escape") >> text.html)(data)
    assert bytes((text.decode(charset="unicode_escape", errors="ignore") >> text.html)(data)) == b"ab"
    assert bytes((text.decode(charset="unicode_escape", errors="replace") >> text.html)(data)).decode() == "a\ufffdb"


def test_padding_counts_what_it_comes_to() -> None:
    tall = Image(np.zeros((3000, 1), np.uint8), "grey", "png")
    with pytest.raises(LimitExceeded, match="60000x3000 pixels"):
        image.pad(tall, width=60_000, height=1)


@pytest.mark.parametrize(("name", "left"), [("MP3", 40), ("FLAC", 2000)])
def test_sound_of_which_nothing_is_left_is_told_to_be_corrupt(name: str, left: int) -> None:
    sink = io.BytesIO()
    soundfile.write(sink, np.random.default_rng(1).uniform(-0.5, 0.5, 16_000), 16_000, format=name)
    with pytest.raises(BadInput, match="cannot read the sound file: it is corrupt or cut short"):
        audio.decode(sink.getvalue()[:left])


@pytest.mark.parametrize(("name", "most"), [("jpeg", 65_500), ("png", 1_000_000), ("webp", 16_383)])
def test_pictures_longer_than_a_format_holds(name: str, most: int) -> None:
    assert image.encode.function(Image(np.zeros((1, most, 3), np.uint8), "bgr"), Context(), format=name)
    with pytest.raises(BadInput, match=f"{name.upper()} holds {most:,} pixels a side.*resize"):
        image.encode.function(Image(np.zeros((most + 1, 1, 3), np.uint8), "bgr"), Context(), format=name)


def _png_of(width: int) -> bytes:
    row = cv2.imencode(".png", np.zeros((1, 1, 3), np.uint8))[1].tobytes()
    head = row[12:16] + struct.pack(">I", width) + row[20:29]
    data = b"IDAT" + zlib.compress(bytes(1 + 3 * width))
    chunks = (head, data, b"IEND")
    return row[:8] + b"".join(
        struct.pack(">I", len(one) - 4) + one + struct.pack(">I", zlib.crc32(one)) for one in chunks
    )


def _jpeg_of(height: int) -> bytes:
    data = cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">H", height) + data[at + 2 :]


def _avif_of(width: int) -> bytes:
    sink = io.BytesIO()
    Pillow.fromarray(np.zeros((1, width, 3), np.uint8)).save(sink, "AVIF", speed=10)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("name", "make", "most"),
    [("JPEG", _jpeg_of, 65_500), ("PNG", _png_of, 1_000_000), ("AVIF", _avif_of, 32_768)],
)
def test_pictures_longer_than_a_library_reads_are_told_so(name: str, make: Callable[[int], bytes], most: int) -> None:
    assert max(image.decode.function(make(most), Context()).pixels.shape) == most
    with pytest.raises(BadInput, match=f"{name} is read with up to {most:,} pixels a side.* has {most + 1:,}"):
        image.decode.function(make(most + 1), Context())


@pytest.mark.parametrize("data", [b"", b"\0\0\0\x18ftypM4A \0\0\0\0" + b"\0" * 100, b"words"])
def test_sounds_of_no_known_format_are_told_which_are(data: bytes) -> None:
    with pytest.raises(BadInput, match="Format not recognised; WAV, FLAC, MP3, OGG are read"):
        audio.decode(data)
