"""Text: `pip install 'objectlens[text]'`.

What it is: the `text.*` steps. What it is not: a parser of documents other than HTML and JSON lines.
What flows through: `str`; JSON lines stream.
"""

from types import MappingProxyType

import charset_normalizer
import ftfy
import selectolax
import tokenizers

from objectlens.transforms.text.charset import decode, encode, fix, lower, normalize
from objectlens.transforms.text.html import html
from objectlens.transforms.text.lines import jsonl
from objectlens.transforms.text.redact import redact
from objectlens.transforms.text.tokens import tokenize

STEPS = (decode, encode, normalize, fix, lower, html, redact, tokenize, jsonl)
VERSIONS = MappingProxyType(
    {
        "charset-normalizer": charset_normalizer.__version__,
        "ftfy": ftfy.__version__,
        "selectolax": selectolax.__version__,
        "tokenizers": tokenizers.__version__,
    }
)

__all__ = ["STEPS", "VERSIONS", "decode", "encode", "fix", "html", "jsonl", "lower", "normalize", "redact", "tokenize"]
