"""Sound, by soundfile and soxr: `pip install 'objectlens[audio]'`.

What it is: the `audio.*` steps. What it is not: a streaming decoder; a sound is held whole, as float32.
What flows through: the bytes of a file become `Audio`, which becomes bytes or a `Tensor`.
"""

from types import MappingProxyType

import soundfile
import soxr

from objectlens.transforms.audio.features import loudness, mel, mfcc
from objectlens.transforms.audio.sound import decode, encode, mono, pad, resample, trim, trim_early

STEPS = (decode, resample, mono, trim, pad, loudness, mel, mfcc, encode)
RULES = (trim_early,)
VERSIONS = MappingProxyType(
    {"libsndfile": soundfile.__libsndfile_version__, "soundfile": soundfile.__version__, "soxr": soxr.__version__}
)

__all__ = [
    "RULES",
    "STEPS",
    "VERSIONS",
    "decode",
    "encode",
    "loudness",
    "mel",
    "mfcc",
    "mono",
    "pad",
    "resample",
    "trim",
]
