"""What a tool step can do: one file each, found by its file name.

To add an action, add a module with `Parameters`, `repeatable` and `run` (see `Action`). Modules whose
name starts with an underscore are not actions.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Protocol, TypeAlias, cast, get_args

from pydantic import BaseModel

from ..definition.suggestions import did_you_mean, near
from ..errors import InvalidParameters
from ..network import OutboundPolicy
from ..ports import MailServer, Secrets
from ..workspace import Resources

Repeatable: TypeAlias = bool | Callable[[Any], bool]
#: What running an action does: it computes from its parameters and the workspace's resources, it
#: also reads the workspace's own files, or it acts, on files or on anything outside.
Effect: TypeAlias = Literal["computes", "reads", "acts"]


@dataclass(frozen=True, slots=True)
class ActionContext:
    """What one step may use while it runs.

    `effect_key` is the same for every attempt of this step in this round, so that an outside
    system can recognise a repeat. `files` is the workspace's own folder. `documents` are the names
    of the documents attached to this step.
    """

    workspace_id: str
    execution_id: str
    path: str
    effect_key: str
    resources: Resources
    files: Path
    documents: tuple[str, ...]
    secrets: Secrets
    mail: MailServer | None = None
    network: OutboundPolicy = field(default_factory=OutboundPolicy)


class Action(Protocol):
    """A module of this package, or any object with the same three names.

    `Parameters` forbids unknown fields. `repeatable` says whether running it twice does no more
    than running it once; where that depends on the parameters it is a function of them. `run`
    raises a `StepError` for everything it can explain. An action may say its `effect` too.
    """

    @property
    def Parameters(self) -> type[BaseModel]: ...  # noqa: N802

    @property
    def repeatable(self) -> Repeatable: ...

    async def run(self, parameters: Any, context: ActionContext) -> Any: ...


@lru_cache(maxsize=1)
def catalog() -> Mapping[str, Action]:
    """Every shipped action by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return MappingProxyType(
        {
            name: cast(Action, importlib.import_module(f"{__name__}.{name}"))
            for name in names
            if not name.startswith("_")
        }
    )


def pick(name: str, actions: Mapping[str, Action] | None = None) -> Action:
    """The action called *name*, from *actions* or the catalog.

    Raises `InvalidParameters` with close matches.
    """
    known = catalog() if actions is None else actions
    if name not in known:
        alike = near(name, known)
        raise InvalidParameters(
            f"Unknown action {name!r}.{did_you_mean(alike)}",
            parameter="action",
            name=name,
            near=alike,
            available=sorted(known),
        )
    return known[name]


def is_repeatable(action: Action, parameters: BaseModel) -> bool:
    """Whether running *action* again with the same *parameters* does no more than once."""
    answer = action.repeatable
    return answer(parameters) if callable(answer) else answer


def effect_of(action: Action) -> Effect:
    """What running it does: whatever does not say so in its `effect` acts."""
    told = getattr(action, "effect", None)
    return cast("Effect", told) if told in get_args(Effect) else "acts"


def parameter_models(actions: Mapping[str, Action] | None = None) -> dict[str, type[BaseModel]]:
    """Action name to its parameters, as `load_workflow` wants them."""
    known = catalog() if actions is None else actions
    return {name: action.Parameters for name, action in known.items()}
