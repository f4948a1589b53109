"""How many tokens a text is: exactly, with a table of tokens on this machine, else cautiously.

The table of o200k_base is a public file of 3.6 MB that is not shipped here and never fetched:

    curl -O https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken
    export ASK_COPILOT_TOKENIZER_FILE=$PWD/o200k_base.tiktoken

The wheel of `llama-index-core` has it too, as `fb374d419588a4632f3f557e76b4b70aebbca790` in
`llama_index/core/_static/tiktoken_cache`. It counts for models of OpenAI; those of other makers have
other tables, which `tokenizer_factor` in `catalog.yaml` makes up for.
"""

import base64
import binascii
import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ._prices import about_tokens

if TYPE_CHECKING:
    from tiktoken import Encoding

#: SHA-256 of o200k_base.tiktoken, as the package tiktoken has it.
O200K_BASE = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
#: Longer texts, in bytes, are guessed by their length: of some, an exact count takes seconds.
LONGEST_COUNTED = 200_000

#: Where o200k_base splits a text before it looks for tokens.
_SPLITS = "|".join(
    (
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    )
)

_log = logging.getLogger(__name__)


def counter(tokenizer_file: Path | None, *, sha256: str = O200K_BASE) -> Callable[[str], int]:
    """What counts the tokens of a text, by the table in *tokenizer_file*.

    Without a file, or without the package `tiktoken`, or when the file can't be read or is not the
    one with *sha256*, it is `about_tokens`, and the log says why. Nothing is ever downloaded.
    """
    encoding = _encoding(tokenizer_file, sha256) if tokenizer_file else None
    if encoding is None:
        return about_tokens

    def exactly(text: str) -> int:
        if len(text) > LONGEST_COUNTED or len(text.encode("utf-8", "replace")) > LONGEST_COUNTED:
            return about_tokens(text)
        # names of special tokens are text like any other here, whoever wrote them
        return len(encoding.encode_ordinary(text))

    return exactly


def _encoding(file: Path, sha256: str) -> "Encoding | None":
    try:
        from tiktoken import Encoding  # heavy, and many processes ask no model
    except ImportError:
        _log.warning("tokens are guessed by length: ask-copilot[tokens] is not installed")
        return None
    ranks = _ranks(file, sha256)
    if ranks is None:
        return None
    return Encoding(name="o200k_base", pat_str=_SPLITS, mergeable_ranks=ranks, special_tokens={})


def _ranks(file: Path, sha256: str) -> dict[bytes, int] | None:
    """The table: a line for each token, itself in base64 and its rank."""
    try:
        data = file.read_bytes()
    except OSError as error:
        _log.warning("tokens are guessed by length: %s can't be read: %s", file, error.strerror)
        return None
    if hashlib.sha256(data).hexdigest() != sha256:
        _log.warning("tokens are guessed by length: %s is not the table that is expected", file)
        return None
    try:
        rows = [line.split() for line in data.splitlines() if line]
        return {base64.b64decode(token): int(rank) for token, rank in rows}
    except (ValueError, binascii.Error):
        _log.warning("tokens are guessed by length: %s is not a table of tokens", file)
        return None
