"""The media type of a file that nobody declared one for."""

from __future__ import annotations

import mimetypes

UNKNOWN = "binary/octet-stream"

# What Python's own table lacks or does not have in every version.
_KNOWN = {
    "avif": "image/avif",
    "flac": "audio/flac",
    "heic": "image/heic",
    "jsonl": "application/jsonl",
    "jxl": "image/jxl",
    "lz4": "application/x-lz4",
    "m4a": "audio/mp4",
    "md": "text/markdown",
    "mkv": "video/x-matroska",
    "npy": "application/x-npy",
    "npz": "application/x-npz",
    "ogg": "audio/ogg",
    "opus": "audio/opus",
    "parquet": "application/vnd.apache.parquet",
    "safetensors": "application/x-safetensors",
    "toml": "application/toml",
    "webm": "video/webm",
    "webp": "image/webp",
    "yaml": "application/yaml",
    "yml": "application/yaml",
    "zst": "application/zstd",
    "gz": "application/gzip",
    "bz2": "application/x-bzip2",
    "xz": "application/x-xz",
}


def guess(key: str) -> str:
    """Return the media type that a key's extension stands for; `a.tar.gz` is what its last extension says."""
    name = key.rpartition("/")[2]
    _, dot, extension = name.rpartition(".")
    if not dot:
        return UNKNOWN
    return _KNOWN.get(extension.lower()) or mimetypes.guess_type(f"x.{extension}", strict=False)[0] or UNKNOWN
