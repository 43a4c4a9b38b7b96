"""Native transforms: the work itself, as data or as functions, planned before it runs.

What it is: the contract (`@transform`, chained with `>>`), the vocabulary of steps (image, audio, video, text, table,
archive, tensor, learned), pipelines as JSON compiled into programs, their planner, arguments and limits.

What it is not: it knows no requests, users or stores, does no network I/O, and starts no threads. It is synchronous;
whoever calls it keeps it off the event loop. Whether two runs are worth caching is for others to decide, by `digest`
and `canonical`.

What flows through: the bytes of one object, whole or as an iterator of chunks, become a `Result`.
"""

from objectlens.transforms.arguments import asked, parse_header
from objectlens.transforms.context import Context, Resources
from objectlens.transforms.contract import Pipeline, Step, transform
from objectlens.transforms.errors import (
    BadArgument,
    BadInput,
    BadPipeline,
    LimitExceeded,
    MissingExtra,
    TransformError,
)
from objectlens.transforms.hints import Bounds
from objectlens.transforms.limits import Limits
from objectlens.transforms.program import Arguments, Program, compile_pipeline
from objectlens.transforms.schema import pipeline_schema
from objectlens.transforms.values import Audio, Frames, Image, Result, Tensor

__all__ = [
    "Arguments",
    "Audio",
    "BadArgument",
    "BadInput",
    "BadPipeline",
    "Bounds",
    "Context",
    "Frames",
    "Image",
    "LimitExceeded",
    "Limits",
    "MissingExtra",
    "Pipeline",
    "Program",
    "Resources",
    "Result",
    "Step",
    "Tensor",
    "TransformError",
    "asked",
    "compile_pipeline",
    "parse_header",
    "pipeline_schema",
    "transform",
]
