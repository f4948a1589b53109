"""The nightly pass, asked for by hand, and its digest as data or as Markdown."""

from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from pydantic import BaseModel, ConfigDict, Field

from ...digest import as_markdown
from ...types.nightly import Digest
from .caller import Asking

router = APIRouter(prefix="/nights", tags=["nights"])

MARKDOWN = "text/markdown"
_JSON = "application/json"


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
    responses={200: {"content": {MARKDOWN: {"schema": {"type": "string"}}}}},
)
def get_latest_digest(
    asking: Asking,
    response: Response,
    accept: Annotated[str, Header(include_in_schema=False)] = _JSON,
) -> Any:
    """The newest digest, as JSON or, with `Accept: text/markdown`, as text for people."""
    digest = asking.nights.latest()
    varies = {"Vary": "Accept"}
    if prefers_markdown(accept):
        return Response(as_markdown(digest), media_type=MARKDOWN, headers=varies)
    response.headers.update(varies)
    return digest


def prefers_markdown(accept: str) -> bool:
    """Whether a client that sends *accept* would rather have Markdown than JSON."""
    return _quality(accept, MARKDOWN) > _quality(accept, _JSON)


def _quality(accept: str, media_type: str) -> float:
    """What *accept* gives the most exact of its ranges that *media_type* is in; 0 for none."""
    family = media_type.partition("/")[0]
    found = dict(map(_range, accept.split(",")))
    for name in (media_type, f"{family}/*", "*/*"):
        if name in found:
            return found[name]
    return 0.0


def _range(text: str) -> tuple[str, float]:
    name, *parameters = (part.strip().lower() for part in text.split(";"))
    for parameter in parameters:
        label, _, value = parameter.partition("=")
        if label.strip() == "q":
            try:
                return name, float(value)
            except ValueError:
                return name, 0.0
    return name, 1.0
