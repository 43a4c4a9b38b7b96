"""Films, by PyAV: `pip install 'objectlens[video]'`.

What it is: the `video.*` steps. What it is not: a transcoder. What flows through: the bytes of a file become JSON,
a shorter file, or `Frames`, which become an `Image` or a `Tensor`.
"""

from types import MappingProxyType

import av

from objectlens.transforms.video.film import clip, frames, probe
from objectlens.transforms.video.pictures import resize, sheet, to_tensor

STEPS = (probe, frames, clip, resize, sheet, to_tensor)
VERSIONS = MappingProxyType({"av": av.__version__})

__all__ = ["STEPS", "VERSIONS", "clip", "frames", "probe", "resize", "sheet", "to_tensor"]
