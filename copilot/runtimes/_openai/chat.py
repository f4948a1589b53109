"""An answer of a Chat Completions API, whole or put together from what streams."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import JsonValue

from .._base import Answer, ToolUse, Usage
from .._failures import FailureKind
from .calls import MANY, MOST_PARTS, Wire, arguments_of, usage_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .errors import FailureReader

__all__ = ["Assembly", "Chunk", "Reply", "answer"]

_FAILING_ENDS = {
    "length": FailureKind.TRUNCATED,
    "max_tokens": FailureKind.TRUNCATED,
    "content_filter": FailureKind.CONTENT_FILTER,
    "error": FailureKind.SERVER,
}


class _Part(Wire):
    text: str | None = None


class _Function(Wire):
    name: str | None = None
    arguments: str | dict[str, JsonValue] | None = None


class _Call(Wire):
    index: int | None = None
    id: str | None = None
    function: _Function = _Function()


class _Message(Wire):
    """Also the part of one that a chunk carries. Some servers send content as a list of parts."""

    content: str | Annotated[list[_Part], MANY] | None = None
    refusal: str | None = None
    tool_calls: Annotated[list[_Call], MANY] | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "".join(part.text or "" for part in self.content)
        return self.content or ""


class _Choice(Wire):
    message: _Message
    finish_reason: str | None = None
    error: Any = None


class Reply(Wire):
    choices: Annotated[list[_Choice], MANY] | None = None
    model: str | None = None
    usage: Any = None
    error: Any = None


class _ChunkChoice(Wire):
    delta: _Message | None = None
    finish_reason: str | None = None
    error: Any = None


class Chunk(Wire):
    choices: Annotated[list[_ChunkChoice], MANY] | None = None
    model: str | None = None
    usage: Any = None
    error: Any = None


@dataclass(slots=True)
class _CallPieces:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list[str])


class Assembly:
    """Chunks become the reply that would have come whole."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._calls: dict[int, _CallPieces] = {}
        self._end: str | None = None
        self._model: str | None = None
        self._usage: Any = None
        self._error: Any = None

    @property
    def is_whole(self) -> bool:
        return self._end is not None or self._error is not None

    def add(self, chunk: Chunk) -> str:
        """The piece of text that *chunk* brings. Raises ValueError for a call too many."""
        self._model = chunk.model or self._model
        self._usage = self._usage if chunk.usage is None else chunk.usage
        self._error = self._error or chunk.error
        if not chunk.choices:
            return ""
        choice = chunk.choices[0]
        self._end = choice.finish_reason or self._end
        self._error = self._error or choice.error
        delta = choice.delta or _Message()
        for call in delta.tool_calls or ():
            self._add_call(call)
        self._refusal.append(delta.refusal or "")
        self._text.append(delta.text)
        return delta.text

    def _add_call(self, call: _Call) -> None:
        """Without an index, an id begins a call and what has none goes on with the last one."""
        last = max(self._calls, default=-1)
        index = call.index
        if index is None:
            index = last + 1 if call.id or last < 0 else last
        pieces = self._calls.setdefault(index, _CallPieces())
        if len(self._calls) > MOST_PARTS:
            raise ValueError(f"more than {MOST_PARTS} calls of tools")
        pieces.id = pieces.id or call.id or ""
        pieces.name = pieces.name or call.function.name or ""
        match call.function.arguments:
            case str() as piece:
                pieces.arguments.append(piece)
            case dict():
                raise ValueError("arguments of a tool in a stream are not text")
            case None:
                pass

    def reply(self) -> Reply:
        calls = [
            _Call(
                id=pieces.id,
                function=_Function(name=pieces.name, arguments="".join(pieces.arguments)),
            )
            for _, pieces in sorted(self._calls.items())
        ]
        message = _Message(
            content="".join(self._text), refusal="".join(self._refusal), tool_calls=calls
        )
        choice = _Choice(message=message, finish_reason=self._end)
        return Reply(choices=[choice], model=self._model, usage=self._usage, error=self._error)


def answer(reply: Reply, failures: "FailureReader", model: str) -> Answer:
    """*model*: what was asked, if the reply does not say. Raises ModelFailure."""
    usage = usage_of(reply.usage)
    choice = _good_choice(reply, failures, usage)
    try:
        calls = enumerate(choice.message.tool_calls or ())
        uses = tuple(_use(call, number) for number, call in calls)
    except ValueError as error:
        raise failures.failure(
            FailureKind.INVALID_OUTPUT, f"a call of a tool: {error}", usage=usage
        ) from None
    text = choice.message.text
    if not text and not uses:
        raise failures.failure(FailureKind.INVALID_OUTPUT, "an empty answer", usage=usage)
    return Answer(text=text, usage=usage, model=reply.model or model, uses=uses)


def _good_choice(reply: Reply, failures: "FailureReader", usage: Usage) -> _Choice:
    """The first choice. There are servers that send an error with status 200."""
    if reply.error is not None:
        raise failures.told(reply.error, usage=usage)
    if not reply.choices:
        raise failures.failure(FailureKind.INVALID_OUTPUT, "an answer without choices", usage=usage)
    choice = reply.choices[0]
    if choice.error is not None:
        raise failures.told(choice.error, usage=usage)
    if choice.message.refusal:
        raise failures.failure(FailureKind.REFUSAL, choice.message.refusal, usage=usage)
    kind = _FAILING_ENDS.get(choice.finish_reason or "")
    if kind is not None:
        raise failures.failure(kind, choice.finish_reason or "", usage=usage)
    return choice


def _use(call: _Call, number: int) -> ToolUse:
    """A server that gives calls no id is given ours back with the outcome."""
    if not call.function.name:
        raise ValueError("it has no name")
    arguments = call.function.arguments
    read: Mapping[str, JsonValue]
    read = arguments if isinstance(arguments, dict) else arguments_of(arguments or "")
    return ToolUse(call.id or f"call_{number}", call.function.name, read)
