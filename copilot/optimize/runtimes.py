"""Where models are asked, against where such steps have succeeded most often."""

from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

from pydantic import JsonValue

from ..types.engine import Hints
from ..types.outlook import Outlook, PlannedStep
from ..types.suggestion import SuggestionEvidence, SuggestionKind
from .draft import Draft, from_definition, from_runs, named

#: Where steps are counted that name no runtime and no model.
UNNAMED = "default"
#: What can be asked here now, by its name: steps are counted under either.
Reachable: TypeAlias = Mapping[str, Literal["runtime", "model"]]
#: Difference of two success rates that is worth more than a mention.
CLEAR = 0.2


def suggest_runtime(outlook: Outlook, reachable: Reachable) -> Iterator[Draft]:
    """For each runtime the steps use: the one that held most often, if that is another."""
    best = outlook.hints.runtime
    if best is None:
        return
    for used in dict.fromkeys(step.runtime for step in outlook.steps):
        own = _rate(outlook.hints, used)
        if used == best.runtime or (own is not None and own >= best.success_rate):
            continue
        steps = tuple(step for step in outlook.steps if step.runtime == used)
        is_clear = own is not None and best.success_rate - own >= CLEAR
        yield Draft(
            kind=SuggestionKind.RUNTIME,
            code="better_runtime",
            severity="medium" if is_clear else "low",
            title=f"Such steps succeed most often on {_name(best.runtime)}",
            evidence=(
                _told(outlook.hints, best.runtime),
                _told(outlook.hints, used),
                *_set_up(best.runtime, reachable),
            ),
            advice=f"Let {named(tuple(step.title for step in steps))} ask there."
            if best.runtime != UNNAMED
            else f"Name no runtime at {named(tuple(step.title for step in steps))}.",
            essence=(used, best.runtime),
            weight=best.success_rate - (own or 0.0),
            steps=tuple(step.id for step in steps),
            fixes=tuple(_switched(steps, best.runtime, reachable)),
        )


def _switched(
    steps: tuple[PlannedStep, ...], name: str, reachable: Reachable
) -> Iterator[dict[str, JsonValue]]:
    """One change for all of *steps*: of the one there is, or of the workflow that they follow."""
    if name not in reachable:
        return
    if len(steps) == 1:
        yield {"type": "switch_runtime", "step": steps[0].id, reachable[name]: name}
    elif reachable[name] == "runtime" and not any(step.names_runtime for step in steps):
        yield {"type": "switch_runtime", "runtime": name}


def _set_up(name: str, reachable: Reachable) -> tuple[SuggestionEvidence, ...]:
    if name == UNNAMED or name in reachable:
        return ()
    return (from_definition(f"{_name(name)} is not set up here at present."),)


def _rate(hints: Hints, runtime: str) -> float | None:
    """None where too few steps were tried on it to say."""
    found = None if hints.stats is None else hints.stats.runtime_breakdown.get(runtime)
    return None if found is None or found.samples < hints.runs_needed else found.rate


def _told(hints: Hints, runtime: str) -> SuggestionEvidence:
    found = None if hints.stats is None else hints.stats.runtime_breakdown.get(runtime)
    if found is None:
        return from_runs(f"No such step has run on {_name(runtime)} yet.", 0)
    held = round(found.rate * found.samples)
    text = f"On {_name(runtime)}, {held} of {found.samples} steps succeeded ({found.rate:.0%})."
    return from_runs(text, found.samples)


def _name(runtime: str) -> str:
    return "the usual runtime" if runtime == UNNAMED else f"'{runtime}'"
