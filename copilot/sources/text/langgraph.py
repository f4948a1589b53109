"""A LangGraph or LangChain program: a Python traceback, with the node it broke in."""

import re
from dataclasses import replace

from . import _python_traces
from ._found import Found

TITLE = "LangGraph traceback"

_SIGNS = re.compile(
    r"[/\\]lang(?:graph|chain)\w*[/\\]|\blang(?:graph|chain)\w*\.|During task with name"
)
#: What the library adds below the exception, the innermost node first.
_NODE = re.compile(r"^During task with name '([^']{1,200})' and id '[^']{0,100}'$", re.MULTILINE)
_NODE_IN_FRAME = re.compile(r"\bNode '([^']{1,200})'")


def recognise(text: str) -> int:
    return 70 if "Traceback (most recent call last)" in text and _SIGNS.search(text) else 0


def read(text: str) -> list[Found]:
    return [_placed(found) for found in _python_traces.read(text)]


def _placed(found: Found) -> Found:
    nodes = _NODE.findall(found.message)
    message = _NODE.sub("", found.message).strip() or (found.error_type or "")
    if not nodes and (named := _NODE_IN_FRAME.search(message)):
        nodes = [named[1]]
    step = " > ".join(reversed(nodes)) or None
    return replace(found, message=message, unit="node" if step else None, step=step)
