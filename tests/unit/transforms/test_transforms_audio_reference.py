"""Loudness, mel spectrograms and MFCC against the libraries whose results they promise: pyloudnorm and librosa."""

from __future__ import annotations

import io
import tracemalloc

import librosa
import numpy as np
import pyloudnorm
import pytest

from objectlens.transforms import Audio, compile_pipeline
from objectlens.transforms.audio import loudness, mel
from objectlens.transforms.audio.features import integrated_loudness


def sound(rate: int, seconds: float = 3.0, channels: int = 1) -> Audio:
    """A gliding tone with noise that swells, other in each channel."""
    random = np.random.default_rng(7)
    time = np.arange(int(rate * seconds)) / rate
    tones = [np.sin(2 * np.pi * (200 * (one + 1) + 400 * time) * time) for one in range(channels)]
    samples = np.stack(tones, axis=1) * 0.4 + random.normal(0, 0.05, (len(time), channels)) * time[:, None]
    return Audio(np.clip(samples, -1, 1).astype(np.float32), rate)


def made(audio: Audio, step: dict[str, object]) -> np.ndarray:
    sink = io.BytesIO()
    # 32-bit floats, so that nothing is lost on the way in.
    import soundfile

    soundfile.write(sink, audio.samples, audio.rate, format="WAV", subtype="FLOAT")
    program = compile_pipeline({"pipeline": ["audio.decode", step, {"tensor.encode": {"format": "npy"}}]})
    return np.load(io.BytesIO(bytes(program.run(sink.getvalue()))))


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize(("n_fft", "hop", "n_mels", "power"), [(2048, 512, 128, 2.0), (512, 160, 40, 1.0)])
def test_mel_is_librosas(rate: int, n_fft: int, hop: int, n_mels: int, power: float) -> None:
    audio = sound(rate, channels=2)
    arguments = {"n_fft": n_fft, "hop_length": hop, "n_mels": n_mels, "power": power}
    ours = made(audio, {"audio.mel": arguments})
    theirs = librosa.feature.melspectrogram(y=audio.samples.mean(axis=1), sr=rate, **arguments)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=1e-4 * theirs.max())


def test_decibels_are_librosas() -> None:
    audio = sound(16000)
    ours = made(audio, {"audio.mel": {"log": True}})
    theirs = librosa.power_to_db(librosa.feature.melspectrogram(y=audio.samples[:, 0], sr=16000))
    np.testing.assert_allclose(ours, theirs, atol=0.02)
    ours = made(audio, {"audio.mel": {"log": True, "power": 1}})
    theirs = librosa.amplitude_to_db(librosa.feature.melspectrogram(y=audio.samples[:, 0], sr=16000, power=1))
    np.testing.assert_allclose(ours, theirs, atol=0.02)


@pytest.mark.parametrize("n_mfcc", [13, 20, 40])
def test_mfcc_is_librosas(n_mfcc: int) -> None:
    audio = sound(22050)
    ours = made(audio, {"audio.mfcc": {"n_mfcc": n_mfcc}})
    theirs = librosa.feature.mfcc(y=audio.samples[:, 0], sr=22050, n_mfcc=n_mfcc)
    np.testing.assert_allclose(ours, theirs, atol=0.05)


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_loudness_is_pyloudnorms(rate: int, channels: int) -> None:
    audio = sound(rate, 5.0, channels)
    theirs = pyloudnorm.Meter(rate, filter_class="DeMan").integrated_loudness(audio.samples.astype(np.float64))
    ours = integrated_loudness(audio.samples, rate)
    assert ours is not None
    assert ours == pytest.approx(theirs, abs=0.1)


def test_long_sounds_are_pyloudnorms_too() -> None:
    audio = sound(8_000, 61.7, 2)
    audio.samples[: 20 * 8_000] *= 0.3
    theirs = pyloudnorm.Meter(8_000, filter_class="DeMan").integrated_loudness(audio.samples.astype(np.float64))
    assert integrated_loudness(audio.samples, 8_000) == pytest.approx(theirs, abs=1e-4)


def test_features_of_long_sounds_take_little_memory() -> None:
    samples = np.sin(np.arange(600 * 16_000, dtype=np.float32) / 9)[:, None]
    long = Audio(samples, 16_000)
    tracemalloc.start()
    try:
        tensor = mel(long, n_fft=400, hop_length=160, n_mels=80)
        assert tensor.array.shape == (80, 60_001)
        louder = loudness(long)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(louder.samples) == len(samples)
    assert most < 4 * samples.nbytes


def test_low_frequencies_of_six_channels_do_not_count() -> None:
    five = sound(48_000, 5.0, 5).samples
    bass = np.full((len(five), 1), 0.9, np.float32)
    six = np.concatenate([five[:, :3], bass * np.sin(np.arange(len(five)))[:, None], five[:, 3:]], axis=1)
    assert integrated_loudness(six, 48_000) == pytest.approx(integrated_loudness(five, 48_000))
