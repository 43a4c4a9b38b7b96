"""What the planner makes of scaling by area: JPEG at a fraction of its size is near `exact`, all else is equal."""

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from objectlens.transforms import compile_pipeline
from objectlens.transforms.image import geometry

AREA = {"resize": {"width": 61, "interpolation": "area"}}
PHOTOGRAPHS = sorted((Path(__file__).parents[3] / "examples" / "photographs").glob("*.jpg"))


def resized(picture: np.ndarray, width: int, height: int, quality: str) -> np.ndarray:
    resize = {"resize": {"width": width, "height": height, "interpolation": "area"}}
    program = compile_pipeline({"pipeline": ["decode", resize, {"encode": {"format": "png"}}], "quality": quality})
    data = bytes(program.run(cv2.imencode(".png", picture)[1].tobytes()))
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


@pytest.mark.parametrize(
    ("width", "height"), [(256, 256), (128, 64), (100, 60), (600, 600), (390, 300), (500, 500), (600, 60), (51, 51)]
)
def test_pictures_of_other_formats_are_equal(width, height) -> None:
    picture = cv2.resize(cv2.imread(str(PHOTOGRAPHS[0])), (512, 512))
    expected = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    assert np.array_equal(resized(picture, width, height, "fast"), expected)
    assert np.array_equal(resized(picture, width, height, "exact"), expected)


def test_an_opencv_that_rounds_otherwise_is_asked_for_all(monkeypatch) -> None:
    asked, resize = [], cv2.resize

    def watched(*arguments, **options):
        asked.append(arguments)
        return resize(*arguments, **options)

    monkeypatch.setattr(cv2, "resize", watched)
    picture = cv2.imread(str(PHOTOGRAPHS[0]))[:205, :303]
    data = cv2.imencode(".jpg", picture)[1].tobytes()
    found = []
    for alike in (True, False):
        monkeypatch.setattr(geometry, "_averages_alike", lambda alike=alike: alike)
        found += [resized(picture, 61, 47, "exact"), planned(data, "fast", "decode", AREA)]
        assert bool(asked) is not alike
    assert np.array_equal(found[0], found[2])
    assert np.array_equal(found[1], found[3])


def planned(data: bytes, quality: str, *steps: object) -> np.ndarray:
    program = compile_pipeline({"pipeline": [*steps, {"image.encode": {"format": "png"}}], "quality": quality})
    return cv2.imdecode(np.frombuffer(bytes(program.run(data)), np.uint8), cv2.IMREAD_COLOR)


@pytest.mark.parametrize("width", [106, 40, 290])
@pytest.mark.parametrize("share", [0.5, 0.3, 0.01])
def test_small_crops_are_of_what_opencv_makes(width, share) -> None:
    data = (PHOTOGRAPHS[2]).read_bytes()
    height = round(427 * width / 640)
    crop = {"width": round(width * share**0.5), "height": round(height * share**0.5)}
    for offset in (0, width - crop["width"]):
        steps = "decode", {"resize": {"width": width, "interpolation": "area"}}, {"flip": {}}
        cut = {"crop": {"x": offset, "y": (height - crop["height"]) // 2, **crop}}
        fast, exact = (planned(data, quality, *steps, cut) for quality in ("fast", "exact"))
        assert cv2.PSNR(fast, exact) >= 38
        assert np.array_equal(fast, exact) is (2 * crop["width"] * crop["height"] < width * height)


@pytest.mark.parametrize(
    ("steps", "same"),
    [
        ([{"brightness": {"factor": 2}}], True),
        ([{"contrast": {"factor": 10}}], True),
        ([{"saturation": {"factor": 10}}], True),
        (["grayscale", {"contrast": {"factor": 10}}], True),
        ([{"brightness": {"factor": 1.2}}, {"contrast": {"factor": 1.2}}], True),
        ([{"jitter": {"brightness": 0.9, "seed": 2}}], False),
        ([{"jitter": {"brightness": 0.9, "seed": 3}}], False),
        ([{"jitter": {"contrast": 0.9, "seed": 1}}], True),
        ([{"contrast": {"factor": 1.2}}], False),
    ],
)
def test_what_enlarges_differences_is_of_what_opencv_makes(steps, same) -> None:
    for path in PHOTOGRAPHS:
        data = path.read_bytes()
        width = cv2.imread(str(path)).shape[1] // 10
        resize = {"resize": {"width": width, "interpolation": "area"}}
        fast, exact = (planned(data, quality, "decode", resize, *steps) for quality in ("fast", "exact"))
        assert cv2.PSNR(fast, exact) >= 38, path.name
        assert np.array_equal(fast, exact) is same, path.name


@pytest.mark.parametrize(("size", "same"), [((60, 60), True), ((200, 50), False)])
def test_cover_cuts_as_crops_do(size, same) -> None:
    panorama = cv2.resize(cv2.imread(str(PHOTOGRAPHS[2])), (1280, 320))
    data = cv2.imencode(".jpg", panorama)[1].tobytes()
    resize = {"resize": {"width": size[0], "height": size[1], "fit": "cover", "interpolation": "area"}}
    fast, exact = (planned(data, quality, "decode", resize) for quality in ("fast", "exact"))
    assert np.array_equal(fast, exact) is same


@pytest.mark.parametrize("cut", [0, 5])
@pytest.mark.parametrize("divisor", [4.2, 6.1, 11.7, 24.5])
def test_jpeg_of_any_size_at_a_fraction_of_it(cut, divisor) -> None:
    for path in PHOTOGRAPHS:
        picture = cv2.imread(str(path))
        high, wide = (side // 8 * 8 - cut for side in picture.shape[:2])
        data = cv2.imencode(".jpg", picture[:high, :wide], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
        resize = {"image.resize": {"width": int(wide / divisor), "interpolation": "area"}}
        fast, exact = (planned(data, quality, "image.decode", resize) for quality in ("fast", "exact"))
        assert fast.shape == exact.shape
        assert cv2.PSNR(fast, exact) > 38, path.name


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("fit", ["contain", "cover", "fill"])
def test_jpeg_at_a_fraction_of_its_size_is_turned_and_cut_as_any(orientation, fit) -> None:
    exif = Pillow.Exif()
    exif[0x112] = orientation
    sink = io.BytesIO()
    Pillow.open(PHOTOGRAPHS[0]).convert("RGB").resize((701, 413)).save(sink, "JPEG", quality=95, exif=exif)
    resize = {"image.resize": {"width": 61, "height": 83, "fit": fit, "interpolation": "area"}}
    for orient in (True, False):
        for between in ([], [{"image.flip": {"axis": "vertical"}}]):
            steps = [{"image.decode": {"orient": orient}}, *between, resize]
            fast, exact = (planned(sink.getvalue(), quality, *steps) for quality in ("fast", "exact"))
            assert fast.shape == exact.shape
            assert cv2.PSNR(fast, exact) > 38


def segment(entry: bytes, order: str, filling: bytes = b"") -> bytes:
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "IH", 8, 1)
    block = b"Exif\0\0" + head + entry + bytes(4)
    return filling + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block


@pytest.mark.parametrize(
    "exif",
    [
        segment(struct.pack("<HHIHH", 274, 3, 1, 6, 0), "<"),
        segment(struct.pack(">HHIHH", 274, 3, 1, 6, 0), ">"),
        segment(struct.pack("<HHII", 274, 1, 1, 6), "<"),
        segment(struct.pack(">HHII", 274, 4, 1, 6), ">"),
        segment(struct.pack("<HHIHH", 274, 3, 2, 6, 0), "<"),
        segment(struct.pack("<HHIHH", 274, 3, 1, 9, 0), "<"),
        segment(struct.pack("<HHIHH", 274, 3, 1, 6, 0), "<", b"\xff\xff"),
    ],
)
def test_odd_exif_turns_pictures_as_opencv_does(exif) -> None:
    whole = cv2.imencode(".jpg", cv2.imread(str(PHOTOGRAPHS[0]))[:301, :505])[1].tobytes()
    data = whole[:2] + exif + whole[2:]
    resize = {"image.resize": {"width": 60, "interpolation": "area"}}
    fast, exact = (planned(data, quality, "image.decode", resize) for quality in ("fast", "exact"))
    assert fast.shape == exact.shape
    assert cv2.PSNR(fast, exact) > 36


def block(tags: bytes, count: int = 1, mark: bytes = b"II*\0") -> bytes:
    order = "<" if mark[:2] == b"II" else ">"
    return mark + struct.pack(order + "IH", 8, count) + tags + bytes(4)


SIDE, NONE = struct.pack("<HHIHH", 274, 3, 1, 6, 0), struct.pack("<HHIHH", 274, 3, 1, 1, 0)
FAR_TEXT = struct.pack("<HHII", 271, 2, 20, 0xFFFF)


@pytest.mark.parametrize(
    "blocks",
    [
        [b"garbage!", block(SIDE)],
        [b"", block(SIDE)],
        [block(NONE), block(SIDE)],
        [block(SIDE, mark=b"II\1\0")],
        [block(struct.pack(">HHIHH", 274, 3, 1, 6, 0), mark=b"M\xff\0*")],
        [block(FAR_TEXT + SIDE, 2)],
        [block(SIDE + NONE, 200)],
        [b"Exif\0\0" + block(SIDE)],
    ],
)
def test_broken_exif_turns_pictures_as_opencv_does(blocks: list[bytes]) -> None:
    picture = cv2.imread(str(PHOTOGRAPHS[0]))[:301, :505]
    whole = cv2.imencode(".jpg", picture)[1].tobytes()
    inserted = b"".join(b"\xff\xe1" + struct.pack(">H", 8 + len(one)) + b"Exif\0\0" + one for one in blocks)
    data = whole[:2] + inserted + whole[2:]
    resize = {"image.resize": {"width": 60, "interpolation": "area"}}
    fast, exact = (planned(data, quality, "image.decode", resize) for quality in ("fast", "exact"))
    assert fast.shape == exact.shape
    plain = cv2.imencode(".png", picture)[1].tobytes()
    chunks = b"".join(chunk(b"eXIf", one) for one in blocks)
    for png in (plain[:33] + chunks + plain[33:], plain[:33] + chunks[:-1] + b"?" + plain[33:]):
        assert_lies_as_opencv_says(png)
    whole = cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, 80])[1].tobytes()
    head = b"VP8X" + struct.pack("<IB", 10, 8) + bytes(3) + b"".join((n - 1).to_bytes(3, "little") for n in (505, 301))
    exif = b"".join(b"EXIF" + struct.pack("<I", len(one)) + one + bytes(len(one) % 2) for one in blocks)
    body = b"WEBP" + head + whole[12:] + exif
    assert_lies_as_opencv_says(b"RIFF" + struct.pack("<I", len(body)) + body)


def test_what_is_broken_behind_exif_changes_nothing() -> None:
    whole = cv2.imencode(".jpg", cv2.imread(str(PHOTOGRAPHS[0]))[:301, :505])[1].tobytes()
    tables = whole.index(b"\xff\xc4")
    data = whole[:2] + segment(SIDE, "<") + whole[2:tables] + b"\xff\0\xff\xff" + whole[tables:]
    assert_lies_as_opencv_says(data)
    resize = {"image.resize": {"width": 60, "interpolation": "area"}}
    assert planned(data, "fast", "image.decode", resize).shape == planned(data, "exact", "image.decode", resize).shape


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def assert_lies_as_opencv_says(data: bytes) -> None:
    wanted = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(planned(data, "exact", {"image.decode": {"alpha": True}}), wanted)
