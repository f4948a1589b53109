"""What the words of a prompt let expect: rounds without a bound, long lists, many turns."""

import re
from collections.abc import Iterator

from ..types.outlook import Outlook, PlannedStep, PromptRisk
from ..types.suggestion import SuggestionEvidence, SuggestionKind
from .draft import Draft, from_definition

#: What a prompt is told to go through at most, where nobody has said how many.
BOUND = 20
BOUNDED_LINE = f"In one run, go through at most {BOUND} items, then stop and say what is left."
_BOUNDED = re.compile(r"\b(?:at most|no more than|up to|not more than) [0-9]{1,4}\b", re.IGNORECASE)


def suggest_prompts(outlook: Outlook) -> Iterator[Draft]:
    """Each risk; a loop or a list whose prompt or instructions say how many at most is none."""
    for risk in outlook.risks:
        step = next((one for one in outlook.steps if one.id == risk.step), None)
        if risk.code == "many_turns":
            yield _many_turns(risk, step)
        elif not _BOUNDED.search(f"{outlook.instructions}\n{'' if step is None else step.text}"):
            yield _loop(risk, step) if risk.code == "loop_pattern" else _list(risk, step)


def _loop(risk: PromptRisk, step: PlannedStep | None) -> Draft:
    return Draft(
        kind=SuggestionKind.PROMPT,
        code=risk.code,
        severity=risk.severity,
        title=f"{_there_is(step)} a loop that nothing bounds",
        evidence=(from_definition(f"It says {risk.found!r}: each round costs turns."), *_cap(step)),
        advice="Use a loop step with max_iterations, or say how many at most.",
        essence=(risk.step or "",),
        steps=() if step is None else (step.id,),
        fixes=({"type": "update_instructions", "add": BOUNDED_LINE},),
    )


def _list(risk: PromptRisk, step: PlannedStep | None) -> Draft:
    return Draft(
        kind=SuggestionKind.PROMPT,
        code=risk.code,
        severity=risk.severity,
        title=f"{_there_is(step)} a list of {risk.count or 0:,}",
        evidence=(
            from_definition(f"{risk.count or 0:,} items are named: the turns may end before them."),
            *_cap(step),
        ),
        advice="Take fewer at a time, or give the list to a loop step.",
        essence=(risk.step or "",),
        weight=float(risk.count or 1),
        steps=() if step is None else (step.id,),
        fixes=({"type": "update_instructions", "add": BOUNDED_LINE},),
    )


def _many_turns(risk: PromptRisk, step: PlannedStep | None) -> Draft:
    return Draft(
        kind=SuggestionKind.PROMPT,
        code=risk.code,
        severity=risk.severity,
        title=f"Step '{risk.step if step is None else step.title}' needs about {risk.count} turns",
        evidence=(
            SuggestionEvidence(
                source="estimate",
                text=f"{(risk.count or 3) - 3} searches and table operations in its words, and 3 "
                f"more turns, are {risk.count}; over 30 seldom end well.",
                samples=risk.count,
            ),
            *_cap(step),
        ),
        advice="Split it into several steps.",
        essence=(risk.step or "",),
        weight=float(risk.count or 1),
        steps=() if step is None else (step.id,),
    )


def _cap(step: PlannedStep | None) -> tuple[SuggestionEvidence, ...]:
    if step is None:
        return ()
    turns = "1 turn" if step.most_turns == 1 else f"{step.most_turns} turns"
    return (from_definition(f"'{step.title}' may take {turns}."),)


def _there_is(step: PlannedStep | None) -> str:
    return "In the instructions there is" if step is None else f"In '{step.title}' there is"
