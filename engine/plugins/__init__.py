"""Who is asked whether an output is good: one file each, found by its file name.

An application adds its own under other names (`Reach.plugins`). To ship one, add a module with
`Parameters` and `check` (see `Plugin`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

from pydantic import BaseModel

from ..catalogs import discover
from ..network import OutboundPolicy
from ..ports import Secrets


@dataclass(frozen=True, slots=True)
class PluginOutcome:
    """What a plugin says. `feedback` is for people, and for a model that tries again."""

    success: bool
    feedback: str = ""


@dataclass(frozen=True, slots=True)
class PluginContext:
    """What a plugin may use. `effect_key` is the step's, the same for every attempt of a round."""

    workspace_id: str
    execution_id: str
    path: str
    effect_key: str
    secrets: Secrets
    network: OutboundPolicy = field(default_factory=OutboundPolicy)


class Plugin(Protocol):
    """A module of this package, or any object with the same two names.

    `Parameters` forbids unknown fields. Whatever `check` raises counts as a refusal; a plugin only
    looks, it changes nothing.
    """

    @property
    def Parameters(self) -> type[BaseModel]: ...  # noqa: N802

    async def check(
        self, output: Any, parameters: Any, context: PluginContext
    ) -> PluginOutcome: ...


@lru_cache(maxsize=1)
def catalog() -> Mapping[str, Plugin]:
    """Every shipped plugin by name."""
    return discover(__name__, __path__)
