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
            read_by = outlook.steps if step is None else (step,)
            at_once = all(one.most_turns == 1 for one in read_by)
            draft = _loop if risk.code == "loop_pattern" else _list
            yield draft(risk, step, at_once=at_once)


def _loop(risk: PromptRisk, step: PlannedStep | None, *, at_once: bool) -> Draft:
    """at_once: there is one turn alone, so that nothing goes round; an answer may leave some out."""
    if at_once:
        what, costs = "a loop for one answer", "all of it has to fit into one answer"
    else:
        what, costs = "a loop without a bound of its own", "each round costs turns"
    return Draft(
        kind=SuggestionKind.PROMPT,
        code=risk.code,
        severity="medium" if at_once else risk.severity,
        title=f"{_there_is(step)} {what}",
        evidence=(from_definition(f"It says {risk.found!r}: {costs}."), *_cap(step)),
        advice="Use a loop step with max_iterations, or say how many at most.",
        essence=(risk.step or "",),
        steps=() if step is None else (step.id,),
        fixes=({"type": "update_instructions", "add": BOUNDED_LINE},),
    )


def _list(risk: PromptRisk, step: PlannedStep | None, *, at_once: bool) -> Draft:
    """at_once: as for a loop."""
    so = "all have to fit into one answer" if at_once else "the turns may end before them"
    return Draft(
        kind=SuggestionKind.PROMPT,
        code=risk.code,
        severity=risk.severity,
        title=f"{_there_is(step)} a list of {risk.count or 0:,}",
        evidence=(from_definition(f"{risk.count or 0:,} items are named: {so}."), *_cap(step)),
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
