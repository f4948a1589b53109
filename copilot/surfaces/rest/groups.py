"""Which failures are one kind, why, and what people say about it."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from ...storage.group_rules import LONGEST_REASON
from ...types.group import GroupDetail, GroupRule, GroupSummary
from .caller import Asking, Id, Limit

router = APIRouter(prefix="/groups", tags=["groups"])

Reason = Annotated[str, Field(max_length=LONGEST_REASON, description="Why, for those after you.")]
_PAIR: dict[str, Any] = {"other": "n1:5ab0c93d21f74e6688aa", "reason": "another template"}


class Pair(BaseModel):
    """The other signature, beside the one in the path."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_PAIR]})

    other: Annotated[str, Field(min_length=1, max_length=200)]
    reason: Reason = ""


class Why(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"reason": "a known nuisance"}]}
    )

    reason: Reason = ""


class GroupList(BaseModel):
    groups: list[GroupSummary]


@router.get("")
def list_groups(asking: Asking, limit: Limit = 50) -> GroupList:
    """The kinds of failure among the newest 10,000 failed runs, the most frequent first."""
    return GroupList(groups=list(asking.groups.list(limit=limit)))


@router.get("/{signature}")
def get_group(signature: Id, asking: Asking) -> GroupDetail:
    """Why these failures are one kind: what they share, what was merged, what people said."""
    return asking.groups.get(signature)


@router.post("/{signature}/split", status_code=201)
def split_groups(signature: Id, body: Pair, asking: Asking) -> GroupRule:
    """Keep two signatures apart from now on, whatever is found automatically."""
    return asking.groups.split(signature, body.other, reason=body.reason)


@router.post("/{signature}/merge", status_code=201)
def merge_groups(signature: Id, body: Pair, asking: Asking) -> GroupRule:
    """Have two signatures be one kind from now on."""
    return asking.groups.merge(signature, body.other, reason=body.reason)


@router.post("/{signature}/ignore", status_code=201)
def ignore_group(signature: Id, asking: Asking, body: Why | None = None) -> GroupRule:
    """Let this kind count in no pattern and in no nightly pass."""
    return asking.groups.ignore(signature, reason=(body or Why()).reason)


@router.post("/{signature}/unignore")
def unignore_group(signature: Id, asking: Asking) -> GroupDetail:
    """Let it count again."""
    return asking.groups.unignore(signature)


@router.delete("/rules/{rule_id}", status_code=204)
def delete_group_rule(rule_id: Id, asking: Asking) -> None:
    """Take a rule back; what is found automatically counts again."""
    asking.groups.forget(rule_id)
