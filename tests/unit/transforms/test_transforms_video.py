"""Video steps against PyAV, and hostile files."""

import io
import json
import os
import struct
from fractions import Fraction
from functools import partial

import av
import cv2
import numpy as np
import pytest

from objectlens.transforms import BadArgument, BadInput, Context, Frames, LimitExceeded, Limits, compile_pipeline
from objectlens.transforms import video as steps
from objectlens.transforms.video.film import _shown_of

WIDTH, HEIGHT, FPS, COUNT = 96, 64, 10, 40
RATE = Fraction(FPS)


def film(
    container: str = "mp4",
    codec: str = "mpeg4",
    begin: int = 0,
    between: int = 0,
    rate: Fraction = RATE,
    *,
    times: int = 1,
    **options: str,
) -> bytes:
    """Return a film whose frame number n is grey of 6 n; the clock of its first frame shows `begin` seconds.

    It is `times` as wide and high as others. Up to `between` frames are made of one that is shown after them.
    """
    sink = io.BytesIO()
    with av.open(sink, "w", format=container, options=options) as output:
        stream = output.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = times * WIDTH, times * HEIGHT, "yuv420p"
        stream.codec_context.gop_size = 10
        if between:
            stream.codec_context.max_b_frames = between
        for number in range(COUNT):
            frame = av.VideoFrame.from_ndarray(
                np.full((times * HEIGHT, times * WIDTH, 3), number * 6, np.uint8), format="rgb24"
            )
            frame.pts, frame.time_base = number + begin * FPS, 1 / rate
            for packet in stream.encode(frame):
                output.mux(packet)
        for packet in stream.encode():
            output.mux(packet)
    return sink.getvalue()


FILM = film()


def numbers(pictures) -> list[int]:
    return [round(float(picture.mean()) / 6) for picture in pictures]


def taken(data: bytes = FILM, ctx: Context | None = None, **arguments) -> Frames:
    return steps.frames.function(data, ctx or Context(), **arguments)


def test_probe():
    found = json.loads(steps.probe(FILM).body)
    assert abs(found["duration"] - 4) < 0.2
    assert (found["streams"][0]["width"], found["streams"][0]["height"], found["streams"][0]["fps"]) == (96, 64, 10)


@pytest.mark.parametrize("container", ["mp4", "matroska", "avi"])
def test_every_frame_is_pyavs(container):
    data = film(container)
    with av.open(io.BytesIO(data)) as opened:
        expected = [frame.to_ndarray(format="rgb24") for frame in opened.decode(video=0)]
    got = taken(data)
    assert all(np.array_equal(*pair) for pair in zip(got.pictures, expected, strict=True))


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ({"times": [0.0, 1.05, 3.9]}, [0, 10, 39]),
        ({"times": [2.0]}, [20]),
        ({"fps": 2.0}, [0, 5, 10, 15, 20, 25, 30, 35]),
        ({"fps": 1.0, "start": 1.0, "end": 3.0}, [10, 20]),
        ({"times": [3.95]}, [39]),
        ({"times": [1.0, 0.1, 3.0, 0.1]}, [10, 1, 30, 1]),
        ({"fps": 20.0, "start": 3.8}, [38, 38, 39, 39]),
        ({"start": 3.5}, [35, 36, 37, 38, 39]),
        ({"start": 1.0, "end": 1.3}, [10, 11, 12]),
    ],
)
def test_frames_at_times(arguments, wanted):
    assert numbers(taken(**arguments).pictures) == wanted


def test_the_last_picture_is_shown_until_the_end():
    data = film("flv", "flv")
    assert numbers(taken(data, times=[0.0, 3.95]).pictures) == [0, 39]
    with pytest.raises(BadInput, match="shows nothing"):
        taken(data, times=[4.2])


def test_wrong_times():
    with pytest.raises(BadArgument, match="not both"):
        steps.frames(times=[1.0], fps=1.0)
    for times in ([100.0], [0.1, 100.0], [100.0, 0.1]):
        with pytest.raises(BadInput, match="shows nothing at 100 s: its pictures last 4 s"):
            taken(times=times)
    for span in ({"start": 1.0}, {"end": 2.0}, {"start": 1.0, "end": 2.0}):
        with pytest.raises(BadArgument, match=f"times or {' and '.join(span)}, not both") as caught:
            steps.frames(times=[1.0], **span)
        assert caught.value.names == ("times", *span)
    for start, end in ((1.0, 1.0), (2.0, 1.0)):
        with pytest.raises(BadArgument, match=f"no pictures from {start:g} s until {end:g} s"):
            steps.frames(start=start, end=end)
    assert taken(times=[1.0, 0.1]).times == (1.0, 0.1)


def test_clip_starts_at_a_key_frame():
    result = steps.clip(FILM, start=1.0, end=2.0)
    assert result.content_type == "video/mp4"
    expected = taken(start=1.0, end=2.0).pictures
    assert len(expected) == 10
    assert all(np.array_equal(*pair) for pair in zip(taken(result.body).pictures, expected, strict=True))


def sounding(container: str) -> bytes:
    """Return four seconds of a film with sound."""
    sink = io.BytesIO()
    with (
        av.open(io.BytesIO(film(container, "libx264", between=3))) as silent,
        av.open(sink, "w", format=container) as out,
    ):
        pictures, sound = (
            out.add_stream_from_template(silent.streams.video[0]),
            out.add_stream("aac", rate=16_000, layout="mono"),
        )
        for packet in silent.demux():
            if packet.dts is not None:
                packet.stream = pictures
                out.mux(packet)
        for start in range(0, 64_000, 1000):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1000), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16_000, start
            out.mux(sound.encode(frame))
        out.mux(sound.encode())
    return sink.getvalue()


@pytest.mark.parametrize(
    ("container", "codec", "between"),
    [
        ("mp4", "libx264", 3),
        ("matroska", "libx264", 3),
        ("mpegts", "libx264", 2),
        ("avi", "mpeg4", 2),
        ("mov", "libx264", 3),
    ],
)
def test_clips_end_by_what_is_shown(container, codec, between):
    data = film(container, codec, between=between)
    whole = taken(data)
    for start, end in ((0.0, 1.5), (1.05, 2.2), (1.5, 3.0), (0.0, 99.0)):
        got = numbers(taken(steps.clip(data, start=start, end=end).body).pictures)
        shown = [
            number for number, time in zip(numbers(whole.pictures), whole.times, strict=True) if time < end - 0.0005
        ]
        first = shown.index(got[0])
        # AVI begins to count a picture before it shows one.
        assert whole.times[first] <= max(start, whole.times[0]) + 0.0005
        assert got == shown[first:]


def test_a_clip_of_an_edited_film_shows_what_the_film_shows():
    data = bytearray(film("mp4", "libx264", between=3))
    # Its edit list: two seconds from the picture of 1.2 s on (ISO/IEC 14496-12, 8.6.6).
    place = data.index(b"elst") + 12
    (time,) = struct.unpack_from(">i", data, place + 4)
    with av.open(io.BytesIO(bytes(data))) as opened:
        ticks = round(1.2 / opened.streams.video[0].time_base)
    struct.pack_into(">Ii", data, place, 2000, time + ticks)
    assert numbers(taken(bytes(data)).pictures) == list(range(12, 32))
    assert numbers(taken(steps.clip(bytes(data), end=1.0).body).pictures) == list(range(12, 22))
    assert numbers(taken(steps.clip(bytes(data), start=1.0, end=9.0).body).pictures) == list(range(20, 32))


@pytest.mark.parametrize("container", ["matroska", "mp4"])
def test_times_that_are_rounded_elsewhere(container):
    """A picture may be asked for by the time that its rate says, and the milliseconds of its container."""
    data = film(container, "libx264", rate=Fraction(30_000, 1001))
    for number in (10, 20, 30):
        exact = number * 1001 / 30_000
        for time in (exact, round(exact, 4), round(exact, 3)):
            assert numbers(taken(data, start=time).pictures)[0] == number
            assert numbers(taken(data, times=[time]).pictures) == [number]
            assert numbers(taken(data, end=time).pictures)[-1] == number - 1
            clipped = taken(steps.clip(data, start=time, end=number * 1001 / 30_000 + 5 * 1001 / 30_000).body)
            assert numbers(clipped.pictures) == list(range(number, number + 5))


@pytest.mark.parametrize("container", ["mp4", "matroska", "mpegts"])
def test_sound_stays_with_its_pictures(container):
    clipped = steps.clip(sounding(container), start=1.55, end=3.0).body
    with av.open(io.BytesIO(clipped)) as opened:
        ends = [float((one.start_time + one.duration) * one.time_base) for one in opened.streams]
        begins = [float(one.start_time * one.time_base) for one in opened.streams]
    assert max(begins) < 0.13
    # In MPEG-TS the pictures begin after the sound.
    assert all(1.7 < end < 2.1 for end in ends), ends
    assert abs(ends[0] - ends[1]) < 0.25


def test_films_of_mpeg_program_streams_can_be_cut():
    # Their clock goes back by some pictures at the end of a pack.
    data = film("mpeg", "mpeg2video", between=2)
    assert len(taken(steps.clip(data, end=99.0).body).pictures) == COUNT


def test_what_mp4_cannot_hold_is_said():
    with pytest.raises(BadInput, match=r"cannot hold this film's video.*vp8"):
        steps.clip(film("webm", "libvpx"), end=1.0)


def test_films_that_do_not_say_how_long_they_are_are_counted():
    data = film("matroska", live="1")
    assert json.loads(steps.probe(data).body)["duration"] is None
    assert numbers(taken(data, times=[3.9]).pictures) == [39]
    with pytest.raises(LimitExceeded, match="'duration'"):
        taken(data, ctx=Context(limits=Limits(duration=1.0)), times=[3.9])


def test_resize_sheet_tensor():
    pictures = taken(times=[0.0, 1.0, 2.0])
    small = steps.resize(pictures, width=48, height=32)
    assert np.array_equal(small.pictures[1], cv2.resize(pictures.pictures[1], (48, 32), interpolation=cv2.INTER_AREA))
    sheet = steps.sheet(small, columns=2)
    assert sheet.pixels.shape == (64, 96, 3)
    assert np.array_equal(sheet.pixels[32:, :48], small.pictures[2])
    assert not sheet.pixels[32:, 48:].any()
    for layout, shape in (("TCHW", (3, 3, 32, 48)), ("THWC", (3, 32, 48, 3)), ("CTHW", (3, 3, 32, 48))):
        assert steps.to_tensor(small, layout=layout).array.shape == shape
    floats = steps.to_tensor(small, layout="THWC", dtype="float32").array
    assert np.allclose(floats, np.stack(small.pictures) / 255, atol=1e-6)


@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32"])
def test_a_tensor_of_frames_is_that_of_their_pictures(dtype):
    one_below_the_other = ["frames", {"sheet": {"columns": 1}}, {"image.to_tensor": {"layout": "HWC", "dtype": dtype}}]
    of_frames, of_pictures = (
        np.load(io.BytesIO(compile_pipeline({"family": "video", "pipeline": pipeline}).run(FILM).body))
        for pipeline in (["frames", {"to_tensor": {"layout": "THWC", "dtype": dtype}}], one_below_the_other)
    )
    assert np.array_equal(of_frames.reshape(of_pictures.shape), of_pictures)


def test_films_whose_pictures_change_their_size():
    # Recordings of broadcasts do; here the second half is twice as wide and high.
    small, large = film("mpegts", "libx264"), film("mpegts", "libx264", begin=4, times=2)
    whole = taken(small + large)
    assert [one.shape[1] for one in whole.pictures] == [WIDTH] * COUNT + [2 * WIDTH] * COUNT
    pipeline = [{"frames": {"fps": 1}}, "to_tensor"]
    with pytest.raises(BadInput, match=r"different sizes, 96x64 and 192x128; use resize before"):
        compile_pipeline({"family": "video", "pipeline": pipeline}).run(small + large)
    pipeline.insert(1, {"resize": {"width": 24, "height": 16}})
    result = compile_pipeline({"family": "video", "pipeline": pipeline}).run(small + large)
    assert np.load(io.BytesIO(result.body)).shape == (8, 3, 16, 24)
    most = sum(one.nbytes for one in whole.pictures)
    assert len(taken(small + large, ctx=Context(limits=Limits(output_bytes=most))).pictures) == 2 * COUNT
    with pytest.raises(LimitExceeded, match="'output_bytes'"):
        taken(small + large, ctx=Context(limits=Limits(output_bytes=most - 1)))


def test_a_contact_sheet_as_data():
    pipeline = [
        {"frames": {"fps": 1.0}},
        {"resize": {"width": 24, "height": 16}},
        "sheet",
        {"image.encode": {"format": "png"}},
    ]
    result = compile_pipeline({"family": "video", "pipeline": pipeline}).run(FILM)
    assert cv2.imdecode(np.frombuffer(result.body, np.uint8), 1).shape == (16, 96, 3)


@pytest.mark.parametrize(
    ("limit", "value"), [("frames", 5), ("pixels", 100), ("duration", 1.0), ("output_bytes", 50_000)]
)
def test_limits(limit, value):
    with pytest.raises(LimitExceeded, match=f"'{limit}'"):
        taken(ctx=Context(limits=Limits(**{limit: value})))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello" * 100,
        FILM[:200],
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"\x1aE\xdf\xa3" + b"\xff" * 100,
    ],
)
def test_corrupt_films_and_lists_of_other_files(data):
    with pytest.raises(BadInput, match=r"is no film of a known format \(MP4, MOV"):
        taken(data)


def test_what_is_wrong_with_a_damaged_film_is_told_without_names_of_functions():
    random, said = np.random.default_rng(5), set()
    for _ in range(150):
        damaged = np.frombuffer(FILM, np.uint8).copy()
        damaged[random.integers(0, len(FILM), 20)] = random.integers(0, 256, 20)
        try:
            taken(damaged.tobytes())
        except BadInput as error:
            said.add(str(error))
    assert any("it is corrupt, cut short, or of a kind that is not read" in one for one in said)
    assert not [one for one in said if "Errno" in one or "avcodec" in one or "codec can't" in one]


def test_times_count_from_the_start_of_a_recording():
    broadcast = film("mpegts", "libx264", begin=20_000)
    assert numbers(taken(broadcast, times=[0.0, 1.55, 3.95]).pictures) == [0, 15, 39]
    assert numbers(taken(steps.clip(broadcast, start=1.5, end=2.0).body).pictures)[0] == 10


@pytest.mark.parametrize(("container", "codec"), [("matroska", "libx264"), ("mp4", "libx264"), ("webm", "libvpx-vp9")])
def test_clips_can_be_shown_from_their_first_frame_on(container, codec):
    got = taken(steps.clip(film(container, codec), start=1.55, end=3.0).body)
    assert numbers(got.pictures)[:20] == list(range(10, 30))
    assert got.times[0] == 0


def test_clips_of_codecs_that_have_no_encoder_here():
    try:
        data = film("mp4", "libsvtav1")
    finally:
        # SVT-AV1 makes whoever calls it as root a real-time thread, and so all that this one starts from then on.
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    assert json.loads(steps.probe(data).body)["streams"][0]["codec"] == "av1"
    assert numbers(taken(steps.clip(data, end=1.0).body).pictures)[:10] == list(range(10))
    with pytest.raises(BadInput, match="shows nothing"):
        steps.clip(data, end=0)


@pytest.mark.parametrize(
    ("matrix", "change"),
    [
        ((0, 1, -1, 0), lambda one: np.rot90(one, -1)),
        ((-1, 0, 0, -1), lambda one: one[::-1, ::-1]),
        ((0, -1, 1, 0), np.rot90),
        ((-1, 0, 0, 1), lambda one: one[:, ::-1]),
        ((1, 0, 0, -1), lambda one: one[::-1]),
        ((0, 1, 1, 0), lambda one: one.transpose(1, 0, 2)),
    ],
)
def test_films_are_turned_and_mirrored_by_their_matrix(matrix, change):
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[: HEIGHT // 2, : WIDTH // 2] = 255
    sink = io.BytesIO()
    with av.open(sink, "w", format="mp4") as output:
        stream = output.add_stream("mpeg4", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for packet in [*stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")), *stream.encode()]:
            output.mux(packet)
    data = bytearray(sink.getvalue())
    place = data.index(b"tkhd") + 4 + 40
    a, b, c, d = (one << 16 for one in matrix)
    data[place : place + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    lying = taken(bytes(data), orient=False).pictures[0]
    assert np.array_equal(taken(bytes(data)).pictures[0], change(lying))


def test_clips_of_no_time_at_all():
    with pytest.raises(BadArgument, match="before it begins"):
        steps.clip(start=1.0, end=0.5)
    with pytest.raises(BadInput, match="shows nothing at 50 s"):
        steps.clip(FILM, start=50, end=60)


def test_films_of_telephones_are_turned_upright():
    data = bytearray(FILM)
    # The matrix of the track (ISO/IEC 14496-12, 8.3.2): a quarter turn to the right.
    place = data.index(b"tkhd") + 4 + 40
    data[place : place + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, HEIGHT << 16, 0, 1 << 30)
    upright, lying = taken(bytes(data), times=[1.0]).pictures[0], taken(FILM, times=[1.0]).pictures[0]
    assert np.array_equal(upright, np.rot90(lying, -1))
    assert np.array_equal(taken(bytes(data), times=[1.0], orient=False).pictures[0], lying)
    assert taken(steps.clip(bytes(data), end=1.0).body).pictures[0].shape == (WIDTH, HEIGHT, 3)


def test_what_is_shown_of_a_clip_is_no_less_than_nothing() -> None:
    shown = partial(_shown_of, begin=Fraction(1), last=Fraction(3))
    assert shown(Fraction(0)) == (1, 2)
    assert shown(Fraction(2)) == (0, 1)
    for first in (None, Fraction(3), Fraction(4)):
        with pytest.raises(BadInput, match="shows nothing at the times"):
            shown(first)
