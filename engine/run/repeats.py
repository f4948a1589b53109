"""Effects that a changed workflow could have again, by a step under another name or place."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from ..actions import catalog, is_repeatable
from ..definition.reads import Node, nodes
from ..definition.steps import EACH, AgentStep, Step, ToolStep
from ..definition.workflow import Workflow
from ..storage.journal import LiveStep
from .places import place_of
from .substance import substance


def acts(step: Step) -> frozenset[str]:
    """Names of what *step* itself may do that can't be repeated, its fallback's too."""
    match step:
        case ToolStep():
            may = _acts(step.action, step.parameters, step.repeatable)
            found = {step.action} if may else set[str]()
        case AgentStep():
            tools = (one.name for one in step.tools if _acts(one.name, one.parameters, None))
            found = set[str]() if step.repeatable else set(tools)
            if step.repeatable is False:
                found.add(step.action)
        case _:
            return frozenset()
    instead = step.fallback
    action = None if instead is None else instead.action
    if instead is not None and action is not None and _acts(action, instead.parameters, None):
        found.add(action)
    return frozenset(found)


def _acts(name: str, given: Mapping[str, Any], declared: bool | None) -> bool:
    """Whether the action may do what can't be repeated; yes where that can't be told from here."""
    if declared is not None:
        return not declared
    action = catalog().get(name)
    if action is None:
        return True
    if isinstance(action.repeatable, bool):
        return not action.repeatable
    try:
        return not is_repeatable(action, action.Parameters.model_validate(dict(given)))
    except ValidationError:
        return True


@dataclass(frozen=True)
class Repeats:
    """*versions* are those that the steps of a run went by; *workflow* is what comes next."""

    versions: Mapping[int, Workflow]
    workflow: Workflow

    def of(self, step: LiveStep, *, kept: Iterable[str], stands: bool) -> list[str]:
        """Where the effect of *step* could be had again; `/each/*/send` in any iteration.

        That is a step which the next round may come to, that could not do it before: it has the
        id of *step*, or does something that *step* did. What was there beside *step* is another
        thing, though it does the same. If *step* *stands*, its effect is kept where it is; if it
        does the same kind of thing there, only a step counts that has become just what it was.
        """
        ran = self._known[step.workflow_version]
        place = place_of(step.path, ran)
        old = ran.get(place)
        if old is None:
            return []
        what = substance(self.versions[step.workflow_version], old)
        done = set(kept)
        if stands and substance(self.workflow, self._now[place]) == what:
            return []
        goes_on = stands and _alike(self._now[place].step, old.step)
        beside = [
            (version, known)
            for version, known in self._known.items()
            if place in known and _alike(known[place].step, old.step)
        ]
        found: list[str] = []
        for other, node in self._now.items():
            if other == place or _is_over(other, done):
                continue
            before = [(version, known[other]) for version, known in beside if other in known]
            could = acts(node.step).difference(*(acts(one.step) for _, one in before))
            if goes_on:
                was_it = any(substance(self.versions[one], then) == what for one, then in before)
                is_it = substance(self.workflow, node) == what and not was_it
            else:
                has_its_id = node.step.id == old.step.id and not before
                is_it = bool(could) and (has_its_id or bool(could & _did(old.step)))
            if is_it:
                found.append(f"/{other}")
        return found

    def could_stand(self, place: str) -> bool:
        """Whether the step at *place* may still do what can't be repeated."""
        return place in self._now and bool(acts(self._now[place].step))

    @cached_property
    def _now(self) -> Mapping[str, Node]:
        return nodes(self.workflow)

    @cached_property
    def _known(self) -> Mapping[int, Mapping[str, Node]]:
        return {version: nodes(one) for version, one in self.versions.items()}


def _did(step: Step) -> frozenset[str]:
    """What a step has done that has had an effect: of a tool step, its action whatever that says."""
    return acts(step) | {step.action} if isinstance(step, ToolStep) else acts(step)


def _alike(one: Step, other: Step) -> bool:
    return (one.type, one.action) == (other.type, other.action)


def _is_over(place: str, kept: set[str]) -> bool:
    """Whether the step, or one around it, is kept as it is: then nothing is done there any more."""
    parts = place.split("/")
    if EACH in parts:
        parts = parts[: parts.index(EACH)]
    return any(f"/{'/'.join(parts[:length])}" in kept for length in range(1, len(parts) + 1))
