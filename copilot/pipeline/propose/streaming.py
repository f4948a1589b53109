"""The explanation out of an answer that is still being written, sentence by sentence."""

import json
import re
from collections.abc import Callable

from ...types.prompt import Prompt
from .canary import gives_back
from .remedies import Restorer
from .shown import names_in, shown

#: Of an answer that is longer than this, nothing more is told before its end.
LONGEST_WATCHED = 40_000
_EXPLANATION = re.compile(r'"explanation"\s*:\s*"((?:[^"\\]|\\.)*+)("?)', re.DOTALL)
#: An escape that has begun, at the end of what there is.
_HALF_ESCAPE = re.compile(r"\\u[0-9A-Fa-f]{0,3}$|(?:\\u[dD][89abAB][0-9A-Fa-f]{2})$")
_SENTENCE = re.compile(r"(?s).+?[.!?]+[\"')\]]*\s+")


class Explanation:
    """Tells *on_text* each whole sentence, fit to be shown as the report's own words are.

    It is what a model says so far, before anything of it has been checked; an answer that gives
    marks of the prompt back is not told on. A second answer, of a model asked again or instead, is
    not told at all: what counts is the report.
    """

    def __init__(self, prompt: Prompt, on_text: Callable[[str], None]) -> None:
        self._canary = prompt.canary
        self._restorer = Restorer(prompt.restored)
        self._known = names_in(item.text for item in prompt.items)
        self._on_text = on_text
        self._heard = ""
        self._told = 0
        self._closed = False

    def take(self, piece: str) -> None:
        """One more piece of the answer; an empty one says that another answer begins."""
        if self._closed:
            return
        if not piece:
            self._closed = bool(self._told)
            self._heard = ""
            return
        self._heard += piece
        if len(self._heard) > LONGEST_WATCHED:
            self._closed = True
            return
        found = _EXPLANATION.search(self._heard)
        if found is not None:
            self._tell(found[1], ended=bool(found[2]))

    def _tell(self, raw: str, *, ended: bool) -> None:
        text = _decoded(raw if ended else _HALF_ESCAPE.sub("", raw))
        if text is None or gives_back(self._canary, self._heard, (text,)):
            self._closed = True
            return
        for sentence in _sentences(text[self._told :], ended=ended):
            self._told += len(sentence)
            fit = shown(self._restorer.text(sentence), known=self._known).strip()
            if fit:
                self._on_text(f"{fit} ")
        self._closed = ended


def _sentences(text: str, *, ended: bool) -> list[str]:
    """The whole ones; at the end also what is left."""
    whole = [found[0] for found in _SENTENCE.finditer(text)]
    rest = text[sum(map(len, whole)) :]
    return [*whole, rest] if ended and rest else whole


def _decoded(raw: str) -> str | None:
    try:
        return str(json.loads(f'"{raw}"', strict=False))
    except ValueError:
        return None
