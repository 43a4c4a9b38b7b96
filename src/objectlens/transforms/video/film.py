"""Looking into films, by PyAV: only files that hold their own data are opened, never lists that point elsewhere."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, takewhile
from typing import Annotated, Any

import av
import av.error

from objectlens.transforms.context import Context
from objectlens.transforms.contract import transform
from objectlens.transforms.errors import BadArgument, BadInput, reading
from objectlens.transforms.hints import Bounds
from objectlens.transforms.values import Frames, Result

Time = Annotated[float, Bounds(0, 86_400)]
_FAULTS = (av.error.FFmpegError, ValueError, OSError, EOFError, IndexError)
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


@transform(family="video")
def frames(
    data: bytes,
    ctx: Context,
    *,
    times: Annotated[list[Time], Bounds(1, 10_000)] | None = None,
    fps: Annotated[float, Bounds(0.001, 240)] | None = None,
    start: Time = 0.0,
    end: Time | None = None,
) -> Frames:
    """Take pictures: those shown at `times` (seconds), or `fps` a second from `start` to `end`, or every one.

    Decoding begins at the key frame before the first that is wanted and ends after the last.
    """
    if times is not None and fps is not None:
        raise BadArgument("give times or fps, not both", "times", "fps")
    wanted = sorted(times) if times is not None else None
    with opened(data) as film:
        stream = _checked(film, ctx)
        begin = wanted[0] if wanted else start
        if begin > 0:
            film.seek(int(begin * av.time_base))
        return _taken(film.decode(stream), ctx, wanted or _ticks(fps, start, end), start, end)


@transform(family="video")
def clip(data: bytes, ctx: Context, *, start: Time = 0.0, end: Time) -> Result:
    """Cut out `start` to `end` as MP4 without decoding: it begins at the key frame at or before `start`."""
    sink = io.BytesIO()
    with opened(data) as film:
        _checked(film, ctx)
        with av.open(sink, "w", format="mp4") as output:
            streams = [stream for stream in film.streams if stream.type in ("video", "audio")]
            targets = {stream.index: output.add_stream_from_template(stream) for stream in streams}
            if start > 0:
                film.seek(int(start * av.time_base))
            first: dict[int, int] = {}
            for packet in film.demux(streams):
                if packet.dts is None or packet.pts is None or packet.pts * packet.time_base >= end:
                    continue
                shift = first.setdefault(packet.stream.index, packet.dts)
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                packet.stream = targets[packet.stream.index]
                output.mux(packet)
    return Result(sink.getvalue(), "video/mp4")


@contextmanager
def opened(data: bytes) -> Iterator[Any]:
    """Open a film held in memory; raises `BadInput`."""
    with reading("film", *_FAULTS), av.open(io.BytesIO(data), container_options=_OPTIONS) as film:
        yield film


def _described(stream: Any) -> dict[str, Any]:
    context = stream.codec_context
    found = {"type": stream.type, "codec": context.name if context else None}
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
    stream = film.streams.video[0]
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


def _taken(shown: Iterator[Any], ctx: Context, wanted: Any, start: float, end: float | None) -> Frames:
    """Keep for every wanted time the last frame shown at or before it, or all frames from start to end."""
    pictures: list[Any] = []
    times: list[float] = []

    def keep(frame: Any, time: float) -> None:
        ctx.limits.check("frames", len(pictures) + 1, f"a film of {len(pictures) + 1:,} pictures or more")
        ctx.limits.check("pixels", frame.width * frame.height, f"pictures of {frame.width}x{frame.height} pixels")
        total = sum(picture.nbytes for picture in pictures[:1]) * (len(pictures) + 1)
        ctx.limits.check("output_bytes", total, f"pictures of {total:,} bytes together")
        pictures.append(frame.to_ndarray(format="rgb24"))
        times.append(time)

    ticks = iter(wanted) if wanted is not None else None
    tick = next(ticks, None) if ticks is not None else None
    last = None
    for frame in shown:
        now = float(frame.time or 0.0)
        if ticks is None:
            if end is not None and now >= end:
                break
            if now >= start:
                keep(frame, now)
            continue
        # Half a millisecond of grace: containers round their times.
        while tick is not None and last is not None and tick < now - 0.0005:
            keep(last, tick)
            tick = next(ticks, None)
        if tick is None:
            break
        last = frame
    if ticks is not None and last is not None and tick is not None and tick <= float(last.time or 0.0) + 0.0005:
        keep(last, tick)
    if not pictures:
        raise BadInput("the film shows nothing at the times that are wanted")
    return Frames(tuple(pictures), tuple(times))
