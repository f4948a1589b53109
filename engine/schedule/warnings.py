"""What may go wrong with an agent that runs by the clock, read from what it is told to do.

Nobody watches a scheduled run: one that goes round in circles costs money until a limit stops it.
These are hints from the words alone, for the person who writes them; nothing is refused.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from pydantic import BaseModel

from ..definition.steps import AgentStep
from ..definition.workflow import Workflow

Severity: TypeAlias = Literal["high", "medium"]
Code: TypeAlias = Literal["loop_pattern", "large_list", "many_turns"]
MOST_TURNS = 30
LARGE_LIST = 20
BASE_TURNS = 3  # to read the task, to put the answer together, to give it

_LOOP = re.compile(
    r"\b(?:(?:for|to|in|of) (?:each|every)\b|one (?:by one|at a time|after (?:the other|another))"
    r"|(?:loop|iterate|go) (?:through|over)\b|(?:again and again|over and over)"
    r"|repeat (?:this|that|the|until|for|it)\b|(?:keep|continue) [^.\n]{0,60}?\buntil\b"
    r"|until (?:all|every|each|none|nothing|no more)\b|each of (?:the|these|those|them)\b)",
    re.IGNORECASE,
)
_NOUNS = (
    "accounts|articles|candidates|cells|companies|contacts|customers|documents|emails|entries|files"
    "|invoices|issues|items|leads|links|messages|names|orders|pages|papers|people|posts|products"
    "|profiles|records|results|rows|sites|sources|tickets|urls|users|websites"
)
_COUNTED = re.compile(
    rf"\b([0-9]{{1,3}}(?:,[0-9]{{3}})+|[0-9]{{2,7}}) (?:[\w-]{{1,30}} ){{0,2}}?(?:{_NOUNS})\b",
    re.IGNORECASE,
)
_LISTED = re.compile(r"^[ \t]*(?:[-*•]|[0-9]{1,4}[.)])[ \t]+\S", re.MULTILINE)
_SEARCH = re.compile(
    r"\b(?:brows(?:e|ing)|crawl|fetch|find(?: out)?|google|look(?:ing)? (?:up|for)|quer(?:y|ies)"
    r"|research|scrap(?:e|ing)|search(?:es|ing)?|visit)\b",
    re.IGNORECASE,
)
_TABLE = re.compile(
    r"\b(?:add|append|create|delete|drop|fill|filter|insert|join|merge|read|remove|sort|update|upsert"
    r"|write)\b[^.;\n]{0,60}?\b(?:cells?|columns?|databases?|records?|rows?|sheets?|spreadsheets?"
    r"|tables?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class ScheduleWarning:
    """A hint for people. `code` is stable; `step` is the id of the step, None for all of them."""

    code: Code
    severity: Severity
    message: str
    step: str | None = None


@dataclass(frozen=True, slots=True)
class PromptRisk:
    """What the words of a prompt let expect. `found`: the words; `count`: items, or turns."""

    code: Code
    severity: Severity
    step: str | None
    found: str | None = None
    count: int | None = None


def schedule_warnings(workflow: Workflow) -> tuple[ScheduleWarning, ...]:
    """What to say when a schedule is created or changed; nothing for a workflow without one."""
    if workflow.trigger.type != "schedule":
        return ()
    return tuple(
        ScheduleWarning(risk.code, risk.severity, _words(risk), risk.step)
        for risk in prompt_risks(workflow)
    )


def prompt_risks(workflow: Workflow) -> tuple[PromptRisk, ...]:
    """Of the instructions and of every agent step, whatever starts the workflow."""
    found = list(_about(workflow.instructions, step=None))
    for step in agent_steps(workflow.steps):
        found.extend(_about(step.prompt, step=step.id))
        turns = estimated_turns(f"{workflow.instructions}\n{step.prompt}")
        if turns > MOST_TURNS:
            found.append(PromptRisk("many_turns", "high", step.id, count=turns))
    return tuple(found)


def estimated_turns(text: str) -> int:
    """Roughly how many turns an agent needs for it: searches, table operations, and three."""
    return len(_SEARCH.findall(text)) + len(_TABLE.findall(text)) + BASE_TURNS


def agent_steps(part: object) -> Iterator[AgentStep]:
    """Every agent step in *part*: a step, several, or what holds them, however deep."""
    match part:
        case AgentStep():
            yield part
        case BaseModel():
            for name in type(part).model_fields:
                yield from agent_steps(getattr(part, name))
        case tuple() | list():
            for one in cast("Iterable[object]", part):
                yield from agent_steps(one)
        case dict():
            yield from agent_steps(tuple(cast("dict[str, object]", part).values()))
        case _:
            pass


def _about(text: str, *, step: str | None) -> Iterator[PromptRisk]:
    if loop := _LOOP.search(text):
        yield PromptRisk("loop_pattern", "high", step, found=" ".join(loop[0].split())[:60])
    if size := _longest_list(text):
        yield PromptRisk("large_list", "medium", step, count=size)


def _words(risk: PromptRisk) -> str:
    match risk.code:
        case "loop_pattern":
            return (
                f"In {_place(risk.step)} there is a loop ({risk.found!r}): each round costs turns, "
                "and nobody watches. Use a loop step with a bound, or say how many at most."
            )
        case "large_list":
            return (
                f"In {_place(risk.step)} there is a list of {risk.count:,}: it may use up the turns "
                "before its end. Take fewer at a time."
            )
        case "many_turns":
            return (
                f"Step {risk.step!r} needs about {risk.count} turns at each start, more than "
                f"{MOST_TURNS}. Split it into several steps."
            )


def _longest_list(text: str) -> int | None:
    counted = [int(found[1].replace(",", "")) for found in _COUNTED.finditer(text)]
    longest = max([*counted, len(_LISTED.findall(text))])
    return longest if longest >= LARGE_LIST else None


def _place(step: str | None) -> str:
    return "the instructions" if step is None else f"step {step!r}"
