"""Documents that every step is given, though the prompts say which steps are about them."""

import re
from collections.abc import Iterator

from pydantic import JsonValue

from ..types.outlook import Outlook, PlannedStep
from ..types.suggestion import SuggestionEvidence, SuggestionKind
from .draft import Draft, from_definition, from_runs, named

#: Shorter names stand in too many prompts by chance.
SHORTEST_STEM = 4
MOST_SHOWN = 10
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,5}$")


def suggest_binding(outlook: Outlook) -> Iterator[Draft]:
    """One suggestion, if the prompts name some documents in some of the steps only.

    A document that no prompt names, or that the instructions name, stays with every step.
    """
    steps, documents = outlook.steps, outlook.documents
    wanted = {name: _readers(name, outlook) for name in documents}
    needed = sum(len(readers) for readers in wanted.values())
    given = len(documents) * len(steps)
    if needed >= given:
        return
    bound = {name: readers for name, readers in wanted.items() if len(readers) < len(steps)}
    yield Draft(
        kind=SuggestionKind.DOCUMENTS,
        code="bind_per_step",
        severity="medium" if needed * 2 <= given else "low",
        title=f"{_counted(len(documents), 'doc')} \N{MULTIPLICATION SIGN} {_counted(len(steps), 'step')} = {given} "
        f"injections, only {needed} needed",
        evidence=tuple(_evidence(outlook, bound)),
        advice="Name each of these documents at the steps that use it, and no longer at the "
        "workflow.",
        essence=tuple(sorted(bound)),
        weight=given - needed,
        steps=tuple(step.id for step in steps),
        fixes=({"type": "bind_documents", "bindings": _bindings(bound)},),
    )


def _readers(document: str, outlook: Outlook) -> tuple[PlannedStep, ...]:
    """The steps that are about *document*: all of them where nothing tells."""
    if _names(document, outlook.instructions):
        return outlook.steps
    found = tuple(one for one in outlook.steps if _names(document, f"{one.title}\n{one.text}"))
    return found or outlook.steps


def _names(document: str, text: str) -> bool:
    stem = _EXTENSION.sub("", document)
    spellings = {document} | ({stem} if len(stem) >= SHORTEST_STEM else set[str]())
    folded = text.casefold()
    return any(re.search(rf"(?<!\w){re.escape(one.casefold())}(?!\w)", folded) for one in spellings)


def _bindings(bound: dict[str, tuple[PlannedStep, ...]]) -> list[JsonValue]:
    return [
        {"document": name, "steps": [step.id for step in readers]}
        for name, readers in bound.items()
    ]


def _evidence(
    outlook: Outlook, bound: dict[str, tuple[PlannedStep, ...]]
) -> Iterator[SuggestionEvidence]:
    for name, readers in list(bound.items())[:MOST_SHOWN]:
        titles = named(tuple(step.title for step in readers))
        yield from_definition(f"Only the prompt of {titles} names '{name}'.")
    kept = tuple(name for name in outlook.documents if name not in bound)
    if kept:
        yield from_definition(f"Nothing says that a step can do without {named(kept)}: kept.")
    average, runs = outlook.hints.documents, outlook.hints.runs
    if average is not None:
        yield from_runs(
            f"In {_counted(runs, 'run')} of workflows built like this one, a step was given "
            f"{average.average_documents:.1f} documents on average.",
            runs,
        )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
