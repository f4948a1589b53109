"""What models cost and how much they read, as the package `genai-prices` has it.

Without that package (`ask-copilot[prices]`) nothing is known. What is unknown is None, never 0.
"""

import math
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, lru_cache
from typing import TYPE_CHECKING

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
def known_model(name: str) -> KnownModel | None:
    """The model that its maker calls *name*; None if the list has none."""
    listed = _price_list()
    if listed is None:
        return None
    from genai_prices import Usage

    usage = Usage(input_tokens=_SOME_TOKENS, output_tokens=_SOME_TOKENS)
    try:
        _, model = listed.find_provider_model(name, None, None, None)
        price = listed.calc(usage, name, None, None, None)
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
