"""Where the chain of audit entries ends, and whether it is whole."""

from pydantic import AwareDatetime, Field

from .frozen import Frozen, Id


class AuditHead(Frozen):
    """The newest entry of a workspace's audit: kept elsewhere, it vouches for all before it."""

    workspace_id: Id
    entry_id: int | None = Field(default=None, ge=1, description="Null while there is no entry.")
    digest: str = Field(default="", max_length=100)
    at: AwareDatetime | None = Field(default=None, description="When that entry was made.")
    entries: int = Field(default=0, ge=0, description="How many there are up to it.")


class AuditBreak(Frozen):
    """The first entry that is not the one that was written there."""

    entry_id: int | None
    problem: str


class AuditVerification(Frozen):
    """The whole chain, looked through from its start."""

    intact: bool
    entries: int = Field(description="How many were read.")
    head: AuditHead
    compared_with: AuditHead | None = Field(
        default=None, description="The head that was taken out before, if one was given."
    )
    broken: AuditBreak | None = None
