"""Which steps name a template or document that is not the one they had any more."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, cast

from pydantic import JsonValue

from ..definition.expressions import find_references, resolve
from ..definition.reads import nodes
from ..definition.steps import AgentStep, Step, ToolStep
from ..definition.workflow import Workflow
from ..errors import EngineError
from ..storage.journal import LiveStep
from .places import place_of
from .substance import COSMETIC

_INPUTS = "inputs"
#: Parameters that hold a name, and the kind of resource that it may be of.
_NAMING = {"template": "template", "file": "document", "document": "document"}


def moved_paths(
    steps: tuple[LiveStep, ...],
    workflow: Workflow,
    changed_at: Mapping[str, datetime],
    *,
    inputs: Mapping[str, Any],
) -> dict[str, str]:
    """Paths of *steps* that name a template or document which has changed since they had it.

    *changed_at* is by `kind/name`; the value is the one that has changed. A text that stands alone
    in a step's parameters names a resource if it is its name, as it does when the step runs; so
    does one of *inputs*. A name that another step gives may be any of its kind.
    """
    if not changed_at:
        return {}
    known = nodes(workflow)
    by_name: dict[str, list[str]] = {}
    for resource in changed_at:
        kind, _, name = resource.partition("/")
        by_name.setdefault(name.casefold(), []).append(resource)
        by_name.setdefault(_any(kind), []).append(resource)
    named = {place: _named(workflow, node.step, inputs) for place, node in known.items()}
    found: dict[str, str] = {}
    for step in steps:
        had_at = step.resources_at or step.started_at
        if had_at is None:
            continue
        names = named.get(place_of(step.path, known), ())
        moved = {one for name in names for one in by_name.get(name, ()) if changed_at[one] > had_at}
        if moved:
            found[step.path] = max(moved, key=lambda one: (changed_at[one], one))
    return found


def _any(kind: str) -> str:
    """Stands for every resource of *kind* among names, none of which is like it."""
    return f"\0{kind}"


def _named(workflow: Workflow, step: Step, inputs: Mapping[str, Any]) -> set[str]:
    match step:
        case ToolStep() | AgentStep():
            data: Any = step.model_dump(mode="json", exclude=set(COSMETIC))
            names = {text.casefold() for text in (*_texts(data, inputs), *workflow.documents)}
            return names | {_any(kind) for kind in _kinds(data)}
        case _:
            return set()


def _texts(value: Any, inputs: Mapping[str, Any]) -> Iterator[str]:
    match value:
        case str():
            yield value
            yield from _given(value, inputs)
        case dict():
            for item in cast("dict[str, Any]", value).values():
                yield from _texts(item, inputs)
        case list():
            for item in cast("list[Any]", value):
                yield from _texts(item, inputs)
        case _:
            return


def _given(text: str, inputs: Mapping[str, Any]) -> Iterator[str]:
    """The texts that *text* becomes, if nothing but inputs is put into it."""
    roots = _roots(text)
    if roots != {_INPUTS}:
        return
    try:
        value = resolve(text, {_INPUTS: inputs})
    except EngineError:  # an input that is not there
        return
    yield from _plain(value)


def _plain(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for item in cast("dict[str, Any]", value).values():
                yield from _plain(item)
        case list():
            for item in cast("list[Any]", value):
                yield from _plain(item)
        case _:
            return


def _kinds(value: JsonValue) -> Iterator[str]:
    """The kinds of which another step gives a name."""
    match value:
        case dict():
            for key, item in value.items():
                if key in _NAMING and isinstance(item, str) and _roots(item) - {_INPUTS}:
                    yield _NAMING[key]
                yield from _kinds(item)
        case list():
            for item in value:
                yield from _kinds(item)
        case _:
            return


def _roots(text: str) -> set[str]:
    return {one.root for one in find_references(text)}
