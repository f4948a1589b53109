"""What models cost and how much they read, as the package `genai-prices` has it.

Without that package (`ask-copilot[prices]`) nothing is known. What is unknown is None, never 0.
"""

import math
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from ._base import Usage
from ._catalog import Model

if TYPE_CHECKING:
    from genai_prices.data_snapshot import DataSnapshot

_MILLION = Decimal(1_000_000)
#: Few enough for the first price of a model that costs more in long requests.
_SOME_TOKENS = 1_000
_BYTES_A_TOKEN = 2.5
#: Models that are kept at hand.
MOST_MODELS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownModel:
    """Prices are USD for a million tokens; those of a model whose long requests cost more are of a
    short one."""

    id: str
    context_tokens: int | None
    input_usd: Decimal | None
    output_usd: Decimal | None


@lru_cache(MOST_MODELS)
def known_model(name: str, provider: str | None = None) -> KnownModel | None:
    """The model that its maker, or *provider*, calls *name*; None if the list has none."""
    listed = _price_list()
    if listed is None:
        return None
    from genai_prices import Usage as Tokens

    usage = Tokens(input_tokens=_SOME_TOKENS, output_tokens=_SOME_TOKENS)
    try:
        _, model = listed.find_provider_model(name, None, provider, None)
        price = listed.calc(usage, name, provider, None, None)
    except LookupError:
        return None
    return KnownModel(
        id=model.id,
        context_tokens=model.context_window,
        input_usd=_for_a_million(price.input_price),
        output_usd=_for_a_million(price.output_price),
    )


def _for_a_million(price: Decimal) -> Decimal | None:
    """A price of 0 is of a model that is paid by something else than tokens: unknown here."""
    return price * _MILLION / _SOME_TOKENS or None


def prices_of(model: Model) -> tuple[Decimal | None, Decimal | None]:
    """USD for a million tokens in and out; those of a short request where long ones cost more."""
    if model.input_usd is not None and model.output_usd is not None:
        return model.input_usd, model.output_usd
    known = known_model(model.id, model.provider) if model.provider else None
    return (None, None) if known is None else (known.input_usd, known.output_usd)


def cost_usd(model: Model, usage: Usage) -> Decimal | None:
    """What one call cost: None where the price or the tokens are not known, never a guess.

    What was read from a cache or written to it, and thought, is priced as the maker does. *usage*
    is of one call, because a long one may have another price than two short ones together.
    """
    if not usage.known:
        return None
    if model.input_usd is not None and model.output_usd is not None:
        return (model.input_usd * usage.input + model.output_usd * usage.output) / _MILLION
    return _listed_cost(model, usage)


def most_cost_usd(model: Model, input_tokens: int, output_tokens: int) -> Decimal | None:
    """What a call may cost at most, before it is made; None where no price is known.

    Writing to a cache can cost more than reading afresh, so the dearer of both counts.
    """
    afresh = Usage(input=input_tokens, output=output_tokens)
    cached = Usage(input=input_tokens, output=output_tokens, cache_write=input_tokens)
    costs = [cost_usd(model, one) for one in (afresh, cached)]
    return max((cost for cost in costs if cost is not None), default=None)


def _listed_cost(model: Model, usage: Usage) -> Decimal | None:
    listed = _price_list()
    if listed is None or model.provider is None:
        return None
    from genai_prices import Usage as Tokens

    try:
        tokens = Tokens(
            input_tokens=usage.input,
            output_tokens=usage.output,
            cache_read_tokens=usage.cache_read,
            cache_write_tokens=usage.cache_write,
        )
        cost = listed.calc(tokens, model.id, model.provider, None, None).total_price
    except (LookupError, ValueError):  # not in the list, or counts that contradict each other
        return None
    return cost if cost or not (usage.input or usage.output) else None


def about_tokens(text: str) -> int:
    """How many tokens *text* is, by its length in bytes: a cautious guess for any model."""
    return math.ceil(len(text.encode("utf-8", "replace")) / _BYTES_A_TOKEN)


@cache
def _price_list() -> "DataSnapshot | None":
    """What is packaged with the installed release: nothing is fetched."""
    try:
        from genai_prices.data_snapshot import get_snapshot  # large, and few processes need it
    except ImportError:
        return None
    return get_snapshot()
