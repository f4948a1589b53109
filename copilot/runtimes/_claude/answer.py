"""What Anthropic's Messages API answers, read as what it may be: anything."""

import json
from typing import Any, NoReturn, TypeGuard, cast

from .._base import Answer, Request, ToolUse, Usage
from .._failures import FailureKind, ModelFailure
from .request import data_tool, kept_by

__all__ = [
    "UNKNOWN",
    "Object",
    "Odd",
    "is_object",
    "is_sound",
    "object_in",
    "parse",
    "read_answer",
    "read_body",
    "read_usage",
    "string_in",
]

_MOST_TOKENS = 1_000_000_000
UNKNOWN = Usage(known=False)
_STOPPED = {
    "refusal": FailureKind.REFUSAL,
    "max_tokens": FailureKind.TRUNCATED,
    "model_context_window_exceeded": FailureKind.CONTEXT_LENGTH,
}
Object = dict[str, Any]


class Odd(Exception):
    """What a provider sent is not what its API promises."""


def parse(text: str | bytes) -> object:
    """*text* as JSON. Raises Odd."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise Odd("it is not JSON") from None


def read_body(body: bytes, request: Request) -> Answer:
    """The answer in *body*. Raises ModelFailure, with what was used."""
    try:
        message = parse(body)
    except Odd as error:
        raise ModelFailure(FailureKind.INVALID_OUTPUT, str(error), usage=UNKNOWN) from None
    return read_answer(message, request)


def read_answer(message: object, request: Request) -> Answer:
    """The answer in *message*, parsed JSON. Raises ModelFailure, with what was used."""
    usage = read_usage(message.get("usage")) if is_object(message) else UNKNOWN
    try:
        return _read(message, request, usage)
    except Odd as error:
        raise ModelFailure(FailureKind.INVALID_OUTPUT, str(error), usage=usage) from None


def _read(message: object, request: Request, usage: Usage) -> Answer:
    if not is_object(message):
        raise Odd("the answer is not an object")
    stopped = message.get("stop_reason")
    if isinstance(stopped, str) and stopped in _STOPPED:
        raise ModelFailure(_STOPPED[stopped], f"it stopped with {stopped}", usage=usage)
    if stopped not in ("end_turn", "stop_sequence", "tool_use"):
        raise Odd(f"it stopped with {str(stopped)[:60]!r}")
    blocks = _blocks(message)
    text = "".join(string_in(block, "text") for block in blocks if block.get("type") == "text")
    uses = _uses(blocks, given=data_tool(request))
    if bool(uses) != (stopped == "tool_use"):
        raise Odd(f"it stopped with {stopped} and {len(uses)} calls of tools")
    if not text.strip() and not uses:
        raise Odd("the answer is empty")
    model = message.get("model")
    return Answer(
        text=text,
        usage=usage,
        model=model if isinstance(model, str) and model else request.model.id,
        uses=uses,
        kept=({"by": kept_by(request), "content": cast(Any, blocks)},) if uses else (),
    )


def _blocks(message: Object) -> list[Object]:
    content = message.get("content")
    if not isinstance(content, list):
        raise Odd("the content is not a list")
    blocks = [block for block in cast(list[object], content) if is_object(block)]
    if len(blocks) != len(cast(list[object], content)):
        raise Odd("a block of the content is not an object")
    if not is_sound(blocks):
        raise Odd("the content has what is not Unicode or not a number")
    return blocks


def _uses(blocks: list[Object], *, given: str | None) -> tuple[ToolUse, ...]:
    uses: list[ToolUse] = []
    for block in blocks:
        if block.get("type") != "tool_use":
            continue
        arguments = block.get("input")
        if not is_object(arguments):
            raise Odd("a tool's input is not an object")
        use = ToolUse(string_in(block, "id"), string_in(block, "name"), arguments)
        if use.name == given:
            raise Odd("it asked again for the data it was given")
        uses.append(use)
    return tuple(uses)


def read_usage(told: object) -> Usage:
    """What was used. Their input leaves out what is cached; ours has it."""
    if not is_object(told):
        return UNKNOWN
    fresh, written = _tokens(told.get("input_tokens")), _tokens(told.get("output_tokens"))
    read = _tokens(told.get("cache_read_input_tokens")) or 0
    stored = _tokens(told.get("cache_creation_input_tokens")) or 0
    details = told.get("output_tokens_details")
    thought = _tokens(details.get("thinking_tokens")) if is_object(details) else None
    return Usage(
        input=(fresh or 0) + read + stored,
        output=written or 0,
        cache_read=read,
        cache_write=stored,
        reasoning=thought or 0,
        known=fresh is not None and written is not None,
    )


def _tokens(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= _MOST_TOKENS else None


def is_object(value: object) -> TypeGuard[Object]:
    """Whether *value*, out of JSON, is an object."""
    return isinstance(value, dict)


def is_sound(value: object) -> bool:
    """Whether it can be written as UTF-8 JSON: no lone surrogate, no infinity, not too deep."""
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return False
    return True


def object_in(parent: Object, name: str) -> Object:
    """The object called *name*. Raises Odd."""
    value = parent.get(name)
    if not is_object(value):
        raise Odd(f"{name} is not an object")
    return value


def string_in(parent: Object, name: str) -> str:
    """The text called *name*. Raises Odd."""
    value = parent.get(name)
    if not isinstance(value, str):
        raise Odd(f"{name} is not a text")
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
