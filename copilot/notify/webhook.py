"""A notice as a signed request. What is answered counts by its status alone and is not read."""

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import httpx2

from ..errors import InvalidInput
from ..types.notice import Notice
from .signing import HEADER, signature

#: Seconds for one request, from looking up the name to the status.
SECONDS = 10.0
#: A part of it that hangs is given up before the whole is: that closes its connection in order.
OF_ONE_PART = 0.9
EVENT_HEADER = "Ask-Copilot-Event"
#: Said of what is given up at once.
WHEN_SET = "Once it is set again, what was given up in the last 7 days is sent."
_FOR_SLACK = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


class Webhooks:
    """Sends notices through *client*, which makes an HTTP client that reaches public addresses only.

    blocked: what that client raises for an address that may not be reached.
    """

    def __init__(
        self,
        client: Callable[[], httpx2.AsyncClient],
        *,
        blocked: type[Exception],
        seconds: float = SECONDS,
    ) -> None:
        self._client = client
        self._blocked = blocked
        self._seconds = seconds

    def post(self, url: str, notice: Notice, *, secrets: Sequence[str], at: datetime) -> None:
        """Returns when it was accepted.

        Raises InvalidInput for what will never be, and ConnectionError for what may be later, both
        without the address: it may open something itself.
        """
        if urlsplit(url).scheme != "https":
            raise InvalidInput("notify_webhook", "it is no https address.", WHEN_SET)
        if not secrets:
            raise ConnectionError("there is no secret to sign with: ask-copilot notices secret")
        body = encoded(notice)
        headers = {
            HEADER: signature(secrets, body, at=at),
            EVENT_HEADER: notice.event_id,
            "Content-Type": "application/json",
            "User-Agent": "ask-copilot",
        }
        try:
            status = asyncio.run(self._post(url, body, headers))
        except self._blocked:
            problem = "its address is not a public one, or its port is not 443."
            raise InvalidInput("notify_webhook", problem, WHEN_SET) from None
        except (TimeoutError, httpx2.TimeoutException):
            raise ConnectionError(f"no answer within {self._seconds:g} s") from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise ConnectionError(f"no connection ({type(error).__name__})") from None
        _check(status)

    async def _post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        async with (
            asyncio.timeout(self._seconds),
            self._client() as client,
            client.stream(
                "POST",
                url,
                content=body,
                headers=headers,
                follow_redirects=False,
                timeout=self._seconds * OF_ONE_PART,
            ) as response,
        ):
            return response.status_code


def encoded(notice: Notice) -> bytes:
    """The body: `text` as Slack reads it, and the event as data."""
    data: dict[str, Any] = notice.model_dump(mode="json")
    data["text"] = notice.text.translate(_FOR_SLACK)
    return json.dumps(data, ensure_ascii=False, sort_keys=True).encode("utf-8", "replace")


def _check(status: int) -> None:
    if 200 <= status < 300:
        return
    if status == HTTPStatus.GONE:
        raise InvalidInput("notify_webhook", "the receiver says that it is gone (410).", WHEN_SET)
    what = "a redirect, which is not followed" if 300 <= status < 400 else "an error"
    raise ConnectionError(f"the receiver answered {status}, {what}")
