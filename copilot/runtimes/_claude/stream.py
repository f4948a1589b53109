"""A message of Anthropic's Messages API, put together from a stream of events."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .._base import Usage
from .._failures import FailureKind, ModelFailure
from .answer import (
    UNKNOWN,
    Object,
    Odd,
    is_object,
    is_sound,
    object_in,
    parse,
    read_usage,
    string_in,
)
from .errors import failure_in_stream

__all__ = ["StreamedMessage"]


@dataclass(slots=True)
class StreamedMessage:
    """A message put together from the events of a stream; *on_text* hears its text alone."""

    on_text: Callable[[str], None]
    _message: Object = field(default_factory=dict[str, Any])
    _blocks: list[Object] = field(default_factory=list[Object])
    _pieces: list[dict[str, list[str]] | None] = field(
        default_factory=list[dict[str, list[str]] | None]
    )
    _is_complete: bool = False

    @property
    def has_begun(self) -> bool:
        """Whether the provider took the request: what it used is paid for."""
        return bool(self._message)

    @property
    def usage(self) -> Usage:
        """What the provider has told until now, which is not all."""
        told = read_usage(self._message.get("usage"))
        return told if self._is_complete else UNKNOWN + told

    def take(self, data: str) -> None:
        """Reads one event. Raises ModelFailure."""
        try:
            event = parse(data)
            if not is_object(event):
                raise Odd("an event is not an object")
            self._read(event)
        except Odd as error:
            raise ModelFailure(FailureKind.INVALID_OUTPUT, str(error), usage=self.usage) from None

    def end(self) -> object:
        """The message; raises ModelFailure where the stream was cut off."""
        if not self._is_complete:
            raise ModelFailure(FailureKind.NETWORK, "the stream was cut off", usage=self.usage)
        for index in range(len(self._blocks)):
            self._finish(index)
        return {**self._message, "content": self._blocks}

    def _read(self, event: Object) -> None:
        match event.get("type"):
            case "message_start":
                self._message = dict(object_in(event, "message"))
            case "content_block_start":
                self._start(event)
            case "content_block_delta":
                self._extend(self._index(event), object_in(event, "delta"))
            case "content_block_stop":
                self._finish(self._index(event))
            case "message_delta":
                self._change(object_in(event, "delta"), event.get("usage"))
            case "message_stop":
                self._is_complete = True
            case "error":
                raise failure_in_stream(event, usage=self.usage)
            case _:  # pings, and what the API may add: it says to ignore it
                pass

    def _index(self, event: Object) -> int:
        index = event.get("index")
        if not isinstance(index, int) or not 0 <= index < len(self._blocks):
            raise Odd("an event is of no block")
        return index

    def _start(self, event: Object) -> None:
        if event.get("index") != len(self._blocks):
            raise Odd("a block starts out of order")
        block = dict(object_in(event, "content_block"))
        self._blocks.append(block)
        self._pieces.append({})
        if block.get("type") == "text" and (text := string_in(block, "text")):
            self._tell(text)

    def _extend(self, index: int, delta: Object) -> None:
        match delta.get("type"):
            case "text_delta":
                name = "text"
                self._tell(string_in(delta, name))
            case "thinking_delta":
                name = "thinking"
            case "signature_delta":
                name = "signature"
            case "input_json_delta":
                name = "partial_json"
            case _:
                return
        pieces = self._pieces[index]
        if pieces is None:
            raise Odd("a block goes on after its end")
        pieces.setdefault(name, []).append(string_in(delta, name))

    def _tell(self, text: str) -> None:
        if not is_sound(text):
            raise Odd("the text is not Unicode")
        self.on_text(text)

    def _finish(self, index: int) -> None:
        block, pieces = self._blocks[index], self._pieces[index]
        self._pieces[index] = None
        for name, parts in (pieces or {}).items():
            if name == "partial_json":
                block["input"] = _input("".join(parts))
            else:
                before = block.get(name)
                block[name] = (before if isinstance(before, str) else "") + "".join(parts)

    def _change(self, delta: Object, usage: object) -> None:
        self._message.update(delta)
        if is_object(usage):
            before = self._message.get("usage")
            told = {name: value for name, value in usage.items() if value is not None}
            self._message["usage"] = {**(before if is_object(before) else {}), **told}


def _input(written: str) -> object:
    """What a tool is called with; None where it was cut off: then `stop_reason` says why."""
    try:
        return parse(written)
    except Odd:
        return None
