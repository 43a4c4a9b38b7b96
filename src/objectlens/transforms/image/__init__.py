"""Pictures, by OpenCV and Pillow: `pip install 'objectlens[image]'`.

What it is: the `image.*` steps, each a chainable function (`decode() >> resize(width=256) >> encode(format="jpeg")`),
and the rules by which they are planned.

What it is not: an image editor. Pictures have 8 bits a channel, one frame, and no metadata once decoded.

What flows through: the bytes of a file become an `Image`, which becomes bytes or a `Tensor`.
"""

from types import MappingProxyType

import cv2
import PIL

from objectlens.transforms.image.checks import check_steps
from objectlens.transforms.image.colour import (
    blur,
    brightness,
    color,
    contrast,
    grayscale,
    jitter,
    normalize,
    saturation,
)
from objectlens.transforms.image.decode import decode
from objectlens.transforms.image.encode import encode, picture, pixels, to_tensor
from objectlens.transforms.image.geometry import (
    center_crop,
    crop,
    flip,
    pad,
    random_crop,
    random_flip,
    resize,
    rotate,
)
from objectlens.transforms.image.rules import RULES
from objectlens.transforms.image.strip import strip

STEPS = (
    decode,
    resize,
    crop,
    center_crop,
    random_crop,
    pad,
    flip,
    random_flip,
    rotate,
    grayscale,
    color,
    blur,
    brightness,
    contrast,
    saturation,
    jitter,
    normalize,
    to_tensor,
    encode,
    strip,
    pixels,
    picture,
)
CHECK = check_steps
VERSIONS = MappingProxyType({"opencv": cv2.__version__, "pillow": PIL.__version__})

__all__ = [
    "CHECK",
    "RULES",
    "STEPS",
    "VERSIONS",
    "blur",
    "brightness",
    "center_crop",
    "color",
    "contrast",
    "crop",
    "decode",
    "encode",
    "flip",
    "grayscale",
    "jitter",
    "normalize",
    "pad",
    "picture",
    "pixels",
    "random_crop",
    "random_flip",
    "resize",
    "rotate",
    "saturation",
    "strip",
    "to_tensor",
]
