"""What a workspace knows itself, and pasted text that is explained without storing it."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from ...types.knowledge import OwnEntry
from ...types.pasted import PastedDiagnosis, PastedError
from .caller import Asking, Id

router = APIRouter()

_EXAMPLE = """root_cause: upstream_error
retry_helps: true
patterns:
  - weight: 90
    has: [flux gate is closed]
explanation: The flux gate was closed for maintenance when your agent called it.
fixes:
  - {type: retry_policy, tier: quick, description: Run again after 06:00 UTC}
examples:
  match: [the flux gate is closed]
  no_match: [the gate answered late]
"""
_PASTED = (
    "Traceback (most recent call last):\n  File \"sync.py\", line 4, in push\nKeyError: 'email'"
)


class NewEntry(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"content": _EXAMPLE}]}
    )

    content: Annotated[str, Field(min_length=1, max_length=40_000, description="YAML.")]


class Entries(BaseModel):
    entries: list[OwnEntry]


class Pasted(PastedError):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"text": _PASTED}, {"message": "429 Too Many Requests: retry after 30 s"}]
        }
    )


@router.post("/diagnose", tags=["analyses"])
def diagnose_text(body: Pasted, asking: Asking) -> PastedDiagnosis:
    """What a pasted text says has failed, and why. It is free, and nothing is stored."""
    return asking.analyses.diagnose(body)


@router.get("/knowledge", tags=["knowledge"])
def list_knowledge(asking: Asking) -> Entries:
    """The entries that this workspace has written, by id."""
    return Entries(entries=list(asking.knowledge.list()))


@router.get("/knowledge/{entry_id}", tags=["knowledge"])
def get_knowledge(entry_id: Id, asking: Asking) -> OwnEntry:
    """One entry of its own; those that are shipped are not here."""
    return asking.knowledge.get(entry_id)


@router.put("/knowledge/{entry_id}", tags=["knowledge"])
def put_knowledge(entry_id: Id, body: NewEntry, asking: Asking) -> OwnEntry:
    """Store an entry whose examples hold. With a shipped id it takes that one's place."""
    return asking.knowledge.put(entry_id, body.content)


@router.delete("/knowledge/{entry_id}", status_code=204, tags=["knowledge"])
def delete_knowledge(entry_id: Id, asking: Asking) -> None:
    """Remove an entry of its own; a shipped one that it overrode counts again."""
    asking.knowledge.remove(entry_id)
