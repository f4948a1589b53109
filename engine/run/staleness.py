"""Which outputs of earlier rounds don't count any more: the marks a resume sets, one after another."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from ..definition.reads import Node
from ..definition.steps import EACH, LoopStep
from ..errors import (
    ActionFailed,
    BudgetExceeded,
    EffectWouldRepeat,
    PluginFailed,
    StepError,
    StepStopped,
    StepTimeout,
    UnserializableValue,
    ValidationFailed,
)
from ..execution import StaleReason, StepStatus
from ..storage.interrupted import INTERRUPTED_EFFECT
from ..storage.journal import LiveStep
from .places import closure, is_within, place_of, same_iteration
from .repeats import Repeats

#: How a step ends whose effect may have been done all the same; every other `StepError` that does
#: not say it `sent` something says that it did nothing.
_UNSURE = frozenset(
    one.code
    for one in (
        ActionFailed,
        BudgetExceeded,
        PluginFailed,
        StepStopped,
        StepTimeout,
        UnserializableValue,
        ValidationFailed,
    )
)

Why: TypeAlias = tuple[StaleReason, str | None]


@dataclass(slots=True)
class Staleness:
    """The paths that don't count any more, and why; the first reason stays."""

    steps: tuple[LiveStep, ...]
    known: Mapping[str, Node]
    stale: dict[str, Why] = field(default_factory=dict[str, Why])
    places: dict[str, str] = field(default_factory=dict[str, str])
    rerun_contents: set[str] = field(default_factory=set[str])
    other_items: set[str] = field(default_factory=set[str])
    chained: dict[str, bool] = field(default_factory=dict[str, bool])

    def __post_init__(self) -> None:
        self.places = {step.path: place_of(step.path, self.known) for step in self.steps}
        for path, place in self.places.items():
            if place not in self.known:  # also what was inside a loop that is gone
                self._add_path(path, "gone", None)

    def add_all(self, reason: StaleReason) -> None:
        self._add((step.path for step in self.steps), reason)
        self.rerun_contents.update(
            place for place, node in self.known.items() if isinstance(node.step, LoopStep)
        )

    def add_undone(self) -> None:
        undone = [step.path for step in self.steps if step.status is not StepStatus.SUCCEEDED]
        self._add(undone, "not_done")
        for path in undone:
            self._add_containers(path)
            self._add_later_iterations(path)

    def add_changed(self, changed: Mapping[str, StaleReason], loops: Iterable[str] = ()) -> None:
        """*changed* places, and whatever reads them; *loops* are those of other items now."""
        self.other_items.update(loops)
        for place, reason in changed.items():
            self._add_place(place, reason, None)
        self.add_changed_readers(changed)

    def add_changed_readers(self, starts: Iterable[str]) -> None:
        """Whatever follows from the steps at *starts*."""
        readers = _readers(self.known)
        for start in starts:
            for place in closure({start}, readers) - {start}:
                self._add_place(place, "input_changed", start)

    def add_moved(self, moved: Mapping[str, str]) -> None:
        """Paths of steps that name a resource which has changed since, and what reads them."""
        for path, resource in moved.items():
            if path not in self.stale:
                self._add_path(path, "input_changed", resource)
        starts = dict.fromkeys(self.places[path] for path in moved)
        for place in starts:
            self._add_what_follows(place)
        self.add_changed_readers(starts)

    def add_needed(self) -> None:
        """What the failed steps read, and what that reads."""
        failed = [path for path, (reason, _) in self.stale.items() if reason == "not_done"]
        leaves = [
            path
            for path in failed
            if not any(is_within(other, path) for other in failed if other != path)
        ] or self._first_missing()
        needs = self._needs()
        for path in leaves:
            place = self.places.get(path) or place_of(path, self.known)
            for needed in closure(needs.get(place, set()), needs):
                self._add_whole(needed, "needed_again", path, near=path)

    def keep_effects(self, repeats: Repeats) -> tuple[str, ...]:
        """Steps that did what can't be repeated stay as they are. Raises `EffectWouldRepeat`.

        What a step did that is gone, or can't do it any more, can't be kept; so it must not be done
        again under another name either.
        """
        effects = [step for step in self.steps if step.effect and step.path in self.stale]
        here = [step for step in effects if repeats.could_stand(self.places[step.path])]
        unsafe = [step.path for step in here if self._must_repeat(step)]
        kept = [step.path for step in here if step.status is StepStatus.SUCCEEDED]
        again = self._again(repeats, effects, standing={step.path for step in here})
        if unsafe or again:
            renewed = dict.fromkeys(place for places in again.values() for place in places)
            paths = tuple(dict.fromkeys([*unsafe, *again]))
            raise EffectWouldRepeat(paths, tuple(renewed)) if renewed else EffectWouldRepeat(paths)
        for path in kept:
            del self.stale[path]
        return tuple(kept)

    def _again(
        self, repeats: Repeats, effects: Iterable[LiveStep], *, standing: set[str]
    ) -> dict[str, list[str]]:
        """Paths of *effects* to where they could be had again."""
        kept = [
            step.path
            for step in self.steps
            if step.status is StepStatus.SUCCEEDED
            and (step.path not in self.stale or step.path in standing)
        ]
        found: dict[str, list[str]] = {}
        for step in effects:
            if step.status is StepStatus.SUCCEEDED or may_have_happened(step):
                places = repeats.of(step, kept=kept, stands=step.path in standing)
                if places:
                    found[step.path] = places
        return found

    def _must_repeat(self, step: LiveStep) -> bool:
        """Whether it can't be told that the same effect is meant, or the step has to run."""
        if step.status is not StepStatus.SUCCEEDED:
            return may_have_happened(step)
        place = self.places[step.path]
        return any(is_within(place, one) and place != one for one in self._loops_anew())

    def _loops_anew(self) -> set[str]:
        nodes = {place: self.known.get(place) for place in self.rerun_contents}
        rerun = {place for place, node in nodes.items() if node and isinstance(node.step, LoopStep)}
        return rerun | self.other_items

    def _needs(self) -> dict[str, set[str]]:
        """What a step needs to have run: what it reads, and what the steps around it go by."""
        needs: dict[str, set[str]] = {}
        for place, node in self.known.items():
            own = set(node.reads)
            parent = node.parent
            while parent is not None:
                own |= self.known[parent].inputs_of
                if node.carried and isinstance(self.known[parent].step, LoopStep):
                    own |= {one for one in self.known if is_within(one, f"{parent}/{EACH}")}
                parent = self.known[parent].parent
            needs[place] = own
        return needs

    def _first_missing(self) -> list[str]:
        """The first step without an output, if the run ended outside every step."""
        kept = {self.places[step.path] for step in self.steps if step.path not in self.stale}
        top = (place for place, node in self.known.items() if node.parent is None)
        return [f"/{place}" for place in top if place not in kept][:1]

    def _add_place(self, place: str, reason: StaleReason, because: str | None) -> None:
        """The step at *place* in every iteration, with what holds it."""
        for step in self.steps:
            if self.places[step.path] == place:
                self._add_path(step.path, reason, because)
        self._add_what_follows(place)

    def _add_whole(
        self, place: str, reason: StaleReason, because: str | None, *, near: str | None = None
    ) -> None:
        """*place* with everything inside it; *near* keeps to the iteration of that path."""
        carried = near is not None and self._is_carried(near)
        for step in self.steps:
            if not is_within(self.places[step.path], place):
                continue
            if near is None or carried or same_iteration(step.path, near):
                self._add_path(step.path, reason, because)
        self.rerun_contents.add(place)
        self._add_what_follows(place)

    def _add_path(self, path: str, reason: StaleReason, because: str | None) -> None:
        self._add([path], reason, because)
        self._add_containers(path)
        self._add_later_iterations(path)

    def _add_what_follows(self, place: str) -> None:
        """What decides how another step goes on has changed: nothing done inside that is sure."""
        for other, held in self.known.items():
            if place in held.inputs_of and other not in self.rerun_contents:
                self._add_whole(other, "input_changed", place)

    def _is_carried(self, path: str) -> bool:
        node = self.known.get(self.places.get(path, ""))
        return node is not None and node.carried

    def _add_containers(self, path: str) -> None:
        """A step can't stand when one inside it does not."""
        outer = path.rpartition("/")[0]
        while outer:
            if outer in self.places:
                self._add([outer], "input_changed", self.places[path])
            outer = outer.rpartition("/")[0]

    def _add_later_iterations(self, path: str) -> None:
        """Iterations behind one that runs again, where they follow from it."""
        node = self.known.get(self.places[path])
        while node is not None and node.parent is not None:
            node = self.known[node.parent]
            if isinstance(node.step, LoopStep) and self._follow_from_before(node.place):
                self._add_behind(path, depth=node.place.count("/") + 1)

    def _add_behind(self, path: str, *, depth: int) -> None:
        """*depth* is how many parts of *path* lead to its loop."""
        parts = path.split("/")
        prefix, number = "/".join(parts[: depth + 1]), int(parts[depth + 1])
        later = (
            step.path
            for step in self.steps
            if step.path.startswith(f"{prefix}/") and int(step.path.split("/")[depth + 1]) > number
        )
        self._add(later, "input_changed", self.places[path])

    def _follow_from_before(self, place: str) -> bool:
        """Whether what an iteration of the loop at *place* does depends on those before."""
        if place not in self.chained:
            loop = self.known[place].step
            decides = isinstance(loop, LoopStep) and bool(
                loop.update or loop.while_ is not None or loop.until is not None
            )
            self.chained[place] = decides or any(
                node.carried for one, node in self.known.items() if is_within(one, place)
            )
        return self.chained[place]

    def _add(self, paths: Iterable[str], reason: StaleReason, because: str | None = None) -> None:
        for path in paths:
            known = self.places[path] in self.known
            self.stale.setdefault(path, (reason if known else "gone", because))


def may_have_happened(step: LiveStep) -> bool:
    """Whether the effect of a step that did not succeed was done, as far as its row can tell.

    An agent's row says that one of its tools set out to have one, whatever became of the agent.
    """
    if step.has_output or step.error is None or step.kind != "tool":
        return True  # done and refused afterwards, or interrupted
    details = step.error.details
    is_foreign = not step.error.type.startswith(f"{StepError.__module__}.")
    if is_foreign or step.error.code in _UNSURE or details.get("sent"):
        return True  # a connection that broke, say: whoever raised it does not know either
    return details.get("kind") == INTERRUPTED_EFFECT


def _readers(known: Mapping[str, Node]) -> dict[str, set[str]]:
    """Place to the places that follow from it: what reads it, and what holds it."""
    readers: dict[str, set[str]] = {}
    for place, node in known.items():
        for source in node.reads:
            readers.setdefault(source, set()).add(place)
        if node.parent is not None:
            readers.setdefault(place, set()).add(node.parent)
    return readers
