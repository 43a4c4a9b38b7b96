"""Sound files and samples: libsndfile reads and writes, soxr resamples."""

from __future__ import annotations

import io
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Annotated, Literal

import numpy as np
import soundfile
import soxr

from objectlens.transforms.audio.pages import numbered
from objectlens.transforms.bound import Bound
from objectlens.transforms.context import Context
from objectlens.transforms.contract import transform
from objectlens.transforms.errors import BadArgument, BadInput, reading
from objectlens.transforms.hints import Bounds
from objectlens.transforms.values import Audio, Result

Rate = Annotated[int, Bounds(1_000, 384_000)]
Seconds = Annotated[float, Bounds(0, 86_400)]
_FAULTS = (soundfile.LibsndfileError, RuntimeError, OSError, ValueError, EOFError)
_FORMATS = {"WAV": "wav", "WAVEX": "wav", "RF64": "wav", "FLAC": "flac", "OGG": "ogg", "MP3": "mp3", "MPEG": "mp3"}
_READ = "WAV, FLAC, MP3, OGG"
# libsndfile's codes for a file of no kind that it knows, and for those that it cannot make head or tail of, or find a
# place in (sndfile.h, common.h).
_UNKNOWN, _SENSELESS = 1, (7, 39)
# libsndfile's length of a FLAC stream whose header leaves it open (SF_COUNT_MAX).
_UNTOLD = 2**63 - 1
# Only these find an exact sample without decoding all before it.
_SEEKABLE = frozenset({"wav", "flac"})
_LOSSY = frozenset({"ogg", "mp3"})
# Only WAV has a place for samples that are no numbers, and for none at all.
_STRICT = frozenset({"flac", "ogg", "mp3"})
_WRITTEN = {
    "wav": ("WAV", "PCM_16", "audio/wav"),
    "flac": ("FLAC", "PCM_16", "audio/flac"),
    "ogg": ("OGG", "VORBIS", "audio/ogg"),
    "mp3": ("MP3", "MPEG_LAYER_III", "audio/mpeg"),
}
_SUBTYPES = {
    "wav": ("default", "PCM_16", "PCM_24", "FLOAT"),
    "flac": ("default", "PCM_16", "PCM_24"),
    "ogg": ("default",),
    "mp3": ("default",),
}
# The Vorbis encoder takes room on the stack for all that it is given at once, and ends the process for want of it.
_BLOCK = 65_536
# Rates and channels that each format has. The Vorbis encoder does not refuse others but ends the process.
_MP3_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_WRITABLE: Mapping[str, tuple[Container[int], str, int]] = {
    "wav": (range(1, 2**31), "any", 1024),
    "flac": (range(1, 655_351), "1 to 655,350 Hz", 8),
    "ogg": (range(1, 200_001), "1 to 200,000 Hz", 255),
    "mp3": (frozenset(_MP3_RATES), f"{', '.join(f'{rate:,}' for rate in _MP3_RATES)} Hz", 2),
}


@transform(family="audio")
def decode(data: bytes, ctx: Context) -> Audio:
    """Decode WAV, FLAC, MP3 or OGG to float32 samples (`soundfile.read`)."""
    return decode_planned(data, ctx, start=0.0, duration=None)


def decode_planned(data: bytes, ctx: Context, *, start: float, duration: float | None) -> Audio:
    """Decode only these seconds where the format can be entered anywhere; the trim that follows is done by this."""
    with _sounding("read the sound file"), soundfile.SoundFile(io.BytesIO(data)) as file:
        name = _FORMATS.get(file.format)
        if name is None:
            raise BadInput(f"{file.format} is not among the sound formats read here: {_READ}")
        if file.frames == _UNTOLD:
            # Nor can soundfile read it: it seeks after each block, which fails where the last one ends.
            raise BadInput(
                f"the {file.format} file does not say how long its sound is, as files that were written to a pipe do "
                "not; write it anew as a file"
            )
        first = min(round(start * file.samplerate), file.frames)
        count = file.frames - first if duration is None else round(duration * file.samplerate)
        count = max(0, min(count, file.frames - first))
        if name not in _SEEKABLE or not file.seekable():
            _check(ctx, file.frames, file.samplerate, file.channels)
            # As soundfile.read does it: MP3 decoders start over at a seek, with other last bits.
            if file.seekable():
                file.seek(0)
            frames = -1 if file.seekable() else file.frames
            samples = file.read(frames, dtype="float32", always_2d=True)[first : first + count]
        else:
            _check(ctx, count, file.samplerate, file.channels)
            file.seek(first)
            samples = file.read(count, dtype="float32", always_2d=True)
        return Audio(samples, file.samplerate, name)


@contextmanager
def _sounding(what: str) -> Iterator[None]:
    """Turn libsndfile's complaints into `BadInput`."""
    with reading("sound file", *_FAULTS):
        try:
            yield
        except soundfile.LibsndfileError as error:
            # Its text begins with the file's address in memory.
            known = f"; {_READ} are read" if error.code == _UNKNOWN else ""
            # To libsndfile a file of which it can read nothing is none.
            said = "it is corrupt or cut short" if error.code in _SENSELESS else error.error_string.rstrip(".")
            raise BadInput(f"cannot {what}: {said}{known}") from error


def _check(ctx: Context, frames: int, rate: int, channels: int) -> None:
    ctx.limits.check("duration", frames / rate, f"sound of {frames / rate:,.1f} s")
    ctx.limits.check("output_bytes", frames * channels * 4, f"sound of {frames * channels * 4:,} bytes")


@transform(family="audio")
def resample(
    audio: Audio, ctx: Context, *, rate: Rate, quality: Literal["VHQ", "HQ", "MQ", "LQ", "QQ"] = "HQ"
) -> Audio:
    """Change the sampling rate (`soxr.resample`)."""
    if rate == audio.rate:
        return audio
    size = len(audio.samples) * rate // audio.rate * audio.samples.shape[1] * 4
    ctx.limits.check("output_bytes", size, f"sound of {size:,} bytes")
    return replace(audio, samples=soxr.resample(audio.samples, audio.rate, rate, quality), rate=rate)


@transform(family="audio")
def mono(audio: Audio, ctx: Context) -> Audio:
    """Mix all channels to one, their mean."""
    return replace(audio, samples=audio.samples.mean(axis=1, keepdims=True, dtype=np.float32))


@transform(family="audio")
def trim(audio: Audio, ctx: Context, *, start: Seconds = 0.0, duration: Seconds | None = None) -> Audio:
    """Keep `duration` seconds from `start` on, all the rest without it."""
    first = round(start * audio.rate)
    last = None if duration is None else first + round(duration * audio.rate)
    return replace(audio, samples=audio.samples[first:last])


@transform(family="audio")
def pad(audio: Audio, ctx: Context, *, duration: Seconds) -> Audio:
    """Add silence at the end until it lasts `duration` seconds."""
    _check(ctx, round(duration * audio.rate), audio.rate, audio.samples.shape[1])
    missing = max(0, round(duration * audio.rate) - len(audio.samples))
    return replace(audio, samples=np.pad(audio.samples, ((0, missing), (0, 0)))) if missing else audio


def _check_subtype(*, format: str, subtype: str) -> None:  # noqa: A002
    if subtype not in _SUBTYPES.get(format, _SUBTYPES["wav"]):
        raise BadArgument(_no_subtype(format, subtype), "subtype")


def _no_subtype(name: str, subtype: str) -> str:
    return f"{name} cannot hold {subtype}; its subtypes are {', '.join(_SUBTYPES[name])}"


@transform(family="audio", check=_check_subtype)
def encode(
    audio: Audio,
    ctx: Context,
    *,
    format: Literal["same", "wav", "flac", "ogg", "mp3"] = "same",  # noqa: A002  (soundfile's name for it)
    subtype: Literal["default", "PCM_16", "PCM_24", "FLOAT"] = "default",
) -> Result:
    """Write a sound file (`soundfile.write`); `same` is the format it came in, WAV when it came in none."""
    name = (audio.format or "wav") if format == "same" else format
    container, usual, content_type = _WRITTEN[name]
    sink, samples = io.BytesIO(), audio.samples
    _check_writable(name, audio.rate, samples.shape[1])
    if subtype not in _SUBTYPES[name]:
        raise BadInput(_no_subtype(name, subtype))
    if name in _STRICT and not np.isfinite(samples).all():
        raise BadInput(f"samples that are no numbers cannot be written as {name}")
    if name in _STRICT and not len(samples):
        raise BadInput(f"a sound of no length cannot be written as {name}")
    if name in _LOSSY:
        # LAME ends the process for samples far out of range, which damaged files decode to.
        samples = np.clip(samples, -1.0, 1.0)
    held = usual if subtype == "default" else subtype
    with (
        _sounding(f"write the samples as {name}"),
        soundfile.SoundFile(sink, "w", audio.rate, samples.shape[1], held, format=container) as file,
    ):
        for start in range(0, len(samples), _BLOCK):
            file.write(samples[start : start + _BLOCK])
    return Result(_without_chance(sink.getvalue(), name), content_type)


def _without_chance(data: bytes, name: str) -> bytes:
    """Return a file without what libsndfile takes from the clock: the same samples must come to the same bytes."""
    if name == "ogg":
        return numbered(data)
    # Before the samples, which may say anything.
    place = data.find(b"PEAK", 0, data.index(b"data")) if name == "wav" else -1
    # Its chunk: name, size, version, and when the loudest sample was found.
    return data if place < 0 else data[: place + 12] + bytes(4) + data[place + 16 :]


def _check_writable(name: str, rate: int, channels: int) -> None:
    rates, words, most = _WRITABLE[name]
    if rate not in rates:
        raise BadInput(f"{name} cannot hold sound of {rate:,} Hz, only {words}; use resample before")
    if channels > most:
        raise BadInput(f"{name} cannot hold {channels} channels, only {most}; use mono before")


def trim_early(steps: Sequence[Bound]) -> Sequence[Bound]:
    """Let decoding do the trim that follows it at once."""
    for index in range(len(steps) - 1):
        first, second = steps[index : index + 2]
        if (first.name, second.name) == ("audio.decode", "audio.trim"):
            call = partial(decode_planned, **second.arguments)
            planned = replace(first, call=call, arguments=second.arguments, note="only the seconds that trim keeps")
            return (*steps[:index], planned, *steps[index + 2 :])
    return steps
