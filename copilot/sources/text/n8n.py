"""An error of n8n: an execution or its error as JSON, or the text that its editor shows and logs."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from ._found import Found

TITLE = "n8n execution error"

_DEEPEST = 12
_SIGNS = re.compile(
    r"n8n-nodes-base\.|\"n8nDetails\"|@n8n/|n8n-workflow|\"lastNodeExecuted\"|"
    r"^Problem in node ['\u2018\u2019\"]|\bNode(?:Api|Operation)Error\b",
    re.MULTILINE,
)
#: One of these is in every such text, and they are found faster.
_WORDS = ("n8n", "lastNodeExecuted", "Problem in node", "NodeApiError", "NodeOperationError")
_PROBLEM = re.compile(
    r"^Problem in node ['\u2018\u2019\"](?P<node>.{1,200}?)['\u2018\u2019\"]\s*$\n?(?P<words>(?:.+\n?){0,6})",
    re.MULTILINE,
)
_RAISED = re.compile(
    r"^(?:\S.{0,60}?\s)?(?P<type>Node(?:Api|Operation)Error|WorkflowOperationError|ExpressionError): (?P<words>.+)$",
    re.MULTILINE,
)


def recognise(text: str) -> int:
    return 92 if any(map(text.__contains__, _WORDS)) and _SIGNS.search(text) else 0


def read(text: str) -> list[Found]:
    data = _json_in(text)
    told = list(dict.fromkeys(_errors(data, None, 0))) if data is not None else []
    return told or list(_problems(text)) or list(_logged(text))


def _json_in(text: str) -> Any:
    """The JSON document that the text is, or that begins in it."""
    starts = [at for at in (text.find("{"), text.find("[{")) if at >= 0]
    for start in sorted(starts):
        try:
            return json.JSONDecoder().raw_decode(text, start)[0]
        except (ValueError, RecursionError):
            continue
    return None


def _errors(value: Any, node: str | None, depth: int) -> Iterator[Found]:
    """Every error object below *value*; *node* is where it happened, as far as is known."""
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from _errors(item, node, depth + 1)
    elif isinstance(value, dict):
        data = cast("dict[str, Any]", value)
        named = _node(data) or node
        found = _error(data, named)
        if found is not None:
            yield found
        else:
            for place, item in _below(data):
                yield from _errors(item, place or named, depth + 1)


def _below(data: Mapping[str, Any]) -> Iterator[tuple[str | None, Any]]:
    """What to look into, with the node it is of. What nodes say follows the execution's own error."""
    runs: Any = data.get("runData")
    if isinstance(data.get("error"), dict):
        yield None, data["error"]
    elif isinstance(runs, dict):
        yield from cast("dict[str, Any]", runs).items()
    else:
        yield from ((None, item) for item in data.values() if isinstance(item, dict | list))


def _node(data: Mapping[str, Any]) -> str | None:
    details: Any = data.get("n8nDetails")
    inner = cast("dict[str, Any]", details) if isinstance(details, dict) else {}
    node: Any = data.get("node")
    if isinstance(node, dict):
        node = cast("dict[str, Any]", node).get("name")
    name = inner.get("nodeName") or data.get("lastNodeExecuted") or node or data.get("nodeName")
    return name if isinstance(name, str) else None


def _error(data: Mapping[str, Any], node: str | None) -> Found | None:
    message = data.get("errorMessage") or data.get("message")
    is_error = "errorMessage" in data or (
        "message" in data
        and bool({"stack", "name", "httpCode", "description", "cause"} & data.keys())
    )
    if not is_error or not isinstance(message, str):
        return None
    details: Any = data.get("errorDetails")
    more = {**data, **(cast("dict[str, Any]", details) if isinstance(details, dict) else {})}
    said = [message, *_also(more, message)]
    details = data.get("n8nDetails")
    stack: Any = data.get("stack") or (
        cast("dict[str, Any]", details).get("stackTrace") if isinstance(details, dict) else None
    )
    trace = "\n".join(map(str, cast("list[Any]", stack))) if isinstance(stack, list) else stack
    kind = data.get("name")
    return Found(
        message="\n".join(said),
        error_type=kind if isinstance(kind, str) else None,
        traceback=trace if isinstance(trace, str) else None,
        unit="node" if node else None,
        step=node,
    )


def _also(data: Mapping[str, Any], message: str) -> Iterator[str]:
    """What stands beside the message and says more: description, raw words, HTTP status."""
    raw: Any = data.get("rawErrorMessage") or data.get("messages")
    raws = cast("list[Any]", raw) if isinstance(raw, list) else [raw]
    told = message
    for words in (data.get("errorDescription"), data.get("description"), *raws):
        if isinstance(words, str) and words.strip() and words not in told:
            told += words
            yield words
    status = data.get("httpCode")
    if status and str(status) not in told:
        yield f"status code {status}"


def _problems(text: str) -> Iterator[Found]:
    for hit in _PROBLEM.finditer(text):
        words = hit["words"].strip() or "the node failed and left no words"
        yield Found(message=words, unit="node", step=hit["node"])


def _logged(text: str) -> Iterator[Found]:
    hits = list(_RAISED.finditer(text))
    ends = [*(hit.start() for hit in hits), len(text)][1:]
    for hit, end in zip(hits, ends, strict=True):
        trace = text[hit.start() : min(end, hit.start() + 20_000)].partition("\n\n")[0]
        yield Found(message=hit["words"], error_type=hit["type"], traceback=trace.rstrip())
