"""Looking into films, by PyAV: only files that hold their own data are opened, never lists that point elsewhere."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import count, takewhile
from typing import Annotated, Any

import av
import av.error
import numpy as np

from objectlens.transforms.context import Context
from objectlens.transforms.contract import transform
from objectlens.transforms.errors import BadArgument, BadInput, TransformError, reading
from objectlens.transforms.hints import Bounds
from objectlens.transforms.values import Frames, Result
from objectlens.transforms.video.packets import cut, from_key_frame, microseconds, rising, timed, until

Time = Annotated[float, Bounds(0, 86_400)]
_UPRIGHT = (1, 0, 0, 0, 1, 0, 0, 0, 1)
# Containers round their times: to milliseconds, mostly.
_GRACE = 0.0005
_FAULTS = (av.error.FFmpegError, ValueError, OSError, EOFError, IndexError, struct.error)
_READ = "MP4, MOV, Matroska, WebM, AVI, MPEG, FLV, Ogg"
# What FFmpeg says of nearly all damages, some of them with the names of its functions.
_TELLS_NOTHING = (av.error.ArgumentError, av.error.InvalidDataError, av.error.EOFError)
# Playlists (hls, concat, dash) name other files and addresses, which a file of a stranger must not.
_OPTIONS = {
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,ogg",
    "protocol_whitelist": "",
    "probesize": "5000000",
}


@transform(family="video")
def probe(data: bytes, ctx: Context) -> Result:
    """Say as JSON what a film is: container, duration in seconds, and its streams."""
    with opened(data) as film:
        found = {
            "format": film.format.name,
            "duration": film.duration / av.time_base if film.duration else None,
            "streams": [_described(stream) for stream in film.streams],
        }
    return Result(json.dumps(found).encode(), "application/json")


def _check(*, times: list[float] | None, fps: float | None, start: float, end: float | None, **_: Any) -> None:
    if times is not None and fps is not None:
        raise BadArgument("give times or fps, not both", "times", "fps")
    if end is not None and end <= start:
        raise BadArgument(f"there are no pictures from {start:g} s until {end:g} s; end must be later", "end", "start")
    span = {"start": start, "end": end}
    if times is not None and (said := [name for name, value in span.items() if value]):
        raise BadArgument(f"give times or {' and '.join(said)}, not both", "times", *said)


@transform(family="video", check=_check)
def frames(
    data: bytes,
    ctx: Context,
    *,
    times: Annotated[list[Time], Bounds(1, 10_000)] | None = None,
    fps: Annotated[float, Bounds(0.001, 240)] | None = None,
    start: Time = 0.0,
    end: Time | None = None,
    orient: bool = True,
) -> Frames:
    """Take pictures: those shown at `times` (seconds), or `fps` a second from `start` to `end`, or every one.

    Decoding begins at the key frame before the first that is wanted and ends after the last; the pictures come in the
    order of `times`. `orient` turns them upright as the film says, which telephones do not keep upright themselves.
    """
    wanted = sorted(times) if times is not None else None
    with opened(data) as film:
        stream = _checked(film, ctx)
        begin = wanted[0] if wanted else start
        _seek(film, stream, begin)
        pictures = _shown(film, stream, orient=orient)
        ticks = wanted or _ticks(fps, start, end)
        taken = _taken(pictures, ctx, ticks, start, end, lasts=(film.duration or 0) / av.time_base)
    if times is None:
        return taken
    shown_at = dict(zip(taken.times, taken.pictures, strict=True))
    return Frames(tuple(shown_at[time] for time in times), tuple(times))


def _check_span(*, start: float, end: float) -> None:
    if end < start:
        raise BadArgument(f"the clip cannot end at {end:g} s, before it begins at {start:g} s", "end", "start")


@transform(family="video", check=_check_span)
def clip(data: bytes, ctx: Context, *, start: Time = 0.0, end: Time) -> Result:
    """Cut out `start` to `end` as MP4 without decoding: it begins at the key frame at or before `start`.

    Pictures that are shown past `end`, but that others before it are made of, are in the file and are not shown.
    """
    sink = io.BytesIO()
    with opened(data) as film:
        video = _checked(film, ctx)
        if film.duration and start * av.time_base >= film.duration:
            raise BadInput(f"the film shows nothing at {start:g} s: it lasts {film.duration / av.time_base:g} s")
        with av.open(sink, "w", format="mp4") as output:
            streams = [stream for stream in film.streams if stream.type == "audio" or stream.index == video.index]
            # What is copied as it is needs no encoder.
            targets = {stream.index: _copied(output, stream) for stream in streams}
            _seek(film, video, start)
            begin, last = (Fraction(_stamp(film, time), av.time_base) for time in (0.0, end - _GRACE))
            first: Fraction | None = None
            packets = from_key_frame(timed(film.demux(streams)), video.index, _stamp(film, start + _GRACE))
            for packet in rising(until(packets, last)):
                now = packet.pts * packet.time_base
                first = now if first is None else first
                if packet.is_discard and packet.stream.index == video.index and now >= begin:
                    last = min(last, now)
                ticks = round(first / packet.time_base)
                packet.pts, packet.dts = packet.pts - ticks, packet.dts - ticks
                packet.stream = targets[packet.stream.index]
                output.mux(packet)
    with reading("film's times", struct.error):
        return Result(cut(sink.getvalue(), *_shown_of(first, begin, last)), "video/mp4")


def _shown_of(first: Fraction | None, begin: Fraction, last: Fraction) -> tuple[Fraction, Fraction]:
    """Return for how long nothing is shown of what was copied, and for how long it is shown then."""
    hidden = Fraction(0) if first is None else max(Fraction(0), begin - first)
    if first is None or last <= first + hidden:
        raise BadInput("the film shows nothing at the times that are wanted")
    return hidden, last - first - hidden


def _copied(output: Any, stream: Any) -> Any:
    try:
        return output.add_stream_from_template(stream, opaque=True)
    except ValueError as error:
        raise BadInput(f"an MP4 file cannot hold this film's {stream.type}: {error}; take frames instead") from error


@contextmanager
def opened(data: bytes) -> Iterator[Any]:
    """Open a film held in memory; raises `BadInput`."""
    try:
        with _known(data) as film:
            yield film
    except TransformError:
        raise
    except _FAULTS as error:
        # The rest of FFmpeg's text is a number that it alone knows, and the name of a file that there is not.
        said = None if isinstance(error, _TELLS_NOTHING) else getattr(error, "strerror", None)
        reason = f" ({said})" if said else ""
        raise BadInput(
            f"cannot read the film: it is corrupt, cut short, or of a kind that is not read{reason}"
        ) from error


def _known(data: bytes) -> Any:
    try:
        return av.open(io.BytesIO(data), container_options=_OPTIONS)
    except av.error.FFmpegError as error:
        raise BadInput(f"the object is no film of a known format ({_READ}), or it is corrupt or cut short") from error


def _stamp(film: Any, time: float) -> int:
    """Return seconds from the start of a film in FFmpeg's ticks: recordings of broadcasts begin at any time."""
    return round(time * av.time_base) + (film.start_time or 0)


def _seek(film: Any, stream: Any, time: float) -> None:
    """Go to the key frame at or before a time; to the start where the container cannot tell where that is."""
    if time <= 0:
        return
    stamp = _stamp(film, time + _GRACE)
    film.seek(stamp)
    first = next((packet for packet in film.demux(stream) if packet.pts is not None), None)
    found = first is not None and first.is_keyframe and microseconds(first) <= stamp
    # MPEG-TS finds a place near the one that is asked for, also at its start: one before all of it is found for sure.
    film.seek(stamp if found else min(0, film.start_time or 0))


def _shown(film: Any, stream: Any, *, orient: bool) -> Iterator[tuple[float, Any]]:
    """Yield the pictures, upright if wanted, with the seconds from the start of the film."""
    begin = (film.start_time or 0) / av.time_base
    for frame in film.decode(stream):
        matrix = frame.side_data.get("DISPLAYMATRIX") if orient else None
        lasts = float((frame.duration or 0) * (frame.time_base or 0))
        yield (
            float(frame.time or 0.0) - begin,
            _Picture(frame, struct.unpack("<9i", bytes(matrix)[:36]) if matrix else _UPRIGHT, lasts),
        )


@dataclass(frozen=True, slots=True)
class _Picture:
    """A decoded picture, the matrix by which it is shown, in rows of three, and for how long it is shown."""

    frame: Any
    matrix: tuple[int, ...]
    seconds: float

    @property
    def size(self) -> tuple[int, int]:
        return self.frame.width, self.frame.height

    def pixels(self) -> np.ndarray[Any, Any]:
        pixels = self.frame.to_ndarray(format="rgb24")
        a, b, _, c, d = self.matrix[:5]
        # Points go to (a x + c y, b x + d y): by right angles, and mirrored, which front cameras do.
        lies = abs(b) > abs(a)
        turned = pixels.transpose(1, 0, 2) if lies else pixels
        turned = turned[:, ::-1] if (c if lies else a) < 0 else turned
        turned = turned[::-1] if (b if lies else d) < 0 else turned
        return turned if turned is pixels else np.ascontiguousarray(turned)


def _described(stream: Any) -> dict[str, Any]:
    context = stream.codec_context
    found = {"type": stream.type, "codec": context.codec.canonical_name if context else None}
    if context is None:
        return found
    if stream.type == "video":
        rate = stream.average_rate
        return found | {"width": context.width, "height": context.height, "fps": float(rate) if rate else None,
                        "frames": stream.frames}  # fmt: skip
    return found | ({"rate": context.sample_rate, "channels": context.channels} if stream.type == "audio" else {})


def _checked(film: Any, ctx: Context) -> Any:
    if not film.streams.video:
        raise BadInput("the file has no moving pictures")
    # Covers of albums are streams of one picture, and may come before the film.
    stream = film.streams.best("video") or film.streams.video[0]
    if stream.codec_context is None:
        raise BadInput("the film's pictures are coded in a way that is not known here")
    stream.codec_context.thread_count = 1
    size = f"a film of {stream.width}x{stream.height} pixels"
    ctx.limits.check("pixels", stream.width * stream.height, size)
    seconds = (film.duration or 0) / av.time_base
    ctx.limits.check("duration", seconds, f"a film of {seconds:,.1f} s")
    return stream


def _ticks(fps: float | None, start: float, end: float | None) -> Iterator[float] | None:
    if fps is None:
        return None
    times = (start + number / fps for number in count())
    return times if end is None else takewhile(lambda time: time < end, times)


def _taken(
    shown: Iterator[tuple[float, _Picture]],
    ctx: Context,
    wanted: list[float] | Iterator[float] | None,
    start: float,
    end: float | None,
    *,
    lasts: float,
) -> Frames:
    """Keep for every wanted time the last frame shown at or before it, or all frames from start to end.

    Times in a list must not be past the end; an iterator may have no end itself. `lasts` is how many seconds the film
    has.
    """
    pictures: list[Any] = []
    times: list[float] = []
    total = 0

    def keep(picture: _Picture, time: float) -> None:
        width, height = picture.size
        ctx.limits.check("frames", len(pictures) + 1, f"a film of {len(pictures) + 1:,} pictures or more")
        ctx.limits.check("pixels", width * height, f"pictures of {width}x{height} pixels")
        # Pictures of one film may differ in size.
        nonlocal total
        total += width * height * 3
        ctx.limits.check("output_bytes", total, f"pictures of {total:,} bytes together")
        pictures.append(picture.pixels())
        times.append(time)

    ticks = iter(wanted) if wanted is not None else None
    tick = next(ticks, None) if ticks is not None else None
    last: _Picture | None = None
    now = 0.0
    for now, picture in shown:
        # Films that were not finished do not say how long they are.
        ctx.limits.check("duration", now, f"a film of {now:,.1f} s or more")
        if ticks is None:
            if end is not None and now >= end - _GRACE:
                break
            if now >= start - _GRACE:
                keep(picture, now)
            continue
        while tick is not None and last is not None and tick < now - _GRACE:
            keep(last, tick)
            tick = next(ticks, None)
        if tick is None:
            break
        last = picture
    # FLV does not tell for how long its last picture is shown.
    shows = max(last.seconds or lasts - now, 0.001) if last is not None else 0.0
    while tick is not None and last is not None and tick < now + shows - _GRACE:
        keep(last, tick)
        tick = next(ticks, None) if ticks is not None else None
    if tick is not None and isinstance(wanted, list):
        raise BadInput(f"the film shows nothing at {tick:g} s: its pictures last {now + shows:g} s")
    if not pictures:
        raise BadInput("the film shows nothing at the times that are wanted")
    return Frames(tuple(pictures), tuple(times))
