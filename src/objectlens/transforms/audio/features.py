"""Loudness, mel spectrogram and MFCC, by the formulas of ITU-R BS.1770-4 and of librosa's defaults."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import numpy as np

from objectlens.transforms.context import Context
from objectlens.transforms.contract import transform
from objectlens.transforms.errors import BadArgument, BadInput
from objectlens.transforms.hints import Bounds
from objectlens.transforms.values import Audio, Tensor

Array = np.ndarray[Any, Any]
Window = Annotated[int, Bounds(16, 65_536)]
Bands = Annotated[int, Bounds(1, 1024)]
# Blocks of loudness, and numbers in windows of spectra, that are worked on at once: little memory, fit for caches.
_TOGETHER, _NUMBERS = 100, 1 << 20
_BLOCK, _HOP, _ABSOLUTE_GATE, _RELATIVE_GATE = 0.4, 0.1, -70.0, -10.0
# Of left, right, centre and both surround channels, without and with one for low frequencies (BS.1770-4 tables 3, 4).
_WEIGHTS = {5: [1.0, 1.0, 1.0, 1.41, 1.41], 6: [1.0, 1.0, 1.0, 0.0, 1.41, 1.41]}
# Slaney's scale: linear to 1 kHz, then 27 steps for each factor of 6.4.
_LINEAR, _KNEE, _STEP = 200.0 / 3, 1000.0, np.log(6.4) / 27.0


@transform(family="audio")
def loudness(
    audio: Audio,
    ctx: Context,
    *,
    target: Annotated[float, Bounds(-70, 0)] = -23.0,
    peak: Annotated[float, Bounds(0, 1)] = 1.0,
) -> Audio:
    """Bring the integrated loudness (ITU-R BS.1770-4) to `target` LUFS, less where samples would pass `peak`."""
    _check_numbers(audio)
    measured = integrated_loudness(audio.samples, audio.rate)
    if measured is None:
        return audio
    gain = 10 ** ((target - measured) / 20)
    highest = float(np.abs(audio.samples).max(initial=0.0))
    gain = min(gain, peak / highest) if highest else gain
    return replace(audio, samples=audio.samples * np.float32(gain))


def _check_numbers(audio: Audio) -> None:
    """Refuse, as librosa does, what would spread over all that is made of it: WAV can hold NaN."""
    if not np.isfinite(audio.samples).all():
        raise BadInput("the sound has samples that are no numbers, NaN or infinite; write it anew without them")


def integrated_loudness(samples: Array, rate: int) -> float | None:
    """Return the loudness in LUFS, None for silence or less than one block of 0.4 s."""
    size, hop = max(1, round(_BLOCK * rate)), max(1, round(_HOP * rate))
    if len(samples) < size:
        return None
    starts = np.arange(0, len(samples) - size + 1, hop)
    response = _response(rate, size + hop * min(len(starts), _TOGETHER))
    weights = np.array(_WEIGHTS.get(samples.shape[1], [1.0] * samples.shape[1]))
    powers = np.stack([_powers(channel, rate, starts, size, response) for channel in samples.T], axis=1) @ weights
    loud = powers[_lufs(powers) > _ABSOLUTE_GATE]
    if not len(loud):
        return None
    loud = loud[_lufs(loud) > _lufs(loud.mean()) + _RELATIVE_GATE]
    return float(_lufs(loud.mean()))


def _lufs(power: Any) -> Any:
    return -0.691 + 10 * np.log10(np.maximum(power, 1e-20))


def _powers(channel: Array, rate: int, starts: Array, size: int, response: Array) -> Array:
    """Return the mean square of each block of one channel, K-weighted in the frequency domain a stretch at a time."""
    powers = np.empty(len(starts))
    length = 2 * (len(response) - 1)
    for one in range(0, len(starts), _TOGETHER):
        group = starts[one : one + _TOGETHER]
        begin, end = max(0, group[0] - rate // 2), group[-1] + size
        weighted = np.fft.irfft(np.fft.rfft(channel[begin:end], length) * response, length)[: end - begin]
        energy = np.cumsum(np.pad(weighted**2, (1, 0)))
        powers[one : one + _TOGETHER] = (energy[group - begin + size] - energy[group - begin]) / size
    return powers


def _response(rate: int, span: int) -> Array:
    """Return what K-weighting makes of each frequency, for so many samples with half a second before and after them.

    After that nothing is left of either filter: what came before need not be known, nor comes what is after around.
    """
    length = 1 << (span + rate).bit_length()
    turn = np.exp(-2j * np.pi * np.arange(length // 2 + 1) / length)
    return _shelf(turn, rate) * _high_pass(turn, rate)


def _shelf(z: Array, rate: int) -> Array:
    frequency, gain, quality = 1681.974450955533, 3.999843853973347, 0.7071752369554196
    k, high = np.tan(np.pi * frequency / rate), 10 ** (gain / 20)
    low = high**0.4996667741545416
    top = (high + low * k / quality + k * k) + 2 * (k * k - high) * z + (high - low * k / quality + k * k) * z**2
    response: Array = top / ((1 + k / quality + k * k) + 2 * (k * k - 1) * z + (1 - k / quality + k * k) * z**2)
    return response


def _high_pass(z: Array, rate: int) -> Array:
    frequency, quality = 38.13547087602444, 0.5003270373238773
    k = np.tan(np.pi * frequency / rate)
    below = 1 + k / quality + k * k
    response: Array = (1 - 2 * z + z**2) / (1 + 2 * (k * k - 1) / below * z + (1 - k / quality + k * k) / below * z**2)
    return response


@transform(family="audio")
def mel(
    audio: Audio,
    ctx: Context,
    *,
    n_fft: Window = 2048,
    hop_length: Window = 512,
    n_mels: Bands = 128,
    power: Annotated[float, Bounds(1, 2)] = 2.0,
    log: bool = False,
) -> Tensor:
    """Make a mel spectrogram, n_mels x frames, float32 (`librosa.feature.melspectrogram`); `log` makes it decibels.

    Several channels are mixed to one first. Decibels are `librosa.power_to_db`'s where `power` is 2, and
    `librosa.amplitude_to_db`'s where it is 1: those of the power either way.
    """
    bands = _mel_bands(audio, ctx, n_fft=n_fft, hop=hop_length, n_mels=n_mels, power=power)
    return Tensor((_decibels(bands ** (2 / power)) if log else bands).astype(np.float32), "MT")


def _check(*, n_mfcc: int, n_mels: int, **_: Any) -> None:
    if n_mfcc > n_mels:
        raise BadArgument(
            f"n_mfcc is {n_mfcc}: there cannot be more coefficients than mel bands, {n_mels}", "n_mfcc", "n_mels"
        )


@transform(family="audio", check=_check)
def mfcc(
    audio: Audio,
    ctx: Context,
    *,
    n_mfcc: Bands = 20,
    n_fft: Window = 2048,
    hop_length: Window = 512,
    n_mels: Bands = 128,
) -> Tensor:
    """Make cepstral coefficients, n_mfcc x frames, float32 (`librosa.feature.mfcc`)."""
    bands = _decibels(_mel_bands(audio, ctx, n_fft=n_fft, hop=hop_length, n_mels=n_mels, power=2.0))
    angles = np.pi / n_mels * np.outer(np.arange(n_mfcc), np.arange(n_mels) + 0.5)
    cosines = np.cos(angles) * np.sqrt(2 / n_mels)
    cosines[0] /= np.sqrt(2)
    return Tensor((cosines @ bands).astype(np.float32), "CT")


def _mel_bands(audio: Audio, ctx: Context, *, n_fft: int, hop: int, n_mels: int, power: float) -> Array:
    _check_numbers(audio)
    signal = np.pad(audio.samples.mean(axis=1), n_fft // 2)
    if len(signal) < n_fft:
        raise BadInput("the sound is shorter than one window; pad it, or use a smaller n_fft")
    windows = np.lib.stride_tricks.sliding_window_view(signal, n_fft)[::hop]
    size = len(windows) * n_mels * 8
    ctx.limits.check("output_bytes", size, f"a spectrogram of {size:,} bytes")
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    filters = _filters(audio.rate, n_fft, n_mels)
    bands = np.empty((n_mels, len(windows)))
    step = max(1, _NUMBERS // n_fft)
    for start in range(0, len(windows), step):
        spectra = np.abs(np.fft.rfft(windows[start : start + step] * hann, axis=1)) ** power
        bands[:, start : start + step] = filters @ spectra.T
    return bands


def _filters(rate: int, n_fft: int, n_mels: int) -> Array:
    """Return n_mels triangles of equal area over the bins of the spectrum."""
    knee = _KNEE / _LINEAR
    top = rate / 2 / _LINEAR if rate / 2 < _KNEE else knee + np.log(rate / 2 / _KNEE) / _STEP
    marks = np.linspace(0.0, top, n_mels + 2)
    edges = np.where(marks < knee, marks * _LINEAR, _KNEE * np.exp(_STEP * (marks - knee)))
    bins = np.fft.rfftfreq(n_fft, 1 / rate)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    filters: Array = np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]
    return filters


def _decibels(power: Array) -> Array:
    decibels = 10 * np.log10(np.maximum(power, 1e-10))
    floored: Array = np.maximum(decibels, decibels.max(initial=-np.inf) - 80.0)
    return floored
