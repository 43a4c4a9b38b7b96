"""Text to token ids, with a `tokenizer.json` of the tokenizers library."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from tokenizers import Tokenizer

from objectlens.transforms.context import Context
from objectlens.transforms.contract import transform
from objectlens.transforms.errors import BadInput
from objectlens.transforms.hints import Bounds, ResourceName
from objectlens.transforms.values import Tensor


@transform(family="text")
def tokenize(
    text: str,
    ctx: Context,
    *,
    file: Annotated[str, Bounds(1, 512), ResourceName()],
    special_tokens: bool = True,
    max_length: Annotated[int, Bounds(1, 10_000_000)] | None = None,
    pad_to: Annotated[int, Bounds(1, 10_000_000)] | None = None,
    pad_id: Annotated[int, Bounds(0, 2**31 - 1)] = 0,
    dtype: Literal["int32", "int64"] = "int32",
) -> Tensor:
    """Encode the text (`Tokenizer.encode`) to a vector of ids, cut at `max_length`, filled up to `pad_to`.

    `file` is a file of the operator, whose own padding is left out. What is cut off is text, on the side that the file
    says, the right unless it does: special tokens that end a text stay.
    """
    tokenizer = ctx.resources.load(file, load_tokenizer)
    try:
        whole = tokenizer.encode(text, add_special_tokens=special_tokens).ids
        if max_length is not None and len(whole) > max_length:
            whole = _cut(tokenizer, text, max_length, special_tokens=special_tokens)
    # The library raises bare `Exception` for whatever its Rust side reports.
    except Exception as error:
        raise BadInput(f"the tokenizer {file!r} does not take this text: {str(error)[:200]}") from error
    ids = np.asarray(whole, dtype=dtype)
    if pad_to is not None and len(ids) < pad_to:
        ids = np.pad(ids, (0, pad_to - len(ids)), constant_values=pad_id)
    return Tensor(ids, "T")


def _cut(tokenizer: Tokenizer, text: str, length: int, *, special_tokens: bool) -> list[int]:
    """Return so many ids, the last special token among them, as `Tokenizer.enable_truncation` does it."""
    room = length - (tokenizer.num_special_tokens_to_add(False) if special_tokens else 0)
    bare = tokenizer.encode(text, add_special_tokens=False)
    said = tokenizer.truncation
    bare.truncate(max(0, room), direction=said["direction"] if said else "right")
    cut: list[int] = tokenizer.post_process(bare, None, special_tokens).ids
    return cut[:length]


def load_tokenizer(path: Path) -> Tokenizer:
    """Read a tokenizer, without its padding; raises `BadInput` when the file is none."""
    try:
        tokenizer = Tokenizer.from_file(str(path))
    # As above.
    except Exception as error:
        raise BadInput(f"{path.name} is no tokenizer file: {str(error)[:200]}") from error
    # It would count as text where a text is cut.
    tokenizer.no_padding()
    return tokenizer
