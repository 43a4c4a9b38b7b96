"""From bytes of some charset to clean text."""

from __future__ import annotations

import codecs
import re
import unicodedata
from functools import cache
from typing import Annotated, Literal

import charset_normalizer
import ftfy

from objectlens.transforms.context import Context
from objectlens.transforms.contract import transform
from objectlens.transforms.errors import BadArgument, BadInput
from objectlens.transforms.hints import Bounds
from objectlens.transforms.values import Result

# Detection reads this much; charsets do not change within a text, and its cost grows with length.
_SAMPLE = 64 * 1024
# What charset-normalizer itself calls too small a sequence.
_FEW = 32
# The alphabets of Europe, Israel and Arabia, as the upper half of UTF-16 says them, but for the ends of lines.
_SMALL = bytes(set(range(0x10)) - set(b"\t\n\r"))
_ASCII = bytes(range(0x80))
_TO_KANJI = (b"\x1b$B", b"\x1b$@")
_MARKS_IN_A_ROW = 1000
# UTF-7 and the escapes of programming languages can name half a pair of surrogates, which no later step can hold.
_HALF = re.compile("[\ud800-\udfff]")
# The longer ones first: one of UTF-32 begins as one of UTF-16 does.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}

# Python's names of charsets that the web knows by others (IANA, "Character Sets").
_IANA = {"latin-1": "iso-8859-1", "ascii": "us-ascii"}


def _check(*, charset: str, errors: str) -> None:
    try:
        # Names are not looked up for nothing.
        b"a".decode("utf-8" if charset == "detect" else charset, errors)
    except UnicodeError:
        return
    except (LookupError, ValueError) as error:
        # ValueError: a name with a zero byte in it.
        raise BadArgument(f"there is no charset {charset!r}", "charset") from error


@transform(family="text", check=_check)
def decode(
    data: bytes,
    ctx: Context,
    *,
    charset: Annotated[str, Bounds(1, 64)] = "detect",
    errors: Literal["strict", "replace", "ignore"] = "strict",
) -> str:
    """Decode bytes: UTF-8 where they are, else the charset that charset-normalizer finds, or the one named."""
    if charset == "detect":
        charset = _detected(data)
    try:
        text = data.decode(charset, errors)
    except UnicodeError as error:
        raise BadInput(
            f"the text is not {charset}: {error}; set errors to replace, or charset to the right one"
        ) from error
    if text.isascii() or not (half := _HALF.search(text)):
        return text
    if errors == "strict":
        raise BadInput(
            f"the text has half a character at {half.start()}, as {charset} can say it; set errors to replace"
        )
    return _HALF.sub("\ufffd" if errors == "replace" else "", text)


@transform(family="text")
def encode(text: str, ctx: Context, *, charset: Literal["utf-8", "utf-16", "latin-1", "ascii"] = "utf-8") -> Result:
    """Encode text; characters outside the charset become question marks."""
    return Result(text.encode(charset, "replace"), f"text/plain; charset={_IANA.get(charset, charset)}")


@transform(family="text")
def normalize(text: str, ctx: Context, *, form: Literal["NFC", "NFD", "NFKC", "NFKD"] = "NFC") -> str:
    """Bring equal characters to one spelling (`unicodedata.normalize`)."""
    _check_marks(text)
    return unicodedata.normalize(form, text)


@transform(family="text")
def fix(text: str, ctx: Context) -> str:
    """Repair text that was decoded with the wrong charset (`ftfy.fix_text`): `sÃ¼ÃŸ` becomes `süß`."""
    _check_marks(text)
    return ftfy.fix_text(text)


@transform(family="text")
def lower(text: str, ctx: Context) -> str:
    """Make lower case (`str.lower`)."""
    return text.lower()


def _check_marks(text: str) -> None:
    """Refuse what normalising would take hours for: it sorts marks on one letter in time that grows with their square.

    Text that can be streamed has 30 of them at most (UAX #15 section 13).
    """
    if not text.isascii() and _many_marks().search(text):
        raise BadInput(f"the text has more than {_MARKS_IN_A_ROW} combining marks in a row")


@cache
def _many_marks() -> re.Pattern[str]:
    marks = "".join(chr(one) for one in range(0x300, 0x1F000) if unicodedata.combining(chr(one)))
    return re.compile(f"[{marks}]{{{_MARKS_IN_A_ROW + 1}}}")


def _detected(data: bytes) -> str:
    for mark, charset in _MARKS.items():
        if data.startswith(mark):
            return charset
    sample = data[:_SAMPLE]
    if half := _halves(sample):
        return half
    try:
        data.decode("utf-8")
        return "iso2022_jp" if _is_iso_2022(sample) else "utf-8-sig"
    except UnicodeDecodeError:
        if _is_western(data):
            return "cp1252"
        found = charset_normalizer.from_bytes(sample)
    if (best := found.best()) is None:
        raise BadInput("the object is no text of a known charset; name it with charset")
    return best.encoding


def _halves(sample: bytes) -> str | None:
    """Tell UTF-16 without a mark: every other byte says which alphabet, and that is a small number to most of them."""
    pairs = len(sample) // 2
    first, second = (len(half) - len(half.translate(None, _SMALL)) for half in (sample[::2], sample[1::2]))
    if pairs < 2 or max(first, second) <= pairs // 2 or min(first, second) > pairs // 16:
        return None
    return "utf-16-be" if first > second else "utf-16-le"


def _is_western(data: bytes) -> bool:
    """Tell a few words, mostly of ASCII: of those too short to judge, browsers take Windows-1252 (WHATWG Encoding)."""
    if len(data) >= _FEW or len(data.translate(None, _ASCII)) > len(data) // 2:
        return False
    try:
        data.decode("cp1252")
    except UnicodeDecodeError:
        return False
    return True


def _is_iso_2022(sample: bytes) -> bool:
    """Tell Japanese mail (RFC 1468): all of it is ASCII, to which escapes give another meaning."""
    if not any(mark in sample for mark in _TO_KANJI):
        return False
    try:
        codecs.getincrementaldecoder("iso2022_jp")().decode(sample)
    except UnicodeDecodeError:
        return False
    return True
