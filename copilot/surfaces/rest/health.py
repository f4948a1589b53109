"""Whether the service is alive, whether it can work, and which release it is; without a token."""

from importlib.metadata import version

from fastapi import APIRouter, Request
from pydantic import BaseModel

router = APIRouter(tags=["service"])


class Health(BaseModel):
    status: str


class Version(BaseModel):
    name: str
    version: str


@router.get("/healthz")
async def healthz() -> Health:
    """The process answers. It says nothing about the database."""
    return Health(status="ok")


@router.get("/readyz")
def readyz(request: Request) -> Health:
    """The database answers too; 503 while it does not."""
    request.app.state.app.ping()
    return Health(status="ready")


@router.get("/version")
async def release() -> Version:
    return Version(name="ask-copilot", version=version("ask-copilot"))
