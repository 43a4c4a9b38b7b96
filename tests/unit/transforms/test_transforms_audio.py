"""Audio steps against soundfile, soxr and SciPy, and hostile files."""

import io
import struct
import subprocess
import sys
import time

import numpy as np
import pytest
import scipy.fft
import scipy.signal
import soundfile
import soxr

from objectlens.transforms import (
    Audio,
    BadArgument,
    BadInput,
    Context,
    LimitExceeded,
    Limits,
    Tensor,
    compile_pipeline,
    transform,
)
from objectlens.transforms import audio as steps
from objectlens.transforms.audio.features import integrated_loudness
from objectlens.transforms.audio.pages import numbered

RATE = 16_000
TIME = np.arange(RATE * 2) / RATE
SOUND = np.stack([0.5 * np.sin(2 * np.pi * 440 * TIME), 0.25 * np.sin(2 * np.pi * 1000 * TIME)], axis=1).astype(
    np.float32
)
AUDIO = Audio(SOUND, RATE)


def stored(name: str) -> bytes:
    sink = io.BytesIO()
    soundfile.write(sink, SOUND, RATE, format=name)
    return sink.getvalue()


@pytest.mark.parametrize("name", ["WAV", "FLAC", "OGG", "MP3"])
def test_decode_is_soundfile(name):
    @transform
    def keep(audio: Audio, ctx: Context) -> bytes:
        assert audio.rate == RATE
        return audio.samples.tobytes()

    expected, _ = soundfile.read(io.BytesIO(stored(name)), dtype="float32", always_2d=True)
    assert bytes(keep(stored(name))) == expected.tobytes()


@pytest.mark.parametrize("name", ["wav", "flac", "ogg", "mp3"])
def test_encode(name):
    result = steps.encode(AUDIO, format=name)
    got, rate = soundfile.read(io.BytesIO(result.body), always_2d=True)
    assert rate == RATE
    assert abs(len(got) - len(SOUND)) < 2500
    assert np.abs(got[4000:8000] - SOUND[4000:8000]).mean() < 0.05
    assert result.content_type.startswith("audio/")


@pytest.mark.parametrize("name", ["ogg", "mp3"])
def test_samples_far_out_of_range_are_clipped_before_a_lossy_encoder_sees_them(name):
    loud = Audio(np.float32(1e8) * SOUND[:4000].astype(np.float32), 8000)
    got, _ = soundfile.read(io.BytesIO(steps.encode(loud, format=name).body))
    assert 0.5 < np.abs(got).max() < 2
    with pytest.raises(BadInput, match="no numbers"):
        steps.encode(Audio(np.full((4000, 1), np.nan, np.float32), 8000), format=name)


def test_long_sounds_are_encoded():
    seconds = 240
    long = Audio(np.tile(SOUND, (seconds // 2, 1)), RATE)
    for name in ("ogg", "mp3", "flac", "wav"):
        got, rate = soundfile.read(io.BytesIO(steps.encode(long, format=name).body), always_2d=True)
        assert (len(got), rate) == (len(long.samples), RATE)
        assert np.abs(got[-8000:-4000] - long.samples[-8000:-4000]).mean() < 0.05


@pytest.mark.parametrize(("name", "subtype"), [("ogg", "default"), ("wav", "FLOAT")])
def test_the_same_samples_come_to_the_same_bytes_whenever_they_are_written(name, subtype):
    """libsndfile numbers a stream by the clock, and writes the time into WAV of floats."""
    write = (
        "import sys, numpy as np\n"
        "from objectlens.transforms import Audio, audio\n"
        "samples = np.sin(np.arange(16_000, dtype=np.float32))[:, None] / 2\n"
        f"sys.stdout.buffer.write(audio.encode(Audio(samples, 16_000), format={name!r}, subtype={subtype!r}).body)\n"
    )
    first = subprocess.run([sys.executable, "-c", write], check=True, capture_output=True).stdout
    # The clock of files counts seconds.
    written = int(time.time())
    while int(time.time()) == written:
        time.sleep(0.05)
    assert subprocess.run([sys.executable, "-c", write], check=True, capture_output=True).stdout == first
    assert first


def test_samples_that_read_like_a_header_stay_as_they_are():
    wanted = np.frombuffer(b"PEAK" + bytes(range(1, 17)) + bytes(100), np.int16)
    sound = Audio((wanted.astype(np.float32) / 32_768)[:, None], RATE)
    got, _ = soundfile.read(io.BytesIO(steps.encode(sound, format="wav", subtype="PCM_16").body), dtype="int16")
    assert np.array_equal(got, wanted)


def test_ogg_is_what_soundfile_writes_but_for_the_number_of_its_stream():
    sink = io.BytesIO()
    soundfile.write(sink, SOUND[:60_000], RATE, format="OGG", subtype="VORBIS")
    expected = sink.getvalue()
    assert numbered(expected) == steps.encode(Audio(SOUND[:60_000], RATE), format="ogg").body
    samples, _ = soundfile.read(io.BytesIO(numbered(expected)))
    assert np.array_equal(samples, soundfile.read(io.BytesIO(expected))[0])


def test_resample_is_soxr_and_mono_is_the_mean():
    got = steps.resample(AUDIO, rate=8000)
    assert got.rate == 8000
    assert np.array_equal(got.samples, soxr.resample(SOUND, RATE, 8000))
    assert steps.resample(AUDIO, rate=RATE) is AUDIO
    assert np.allclose(steps.mono(AUDIO).samples[:, 0], SOUND.mean(axis=1))


@pytest.mark.parametrize("name", ["WAV", "FLAC", "OGG", "MP3"])
@pytest.mark.parametrize("arguments", [{"start": 0.5, "duration": 1.0}, {"start": 1.5}, {"start": 9.0}])
def test_trim_early_comes_to_the_same(name, arguments):
    pipeline = ["decode", {"trim": arguments}, {"encode": {"format": "wav", "subtype": "FLOAT"}}]
    results = []
    for quality in ("fast", "exact"):
        program = compile_pipeline({"family": "audio", "quality": quality, "pipeline": pipeline})
        results.append(soundfile.read(io.BytesIO(program.run(stored(name)).body))[0])
    assert np.array_equal(*results)


def test_pad():
    got = steps.pad(AUDIO, duration=3.0).samples
    assert len(got) == 3 * RATE
    assert not got[2 * RATE :].any()
    with pytest.raises(LimitExceeded, match="'output_bytes'"):
        steps.pad(duration=3000)(AUDIO, ctx=Context(limits=Limits(output_bytes=1_000_000)))
    with pytest.raises(LimitExceeded, match="'duration'"):
        steps.pad(duration=5000)(AUDIO, ctx=Context())


def test_loudness_of_the_standards_own_tone():
    # BS.1770-4, annex 1: a 997 Hz sine of full scale in one channel reads -3.01 LKFS.
    time = np.arange(48_000 * 4) / 48_000
    tone = np.sin(2 * np.pi * 997 * time).astype(np.float32)[:, None]
    assert abs(integrated_loudness(tone, 48_000) + 3.01) < 0.05
    quieter = steps.loudness(Audio(tone, 48_000), target=-23.0)
    assert abs(integrated_loudness(quieter.samples, 48_000) + 23) < 0.05
    silence = Audio(np.zeros((48_000, 1), np.float32), 48_000)
    assert steps.loudness(silence) is silence


def power_spectrum(n_fft: int, hop: int) -> np.ndarray:
    signal = np.pad(SOUND.mean(axis=1).astype(np.float64), n_fft // 2)
    window = scipy.signal.get_window("hann", n_fft)
    _, _, found = scipy.signal.stft(signal, RATE, window, n_fft, n_fft - hop, boundary=None, padded=False)
    return np.abs(found * window.sum()) ** 2


def test_mel_and_mfcc():
    bands = steps.mel(AUDIO, n_fft=512, hop_length=128, n_mels=40).array
    power = power_spectrum(512, 128)
    assert bands.shape == (40, power.shape[1])
    assert bands.dtype == np.float32
    # Slaney's triangles have an area of one hertz each, so broad bands keep the energy density.
    peak = np.fft.rfftfreq(512, 1 / RATE)[power.sum(axis=1).argmax()]
    strongest = bands.sum(axis=1).argmax()
    assert abs(440 - peak) < 32
    assert strongest == np.argmin(np.abs(mel_centres(40, RATE) - 440))
    log = steps.mel(AUDIO, n_fft=512, hop_length=128, n_mels=40, log=True).array
    assert np.allclose(log, np.maximum(10 * np.log10(np.maximum(bands, 1e-10)), log.max() - 80), atol=1e-3)
    cepstrum = steps.mfcc(AUDIO, n_mfcc=13, n_fft=512, hop_length=128, n_mels=40).array
    assert np.allclose(cepstrum, scipy.fft.dct(log, axis=0, norm="ortho")[:13], atol=1e-2)


def mel_centres(count: int, rate: int) -> np.ndarray:
    top = 15 + 27 * np.log(rate / 2 / 1000) / np.log(6.4)
    marks = np.linspace(0, top, count + 2)[1:-1]
    return np.where(marks < 15, marks * 200 / 3, 1000 * 6.4 ** ((marks - 15) / 27))


def test_features_refuse_what_makes_no_sense():
    with pytest.raises(BadArgument, match="coefficients"):
        steps.mfcc(AUDIO, n_mfcc=50, n_mels=40)
    assert isinstance(steps.mel(Audio(np.zeros((4000, 1), np.float32), RATE)), Tensor)


def test_limits_before_decoding():
    with pytest.raises(LimitExceeded, match="'duration'"):
        steps.decode()(stored("FLAC"), ctx=Context(limits=Limits(duration=1.0)))
    with pytest.raises(LimitExceeded, match="'output_bytes'"):
        steps.decode()(stored("FLAC"), ctx=Context(limits=Limits(output_bytes=1000)))


def flac_bomb() -> bytes:
    """A FLAC header that promises 2**36 - 1 samples of 8 channels."""
    stream = struct.pack(">HH", 4096, 4096) + bytes(6)
    packed = (96_000 << 44) | (7 << 41) | (15 << 36) | (2**36 - 1)
    return b"fLaC\x80\0\0\x22" + stream + packed.to_bytes(8, "big") + bytes(16)


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", stored("WAV")[:20], stored("FLAC")[:30], b"OggS" + bytes(100), b"ID3" + b"\xff" * 50, flac_bomb()],
)
def test_corrupt_sounds(data):
    with pytest.raises((BadInput, LimitExceeded)):
        steps.decode(data)


def test_flac_that_does_not_say_how_long_it_is_is_told_so():
    data = bytearray(stored("FLAC"))
    # Total samples in STREAMINFO, 36 bits (RFC 9639, 8.2): 0 where they were not known when it was begun.
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    for pipeline in (["decode"], ["decode", {"trim": {"start": 0.5, "duration": 0.1}}]):
        with pytest.raises(BadInput, match="FLAC file does not say how long its sound is"):
            compile_pipeline({"family": "audio", "pipeline": pipeline}).run(bytes(data))


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_samples_that_are_no_numbers_are_refused_where_they_would_spread(wrong):
    sound = Audio(np.zeros((8000, 1), np.float32), 8000)
    sound.samples[4000] = wrong
    for step in (steps.mel, steps.mfcc, steps.loudness):
        with pytest.raises(BadInput, match="samples that are no numbers"):
            step(sound)
