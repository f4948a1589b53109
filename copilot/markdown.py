"""Text from outside inside Markdown, where nothing of it is read as Markdown, HTML or a link.

As code where it is data; as prose where it is a sentence with names from outside in it.
"""

import re

_BACKTICKS = re.compile("`+")
#: What can begin an emphasis, a link, an image, a tag, an entity, a table, a heading or an address.
_MEANS_SOMETHING = re.compile(r"[\\`*_\[\]<>&|~#!]|:(?=//)|(?<=www)\.|^[-+=]|(?<=^\d)[.)]")
_SHORTEST_FENCE = 3


def code_span(text: str) -> str:
    """One line as a code span."""
    fence = "`" * (_longest_run(text) + 1)
    edge = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{edge}{text or ' '}{edge}{fence}"


def code_block(text: str, *, language: str = "") -> str:
    """Lines as a fenced block that nothing in them can close."""
    fence = "`" * max(_longest_run(text) + 1, _SHORTEST_FENCE)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def prose(line: str) -> str:
    """One line of plain words; what would mention somebody shows and mentions nobody."""
    return _MEANS_SOMETHING.sub(r"\\\g<0>", line).replace("@", "&#64;")


def _longest_run(text: str) -> int:
    return max((len(run) for run in _BACKTICKS.findall(text)), default=0)
