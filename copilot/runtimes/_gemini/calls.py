"""What the runtimes vertex and google share: settings, messages, answers and failures of Gemini."""

import importlib.util
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from ...settings import Settings
from .._base import Answer, Request, ToolUse, Turn, Usage
from .._failures import FailureKind, ModelFailure, retry_after

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage, BaseMessage

#: What the providers' packages raise for an answer they can't read, beside their own errors.
ODD = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    Warning,  # they warn of values they don't know, and some processes make that an error
)
_STATUS = {
    401: FailureKind.AUTH,
    403: FailureKind.AUTH,
    404: FailureKind.MODEL_UNAVAILABLE,
    408: FailureKind.TIMEOUT,
    413: FailureKind.CONTEXT_LENGTH,
    429: FailureKind.RATE_LIMIT,
    503: FailureKind.OVERLOADED,
    504: FailureKind.TIMEOUT,
    529: FailureKind.OVERLOADED,
}
_BLOCKED = frozenset(
    {
        "SAFETY",
        "RECITATION",
        "LANGUAGE",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "MODEL_ARMOR",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
    }
)
_GONE = re.compile(
    r"model.{0,100}(not (be )?(found|available|accessible)|no longer|retired|discontinued"
    r"|shut ?down|deprecated|is not supported|does not have access|allowlist)"
    r"|(does not have access to|not available (for|to|in)).{0,80}model",
    re.IGNORECASE | re.DOTALL,
)
_TOO_LONG = re.compile(
    r"exceeds? the (maximum|limit).{0,60}tokens?|token (count|limit)|payload size exceeds"
    r"|prompt is too long|context (window|length)",
    re.IGNORECASE | re.DOTALL,
)
_USED_UP = re.compile(r"per[ _-]?(day|month)|daily|monthly|billing|credits?\b", re.IGNORECASE)
_SECRET = re.compile(
    r"Bearer\s+\S+|ya29\.[\w.-]+|eyJ[\w-]{5,}(\.[\w-]+)*|-----BEGIN.*?(-----END[^-]*-----|$)",
    re.DOTALL,
)
_DELAY = re.compile(r'"retryDelay": "(\d{1,6}(?:\.\d{1,9})?)s"')
#: What one package writes before each message of the provider's.
_ADDRESSED = re.compile(r"^POST \S+: ")
_LONGEST_TEXT = 4_000


def missing(settings: Settings, package: str, extra: str) -> str | None:
    """What is missing until *package*, of our *extra*, can be used; nothing is imported."""
    if importlib.util.find_spec(package) is None:
        return f"Its package is not installed: pip install 'ask-copilot[{extra}]'."
    if not settings.google_project:
        return "Set ASK_COPILOT_GOOGLE_PROJECT to the Google Cloud project that pays for it."
    file = settings.google_credentials
    if file is not None and not file.is_file():
        return f"There is no file {file}: set ASK_COPILOT_GOOGLE_CREDENTIALS to the service account's JSON."
    return None


def messages(request: Request) -> "list[BaseMessage]":
    """The conversation in LangChain's words."""
    from langchain_core.messages import SystemMessage

    told = [message for turn in request.turns for message in _of_turn(turn)]
    return [SystemMessage(_sendable(request.system)), *told] if request.system else told


def _of_turn(turn: Turn) -> "Iterator[BaseMessage]":
    from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

    match turn.role:
        case "user":
            # Gemini takes no tool's result that it has not asked for: data is a user's text too
            yield HumanMessage(_sendable(turn.text))
        case "assistant":
            calls = [
                {"id": use.id, "name": use.name, "args": dict(use.arguments)} for use in turn.uses
            ]
            yield AIMessage(_sendable(turn.text), tool_calls=calls)
        case "tool":
            for outcome in turn.outcomes:
                # wrapped, or a text that happens to be JSON would be taken for the whole result
                result = {"error" if outcome.is_error else "output": _sendable(outcome.text)}
                yield ToolMessage(json.dumps(result), tool_call_id=outcome.id, name=outcome.name)


def _sendable(text: str) -> str:
    """*text* without half surrogate pairs, which have no UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8")


def functions(request: Request) -> list[dict[str, Any]]:
    """The tools as both packages take them."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": dict(tool.parameters),
            },
        }
        for tool in request.tools
    ]


def answer(
    request: Request, pieces: "Sequence[AIMessage]", *, thoughts_apart: bool = False
) -> Answer:
    """The answer in one message, or in the pieces of one that was streamed.

    thoughts_apart: the package leaves tokens of thought out of the output's. Raises ModelFailure
    for an answer that was blocked, cut off or is empty, with what it used.
    """
    usage = _usage(pieces, thoughts_apart=thoughts_apart)
    reason = _last(pieces, "finish_reason", unlike="FINISH_REASON_UNSPECIFIED")
    text = "".join(str(piece.text) for piece in pieces)
    uses = tuple(
        ToolUse(str(call["id"] or call["name"]), call["name"], _whole(call["args"]))
        for piece in pieces
        for call in piece.tool_calls
        if call["name"]
    )
    # a prompt that is blocked has its tokens counted, but no candidate and so no reason
    is_silent = usage.known and not (reason or text or uses)
    if is_silent or reason in _BLOCKED or _is_blocked(pieces):
        raise ModelFailure(FailureKind.CONTENT_FILTER, reason or "the prompt", usage=usage)
    if reason == "MAX_TOKENS":
        raise ModelFailure(FailureKind.TRUNCATED, reason, usage=usage)
    if not text.strip() and not uses:
        problem = f"an empty answer, {reason or 'for no reason given'}"
        raise ModelFailure(FailureKind.INVALID_OUTPUT, problem, usage=usage)
    model = _last(pieces, "model_name", unlike="") or request.model.id
    return Answer(text=text, usage=usage, model=model, uses=uses)


def _is_blocked(pieces: "Iterable[AIMessage]") -> bool:
    for piece in pieces:
        told: dict[str, Any] = piece.response_metadata
        feedback: Any = told.get("prompt_feedback")
        if told.get("is_blocked") is True or (feedback and feedback.get("block_reason")):
            return True
    return False


def _usage(pieces: "Iterable[AIMessage]", *, thoughts_apart: bool) -> Usage:
    told = [piece.usage_metadata for piece in pieces if piece.usage_metadata]
    if not told:
        return Usage(known=False)
    reasoning = sum(part.get("output_token_details", {}).get("reasoning", 0) for part in told)
    return Usage(
        input=sum(part["input_tokens"] for part in told),
        output=sum(part["output_tokens"] for part in told) + reasoning * thoughts_apart,
        cache_read=sum(part.get("input_token_details", {}).get("cache_read", 0) for part in told),
        reasoning=reasoning,
    )


def _last(pieces: "Sequence[AIMessage]", name: str, *, unlike: str) -> str | None:
    values = (piece.response_metadata.get(name) for piece in reversed(pieces))
    return next((str(value) for value in values if value and value != unlike), None)


def _whole(value: Any) -> Any:
    """*value*, decoded JSON, with 3 for 3.0: the protocol has no integers."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_whole(part) for part in cast(list[Any], value)]
    if isinstance(value, dict):
        return {name: _whole(part) for name, part in cast(dict[str, Any], value).items()}
    return value


def failure(
    status: int, text: str, *, details: Any = None, headers: Mapping[str, str] | None = None
) -> ModelFailure:
    """The failure that an HTTP status and what came with it stand for; *details* is JSON."""
    text = _ADDRESSED.sub("", text[:_LONGEST_TEXT])
    more = json.dumps(details, default=str)[:_LONGEST_TEXT]
    kind = _STATUS.get(status)
    if status in (400, 403) and _GONE.search(text):
        kind = FailureKind.MODEL_UNAVAILABLE
    elif status == 400 and _TOO_LONG.search(text):
        kind = FailureKind.CONTEXT_LENGTH
    elif status == 429 and _USED_UP.search(f"{text} {more}"):
        kind = FailureKind.QUOTA
    elif kind is None:
        kind = FailureKind.SERVER if status >= 500 else FailureKind.INVALID_REQUEST
    wait = retry_after(headers)
    wait = _retry_delay(more) if wait is None else wait
    return ModelFailure(kind, without_secrets(text), retry_after=wait, status=status)


def not_allowed(error: Exception) -> ModelFailure:
    """There are no credentials, or they are not taken."""
    return ModelFailure(FailureKind.AUTH, _named(error))


def unreachable(error: BaseException) -> ModelFailure:
    return ModelFailure(FailureKind.NETWORK, _named(error))


def out_of_time(error: BaseException) -> ModelFailure:
    return ModelFailure(FailureKind.TIMEOUT, _named(error))


def unsendable(error: BaseException) -> ModelFailure:
    """The package takes no such request; nothing was sent."""
    return ModelFailure(FailureKind.INVALID_REQUEST, _named(error))


def unreadable(error: BaseException) -> ModelFailure:
    """The provider's answer is not what its own package reads; what it used is not known."""
    return ModelFailure(FailureKind.INVALID_OUTPUT, _named(error), usage=Usage(known=False))


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {without_secrets(str(error)[:_LONGEST_TEXT])}"


def without_secrets(text: str) -> str:
    """*text* without tokens and private keys that an error may quote."""
    return _SECRET.sub("…", text)


def _retry_delay(details: str) -> float | None:
    """Seconds by google.rpc.RetryInfo, wherever in the JSON *details* it is."""
    found = _DELAY.search(details)
    return float(found[1]) if found is not None else None
