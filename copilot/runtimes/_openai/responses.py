"""An answer of OpenAI's Responses API, whole or as it streams."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, ValidationError

from .._base import Answer, ToolUse, Usage
from .._failures import FailureKind
from .calls import MANY, Wire, arguments_of, not_described, usage_of

if TYPE_CHECKING:
    from .errors import FailureReader

__all__ = ["Event", "Reply", "answer", "reply_of"]

_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})
#: A status may be missing: proxies leave it out.
_GOOD = frozenset({"completed", None})


class _Part(Wire):
    type: str
    text: str | None = None
    refusal: str | None = None


class _Message(Wire):
    type: Literal["message"]
    content: Annotated[list[_Part], MANY]
    phase: str | None = None


class _Call(Wire):
    type: Literal["function_call"]
    call_id: str = Field(min_length=1)
    name: str = Field(min_length=1)
    arguments: str


class _Other(Wire):
    """What was thought, and whatever else there will be."""


def _kind(item: object) -> str:
    match item:
        case {"type": "message"}:
            return "message"
        case {"type": "function_call"}:
            return "function_call"
        case _:
            return "other"


_Item = Annotated[
    Annotated[_Message, Tag("message")]
    | Annotated[_Call, Tag("function_call")]
    | Annotated[_Other, Tag("other")],
    Discriminator(_kind),
]


class _Why(Wire):
    reason: str | None = None


class Reply(Wire):
    output: Annotated[list[_Item], MANY]
    status: str | None = None
    model: str | None = None
    incomplete_details: _Why | None = None
    usage: Any = None
    error: Any = None


class Event(Wire):
    """One event of a stream: what it is, and the fields that any that we look at has."""

    type: str
    delta: Any = None
    item_id: Any = None
    item: Any = None
    response: Any = None
    error: Any = None
    code: Any = None
    message: Any = None

    @property
    def is_end(self) -> bool:
        return self.type in _ENDS

    @property
    def commentary(self) -> str | None:
        """The id of an item that begins and is not part of the answer."""
        match self.item:
            case {"id": str() as id, "phase": "commentary"}:
                return id
            case _:
                return None


def reply_of(data: object) -> Reply:
    """Raises ValueError."""
    try:
        return Reply.model_validate(data)
    except ValidationError as error:
        raise not_described(error) from None


def answer(reply: Reply, failures: "FailureReader", model: str) -> Answer:
    """*model*: what was asked, if the reply does not say. Raises ModelFailure, ValueError."""
    usage = usage_of(reply.usage)
    _require_good(reply, failures, usage)
    try:
        uses = tuple(
            ToolUse(item.call_id, item.name, arguments_of(item.arguments))
            for item in reply.output
            if isinstance(item, _Call)
        )
    except ValueError as error:
        raise failures.failure(
            FailureKind.INVALID_OUTPUT, f"a call of a tool: {error}", usage=usage
        ) from None
    text = _text(reply)
    if not text and not uses:
        raise failures.failure(FailureKind.INVALID_OUTPUT, "an empty answer", usage=usage)
    return Answer(text=text, usage=usage, model=reply.model or model, uses=uses)


def _require_good(reply: Reply, failures: "FailureReader", usage: Usage) -> None:
    if reply.status == "failed" or reply.error is not None:
        raise failures.told(reply.error, usage=usage)
    refusals = [part.refusal for part in _parts(reply) if part.refusal]
    if refusals:
        raise failures.failure(FailureKind.REFUSAL, refusals[0], usage=usage)
    if reply.status == "incomplete":
        reason = (reply.incomplete_details and reply.incomplete_details.reason) or "incomplete"
        is_filtered = reason == "content_filter"
        kind = FailureKind.CONTENT_FILTER if is_filtered else FailureKind.TRUNCATED
        raise failures.failure(kind, reason, usage=usage)
    if reply.status not in _GOOD:
        raise failures.failure(FailureKind.INVALID_OUTPUT, f"{reply.status} answer", usage=usage)


def _parts(reply: Reply) -> list[_Part]:
    messages = [item for item in reply.output if isinstance(item, _Message)]
    return [part for message in messages for part in message.content]


def _text(reply: Reply) -> str:
    """Of every message but those that comment on the way."""
    return "".join(
        part.text or ""
        for item in reply.output
        if isinstance(item, _Message) and item.phase != "commentary"
        for part in item.content
        if part.type == "output_text"
    )
