"""What a model is asked with about a failure, and what of it came from outside."""

from collections.abc import Mapping

from pydantic import Field

from .frozen import Frozen


class PromptItem(Frozen):
    """One line of data as the model reads it: sanitized, redacted, clipped; not yet encoded."""

    number: int = Field(ge=0, description="As the prompt counts it and the model points to it.")
    section: str = Field(description="'execution_data', 'agent_configuration', …")
    source: str = Field(description="'error.message', 'template', …")
    path: str = Field(default="", description="Where it stands in the run or the workspace.")
    text: str
    hidden: int = Field(default=0, description="Characters that can't be seen and were taken out.")
    dropped_bytes: int = Field(default=0, description="What had to be left out for length.")


class Prompt(Frozen):
    """The exact texts. `system` is the same for every failure there is.

    `user` is one header of ours, the data as one JSON line each, and an end, all marked with
    `boundary`. `canary` must not come back. `restored` gives what was masked reversibly, such as
    an e-mail address, by its placeholder: it is never stored and never shown.
    """

    template: str = Field(description="Which prompt, with its version: 'analysis@1'.")
    system: str
    user: str
    boundary: str
    canary: str = Field(repr=False)
    items: tuple[PromptItem, ...]
    hidden: int = 0
    redacted: Mapping[str, int] = Field(default_factory=dict[str, int])
    restored: Mapping[str, str] = Field(default_factory=dict[str, str], exclude=True, repr=False)
    tokens: int = Field(description="About how many tokens both texts are.")
