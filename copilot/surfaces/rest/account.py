"""The workspace itself: credits, settings, keys, who did what, and who asks."""

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from ...types import CreditStatement
from ...types.account import ApiKey, AuditEntry, NewApiKey, ReceiptEntry, RuntimeInfo, SettingValue
from ...types.audit import AuditHead, AuditVerification
from ...types.page import Page
from ...types.principal import Principal, PrincipalKind, Role
from .caller import Asking, Cursor, Id, Limit, asker

router = APIRouter()
#: Outside of every workspace: a client learns here which one its key is for.
outside = APIRouter(tags=["service"])

NewValues = Annotated[
    dict[str, JsonValue],
    Field(
        min_length=1,
        description="By name; null takes the default back.",
        examples=[{"pattern_threshold": 3, "nightly_enabled": False}],
    ),
]


class Grant(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"credits": 100}]})

    credits: Annotated[int, Field(strict=True, ge=0, le=10**9)]
    key: Annotated[str, Field(min_length=1, max_length=255)] | None = Field(
        default=None, description="The same key again adds nothing, whoever sends it."
    )


class Balance(BaseModel):
    balance: int


class Settings(BaseModel):
    settings: list[SettingValue]


class NewKey(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "nightly export", "kind": "machine", "role": "viewer"}]
        },
    )

    name: Annotated[str, Field(min_length=1, max_length=100)]
    kind: PrincipalKind
    role: Role
    expires_at: AwareDatetime | None = None
    replaces: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="Id of a key whose holder gets this one as a second."
    )


class Keys(BaseModel):
    keys: list[ApiKey]


class HeadToVerify(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{}]})

    head: AuditHead | None = Field(default=None, description="As `/audit/head` gave it.")


class Runtimes(BaseModel):
    runtimes: list[RuntimeInfo]


@router.get("/credits", tags=["credits"])
def get_credits(asking: Asking) -> CreditStatement:
    """What analyses have cost, and what is left."""
    return asking.account.credits()


@router.get("/credits/receipts", tags=["credits"])
def list_receipts(asking: Asking, cursor: Cursor = None, limit: Limit = 50) -> Page[ReceiptEntry]:
    """Every analysis with what it cost, the newest first."""
    return asking.account.receipts(cursor=cursor, limit=limit)


@router.post("/credits/grant", tags=["credits"])
def grant_credits(body: Grant, asking: Asking) -> Balance:
    """Add credits; the first grant sets the limit."""
    return Balance(balance=asking.account.grant(body.credits, key=body.key))


@router.get("/settings", tags=["settings"])
def list_settings(asking: Asking) -> Settings:
    """Each with its bounds, and whether the one who asks can change it."""
    return Settings(settings=list(asking.account.settings()))


@router.patch("/settings", tags=["settings"])
def change_settings(body: NewValues, asking: Asking) -> Settings:
    """Change all that are named, or none. What loosens a limit is for an owner in person."""
    return Settings(settings=list(asking.account.set_settings(body)))


@router.get("/keys", tags=["keys"])
def list_keys(asking: Asking) -> Keys:
    """All keys, the newest first, those too that work no more."""
    return Keys(keys=list(asking.account.keys()))


@router.post("/keys", status_code=201, tags=["keys"])
def create_key(body: NewKey, asking: Asking, request: Request) -> NewApiKey:
    """A key for a new person or machine. Its secret is in this answer and nowhere else."""
    request.state.holds_secret = True
    return asking.account.create_key(
        body.name,
        kind=body.kind,
        role=body.role,
        expires_at=body.expires_at,
        replaces=body.replaces,
    )


@router.post("/keys/{key_id}/revoke", tags=["keys"])
def revoke_key(key_id: Id, asking: Asking) -> ApiKey:
    """Let a key work no more; again changes nothing."""
    return asking.account.revoke_key(key_id)


@router.get("/audit", tags=["audit"])
def list_audit(asking: Asking, cursor: Cursor = None, limit: Limit = 50) -> Page[AuditEntry]:
    """Who did what, the newest first."""
    return asking.account.audit(cursor=cursor, limit=limit)


@router.get("/audit/head", tags=["audit"])
def get_audit_head(asking: Asking) -> AuditHead:
    """The newest entry, by its digest. Keep it elsewhere: it vouches for all before it."""
    return asking.account.audit_head()


@router.post("/audit/verify", tags=["audit"])
def verify_audit(body: HeadToVerify, asking: Asking) -> AuditVerification:
    """Whether every entry is as it was written, and a head that was kept is still one of them."""
    return asking.account.verify_audit(head=body.head)


@router.get("/runtimes", tags=["service"])
def list_runtimes(asking: Asking) -> Runtimes:
    """Where answers can come from, as this installation stands."""
    return Runtimes(runtimes=list(asking.account.runtimes()))


@router.get("/me", tags=["service"])
def get_me(asking: Asking) -> Principal:
    """Whose key this is."""
    return asking.principal


@outside.get("/api/me")
async def get_key_holder(request: Request) -> Principal:
    """Whose key this is, and for which workspace."""
    return asker(request)
