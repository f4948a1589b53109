"""How the model of one case answers: it finds its case by the reference in the prompt."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from engine.errors import ContentFiltered, ContextTooLong, ModelUnavailable, UpstreamFailed
from engine.ports import Completion, Question, ToolCall

Behaviour = Callable[[Question], Completion]
HANG = 60.0


class Late(Exception):
    """Raised by a behaviour that wants its asker to wait until the time is up."""


@dataclass(slots=True)
class ModelOfAll:
    """The model of every case: `of` has each case's behaviour by its key."""

    of: dict[str, Behaviour] = field(default_factory=dict[str, Behaviour])

    async def complete(self, question: Question) -> Completion:
        text = question.prompt
        behaviour = next((found for key, found in self.of.items() if key in text), plain)
        try:
            return behaviour(question)
        except Late:
            await asyncio.sleep(HANG)
            raise


def plain(_question: Question) -> Completion:
    return Completion("It is so.", 10, 5, Decimal("0.001"))


@dataclass(frozen=True, slots=True)
class Uses:
    """So many tokens, at a price, for every answer."""

    tokens: int
    cost: Decimal = Decimal("0.001")

    def __call__(self, _question: Question) -> Completion:
        return Completion("It is so.", self.tokens - 5, 5, self.cost)


@dataclass(frozen=True, slots=True)
class Tells:
    """Answers with an object of these parts."""

    parts: tuple[str, ...]

    def __call__(self, _question: Question) -> Completion:
        return Completion(json.dumps(dict.fromkeys(self.parts, "so")), 10, 5, Decimal("0.001"))


@dataclass(frozen=True, slots=True)
class Looks:
    """Asks for its tool so many times before it answers."""

    times: int
    tool: str

    def __call__(self, question: Question) -> Completion:
        if (len(question.messages) - 1) // 2 >= self.times:
            return plain(question)
        call = ToolCall(f"call-{len(question.messages)}", self.tool, {})
        return Completion("", 10, 5, Decimal("0.001"), calls=(call,))


@dataclass(frozen=True, slots=True)
class Thinks:
    """Answers those who can wait so many seconds."""

    seconds: float

    def __call__(self, question: Question) -> Completion:
        if question.timeout_seconds < self.seconds:
            raise Late
        return plain(question)


@dataclass(frozen=True, slots=True)
class Reads:
    """Takes prompts of up to so many characters."""

    room: int

    def __call__(self, question: Question) -> Completion:
        if len(question.prompt) > self.room:
            raise ContextTooLong(
                f"This model's maximum context length is {self.room} tokens."
                f" However, your messages resulted in {len(question.prompt)} tokens."
            )
        return plain(question)


@dataclass(frozen=True, slots=True)
class Gone:
    """Has one model no more."""

    model: str

    def __call__(self, question: Question) -> Completion:
        if question.model == self.model:
            text = f"The model {self.model} is not available at openai: it is gone."
            raise ModelUnavailable(text, model=self.model, runtime="openai")
        return plain(question)


@dataclass(frozen=True, slots=True)
class Refuses:
    """One model refuses what the others answer."""

    model: str

    def __call__(self, question: Question) -> Completion:
        if question.model == self.model:
            raise ContentFiltered("The response was blocked by the provider's content filter.")
        return plain(question)


@dataclass(slots=True)
class Busy:
    """Overloaded for the first requests of each run."""

    times: int
    asked: int = 0

    def __call__(self, question: Question) -> Completion:
        self.asked += 1
        if self.asked <= self.times:
            raise UpstreamFailed("openai is overloaded: gpt-5-mini did not answer.", status=503)
        return plain(question)
