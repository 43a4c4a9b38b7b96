"""Ids of versions: chance, so that nobody can guess one and nothing can be read out of them."""

from __future__ import annotations

import secrets
import string

# Letters and digits alone: one that begins with `-` would be an option on command lines, and dots part file names.
_ALPHABET = string.ascii_letters + string.digits
# As long as those of S3: 190 bits.
_LENGTH = 32


def new_version_id() -> str:
    """Return an id that no other version has."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
