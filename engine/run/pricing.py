"""What a call of a model may use: tokens by the length of its text, money by the catalog."""

import math
from decimal import Decimal

from ..ports import Message, ModelFacts, Question
from .reservations import Need

_MILLION = Decimal(1_000_000)
_BYTES_A_TOKEN = 2.5
_TOKENS_A_MESSAGE = 16  # roles and separators, in the form of any provider


def about_tokens(text: str) -> int:
    """How many tokens *text* is, where no catalog can count them: a cautious guess."""
    return tokens_of_bytes(len(text.encode("utf-8", "replace")))


def tokens_of_bytes(count: int) -> int:
    """The same for a text of *count* bytes that nobody has read yet."""
    return math.ceil(count / _BYTES_A_TOKEN)


def price(facts: ModelFacts | None, *, input_tokens: int, output_tokens: int) -> Decimal | None:
    """USD; None if a price that is needed is unknown, never 0."""
    if facts is None or facts.input_usd is None or facts.output_usd is None:
        return None
    return (facts.input_usd * input_tokens + facts.output_usd * output_tokens) / _MILLION


def most_needed(question: Question, facts: ModelFacts | None) -> Need:
    """The most that one call can use: a token is never shorter than a byte."""
    most_output = question.max_output_tokens
    if most_output is None:
        return Need()
    most_input = len(question.system.encode("utf-8", "replace")) + _TOKENS_A_MESSAGE
    most_input += sum(_most_tokens(message) for message in question.messages)
    most_input += sum(
        len(f"{tool.name}{tool.description}{tool.parameters}".encode("utf-8", "replace"))
        + _TOKENS_A_MESSAGE
        for tool in question.tools
    )
    return Need(
        tokens=most_input + most_output,
        cost_usd=price(facts, input_tokens=most_input, output_tokens=most_output),
    )


def _most_tokens(message: Message) -> int:
    texts = [
        message.text,
        *(f"{call.id}{call.name}{call.arguments}" for call in message.calls),
        *(f"{result.call_id}{result.name}{result.text}" for result in message.results),
    ]
    return sum(len(text.encode("utf-8", "replace")) + _TOKENS_A_MESSAGE for text in texts)
