"""The nightly pass, asked for by hand, and its digest as data or as Markdown."""

from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from ...digest import as_markdown
from ...types.nightly import Digest
from .caller import Asking
from .forms import JSON, OR_MARKDOWN, Accept, answer

router = APIRouter(prefix="/nights", tags=["nights"])


class NewPass(BaseModel):
    """Absent caps are those of the workspace's settings."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"credit_cap": 20, "spend_cap_usd": "1.50"}]},
    )

    credit_cap: Annotated[int, Field(strict=True, ge=0, le=10**9)] | None = None
    spend_cap_usd: Annotated[Decimal, Field(ge=0, le=10**9)] | None = None


@router.post("")
def run_pass(asking: Asking, body: NewPass | None = None) -> Digest:
    """Analyse what failed since the last pass; goes on with one that was interrupted."""
    caps = body or NewPass()
    return asking.nights.run(credit_cap=caps.credit_cap, spend_cap_usd=caps.spend_cap_usd)


@router.get(
    "/latest",
    response_model=Digest,
    responses=OR_MARKDOWN,
)
def get_latest_digest(
    asking: Asking,
    response: Response,
    accept: Accept = JSON,
) -> Any:
    """The newest digest, as JSON or, with `Accept: text/markdown`, as text for people."""
    digest = asking.nights.latest()
    return answer(response, accept, data=digest, markdown=as_markdown)
