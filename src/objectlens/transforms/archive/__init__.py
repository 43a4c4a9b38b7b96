"""Archives and compressed streams: `pip install 'objectlens[archive]'`.

What it is: the `archive.*` steps. What it is not: an unpacker to disk; nothing here opens or makes files.
What flows through: streams; one member of an archive is held at a time.
"""

from types import MappingProxyType

import cramjam
import lz4
import zstandard

from objectlens.transforms.archive.compression import decompress
from objectlens.transforms.archive.members import member, webdataset

STEPS = (decompress, member, webdataset)
VERSIONS = MappingProxyType({"cramjam": cramjam.__version__, "lz4": lz4.__version__, "zstd": zstandard.__version__})

__all__ = ["STEPS", "VERSIONS", "decompress", "member", "webdataset"]
