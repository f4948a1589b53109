"""The base of every value that is stored or shown, and text that is fit to be either."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from ..characters import HIDDEN
from ..redaction import mask_secrets

LONGEST_NAME = 200
#: An engine's own paths grow with the nesting of its workflows.
LONGEST_PATH = 1000


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


_COULD_BE_A_KEY = re.compile(r"[A-Za-z0-9+/_=-]{16}")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """*text* with what no database can hold, NUL and lone surrogates, replaced by U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)


def visible(text: str) -> str:
    """*text* on one line with every character that can't be seen replaced by U+FFFD.

    Line feed and tab too: nothing that a terminal would carry out or lay out anew is left.
    """
    shown = HIDDEN.sub("\ufffd", storable(text))
    return shown.replace("\n", "\ufffd").replace("\t", "\ufffd")


def _name(text: str) -> str:
    """At most LONGEST_NAME visible characters, the last one an ellipsis if it was longer.

    A key in it is masked before: cut in two, or with something unseen inside, nobody would know it.
    """
    bare = HIDDEN.sub("", storable(text))
    shown = visible(text)
    if _COULD_BE_A_KEY.search(bare):
        masked = mask_secrets(bare)
        shown = shown if masked == bare else visible(masked)
    return shown if len(shown) <= LONGEST_NAME else f"{shown[: LONGEST_NAME - 1]}…"


Text = Annotated[str, AfterValidator(storable)]

#: What something is called: it may be clipped, for nothing is found by it.
Name = Annotated[str, AfterValidator(_name)]

#: What something is found by: never clipped, so a longer one is refused.
Id = Annotated[str, StringConstraints(max_length=LONGEST_NAME), AfterValidator(visible)]
StepPath = Annotated[str, StringConstraints(max_length=LONGEST_PATH), AfterValidator(visible)]
