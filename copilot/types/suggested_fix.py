"""A fix as a report shows it, and what is to be read with it."""

from typing import Literal

from pydantic import Field

from .frozen import Frozen

_OF_MODEL = "The model alone proposes it; the rules do not come to it."


class SuggestedFix(Frozen):
    """A fix as shown. One with `fix_id` can be previewed, approved and applied."""

    fix_id: str | None = None
    type: str
    description: str
    action: str = Field(description="Text of the button: 'Create Template'.")
    tier: Literal["quick", "better", "best"] = "better"
    auto_fix_available: bool = False
    preview: str | None = Field(
        default=None, description="Unified diff when it changes something, else what it does."
    )
    failed_before: int = Field(
        default=0, description="How often exactly this fix did not help against this failure here."
    )
    only_by_model: bool | None = Field(
        default=None,
        exclude_if=lambda only: only is None,
        description="Whether the model alone proposes it, where one has answered.",
    )
    not_applied_because: str | None = Field(
        default=None,
        exclude_if=lambda why: why is None,
        description="Why it was not applied by itself, where somebody has signed for its type.",
    )

    @property
    def left_alone(self) -> str | None:
        """That it was not applied by itself, and why; None where nobody has signed for it."""
        why = self.not_applied_because
        return None if why is None else f"Not applied by itself: {why}."

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences to read with it before anybody approves it."""
        of_model = (_OF_MODEL,) if self.only_by_model and self.fix_id is not None else ()
        return (*of_model, self.left_alone) if self.left_alone else of_model
