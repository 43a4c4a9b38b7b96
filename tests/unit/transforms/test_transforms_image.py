"""Image steps against OpenCV, Pillow and NumPy, and hostile files."""

import io
import struct
import warnings
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageEnhance
from safetensors.numpy import load as load_safetensors

from objectlens.transforms import (
    BadArgument,
    BadInput,
    BadPipeline,
    Context,
    Image,
    LimitExceeded,
    Limits,
    compile_pipeline,
)
from objectlens.transforms import image as steps
from objectlens.transforms import tensor as tensors
from objectlens.transforms.image.headers import Header, read_header

RANDOM = np.random.default_rng(3)
RGB = cv2.GaussianBlur(RANDOM.integers(0, 256, (48, 64, 3), np.uint8), (5, 5), 2)
BGR = np.ascontiguousarray(RGB[..., ::-1])
PICTURE = Image(BGR, "bgr", "png")


def saved(name: str, pixels=RGB, **options) -> bytes:
    sink = io.BytesIO()
    Pillow.fromarray(pixels).save(sink, name, **options)
    return sink.getvalue()


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "AVIF"])
def test_decode_every_format(name):
    data = saved(name)
    decoded = steps.decode(data)
    header = read_header(data, 10)
    assert (header.format, header.width, header.height, header.frames) == (name.lower(), 64, 48, 1)
    got = cv2.imdecode(np.frombuffer(decoded.body, np.uint8), cv2.IMREAD_COLOR)
    expected = np.asarray(Pillow.open(io.BytesIO(data)).convert("RGB"))[..., ::-1]
    assert np.abs(got.astype(int) - expected).mean() < 3


def test_decode_turns_upright_and_can_leave_it():
    exif = Pillow.Exif()
    exif[0x112] = 6
    data = saved("JPEG", exif=exif)
    turned = (steps.decode() >> steps.encode(format="png"))(data).body
    assert cv2.imdecode(np.frombuffer(turned, np.uint8), 1).shape[:2] == (64, 48)
    kept = (steps.decode(orient=False) >> steps.encode(format="png"))(data).body
    assert cv2.imdecode(np.frombuffer(kept, np.uint8), 1).shape[:2] == (48, 64)


def test_alpha_is_kept_when_wanted():
    rgba = np.dstack([RGB, np.full(RGB.shape[:2], 7, np.uint8)])
    result = (steps.decode(alpha=True) >> steps.encode(format="png"))(saved("PNG", rgba))
    assert np.array_equal(np.asarray(Pillow.open(io.BytesIO(result.body))), rgba)


@pytest.mark.parametrize("name", ["nearest", "linear", "cubic", "area", "lanczos"])
def test_resize_is_opencv(name):
    flag = getattr(cv2, "INTER_" + ("LANCZOS4" if name == "lanczos" else name.upper()))
    got = steps.resize(PICTURE, width=20, height=17, interpolation=name).pixels
    assert np.array_equal(got, cv2.resize(BGR, (20, 17), interpolation=flag))


@pytest.mark.parametrize(
    ("arguments", "size"),
    [
        ({"width": 32}, (32, 24)),
        ({"height": 24}, (32, 24)),
        ({"width": 32, "height": 32, "fit": "contain"}, (32, 24)),
        ({"width": 32, "height": 32, "fit": "cover"}, (32, 32)),
        ({"width": 10, "height": 40}, (10, 40)),
    ],
)
def test_fits(arguments, size):
    got = steps.resize(PICTURE, **arguments)
    assert (got.width, got.height) == size


def test_crops():
    assert np.array_equal(steps.crop(PICTURE, x=3, y=4, width=10, height=5).pixels, BGR[4:9, 3:13])
    assert np.array_equal(steps.center_crop(PICTURE, width=32, height=24).pixels, BGR[12:36, 16:48])
    first, again, other = (steps.random_crop(PICTURE, width=9, height=9, seed=s).pixels for s in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    with pytest.raises(BadInput, match="cannot cut"):
        steps.crop(PICTURE, x=60, y=0, width=10, height=5)


def test_pad_flip_rotate():
    padded = steps.pad(PICTURE, width=70, height=50, color=[255, 0, 0]).pixels
    assert padded.shape == (50, 70, 3)
    assert padded[0, 0].tolist() == [0, 0, 255]
    assert np.array_equal(steps.pad(PICTURE, width=70, height=50, mode="edge").pixels[1:49, 3:67], BGR)
    assert np.array_equal(steps.flip(PICTURE).pixels, np.fliplr(BGR))
    assert np.array_equal(steps.flip(PICTURE, axis="vertical").pixels, np.flipud(BGR))
    assert np.array_equal(steps.random_flip(PICTURE, probability=1.0).pixels, np.fliplr(BGR))
    assert np.array_equal(steps.random_flip(PICTURE, probability=0.0).pixels, BGR)
    assert np.array_equal(steps.rotate(PICTURE, angle=90.0).pixels, np.rot90(BGR))
    turned = steps.rotate(PICTURE, angle=30.0)
    expected = Pillow.fromarray(RGB).rotate(30, Pillow.Resampling.BILINEAR, expand=True)
    assert abs(turned.width - expected.width) <= 1
    middle = np.asarray(expected.resize((turned.width, turned.height)))[20:50, 25:55, ::-1].astype(int)
    assert np.abs(turned.pixels[20:50, 25:55] - middle).mean() < 12


def test_colours_are_opencv():
    assert np.array_equal(steps.grayscale(PICTURE).pixels, cv2.cvtColor(BGR, cv2.COLOR_BGR2GRAY))
    for space, code in (("hsv", cv2.COLOR_BGR2HSV), ("lab", cv2.COLOR_BGR2LAB), ("ycrcb", cv2.COLOR_BGR2YCrCb)):
        assert np.array_equal(steps.color(PICTURE, space=space).pixels, cv2.cvtColor(BGR, code))
    assert np.array_equal(steps.blur(PICTURE, sigma=1.5).pixels, cv2.GaussianBlur(BGR, (0, 0), 1.5))


@pytest.mark.parametrize("quality", ["fast", "exact"])
@pytest.mark.parametrize("channels", ["rgb", "bgr"])
def test_arrays_hold_the_colour_space_that_was_chosen(quality, channels):
    def made(*between, **arguments):
        last = {"to_tensor": {"layout": "HWC", "channels": channels, **arguments}}
        program = compile_pipeline({"pipeline": ["decode", *between, last], "quality": quality})
        return np.load(io.BytesIO(bytes(program.run(saved("PNG")))))

    for space, code in (("hsv", cv2.COLOR_BGR2HSV), ("lab", cv2.COLOR_BGR2LAB), ("ycrcb", cv2.COLOR_BGR2YCrCb)):
        wanted = cv2.cvtColor(BGR, code)
        assert np.array_equal(made({"color": {"space": space}}, dtype="uint8"), wanted)
        normalized = made({"color": {"space": space}}, {"normalize": {"mean": [0.5, 0.4, 0.3], "std": [0.5, 1, 2]}})
        assert np.allclose(normalized, (wanted / 255 - [0.5, 0.4, 0.3]) / [0.5, 1, 2], atol=1e-5)
    for space in ("rgb", "bgr"):
        assert np.array_equal(made({"color": {"space": space}}, dtype="uint8"), RGB if channels == "rgb" else BGR)


@pytest.mark.parametrize(
    ("name", "pillow"), [("brightness", "Brightness"), ("contrast", "Contrast"), ("saturation", "Color")]
)
@pytest.mark.parametrize("factor", [0.0, 0.5, 1.0, 1.7])
def test_enhancements_are_pillows(name, pillow, factor):
    got = getattr(steps, name)(PICTURE, factor=factor).pixels[..., ::-1].astype(int)
    expected = np.asarray(getattr(ImageEnhance, pillow)(Pillow.fromarray(RGB)).enhance(factor))
    assert np.abs(got - expected).max() <= 2


@pytest.mark.parametrize("space", ["hsv", "lab", "ycrcb"])
@pytest.mark.parametrize(
    "step",
    [
        steps.brightness(factor=0.3),
        steps.contrast(factor=0.3),
        steps.saturation(factor=0.3),
        steps.jitter(brightness=0.4, contrast=0.4, saturation=0.4, seed=3),
        steps.jitter(hue=0.3, seed=3),
    ],
    ids=["brightness", "contrast", "saturation", "jitter", "hue"],
)
def test_enhancements_mean_the_same_in_every_colour_space(space, step):
    shown = steps.color(steps.color(PICTURE, space=space), space="bgr")
    got = step(steps.color(PICTURE, space=space))
    assert got.order == space
    difference = steps.color(got, space="bgr").pixels.astype(int) - step(shown).pixels
    assert np.abs(difference).mean() < 2


@pytest.mark.parametrize("color", [[0], [255, 0, 10], [200]])
@pytest.mark.parametrize("space", ["bgr", "rgb", "hsv", "lab", "ycrcb", "grey"])
def test_colours_of_borders_are_rgb_in_every_colour_space(space, color):
    one = Image(np.uint8([[color * 3 if len(color) == 1 else color]]), "rgb")
    wanted = steps.color(one, space=space).pixels[0, 0].tolist()
    picture = steps.color(PICTURE, space=space)
    for made in (steps.pad(picture, width=70, height=50, color=color), steps.rotate(picture, angle=45.0, color=color)):
        assert made.pixels[0, 0].tolist() == wanted


def test_jitter_is_reproducible():
    arguments = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1}
    first, again, other = (steps.jitter(PICTURE, seed=seed, **arguments).pixels for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.array_equal(steps.jitter(PICTURE).pixels, BGR)


def test_steps_with_one_seed_draw_apart_from_each_other():
    x = np.tile(np.arange(200, dtype=np.uint8), (2, 1))
    drawn = []
    for seed in range(400):
        cut = steps.random_crop(Image(x, "grey"), width=1, height=1, seed=seed).pixels[0, 0]
        flipped = steps.random_flip(Image(x, "grey"), seed=seed).pixels[0, 0] != 0
        bright = steps.jitter(Image(x, "grey"), brightness=0.2, seed=seed).pixels[0, 150]
        drawn.append((cut, flipped, bright))
    # Of 400 pairs that have nothing to do with each other, one in a million correlates by a quarter.
    assert np.abs(np.corrcoef(np.array(drawn, float), rowvar=False) - np.eye(3)).max() < 0.25


@pytest.mark.parametrize("quality", ["fast", "exact"])
@pytest.mark.parametrize("layout", ["CHW", "HWC"])
@pytest.mark.parametrize("channels", ["rgb", "bgr"])
def test_normalised_tensors(quality, layout, channels):
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    pipeline = [
        "decode",
        {"normalize": {"mean": mean, "std": std}},
        {"to_tensor": {"layout": layout, "channels": channels}},
    ]
    result = compile_pipeline({"pipeline": pipeline, "quality": quality}).run(saved("PNG"))
    got = np.load(io.BytesIO(result.body))
    expected = (RGB / 255 - mean) / std
    expected = expected[..., ::-1] if channels == "bgr" else expected
    expected = expected.transpose(2, 0, 1) if layout == "CHW" else expected
    assert got.dtype == np.float32
    assert np.allclose(got, expected, atol=1e-5)
    assert result.metadata["layout"] == layout


@pytest.mark.parametrize("quality", ["fast", "exact"])
@pytest.mark.parametrize("layout", ["CHW", "HWC"])
@pytest.mark.parametrize("channels", ["rgb", "bgr"])
@pytest.mark.parametrize("grey", [True, False])
def test_floats_are_those_of_torchvision_to_the_bit(quality, layout, channels, grey):
    """Whose `ToTensor` divides by 255, and whose `Normalize` subtracts and divides, all in 32 bits."""
    pixels = RANDOM.integers(0, 256, (31, 47, 3), np.uint8)
    mean, std = ([0.5], [0.25]) if grey else ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    color = [{"color": {"space": "grey"}}] if grey else []

    def made(*steps):
        said = {"to_tensor": {"layout": layout, "channels": channels}}
        program = compile_pipeline({"pipeline": ["decode", *color, *steps, said], "quality": quality})
        return np.load(io.BytesIO(bytes(program.run(saved("PNG", pixels)))))

    wanted = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None] if grey else pixels
    unit = wanted.astype(np.float32) / np.float32(255)
    normal = (unit - np.float32(mean)) / np.float32(std)
    for got, expected in ((made(), unit), (made({"normalize": {"mean": mean, "std": std}}), normal)):
        ordered = expected[..., ::-1] if channels == "bgr" else expected
        assert np.array_equal(got, ordered.transpose(2, 0, 1) if layout == "CHW" else ordered)


def test_tensors_of_other_types():
    plain = steps.to_tensor(PICTURE, dtype="uint8", layout="HWC").array
    assert np.array_equal(plain, RGB)
    half = steps.to_tensor(steps.grayscale(PICTURE), dtype="float16")
    assert half.array.shape == (1, 48, 64)
    stored = tensors.encode(half, format="safetensors", name="x").body
    assert np.array_equal(load_safetensors(stored)["x"], half.array)
    with pytest.raises(BadArgument, match="__metadata__"):
        tensors.encode(half, format="safetensors", name="__metadata__")
    assert tensors.encode(half, name="__metadata__").body
    with pytest.raises(BadInput, match="uint8"):
        steps.to_tensor(steps.normalize(PICTURE), dtype="uint8")


def test_encode_is_opencv():
    for name, flag in (("jpeg", cv2.IMWRITE_JPEG_QUALITY), ("webp", cv2.IMWRITE_WEBP_QUALITY)):
        assert (
            steps.encode(PICTURE, format=name, quality=80).body
            == cv2.imencode(f".{name}", BGR, [flag, 80])[1].tobytes()
        )
    same = steps.encode(PICTURE)
    assert same.content_type == "image/png"
    assert np.array_equal(np.asarray(Pillow.open(io.BytesIO(same.body))), RGB)
    with pytest.raises(BadInput, match="to_tensor"):
        steps.encode(steps.normalize(PICTURE))


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_what_is_normalised_is_not_normalised_again(dtype):
    chain = steps.decode >> steps.normalize >> steps.normalize >> steps.to_tensor(dtype=dtype)
    with pytest.raises(BadInput, match="the picture is normalised already"):
        chain(saved("PNG"))


GREY = {"decode": {}}, {"grayscale": {}}
LITTLE = {"resize": {"width": 32, "height": 16}}


@pytest.mark.parametrize("quality", ["fast", "exact"])
@pytest.mark.parametrize(
    ("pipeline", "reason"),
    [
        (["normalize", "encode"], "step 2, image.encode: a normalised picture cannot become a picture file"),
        (["decode", "normalize"], "image.encode, put after step 2: a normalised picture cannot"),
        (["decode", "normalize", "pixels"], "image.picture, put after step 3: a normalised picture cannot"),
        (["normalize", "strip"], "image.encode, put after step 1: a normalised"),
        (["decode", "normalize", "normalize", "to_tensor"], "step 3, image.normalize: the picture is normalised"),
        (["decode", "normalize", "grayscale", "to_tensor"], "step 3, image.grayscale: the picture is normalised"),
        (["normalize", {"jitter": {"contrast": 1}}, "to_tensor"], "step 2, image.jitter: the picture is normalised"),
        (["normalize", {"to_tensor": {"dtype": "uint8"}}], "step 2, image.to_tensor: dtype: a normalised picture"),
        ([*GREY, "normalize", "to_tensor"], "step 3, image.normalize: mean has 3 numbers, and the picture is grey"),
        ([*GREY, {"normalize": {"mean": [0]}}, "to_tensor"], "step 3, image.normalize: std has 3 numbers"),
        ([LITTLE, {"center_crop": {"width": 33, "height": 9}}], "step 2, image.center_crop: .* cut 33x9 .* of 32x16"),
        ([LITTLE, {"flip": {}}, {"crop": {"x": 9, "y": 0, "width": 24, "height": 9}}], "step 3, image.crop: .* at 9,0"),
        ([{"resize": {}}], "image.resize needs width, height, or both"),
        ([{"normalize": {"mean": [0, 0]}}, "to_tensor"], "mean has 2 numbers"),
        ([{"normalize": {"std": [1, 1, 1, 1]}}, "to_tensor"], "std has 4 numbers"),
    ],
)
def test_what_no_picture_gets_through_is_refused_before_there_is_one(quality, pipeline, reason):
    with pytest.raises(BadPipeline, match=reason):
        compile_pipeline({"pipeline": pipeline, "quality": quality})


@pytest.mark.parametrize(
    "pipeline",
    [
        [*GREY, {"normalize": {"mean": [0.5], "std": [0.5]}}, "grayscale", {"saturation": {"factor": 2}}, "to_tensor"],
        [{"decode": {"alpha": True}}, "normalize", {"color": {"space": "rgb"}}, {"jitter": {}}, "to_tensor"],
        [{"color": {"space": "hsv"}}, "normalize", {"color": {"space": "hsv"}}, LITTLE, {"flip": {}}, "to_tensor"],
        [*GREY, {"color": {"space": "rgb"}}, "normalize", {"blur": {"sigma": 1}}, "to_tensor"],
        [LITTLE, {"pad": {"width": 40, "height": 40}}, {"crop": {"x": 4, "y": 4, "width": 36, "height": 36}}],
        [LITTLE, {"resize": {"width": 64}}, {"center_crop": {"width": 64, "height": 32}}],
        [LITTLE, {"rotate": {"angle": 90}}, {"center_crop": {"width": 16, "height": 32}}],
    ],
)
def test_what_some_pictures_get_through_is_not_refused(pipeline):
    for quality in ("fast", "exact"):
        assert compile_pipeline({"pipeline": pipeline, "quality": quality}).run(saved("PNG")).body


def test_arguments_that_no_picture_gets_through_are_refused_by_name():
    pipeline = [LITTLE, {"center_crop": {"width": {"$param": "w"}, "height": 9}}]
    program = compile_pipeline({"pipeline": pipeline, "parameters": {"w": {"type": "integer", "default": 32}}})
    with pytest.raises(BadArgument, match="center_crop: width and height: cannot cut 33x9") as caught:
        program.arguments({"w": "33"})
    assert caught.value.names == ("w",)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
def test_strip_leaves_the_pixels(name):
    exif = Pillow.Exif()
    exif[0x10E] = "a secret place"
    data = saved(name, exif=exif)
    assert b"a secret place" in data
    stripped = steps.strip(data).body
    assert b"a secret place" not in stripped
    before, after = (np.asarray(Pillow.open(io.BytesIO(one)).convert("RGB")) for one in (data, stripped))
    assert np.array_equal(before, after)


def png(width: int, height: int, body: bytes = b"") -> bytes:
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def gif(frames: int, side: int = 1) -> bytes:
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, side, side, 0) + b"\x02\x02\x44\x01\x00"
    palette = bytes([0, 0, 0, 255, 255, 255])
    return b"GIF89a" + struct.pack("<HHBBB", side, side, 0x80, 0, 0) + palette + frame * frames + b";"


def tiff(width: int, height: int, circle: bool = False) -> bytes:
    tags = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in ((256, width), (257, height)))
    return b"II*\0" + struct.pack("<IH", 8, 2) + tags + struct.pack("<I", 8 if circle else 0)


@pytest.mark.parametrize(
    ("data", "limit"),
    [
        (png(60_000, 60_000, zlib.compress(b"\0" * 1000)), "pixels"),
        (gif(2_000), "frames"),
        (gif(1, 60_000), "pixels"),
        (tiff(60_000, 60_000), "pixels"),
        (b"RIFF\0\0\0\0WEBPVP8X\n\0\0\0\0\0\0\0" + b"\xff" * 6, "pixels"),
        (b"\xff\xd8\xff\xc0\0\x11\x08\xff\xff\xff\xff\x03" + b"\0" * 9 + b"\xff\xd9", "pixels"),
    ],
)
def test_bombs_are_refused_by_their_header(data, limit):
    with pytest.raises(LimitExceeded, match=f"'{limit}'") as caught:
        steps.decode(data)
    assert caught.value.limit == limit


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"\xff\xd8\xff",
        saved("JPEG")[:-300],
        saved("PNG")[:20],
        saved("PNG")[:10] + b"x" * 100,
        saved("WEBP")[:25],
        saved("GIF")[:12],
        saved("AVIF")[:300],
        tiff(10, 10, circle=True),
        tiff(0, 10),
        b"MM\0*" + b"\xff" * 20,
        png(10, 10, b"garbage"),
    ],
)
def test_corrupt_pictures_are_bad_input(data):
    with pytest.raises(BadInput):
        steps.decode(data)


@pytest.mark.parametrize("name", ["GIF", "WEBP", "PNG", "AVIF"])
def test_all_pictures_of_an_animation_count(name):
    pictures = [Pillow.fromarray(np.roll(RGB, shift, 1)) for shift in range(7)]
    animation = saved(name, save_all=True, append_images=pictures[1:], duration=40)
    assert read_header(animation, 100) == Header(name.lower(), 64, 48, 7)
    assert read_header(saved(name), 100).frames == 1
    assert (steps.decode >> steps.grayscale)(animation, ctx=Context(limits=Limits(frames=7))).body
    with pytest.raises(LimitExceeded, match="'frames'"):
        (steps.decode >> steps.grayscale)(animation, ctx=Context(limits=Limits(frames=6)))


def test_the_size_of_an_avif_sequence_is_that_of_its_tracks():
    pictures = [Pillow.fromarray(np.roll(RGB, shift, 1)) for shift in range(3)]
    sequence = bytearray(saved("AVIF", save_all=True, append_images=pictures[1:]))
    struct.pack_into(">II", sequence, sequence.find(b"ispe") + 8, 1, 1)
    with pytest.raises(LimitExceeded, match="'pixels'"):
        (steps.decode >> steps.grayscale)(bytes(sequence), ctx=Context(limits=Limits(pixels=1000)))


def test_limits_hold_for_what_is_made():
    small = Context(limits=Limits(pixels=5000))
    for step in (steps.resize(width=100, height=100), steps.pad(width=100, height=100)):
        with pytest.raises(LimitExceeded):
            step(PICTURE, ctx=small)


def test_no_warning_escapes_at_many_pixels():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        steps.decode(saved("GIF", np.zeros((500, 500), np.uint8)))


@pytest.mark.parametrize("length", [0xFF000F35, 0x7FFFFFFF, 5000])
def test_png_chunks_longer_than_the_file_never_reach_a_decoder(length):
    whole = saved("PNG")
    at = whole.index(b"IDAT") - 4
    with pytest.raises(BadInput, match="longer than the file"):
        read_header(whole[:at] + struct.pack(">I", length) + whole[at + 4 : at + 2000], 1)


def test_png_of_very_many_chunks():
    whole = saved("PNG")
    at = whole.index(b"IDAT") - 4
    empty = struct.pack(">I", 0) + b"teSt" + struct.pack(">I", zlib.crc32(b"teSt"))
    with pytest.raises(BadInput, match="chunks"):
        read_header(whole[:at] + empty * (1 << 17) + whole[at:], 1)
    assert read_header(whole[:at] + empty * 100 + whole[at:], 1).width == 64
