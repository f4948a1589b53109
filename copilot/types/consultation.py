"""A model that was asked about a failure: with which words, who answered, and for how much."""

from decimal import Decimal
from typing import Any

from pydantic import AwareDatetime, Field

from .frozen import Frozen


class ModelCall(Frozen):
    """One call of one model. `outcome` is 'answered', or how it failed: 'timeout', 'rate_limit', …

    Tokens and cost are null where the provider did not tell, or the price is not known.
    """

    runtime: str
    model: str
    outcome: str
    is_repair: bool = Field(default=False, description="Asked again about its own last answer.")
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cost_usd: Decimal | None = None
    milliseconds: int


class ModelUse(Frozen):
    """What a report tells of the model that was asked for it."""

    runtime: str = Field(description="Who was asked first or, with `answered`, who has answered.")
    model: str
    answered: bool
    reason: str | None = Field(
        default=None, description="Why there is no answer: 'timeout', 'rate_limit', 'spend_cap', …"
    )
    note: str | None = Field(default=None, description="'… is not available any more: … answered.'")
    prompt: str = Field(description="Which prompt, with its version: 'analysis@1'.")
    calls: int
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: Decimal | None = Field(
        default=None, description="Of all calls, failed ones included; null when not known."
    )
    milliseconds: int
    redacted: dict[str, int] = Field(
        default_factory=dict[str, int], description="What was taken out before, by kind."
    )
    disagreement: str | None = Field(
        default=None, description="Where the model and the rules see different causes."
    )
    suspicious: bool = Field(
        default=False, description="The model says that the run's data try to give orders."
    )
    hidden_characters: int = Field(
        default=0, description="Characters of its answer that can't be seen and were taken out."
    )


class Consultation(Frozen):
    """Everything about asking a model for one analysis, as it is stored beside it."""

    execution_id: str
    template: str
    system: str
    user: str
    runtime: str
    model: str
    parameters: dict[str, Any] = Field(default_factory=dict[str, Any])
    calls: tuple[ModelCall, ...]
    answered: bool
    reason: str | None = None
    cost_usd: Decimal | None
    milliseconds: int
    asked_at: AwareDatetime


class StoredPrompt(Frozen):
    """The exact words a model was asked with. Without an analysis: those it would be asked with."""

    execution_id: str
    analysis_id: str | None = None
    template: str
    system: str
    user: str
    runtime: str | None = None
    model: str | None = None
    parameters: dict[str, Any] = Field(default_factory=dict[str, Any])
    answered: bool | None = None
    reason: str | None = None
    calls: tuple[ModelCall, ...] = ()
    asked_at: AwareDatetime | None = None
    tokens: int | None = Field(default=None, description="About how many both texts are.")
    redacted: dict[str, int] = Field(default_factory=dict[str, int])
    hidden: int = Field(default=0, description="Hidden characters that were taken out.")
