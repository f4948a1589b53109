"""What `list_runtimes` shows: each runtime as this installation stands, with its models."""

from collections.abc import Callable, Mapping
from datetime import date
from types import ModuleType

from ..errors import InvalidInput
from ..settings import Settings
from ..types.account import ModelInfo, RuntimeInfo, RuntimeMeasure
from ._catalog import Catalog, Model
from ._choice import OFFLINE, VARIABLE, default_model, in_use, missing
from ._prices import prices_of

#: How a runtime has done, by its name; None while nothing is known.
Measured = Callable[[str], RuntimeMeasure | None]

_FOR_TESTS = "scripted"
_TESTS_ONLY = "For tests: it asks nobody."


def list_runtimes(
    settings: Settings,
    catalog: Catalog,
    modules: Mapping[str, ModuleType],
    *,
    today: date,
    measured: Measured | None = None,
) -> tuple[RuntimeInfo, ...]:
    """Those that are asked, in turn, then the rules, then what could be set up.

    The one for tests is left out where it is not set up.
    """
    used = in_use(settings)
    found = {
        name: _described(name, settings, catalog, modules, today=today) for name in catalog.runtimes
    }
    if _FOR_TESTS not in used and not found[_FOR_TESTS].configured:
        del found[_FOR_TESTS]
    asked = [found[name] for name in used if name in found]
    others = [one for name, one in found.items() if name not in used]
    every = (*asked, modules[OFFLINE].describe(), *others)
    return tuple(_with_measure(one, measured) for one in every)


def _described(
    name: str,
    settings: Settings,
    catalog: Catalog,
    modules: Mapping[str, ModuleType],
    *,
    today: date,
) -> RuntimeInfo:
    used, lacking = in_use(settings), missing(name, settings, modules)
    default = _default_or_none(settings, catalog, name)
    models = [one for one in catalog.models(name) if not _is_gone(one, today)]
    if default is not None and default not in models and not _is_gone(default, today):
        models.insert(0, default)
    return RuntimeInfo(
        name=name,
        available=lacking is None and name in used,
        reason=_reason(lacking, is_used=name in used),
        configured=lacking is None,
        place=used.index(name) + 1 if name in used else None,
        note=_note(name, catalog, default, today),
        models=tuple(one.id for one in models),
        default_model=None if default is None else default.id,
        model_facts=tuple(_facts(one) for one in models),
        capabilities=tuple(modules[name].CAPABILITIES) if name in modules else (),
    )


def _reason(lacking: str | None, *, is_used: bool) -> str | None:
    """What to do until it is asked."""
    if lacking is None:
        return None if is_used else f"It is not asked. Name it in {VARIABLE}."
    return lacking if is_used else f"{lacking} Then name it in {VARIABLE}."


def _note(name: str, catalog: Catalog, default: Model | None, today: date) -> str | None:
    if name == _FOR_TESTS:
        return _TESTS_ONLY
    return " ".join(catalog.warnings(today, [default] if default else ())) or None


def _default_or_none(settings: Settings, catalog: Catalog, name: str) -> Model | None:
    try:
        return default_model(settings, catalog, name)
    except InvalidInput:  # its server knows them, and nobody has named one
        return None


def _is_gone(model: Model, today: date) -> bool:
    return model.retires_on is not None and model.retires_on <= today


def _facts(model: Model) -> ModelInfo:
    input_usd, output_usd = prices_of(model)
    is_listed = model.context_tokens is not None
    return ModelInfo(
        id=model.id,
        input_usd=input_usd,
        output_usd=output_usd,
        context_tokens=model.context_tokens,
        max_output_tokens=model.max_output_tokens if is_listed else None,
        closed_to_new_on=model.closed_to_new_on,
        retires_on=model.retires_on,
        successor=model.successor,
    )


def _with_measure(info: RuntimeInfo, measured: Measured | None) -> RuntimeInfo:
    found = None if measured is None else measured(info.name)
    if found is None:
        return info
    judged = found.fixes_verified + found.fixes_failed
    return info.model_copy(
        update={
            "measured": found,
            "answered_share": found.answers / found.asked if found.asked else None,
            "fix_success_rate": found.fixes_verified / judged if judged else None,
        }
    )
