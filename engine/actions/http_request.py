"""Calls an HTTP address through the outbound guard."""

import asyncio
import json as json_text
import re
from datetime import date, time
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

import httpx2
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..definition.expressions import as_text
from ..definition.suggestions import did_you_mean, near
from ..errors import (
    InvalidData,
    InvalidParameters,
    NetworkFailed,
    PermissionDenied,
    ResourceNotFound,
    StepTimeout,
)
from ..network import client
from ..quota import QuotaUse
from . import ActionContext
from ._answers import failure
from ._integration import require_connected

LARGEST_ANSWER = 5_000_000
effect = "acts"  # also a request that only reads reaches somebody, and an account may count it
_Unit: TypeAlias = Annotated[str, Field(min_length=1, max_length=60)]
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]{0,8000}")
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "upgrade", "te"})
_NOTHING_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
_SHOWN = ("content-type", "etag", "last-modified", "location", "x-request-id")


class SecretValue(BaseModel):
    """A header value that is looked up when the step runs: `{secret: CRM_TOKEN}`."""

    model_config = ConfigDict(extra="forbid")

    secret: str = Field(min_length=1, max_length=200, description="Name of the secret.")
    prefix: str = Field(default="", max_length=50, description="Put before it, such as 'Bearer '.")


class Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid")

    url: str = Field(min_length=1, max_length=4000)
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    headers: dict[str, str | SecretValue] = Field(
        default_factory=dict[str, str | SecretValue], max_length=50
    )
    query: dict[str, str | int | float | bool] = Field(
        default_factory=dict[str, str | int | float | bool]
    )
    json_body: Any = Field(default=None, alias="json", description="Sent as JSON.")
    text: str | None = Field(default=None, max_length=1_000_000, description="Sent as it is.")
    timeout_seconds: float = Field(default=30.0, gt=0, le=300)
    integration: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="The account it goes through; the step fails while it is not connected.",
    )
    counts: dict[_Unit, Annotated[int, Field(ge=0, le=1_000_000)]] = Field(
        default_factory=dict[str, int],
        max_length=10,
        description="What else the account's quotas count it as: {invitations: 20}.",
    )

    @model_validator(mode="after")
    def _one_body(self) -> "Parameters":
        if self.json_body is not None and self.text is not None:
            raise ValueError("give either `json` or `text`")
        if self.counts and self.integration is None:
            raise ValueError("`counts` needs the `integration` whose quotas it is for")
        return self


def repeatable(parameters: Parameters) -> bool:
    """Only reading can be done twice; PUT and DELETE should be, but who knows the other side."""
    return parameters.method in {"GET", "HEAD"}


def quota_use(parameters: Parameters) -> QuotaUse | None:
    """One request, and whatever else the step says it counts as."""
    if parameters.integration is None:
        return None
    return QuotaUse(parameters.integration, {"requests": 1, **parameters.counts})


async def run(parameters: Parameters, context: ActionContext) -> dict[str, Any]:
    """`{status, headers, body}`, the body parsed if it is JSON.

    A request that changes something carries the effect key as `Idempotency-Key`. Raises the
    `StepError` that the answer stands for (see `failure`), `NetworkBlocked`, `NetworkFailed`,
    `StepTimeout`, `PermissionDenied`, `IntegrationNotConnected`, `ResourceNotFound` for a missing
    secret, `InvalidParameters` and `InvalidData` for an answer that is too large.
    """
    if parameters.integration is not None:
        require_connected(parameters.integration, context.resources)
    url = _address(parameters, context)
    shown = f"{url.scheme}://{url.netloc.decode('ascii')}{url.path}"
    request = _request(parameters, context, url)
    try:
        async with asyncio.timeout(parameters.timeout_seconds):
            return await _exchange(request, context, shown)
    except (TimeoutError, httpx2.ReadTimeout, httpx2.WriteTimeout) as error:
        raise StepTimeout(
            f"{shown} did not answer within {parameters.timeout_seconds:g} s",
            name=shown,
            limit=parameters.timeout_seconds,
            sent=True,
        ) from error
    except httpx2.DecodingError as error:
        raise InvalidData(
            f"The answer of {shown} can't be unpacked: {error}",
            kind="answer",
            field="body",
            value=None,
        ) from error
    except httpx2.TransportError as error:
        raise NetworkFailed(
            f"{shown} could not be reached: {error or type(error).__name__}",
            name=shown,
            sent=not isinstance(error, _NOTHING_SENT),
        ) from error


async def _exchange(request: httpx2.Request, context: ActionContext, shown: str) -> dict[str, Any]:
    async with client(context.network) as http:
        response = await http.send(request, stream=True)
        try:
            content = await _content(response, shown)
        finally:
            await response.aclose()
    text = _decoded(content, response.charset_encoding)
    error = failure(shown, response.status_code, headers=response.headers, excerpt=text)
    if error is not None:
        raise error
    return {
        "status": response.status_code,
        "headers": {name: response.headers[name] for name in _SHOWN if name in response.headers},
        "body": _body(text, response.headers.get("content-type", ""), shown),
    }


async def _content(response: httpx2.Response, shown: str) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.aiter_bytes(65_536):
        size += len(chunk)
        if size > LARGEST_ANSWER:
            raise InvalidData(
                f"The answer of {shown} is larger than {LARGEST_ANSWER // 1_000_000} MB",
                kind="size",
                field="body",
                value=None,
            )
        chunks.append(chunk)
    return b"".join(chunks)


def _decoded(content: bytes, charset: str | None) -> str:
    try:
        return content.decode(charset or "utf-8", "replace")
    except LookupError:  # the other side names an encoding nobody knows
        return content.decode("utf-8", "replace")


def _body(text: str, content_type: str, shown: str) -> Any:
    kind = content_type.partition(";")[0].strip().lower()
    if not text or not (kind == "application/json" or kind.endswith("+json")):
        return text
    try:
        return json_text.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidData(
            f"{shown} says its answer is JSON, but it is not: {error}",
            kind="answer",
            field="body",
            value=text[:200],
        ) from error


def _address(parameters: Parameters, context: ActionContext) -> httpx2.URL:
    try:
        url = httpx2.URL(parameters.url)
    except (httpx2.InvalidURL, ValueError) as error:
        raise _invalid(f"This is not a web address: {error}", "url") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise _invalid("A web address begins with https:// or http:// and a host", "url")
    if url.userinfo:
        raise _invalid("Put credentials in a header by reference, not in the address", "url")
    has_secret = any(isinstance(value, SecretValue) for value in parameters.headers.values())
    is_extra = (url.host, url.port or 80) in context.network.extra
    if has_secret and url.scheme == "http" and not is_extra:
        raise PermissionDenied(
            f"Secrets are sent over https only, not to http://{url.host}",
            kind="address",
            name=url.host,
        )
    return url.copy_merge_params(parameters.query) if parameters.query else url


def _request(parameters: Parameters, context: ActionContext, url: httpx2.URL) -> httpx2.Request:
    headers = {"Accept-Encoding": "identity", "User-Agent": "ask-copilot"}
    if not repeatable(parameters):
        headers["Idempotency-Key"] = context.effect_key
    for name, value in parameters.headers.items():
        _check_header(name, value if isinstance(value, str) else value.prefix)
        headers[name] = value if isinstance(value, str) else _secret(value, context)
    content: str | None = parameters.text
    if parameters.json_body is not None:
        headers.setdefault("Content-Type", "application/json")
        content = _as_json(parameters.json_body)
    return httpx2.Request(parameters.method, url, headers=headers, content=content)


def _check_header(name: str, value: str) -> None:
    if _HEADER_NAME.fullmatch(name) is None or name.lower() in _OURS:
        raise _invalid(f"The header {name[:100]!r} can't be set", "headers")
    if _HEADER_VALUE.fullmatch(value) is None:
        raise _invalid(f"The header {name} must be one line of plain ASCII text", "headers")


def _secret(reference: SecretValue, context: ActionContext) -> str:
    value = context.secrets.get(context.workspace_id, reference.secret)
    if value is None:
        available = sorted(context.secrets.all(context.workspace_id))
        alike = near(reference.secret, available)
        raise ResourceNotFound(
            f"Secret {reference.secret!r} is not set"
            + ("." + did_you_mean(alike) if alike else ""),
            kind="secret",
            name=reference.secret,
            available=available,
            near=alike,
        )
    if _HEADER_VALUE.fullmatch(value) is None:
        raise _invalid(f"The secret {reference.secret} can't be sent in a header", "headers")
    return reference.prefix + value


def _as_json(value: Any) -> str:
    try:
        return json_text.dumps(value, allow_nan=False, default=_single_value)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidData(
            f"The body can't be sent as JSON: {error}", kind="plain", field="json", value=None
        ) from error


def _single_value(value: Any) -> str:
    """Dates and the like as text; what has parts of its own must be plain data already."""
    if isinstance(value, date | time | Decimal | UUID | Enum):
        return as_text(value)
    raise TypeError(f"a value of type {type(value).__name__} is not plain data")


def _invalid(message: str, parameter: str) -> InvalidParameters:
    return InvalidParameters(message, parameter=parameter)
