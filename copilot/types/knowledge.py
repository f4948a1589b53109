"""What a workspace knows itself: entries of the knowledge base beside those that are shipped."""

from pydantic import AwareDatetime, Field

from .frozen import Frozen


class OwnEntry(Frozen):
    """One entry of a workspace. `content` is its YAML, as it was given."""

    entry_id: str
    content: str
    root_cause: str | None = Field(default=None, description="None when it can't be used.")
    overrides: bool = Field(description="Whether it takes the place of a shipped one.")
    problem: str | None = Field(
        default=None, description="Why this release can't use it; then it counts as not there."
    )
    changed_by_name: str
    changed_at: AwareDatetime
