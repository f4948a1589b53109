"""Asks an HTTP address: it gets the output as JSON and answers with 2xx if it is good.

The answer may be `{"success": false, "feedback": "…"}` to say no and why.
"""

import asyncio
import json
from typing import Any, cast

import httpx2
from pydantic import BaseModel, ConfigDict, Field

from ..errors import InvalidData, NetworkFailed, PermissionDenied, ResourceNotFound, StepTimeout
from ..network import client
from . import PluginContext, PluginOutcome

LARGEST_ANSWER = 100_000
LONGEST_FEEDBACK = 1000


class Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid")

    url: str = Field(pattern=r"^https?://", max_length=4000)
    secret: str | None = Field(default=None, description="Name of the secret sent as Bearer token.")
    timeout_seconds: float = Field(default=10.0, gt=0, le=60)


async def check(output: Any, parameters: Parameters, context: PluginContext) -> PluginOutcome:
    """Raises the `StepError` that says why nobody could be asked."""
    try:
        content = json.dumps({"path": context.path, "output": output}, allow_nan=False, default=str)
        request = httpx2.Request(
            "POST",
            parameters.url,
            headers={"Content-Type": "application/json", **_credentials(parameters, context)},
            content=content,
        )
    except (ValueError, RecursionError, TypeError, httpx2.InvalidURL) as error:
        raise InvalidData(f"The output can't be sent: {error}", field="output") from error
    shown = f"{request.url.scheme}://{request.url.host}{request.url.path}"
    try:
        async with asyncio.timeout(parameters.timeout_seconds):
            status, answer = await _asked(request, context)
    except (TimeoutError, httpx2.TimeoutException) as error:
        raise StepTimeout(
            f"{shown} did not answer within {parameters.timeout_seconds:g} s",
            limit=parameters.timeout_seconds,
        ) from error
    except httpx2.TransportError as error:
        raise NetworkFailed(
            f"{shown} could not be reached: {error or type(error).__name__}"
        ) from error
    return _outcome(status, answer, shown)


def _credentials(parameters: Parameters, context: PluginContext) -> dict[str, str]:
    if parameters.secret is None:
        return {}
    url = httpx2.URL(parameters.url)
    if url.scheme != "https" and (url.host, url.port or 80) not in context.network.extra:
        raise PermissionDenied(f"Secrets are sent over https only, not to http://{url.host}")
    value = context.secrets.get(context.workspace_id, parameters.secret)
    if value is None:
        raise ResourceNotFound(
            f"Secret {parameters.secret!r} is not set", kind="secret", name=parameters.secret
        )
    return {"Authorization": f"Bearer {value}"}


async def _asked(request: httpx2.Request, context: PluginContext) -> tuple[int, bytes]:
    """The status and the beginning of the answer."""
    async with client(context.network) as http:
        response = await http.send(request, stream=True)
        try:
            content = b""
            async for chunk in response.aiter_bytes(65_536):
                content += chunk
                if len(content) > LARGEST_ANSWER:
                    break
        finally:
            await response.aclose()
    return response.status_code, content[:LARGEST_ANSWER]


def _outcome(status: int, content: bytes, shown: str) -> PluginOutcome:
    answer = _mapping(content)
    feedback = str(answer.get("feedback") or "")[:LONGEST_FEEDBACK]
    if not 200 <= status < 300:
        return PluginOutcome(False, feedback or f"{shown} answered with {status}")
    if answer.get("success") is False:
        return PluginOutcome(False, feedback or f"{shown} said no")
    return PluginOutcome(True, feedback)


def _mapping(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}
