"""TIFF and PNG as scanners, microscopes and programs of the nineties write them, against what was put in."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import TiffImagePlugin, TiffTags

from objectlens.transforms import BadInput, Context, compile_pipeline
from objectlens.transforms import image as steps

WIDTH, HEIGHT = 70, 40
DOWN, ACROSS = np.mgrid[:HEIGHT, :WIDTH]
PIXELS = np.dstack([ACROSS * 3, DOWN * 6, (ACROSS + DOWN) * 2]).astype(np.uint8)
GREY = PIXELS[..., 0]
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, SEPARATED = 0, 1, 2, 5


def tiff(
    samples: np.ndarray,
    photometric: int,
    *,
    order: str = "<",
    big: bool = False,
    separate: bool = False,
    tile: int = 0,
    deflated: bool = False,
    more: dict[int, tuple[str, list[int]]] | None = None,
    bits: int = 0,
) -> bytes:
    """Return samples, H x W x C, as a TIFF file in one strip or in tiles of one plane or of all."""
    height, width, count = samples.shape
    planes = [samples[..., index : index + 1] for index in range(count)] if separate else [samples]
    pieces = []
    for plane in planes:
        if tile:
            rows, columns = -height % tile, -width % tile
            whole = np.pad(plane, ((0, rows), (0, columns), (0, 0)))
            for top in range(0, whole.shape[0], tile):
                pieces += [whole[top : top + tile, left : left + tile] for left in range(0, whole.shape[1], tile)]
        else:
            pieces.append(plane)
    raw = [one.astype(one.dtype.newbyteorder(order)).tobytes() for one in pieces]
    if deflated:
        raw = [zlib.compress(one) for one in raw]
    head = 16 if big else 8
    starts = np.cumsum([head, *map(len, raw)]).tolist()
    tags: dict[int, tuple[str, list[int]]] = {
        256: ("I", [width]),
        257: ("I", [height]),
        258: ("H", [bits or samples.itemsize * 8] * count),
        259: ("H", [8 if deflated else 1]),
        262: ("H", [photometric]),
        277: ("H", [count]),
        284: ("H", [2 if separate else 1]),
        **({322: ("I", [tile]), 323: ("I", [tile])} if tile else {278: ("I", [height])}),
        324 if tile else 273: ("I", starts[:-1]),
        325 if tile else 279: ("I", list(map(len, raw))),
        **(more or {}),
    }
    return _file(order, big, b"".join(raw), tags)


def _file(order: str, big: bool, raw: bytes, tags: dict[int, tuple[str, list[int]]]) -> bytes:
    offset, count_code, room = ("Q", "Q", 8) if big else ("I", "H", 4)
    head = 16 if big else 8
    mark = (b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if big else 42)
    raw += b"\0" * (-len(raw) % 8)
    first = head + len(raw)
    behind = first + struct.calcsize(order + count_code) + len(tags) * (4 + 2 * room) + room
    entries, values = b"", b""
    for tag, (code, numbers) in sorted(tags.items()):
        value = struct.pack(f"{order}{len(numbers)}{code}", *numbers)
        if len(value) > room:
            place = struct.pack(order + offset, behind + len(values))
            values += value + b"\0" * (len(value) % 2)
        else:
            place = value.ljust(room, b"\0")
        entries += struct.pack(order + "HH" + offset, tag, {"H": 3, "I": 4}[code], len(numbers)) + place
    middle = struct.pack(order + "HHQ", 8, 0, first) if big else struct.pack(order + "I", first)
    return mark + middle + raw + struct.pack(order + count_code, len(tags)) + entries + b"\0" * room + values


def decoded(data: bytes, **arguments: bool) -> np.ndarray:
    pixels = steps.pixels.function(steps.decode.function(data, Context(), **arguments), Context())
    return np.dstack([pixels] * 3) if pixels.ndim == 2 else pixels


def check(data: bytes, wanted: np.ndarray, most: int = 0) -> None:
    whole = np.dstack([wanted] * 3) if wanted.ndim == 2 else wanted
    for arguments in ({}, {"alpha": True}, {"orient": False}):
        got = decoded(data, **arguments)
        assert got.shape == whole.shape, arguments
        assert np.abs(got.astype(int) - whole).max() <= most, arguments


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize("tile", [0, 64])
@pytest.mark.parametrize("wide", [False, True])
def test_layouts_of_tiff(order: str, big: bool, separate: bool, tile: int, wide: bool) -> None:
    samples = PIXELS.astype(np.uint16) * 257 if wide else PIXELS
    for deflated in (False, True):
        data = tiff(samples, RGB, order=order, big=big, separate=separate, tile=tile, deflated=deflated)
        check(data, PIXELS, most=1)


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("photometric", [WHITE_IS_ZERO, BLACK_IS_ZERO])
def test_grey_tiff_of_both_senses(wide: bool, photometric: int) -> None:
    samples = (GREY.astype(np.uint16) * 257 if wide else GREY)[..., None]
    check(tiff(samples, photometric), 255 - GREY if photometric == WHITE_IS_ZERO else GREY, most=1)


def test_inks_in_planes() -> None:
    inks = np.dstack([255 - PIXELS, np.zeros_like(GREY)])
    check(tiff(inks, SEPARATED, separate=True), PIXELS, most=1)


def test_planes_of_sixteen_bits_with_one_that_is_transparent() -> None:
    samples = np.dstack([PIXELS, 255 - GREY]).astype(np.uint16) * 257
    data = tiff(samples, RGB, more={338: ("H", [2])})
    got = steps.decode.function(data, Context(), alpha=True)
    assert np.abs(got.pixels[..., 3].astype(int) - (255 - GREY)).max() <= 1
    assert np.abs(got.pixels[..., 2::-1].astype(int) - PIXELS).max() <= 1


SEEN = 255 - GREY
# Colours that are darkened by their transparency are none brighter than it.
DARKENED = np.minimum(GREY, SEEN)


def check_seen(data: bytes, grey: np.ndarray, most: int = 1) -> None:
    got = steps.decode.function(data, Context(), alpha=True).pixels
    assert np.array_equal(got[..., 3], SEEN)
    for channel in range(3):
        assert np.abs(got[..., channel].astype(int) - grey).max() <= most


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("tile", [0, 32])
@pytest.mark.parametrize("factor", [1, 257])
@pytest.mark.parametrize("differences", [False, True])
def test_grey_tiff_that_is_transparent(order: str, big: bool, tile: int, factor: int, differences: bool) -> None:
    kind = np.uint8 if factor == 1 else np.uint16
    samples = np.dstack([GREY, SEEN]).astype(kind) * kind(factor)
    more = {338: ("H", [2])}
    if differences:
        step = tile or WIDTH
        starts = [samples[:, left : left + step] for left in range(0, WIDTH, step)]
        samples = np.hstack([np.diff(one, axis=1, prepend=np.zeros_like(one[:, :1])) for one in starts])
        more[317] = ("H", [2])
    for deflated in (False, True):
        file = {"order": order, "big": big, "tile": tile, "deflated": deflated}
        check_seen(tiff(samples, BLACK_IS_ZERO, **file, more=more), GREY)
        check_seen(tiff(samples, WHITE_IS_ZERO, **file, more=more), SEEN)


@pytest.mark.parametrize("factor", [1, 257])
def test_grey_tiff_that_is_darkened_by_its_transparency(factor: int) -> None:
    samples = np.dstack([DARKENED, SEEN]).astype(np.uint8 if factor == 1 else np.uint16) * factor
    lit = np.rint(255.0 * DARKENED / np.maximum(SEEN, 1))
    check_seen(tiff(samples, BLACK_IS_ZERO, more={338: ("H", [1])}), lit)
    if factor == 1:
        check_seen(tiff(samples, BLACK_IS_ZERO, tile=16, more={338: ("H", [1])}), lit)


@pytest.mark.parametrize("compression", ["zstd", "tiff_lzw", "packbits", "tiff_adobe_deflate", None])
def test_grey_tiff_is_as_transparent_as_png(compression: str | None) -> None:
    picture = Pillow.fromarray(np.dstack([GREY, SEEN]))
    assert picture.mode == "LA"
    for orientation in range(1, 9):
        files = [io.BytesIO(), io.BytesIO()]
        exif = Pillow.Exif()
        exif[0x112] = orientation
        picture.save(files[0], "TIFF", compression=compression, exif=exif)
        picture.save(files[1], "PNG", exif=exif)
        for orient in (True, False):
            first, second = (
                steps.decode.function(one.getvalue(), Context(), alpha=True, orient=orient) for one in files
            )
            assert (first.order, second.order) == ("bgra", "bgra")
            assert np.array_equal(first.pixels, second.pixels)


@pytest.mark.parametrize("wide", [False, True])
def test_what_is_no_transparency_of_grey_tiff(wide: bool) -> None:
    samples = np.dstack([GREY, SEEN]).astype(np.uint16) * 257 if wide else np.dstack([GREY, SEEN])
    for more in ({}, {338: ("H", [0])}):
        check(tiff(samples, BLACK_IS_ZERO, more=more), GREY, most=1)
    with pytest.raises(BadInput, match="transparency lies apart from their grey"):
        decoded(tiff(samples, BLACK_IS_ZERO, separate=True, more={338: ("H", [2])}), alpha=True)
    whole = tiff(samples, BLACK_IS_ZERO, more={338: ("H", [2])})
    for broken in (whole[:-40], whole.replace(struct.pack("<HHI", 256, 4, 1), struct.pack("<HHI", 256, 2, 1))):
        with pytest.raises(BadInput):
            decoded(broken, alpha=True)


@pytest.mark.parametrize("compression", ["zstd", "lzma", "tiff_lzw", "packbits", "jpeg", "tiff_adobe_deflate"])
def test_compressions_of_tiff(compression: str) -> None:
    sink = io.BytesIO()
    Pillow.fromarray(PIXELS).save(sink, "TIFF", compression=compression)
    check(sink.getvalue(), np.asarray(Pillow.open(sink).convert("RGB")), most=2)
    gray = compile_pipeline({"pipeline": ["decode", "grayscale", {"encode": {"format": "png"}}]}).run(sink.getvalue())
    assert Pillow.open(io.BytesIO(bytes(gray))).mode == "L"


def test_small_tiles_and_samples_of_four_bits() -> None:
    check(tiff(PIXELS, RGB, tile=16), PIXELS)
    packed = ((GREY[:, ::2] >> 4) << 4 | GREY[:, 1::2] >> 4)[..., None]
    data = bytearray(tiff(packed, BLACK_IS_ZERO, bits=4))
    place = data.index(struct.pack("<HHI", 256, 4, 1)) + 8
    struct.pack_into("<I", data, place, WIDTH)
    check(bytes(data), (GREY >> 4) * 17)


@pytest.mark.parametrize("compression", [34712, 33003, 34933, 50002, 22610, 60000])
def test_compressions_that_are_not_read(compression: str) -> None:
    """OpenCV hands out what its memory held before."""
    with pytest.raises(BadInput, match="of a kind that is not read"):
        decoded(tiff(PIXELS, RGB, more={259: ("H", [compression])}))


@pytest.mark.parametrize(
    ("samples", "said", "name"),
    [
        (GREY.astype(np.int16), 2, "int16"),
        (GREY.astype(np.float16), 3, "float16"),
        (GREY.astype(np.float32), 3, "float32"),
        (GREY.astype(np.uint32), 1, "uint32"),
    ],
)
def test_samples_that_are_no_pictures(samples: np.ndarray, said: int, name: str) -> None:
    data = tiff(samples[..., None], BLACK_IS_ZERO, more={339: ("H", [said])})
    for arguments in ({}, {"alpha": True}, {"orient": False}):
        with pytest.raises(BadInput, match=f"of {name} samples are not read"):
            decoded(data, **arguments)


def test_lists_of_tags_that_lie_upon_each_other() -> None:
    pages, count = 500, 60_000
    data = bytearray(b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", count) * (2 * pages))
    data += b"\0" * (count * 12 + 4 * pages)
    for page in range(pages - 1):
        struct.pack_into("<I", data, 8 + 4 * page + 2 + count * 12, 8 + 4 * (page + 1))
    with pytest.raises(BadInput, match="more than 262,144 tags"):
        decoded(bytes(data))


def test_errors_tell_no_addresses_in_memory() -> None:
    with pytest.raises(BadInput) as refused:
        decoded(tiff(PIXELS, RGB, more={259: ("H", [34712])}))
    assert "0x" not in str(refused.value)


def test_orientation_of_a_tiff_that_pillow_reads() -> None:
    sink = io.BytesIO()
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[274] = 6
    tags.tagtype[274] = TiffTags.SHORT
    Pillow.fromarray(PIXELS).save(sink, "TIFF", compression="zstd", tiffinfo=tags)
    assert np.array_equal(decoded(sink.getvalue()), np.rot90(PIXELS, -1))
    assert np.array_equal(decoded(sink.getvalue(), orient=False), PIXELS)


_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def png(samples: np.ndarray, kind: int, depth: int, more: bytes = b"") -> bytes:
    """Return samples, H x W x C, as an interlaced PNG file."""
    raw = b""
    for left, top, across, down in _PASSES:
        part = samples[top::down, left::across]
        for row in part if part.size else ():
            bits = np.unpackbits(row.astype(">u2").reshape(-1, 1).view(np.uint8), axis=1)[:, 16 - depth :]
            raw += b"\0" + np.packbits(bits.reshape(-1)).tobytes()
    head = struct.pack(">IIBBBBB", samples.shape[1], samples.shape[0], depth, kind, 0, 0, 1)
    chunks = ((b"IHDR", head), (b"", more), (b"IDAT", zlib.compress(raw)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*one) if one[0] else one[1] for one in chunks)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


@pytest.mark.parametrize(("width", "height"), [(WIDTH, HEIGHT), (1, 1), (1, 9), (9, 1), (3, 2), (5, 5)])
def test_interlaced_png(width: int, height: int) -> None:
    pixels = PIXELS[:height, :width]
    grey = pixels[..., :1]
    for depth in (1, 2, 4, 8, 16):
        most = 2**depth - 1
        check(png(grey.astype(int) * most // 255, 0, depth), (grey[..., 0].astype(int) * most // 255) * 255 // most, 1)
    for depth, factor in ((8, 1), (16, 257)):
        check(png(pixels.astype(int) * factor, 2, depth), pixels, 1)
    palette = np.dstack([np.arange(256), 255 - np.arange(256), np.arange(256) // 2]).astype(np.uint8)
    check(png(grey, 3, 8, chunk(b"PLTE", palette.tobytes())), palette[0][grey[..., 0]])


@pytest.mark.parametrize("kind", [4, 6])
@pytest.mark.parametrize(("depth", "factor"), [(8, 1), (16, 257)])
def test_interlaced_png_that_is_transparent(kind: int, depth: int, factor: int) -> None:
    pixels = PIXELS if kind == 6 else GREY[..., None]
    data = png(np.dstack([pixels, 255 - GREY]).astype(int) * factor, kind, depth)
    got = steps.decode.function(data, Context(), alpha=True).pixels
    assert np.array_equal(got[..., 3], 255 - GREY)
    assert np.array_equal(decoded(data), pixels if kind == 6 else np.dstack([GREY] * 3))


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_one_value_of_few_bits_that_is_transparent(depth: int) -> None:
    most = 2**depth - 1
    samples = GREY.astype(int) * most // 255
    for said in (1, 1 + (most + 1) * 7):
        data = png(samples[..., None], 0, depth, chunk(b"tRNS", struct.pack(">H", said)))
        got = steps.decode.function(data, Context(), alpha=True).pixels
        assert np.array_equal(got[..., 3], np.where(samples == 1, 0, 255)), said
        assert np.array_equal(got[..., 0], samples * 255 // most)


def test_heic_is_refused_by_name() -> None:
    with pytest.raises(BadInput, match="HEIC"):
        decoded(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 64)


@pytest.mark.parametrize("compression", ["zstd", "lzma", "tiff_lzw"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_grey_of_16_bits_is_read_however_it_is_compressed(compression, orientation):
    sink = io.BytesIO()
    Pillow.fromarray(GREY.astype(np.uint16) * 257).save(
        sink, "TIFF", compression=compression, tiffinfo={274: orientation}
    )
    wanted = np.rot90(GREY, -1) if orientation == 6 else GREY
    for alpha in (False, True):
        pixels = steps.decode.function(sink.getvalue(), Context(), alpha=alpha).pixels
        shades = pixels if pixels.ndim == 2 else pixels[..., 0]
        assert np.array_equal(shades, wanted)
    made = compile_pipeline({"pipeline": ["decode", "grayscale", {"encode": {"format": "png"}}]}).run(sink.getvalue())
    assert np.array_equal(np.asarray(Pillow.open(io.BytesIO(made.body))), wanted)


def still(pixels: np.ndarray, *, is_short: bool = False) -> bytes:
    """Return the data of a PNG, or of half of it."""
    rows = [b"\0" + row.tobytes() for row in pixels]
    return zlib.compress(b"".join(rows[: len(rows) // 2] if is_short else rows))


def animated(*parts: tuple[bytes, bytes], frames: int = 2) -> bytes:
    size = struct.pack(">II", WIDTH, HEIGHT)
    parts = ((b"IHDR", size + b"\x08\x02\0\0\0"), (b"acTL", struct.pack(">II", frames, 0)), *parts, (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*one) for one in parts)


def frame(number: int, width: int = WIDTH) -> tuple[bytes, bytes]:
    return b"fcTL", struct.pack(">IIIIIHHBB", number, width, HEIGHT, 0, 0, 1, 10, 0, 0)


def later(number: int, data: bytes) -> tuple[bytes, bytes]:
    return b"fdAT", struct.pack(">I", number) + data


ALONE, OTHER = (b"IDAT", still(PIXELS)), still(255 - PIXELS)


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (animated(frame(0), ALONE, frame(1), later(2, OTHER)), PIXELS),
        (animated(frame(0), ALONE, frames=1), PIXELS),
        (animated(ALONE, frame(0), later(1, OTHER), frames=1), PIXELS),
        (animated(ALONE, frame(0), later(1, OTHER[:40]), later(2, OTHER[40:]), frame(3), later(4, b"")), 255 - PIXELS),
    ],
)
def test_first_frames_of_animated_png_are_opencvs(data: bytes, wanted: np.ndarray) -> None:
    assert np.array_equal(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB), wanted)
    assert np.array_equal(decoded(data), wanted)
    for alpha in (False, True):
        assert np.array_equal(steps.decode.function(data, Context(), alpha=alpha).pixels[..., ::-1], wanted)


SHORT = still(PIXELS, is_short=True)


@pytest.mark.parametrize(
    "parts",
    [
        (frame(0), (b"IDAT", SHORT), frame(1), later(2, OTHER)),
        (ALONE, frame(0), later(1, SHORT), frame(2), later(3, OTHER)),
        (ALONE, frame(0), later(1, SHORT)),
        (ALONE, frame(0, WIDTH // 2), later(1, OTHER), frame(2), later(3, OTHER)),
    ],
)
@pytest.mark.parametrize(
    "pipeline", [["decode"], [{"decode": {"alpha": True}}], ["decode", "grayscale"], [{"decode": {"orient": False}}]]
)
def test_animated_png_shows_no_memory_that_nobody_wrote_to(parts: list[tuple[bytes, bytes]], pipeline: list) -> None:
    with pytest.raises(BadInput, match="PNG"):
        compile_pipeline({"pipeline": pipeline}).run(animated(*parts))
