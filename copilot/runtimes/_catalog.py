"""Models as data: `catalog.yaml` says which each runtime has, and what each can do."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

from ..errors import InvalidInput
from ..registry import pick

#: From how many days before it retires a model is warned of.
RETIRES_SOON = 60

Count = Annotated[int, Field(ge=1, strict=True)]
Usd = Annotated[Decimal, Field(ge=0)]
Effort = Annotated[str, Field(pattern="^(none|minimal|low|medium|high|xhigh|max)$")]
Limits = Annotated[Mapping[str, Count], AfterValidator(MappingProxyType)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model as one runtime asks for it. What is None must not be sent.

    provider: its maker's name in the list of prices. tokenizer_factor: by how much its tokens
    outnumber those of o200k_base. requests_per_minute: by tier, as the maker states them.
    closed_to_new_on: from when on it answers only projects that asked it before.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    id: Annotated[str, Field(min_length=1)]
    runtime: str
    provider: str | None = None
    context_tokens: Count | None = None
    max_output_tokens: Count = 8192
    output_tokens: Count = 2048
    temperature: Annotated[float, Field(ge=0, le=2, strict=True)] | None = None
    effort: Effort | None = None
    thinking_budget: Annotated[int, Field(ge=0, strict=True)] | None = None
    thinking_level: Effort | None = None
    structured: Literal["strict", "vertex", "json_schema"] = "strict"
    tokenizer_factor: Annotated[float, Field(ge=0.5, le=4, strict=True)] = 1.0
    requests_per_minute: Limits = field(
        default_factory=lambda: MappingProxyType(dict[str, int]()), hash=False
    )
    batch: Annotated[bool, Field(strict=True)] = False
    closed_to_new_on: date | None = None
    retires_on: date | None = None
    successor: str | None = None
    input_usd: Usd | None = None
    output_usd: Usd | None = None


_MODEL = TypeAdapter(Model)


class _Entry(BaseModel):
    """A runtime as the file has it. any_model: also what is not listed may be asked."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    default: str | None = None
    any_model: bool = False
    shared: dict[str, Any] = Field(default_factory=dict[str, Any])
    models: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Offer:
    """The models of one runtime; `pattern` is what one that is not listed is made of."""

    default: str | None
    models: Mapping[str, Model]
    pattern: Model | None


class Catalog:
    """Every runtime that asks a model, with its models.

    A name that is not there raises UnknownName with the close ones; nothing is guessed.
    """

    def __init__(self, offers: Mapping[str, _Offer]) -> None:
        self._offers = offers

    @property
    def runtimes(self) -> tuple[str, ...]:
        """Their names, as the file orders them."""
        return tuple(self._offers)

    def models(self, runtime: str) -> tuple[Model, ...]:
        """Those that are listed: none for a runtime whose server knows them."""
        return tuple(self._offer(runtime).models.values())

    def takes_any(self, runtime: str) -> bool:
        """Whether a model can be asked that is not listed."""
        return self._offer(runtime).pattern is not None

    def default(self, runtime: str) -> Model:
        """Raises InvalidInput for a runtime whose server alone knows which models there are."""
        model_id = self._offer(runtime).default
        if model_id is None:
            advice = "Name one of that server's models."
            raise InvalidInput(f"runtime {runtime}", "it has no model of its own.", advice)
        return self.find(runtime, model_id)

    def find(self, runtime: str, model_id: str) -> Model:
        """The model that *runtime* calls *model_id*."""
        offer = self._offer(runtime)
        if offer.pattern is not None and model_id not in offer.models:
            return replace(offer.pattern, id=model_id)
        return pick(offer.models, model_id, kind=f"model of {runtime}")

    def successor(self, model: Model) -> Model | None:
        """Which one to ask where *model* is refused; None when nobody follows it."""
        return None if model.successor is None else self.find(model.runtime, model.successor)

    def warnings(self, today: date, models: Iterable[Model] | None = None) -> tuple[str, ...]:
        """One sentence for each of *models*, or of all, that is going or has gone.

        That is one that is retired, retires within RETIRES_SOON days, or takes no new projects.
        """
        if models is None:
            models = (model for runtime in self.runtimes for model in self.models(runtime))
        return tuple(filter(None, (_warning(model, today) for model in models)))

    def _offer(self, runtime: str) -> _Offer:
        return pick(self._offers, runtime, kind="runtime")


@cache
def load_catalog() -> Catalog:
    """What is shipped, read once."""
    return parse_catalog(
        files("copilot.runtimes").joinpath("catalog.yaml").read_text(encoding="utf-8")
    )


def parse_catalog(text: str) -> Catalog:
    """Raises ValueError where *text* says something that can't be, naming the model."""
    loaded: Any = yaml.safe_load(text)
    return Catalog(
        MappingProxyType(
            {name: _offer(name, _Entry.model_validate(entry)) for name, entry in loaded.items()}
        )
    )


def _offer(runtime: str, entry: _Entry) -> _Offer:
    read = [_model(runtime, {**entry.shared, **listed}) for listed in entry.models]
    models = {model.id: model for model in read}
    if len(models) < len(read):
        twice = sorted({one.id for one in read if [two.id for two in read].count(one.id) > 1})
        raise ValueError(f"{runtime} lists {', '.join(twice)} twice")
    pattern = _model(runtime, {**entry.shared, "id": "any"}) if entry.any_model else None
    if pattern is None and entry.default not in models:
        raise ValueError(f"{runtime} does not list its default, {entry.default}")
    for model in read:
        _check_successors(model, models)
    return _Offer(default=entry.default, models=MappingProxyType(models), pattern=pattern)


def _model(runtime: str, facts: Mapping[str, Any]) -> Model:
    model = _MODEL.validate_python({**facts, "runtime": runtime})
    if model.output_tokens > model.max_output_tokens:
        raise ValueError(f"{runtime} lets {model.id} write more than it can")
    if (model.input_usd is None) != (model.output_usd is None):
        raise ValueError(f"{runtime} has only one of two prices for {model.id}")
    return model


def _check_successors(model: Model, models: Mapping[str, Model]) -> None:
    seen, after = {model.id}, model.successor
    while after is not None:
        if after not in models:
            raise ValueError(f"{model.runtime} does not list {after}, which follows {model.id}")
        if after in seen:
            raise ValueError(f"{model.runtime}: the successors of {model.id} go round in a circle")
        seen.add(after)
        after = models[after].successor


def _warning(model: Model, today: date) -> str | None:
    name = f"{model.id} of {model.runtime}"
    instead = f" {model.successor} takes its place." if model.successor else ""
    if model.retires_on is not None:
        days = (model.retires_on - today).days
        if days <= 0:
            return f"{name} was retired on {model.retires_on}.{instead}"
        if days <= RETIRES_SOON:
            return f"{name} retires on {model.retires_on}.{instead}"
    if model.closed_to_new_on is not None and model.closed_to_new_on <= today:
        refused = f" Where it is refused, {model.successor} answers." if model.successor else ""
        return f"{name} has taken no new projects since {model.closed_to_new_on}.{refused}"
    return None
