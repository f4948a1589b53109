"""What people were told by webhook and e-mail, and whether it has arrived."""

from fastapi import APIRouter
from pydantic import BaseModel

from ...types.notice import NoticeEntry, WebhookSecret
from ...types.page import Page
from .caller import Asking, Cursor, Limit

router = APIRouter(prefix="/notices", tags=["notices"])


class Sent(BaseModel):
    notices: list[NoticeEntry]


@router.get("")
def list_notices(asking: Asking, cursor: Cursor = None, limit: Limit = 50) -> Page[NoticeEntry]:
    """Every event for every channel, the newest first."""
    return asking.notices.list(cursor=cursor, limit=limit)


@router.post("/test")
def test_notices(asking: Asking) -> Sent:
    """Send a test to every channel now; it says of each whether it has arrived."""
    return Sent(notices=list(asking.notices.test()))


@router.post("/secret")
def exchange_webhook_secret(asking: Asking) -> WebhookSecret:
    """A new secret to sign webhooks with, shown this once; the one before goes on for a day."""
    return asking.notices.secret()
