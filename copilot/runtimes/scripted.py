"""Answers from a JSON file; nobody is asked. For tests and for trying things out without a provider.

The file is a list. Each entry has one of `text`, `json`, `tool` ({"name", "arguments"}) and `fail`
({"kind", "retry_after", "status", "message"}), and may have

* `when`: {"contains": …, "model": …}, for which questions it is; without it, for any;
* `seconds` until it has been given, and `drip`: its text comes bit by bit in that time;
* `usage`: {"input", "output", …} tokens; without it they are counted by the length of the texts;
* `repeat`: it is given as often as it fits; without it, once.

The first entry that fits and is left answers.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

from ..errors import InvalidInput
from ..settings import PREFIX, Settings
from ._base import Answer, Request, Runtime, ToolUse, Usage
from ._failures import FailureKind, ModelFailure
from ._prices import about_tokens

CAPABILITIES = ("structured", "tools", "stream")
_VARIABLE = f"{PREFIX}SCRIPTED_ANSWERS"
_PIECES = 10


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _When(_Strict):
    contains: str = ""
    model: str | None = None


class _Fail(_Strict):
    kind: FailureKind
    retry_after: float | None = Field(default=None, ge=0)
    status: int | None = None
    message: str = "scripted"


class _Tool(_Strict):
    name: str
    arguments: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])


class _Tokens(_Strict):
    input: int = Field(default=0, ge=0)
    output: int = Field(default=0, ge=0)
    cache_read: int = Field(default=0, ge=0)
    cache_write: int = Field(default=0, ge=0)
    reasoning: int = Field(default=0, ge=0)
    known: bool = True


class _Entry(_Strict):
    when: _When = _When()
    text: str | None = None
    data: JsonValue = Field(default=None, alias="json")
    tool: _Tool | None = None
    fail: _Fail | None = None
    seconds: float = Field(default=0.0, ge=0, le=3600)
    drip: bool = False
    usage: _Tokens | None = None
    repeat: bool = False

    def fits(self, request: Request) -> bool:
        wanted = self.when.model
        return wanted in (None, request.model.id) and self.when.contains in _asked(request)

    def said(self) -> str:
        if self.text is not None:
            return self.text
        return json.dumps(self.data) if "data" in self.model_fields_set else ""


_SCRIPT = TypeAdapter(list[_Entry])
_KINDS_OF_ANSWER = frozenset({"text", "data", "tool", "fail"})


def missing(settings: Settings) -> str | None:
    """A file that can't be used is missing, too."""
    if settings.scripted_answers is None:
        return f"It has no answers. Set {_VARIABLE} to a JSON file of them."
    try:
        _read(settings.scripted_answers)
    except InvalidInput as error:
        return str(error)
    return None


def make(settings: Settings) -> Runtime:
    """Raises InvalidInput for a file that can't be used."""
    if settings.scripted_answers is None:
        raise InvalidInput(_VARIABLE, "It is not set.", "Set it to a JSON file of answers.")
    return ScriptedRuntime(_read(settings.scripted_answers))


@dataclass
class ScriptedRuntime:
    """Answers from a list like that of the file; `asked` keeps every request.

    Raises InvalidInput for entries that can't be used. A question that no entry is left for is
    ModelFailure 'invalid_request'.
    """

    answers: Sequence[Mapping[str, Any]]
    asked: list[Request] = field(default_factory=list[Request])

    def __post_init__(self) -> None:
        self._left = _checked(list(self.answers), "the list")

    async def complete(self, request: Request) -> Answer:
        self.asked.append(request)
        entry = self._next(request)
        text = entry.said()
        if entry.fail is None and not entry.drip:
            await asyncio.sleep(entry.seconds)
            _tell(request, text)
        else:
            await _dripped(request, text, entry.seconds)
        if entry.fail is not None:
            raise _failure(entry.fail, entry.usage)
        uses = () if entry.tool is None else (_use(entry.tool, len(self.asked)),)
        usage = _usage(entry.usage) or _counted(request, text)
        return Answer(text=text, usage=usage, model=request.model.id, uses=uses)

    async def aclose(self) -> None:
        """It holds nothing."""

    def _next(self, request: Request) -> _Entry:
        entry = next((one for one in self._left if one.fits(request)), None)
        if entry is None:
            raise ModelFailure(FailureKind.INVALID_REQUEST, "The script has no answer for this.")
        if not entry.repeat:
            self._left.remove(entry)
        return entry


def _read(path: Path) -> list[Mapping[str, Any]]:
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(_VARIABLE, f"{path} can't be read.", str(error.strerror)) from None
    except ValueError as error:
        raise InvalidInput(_VARIABLE, f"{path} is not JSON.", str(error)) from None
    _checked(data, str(path))
    return data


def _checked(data: object, where: str) -> list[_Entry]:
    try:
        entries = _SCRIPT.validate_python(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise InvalidInput(_VARIABLE, f"{where}, at {place}: {first['msg']}.", "") from None
    for number, entry in enumerate(entries):
        if len(entry.model_fields_set & _KINDS_OF_ANSWER) != 1:
            problem = f"{where}, at {number}: one of text, json, tool and fail has to be there."
            raise InvalidInput(_VARIABLE, problem, "")
    return entries


def _asked(request: Request) -> str:
    texts = [request.system]
    for turn in request.turns:
        texts += [turn.text, *(outcome.text for outcome in turn.outcomes)]
    return "\n".join(texts)


async def _dripped(request: Request, text: str, seconds: float) -> None:
    size = max(1, -(-len(text) // _PIECES))
    for number in range(_PIECES):
        await asyncio.sleep(seconds / _PIECES)
        _tell(request, text[number * size : (number + 1) * size])


def _tell(request: Request, piece: str) -> None:
    if request.on_text is not None and piece:
        request.on_text(piece)


def _failure(fail: _Fail, tokens: _Tokens | None) -> ModelFailure:
    return ModelFailure(
        fail.kind,
        fail.message,
        retry_after=fail.retry_after,
        status=fail.status,
        usage=_usage(tokens),
    )


def _use(tool: _Tool, number: int) -> ToolUse:
    return ToolUse(f"call-{number}", tool.name, tool.arguments)


def _usage(tokens: _Tokens | None) -> Usage | None:
    return None if tokens is None else Usage(**tokens.model_dump())


def _counted(request: Request, text: str) -> Usage:
    return Usage(input=about_tokens(_asked(request)), output=about_tokens(text))
