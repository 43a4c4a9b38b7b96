"""A browser's form, `multipart/form-data`, taken apart as bytes come in (RFC 7578; S3 API reference, "POST Object").

Fields come first and are gathered; the one named `file` is the last that counts, and is handed on as it arrives:

    PREAMBLE → NEXT → HEAD → FIELD → NEXT …      a field
    NEXT → HEAD → FILE → DONE                    the file; what follows it means nothing
    NEXT → END                                   a form without a file
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final
from urllib.parse import unquote

from objectlens.errors import (
    IncompleteBody,
    InvalidArgument,
    MalformedPOSTRequest,
    MaxPostPreDataLengthExceededError,
)

# S3 user guide, "POST Object restrictions": form data and boundaries without the file.
MAX_FIELDS: Final = 20 * 1024
FILE: Final = "file"

_BOUNDARY = re.compile(r'multipart/form-data\s*;(?:.*;)?\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
_PARAMETER = re.compile(r';\s*([a-z*]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))', re.IGNORECASE)
_ESCAPED = re.compile(r"%(22|0[DdAa])")


class _State(Enum):
    PREAMBLE = auto()
    NEXT = auto()
    HEAD = auto()
    FIELD = auto()
    FILE = auto()
    DONE = auto()
    END = auto()


class FormDecoder:
    """Takes one form apart. `fields` are by lower-case name, the first of each; `filename` is the file's, or "".

    `at_file` tells that all fields have been seen and the file's bytes come.
    """

    def __init__(self, content_type: str | None) -> None:
        """Raise `MalformedPOSTRequest` for a `Content-Type` that is no form's, which browsers never send."""
        match = _BOUNDARY.match(content_type or "")
        if match is None:
            raise MalformedPOSTRequest("The Content-Type must be multipart/form-data with a boundary.")
        self._delimiter = b"\r\n--" + (match[1] or match[2]).encode("utf-8", "surrogateescape")
        # The first delimiter may stand at the very start, without a line before it.
        self._buffer = bytearray(b"\r\n")
        self._state = _State.PREAMBLE
        self._name = ""
        self.fields: dict[str, str] = {}
        self.filename = ""

    @property
    def at_file(self) -> bool:
        """Tell whether the file has begun."""
        return self._state in {_State.FILE, _State.DONE}

    def feed(self, data: bytes) -> list[bytes]:
        """Take in bytes of the body, return those of the file in them; raises S3's error for what is no form."""
        if self._state in {_State.DONE, _State.END}:
            return []
        self._buffer += data
        found: list[bytes] = []
        while self._step(found):
            pass
        if not self.at_file and len(self._buffer) > MAX_FIELDS:
            raise MaxPostPreDataLengthExceededError
        return found

    def close(self) -> None:
        """Note that the body has ended; raises an error when there was no file, or not all of it."""
        if self._state is _State.FILE:
            raise IncompleteBody("The form ends within its file.")
        if self._state is _State.END:
            raise InvalidArgument(
                "POST requires exactly one file upload per request.", ArgumentName=FILE, ArgumentValue="0"
            )
        if self._state is not _State.DONE:
            raise MalformedPOSTRequest

    def _step(self, found: list[bytes]) -> bool:
        """Do what can be done with what is there; returns whether the state changed."""
        if self._state is _State.PREAMBLE:
            return self._until_delimiter() is not None
        if self._state is _State.NEXT:
            return self._next()
        if self._state is _State.HEAD:
            return self._head()
        if self._state is _State.FIELD:
            return self._field()
        return self._state is _State.FILE and self._file(found)

    def _until_delimiter(self) -> bytes | None:
        end = self._buffer.find(self._delimiter)
        if end < 0:
            return None
        content = bytes(self._buffer[:end])
        del self._buffer[: end + len(self._delimiter)]
        self._state = _State.NEXT
        return content

    def _next(self) -> bool:
        if len(self._buffer) < 2:
            return False
        mark = bytes(self._buffer[:2])
        if mark == b"--":
            self._state = _State.END
        elif mark == b"\r\n":
            self._state = _State.HEAD
        else:
            raise MalformedPOSTRequest
        del self._buffer[:2]
        return self._state is _State.HEAD

    def _head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        disposition = _disposition(bytes(self._buffer[:end]).decode("utf-8", "replace"))
        del self._buffer[: end + 4]
        self._name = disposition.get("name", "").lower()
        if not self._name:
            raise MalformedPOSTRequest("A part of the form has no name.")
        if self._name == FILE:
            self.filename = disposition.get("filename", "")
            self._state = _State.FILE
        else:
            self._state = _State.FIELD
        return True

    def _field(self) -> bool:
        content = self._until_delimiter()
        if content is None:
            return False
        try:
            self.fields.setdefault(self._name, content.decode())
        except UnicodeDecodeError:
            raise MalformedPOSTRequest(f"The field {self._name} is not UTF-8.") from None
        if sum(len(name) + len(value) for name, value in self.fields.items()) > MAX_FIELDS:
            raise MaxPostPreDataLengthExceededError
        return True

    def _file(self, found: list[bytes]) -> bool:
        content = self._until_delimiter()
        if content is not None:
            self._state = _State.DONE
            self._buffer.clear()
        else:
            # A delimiter may have begun within the last bytes.
            keep = len(self._delimiter) - 1
            content = bytes(self._buffer[:-keep])
            del self._buffer[: len(content)]
        if content:
            found.append(content)
        return False


def _disposition(head: str) -> dict[str, str]:
    for line in head.split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-disposition":
            kind, _, rest = value.partition(";")
            if kind.strip().lower() != "form-data":
                break
            return _parameters(";" + rest)
    raise MalformedPOSTRequest("A part of the form has no Content-Disposition: form-data.")


def _parameters(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, quoted, bare in _PARAMETER.findall(text):
        if name.endswith("*"):
            # Libraries that are no browsers write names beyond ASCII so (RFC 5987).
            found[name[:-1].lower()] = unquote((quoted or bare).rpartition("'")[2], errors="replace")
        else:
            found.setdefault(name.lower(), _ESCAPED.sub(lambda code: chr(int(code[1], 16)), quoted or bare))
    return found
