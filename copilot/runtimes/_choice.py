"""Which models are asked, in which order, and whether what the settings name can be used at all."""

from collections.abc import Iterable, Mapping
from datetime import date
from types import ModuleType

from ..errors import InvalidInput, UnknownName
from ..names import candidates
from ..registry import pick
from ..settings import PREFIX, Settings
from ._catalog import Catalog, Model

OFFLINE = "offline"
#: The runtime whose server alone knows its models.
_COMPATIBLE = "compatible"
VARIABLE = f"{PREFIX}RUNTIMES"
_NOT_HERE = "It is not part of this installation."


def missing(name: str, settings: Settings, modules: Mapping[str, ModuleType]) -> str | None:
    """One sentence or two on what the runtime *name* lacks; None when it can be used."""
    module = modules.get(name)
    if module is None:
        return _NOT_HERE
    problem: str | None = module.missing(settings)
    return None if problem is None else f"{problem.rstrip('. ')}."


def default_model(settings: Settings, catalog: Catalog, runtime: str) -> Model:
    """What *runtime* asks when nobody has said otherwise. Raises UnknownName and InvalidInput."""
    if runtime == _COMPATIBLE and settings.compatible_model is not None:
        return catalog.find(runtime, settings.compatible_model)
    return catalog.default(runtime)


def check_runtimes(
    settings: Settings,
    catalog: Catalog,
    modules: Mapping[str, ModuleType],
    *,
    today: date,
) -> tuple[str, ...]:
    """What has to be told when the process starts: models in use that are going or have gone.

    Raises InvalidInput naming the variable for a runtime that is not there or can't be used: it
    was asked for by name, so leaving it out in silence would be wrong.
    """
    used = in_use(settings)
    for name in used:
        _require_runtime(name, catalog)
        problem = missing(name, settings, modules)
        if problem is not None:
            raise InvalidInput(VARIABLE, f"{name} can't be used.", f"{problem} Or leave it out.")
    return catalog.warnings(today, [default_model(settings, catalog, name) for name in used])


def in_use(settings: Settings) -> tuple[str, ...]:
    """The runtimes that the settings name, each once, the first before the others."""
    return tuple(dict.fromkeys(settings.runtimes))


def chain(
    settings: Settings,
    catalog: Catalog,
    runtime: str | None = None,
    model: str | None = None,
) -> tuple[Model, ...]:
    """The models to ask, in turn: *runtime*'s *model* or default first, then the others' defaults.

    Empty means that the rules answer alone: no runtime is in use, or *runtime* is 'offline'. Only
    runtimes that the settings name are ever asked. A *model* without a *runtime* is taken from the
    first that has it. Raises UnknownName for names nobody has, InvalidInput for a runtime that is
    not in use here.
    """
    used = in_use(settings)
    if runtime == OFFLINE:
        return ()
    if runtime is None and model is None:
        return tuple(default_model(settings, catalog, name) for name in used)
    first = _wanted(settings, catalog, runtime, model)
    others = (default_model(settings, catalog, name) for name in used if name != first.runtime)
    return (first, *others)


def _wanted(settings: Settings, catalog: Catalog, runtime: str | None, model: str | None) -> Model:
    used = in_use(settings)
    if runtime is not None and runtime not in used:
        pick(dict.fromkeys((*catalog.runtimes, OFFLINE)), runtime, kind="runtime")
        raise InvalidInput("runtime", f"{runtime} is not in use here.", f"Add it to {VARIABLE}.")
    if not used:
        raise InvalidInput("model", "no runtime is in use here.", f"Name one in {VARIABLE}.")
    if runtime is None and model is not None:
        return _first_with(model, used, catalog)
    if runtime is not None and model is not None:
        return catalog.find(runtime, model)
    return default_model(settings, catalog, runtime or used[0])


def _first_with(model: str, used: Iterable[str], catalog: Catalog) -> Model:
    """A runtime that lists the model comes before one whose server may have it."""
    listed = {found.id: found for name in reversed([*used]) for found in catalog.models(name)}
    if model in listed:
        return listed[model]
    for name in used:
        if catalog.takes_any(name):
            return catalog.find(name, model)
    raise UnknownName("model", model, candidates(model, listed) or tuple(listed))


def _require_runtime(name: str, catalog: Catalog) -> None:
    if name == OFFLINE:
        advice = "Leave it out: the rules always answer when no model does."
        raise InvalidInput(VARIABLE, f"{OFFLINE} is not one of those that are asked.", advice)
    try:
        pick(dict.fromkeys(catalog.runtimes), name, kind="runtime")
    except UnknownName as error:
        raise InvalidInput(VARIABLE, str(error), "") from None
