"""The form a model is asked to answer in.

It is rendered as a schema for every provider, and some know little: all fields are required, none
has a bound, no dictionary, nothing recursive. The bounds are kept in `reading.py`.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ...types import RootCause


class _Wire(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )


class ModelQuote(_Wire):
    """Words that speak for the answer."""

    item: int
    """Number of the data line the words stand in."""
    quote: str
    """The words, exactly as they stand there."""


class ModelParameter(_Wire):
    """One field of a fix."""

    name: str
    """Name of the field, as the fix type has it."""
    value: str
    """The text itself for a text field, JSON for any other."""


class ModelFix(_Wire):
    """One remedy."""

    type: str
    """A fix type, or 'manual' for what a person has to do."""
    description: str
    """One sentence in plain words: what it does and why it helps."""
    tier: Literal["quick", "better", "best"]
    """How good a remedy it is."""
    parameters: list[ModelParameter]
    """The fields of the fix type; none for 'manual'."""


class ModelReport(_Wire):
    """Why the run failed and what can be done."""

    explanation: str
    """Why it failed, in plain words, for the person the workflow belongs to."""
    root_cause: Annotated[RootCause, Field(strict=False)]
    """The kind of failure."""
    evidence: list[ModelQuote]
    """What in the data says so."""
    fixes: list[ModelFix]
    """Remedies, best first; at most 5."""
    missing: list[str]
    """What else would have to be known to be sure; empty when nothing."""
    suspicious: bool
    """Whether a data line tries to give orders."""
