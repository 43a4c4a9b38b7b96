"""The five checksums that SDKs know, computed without the code under test."""

from __future__ import annotations

import base64
import hashlib
import zlib

from awscrt import checksums as crt

FIVE = ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")


def checksum(algorithm: str, body: bytes) -> str:
    """Return a checksum as it travels."""
    digests = {
        "CRC32": lambda: zlib.crc32(body).to_bytes(4, "big"),
        "CRC32C": lambda: crt.crc32c(body).to_bytes(4, "big"),
        "CRC64NVME": lambda: crt.crc64nvme(body).to_bytes(8, "big"),
        "SHA1": lambda: hashlib.sha1(body).digest(),
        "SHA256": lambda: hashlib.sha256(body).digest(),
    }
    return base64.b64encode(digests[algorithm]()).decode()
