"""Which account a step acts through, and renewing the access to it once it is refused."""

from collections.abc import Iterator
from typing import Any, cast

from pydantic import BaseModel

from ..ports import IntegrationRefresher
from ..workspace import Resources


def account_of(parameters: BaseModel, resources: Resources) -> str | None:
    """The integration that *parameters* name, or whose settings name a secret that they use."""
    named = getattr(parameters, "integration", None)
    if isinstance(named, str):
        known = {name.casefold(): name for name in resources.integrations}
        return known.get(named.casefold(), named)
    used = set(secrets_in(parameters.model_dump()))
    for name, integration in resources.integrations.items():
        if used & set(_texts(integration.settings)):
            return name
    return None


def secrets_in(value: Any) -> Iterator[str]:
    """The name in every `{secret: NAME}` of *value*."""
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value)
        if isinstance(name := items.get("secret"), str):
            yield name
        for item in items.values():
            yield from secrets_in(item)
    elif isinstance(value, list | tuple):
        for item in cast("list[Any]", value):
            yield from secrets_in(item)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in cast("dict[str, Any]", value).values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in cast("list[Any]", value):
            yield from _texts(item)


async def renewed(
    refresher: IntegrationRefresher | None, workspace_id: str, account: str | None
) -> str | None:
    """The account whose access is good again; None if there is none, or its owner is needed."""
    if refresher is None or account is None:
        return None
    return account if await refresher.refresh(workspace_id, account) else None
