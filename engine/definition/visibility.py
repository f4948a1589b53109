"""Which names an expression may use where it stands: inputs, what ran before, the loop around it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from ..errors import InvalidDefinition
from .conditions import condition_references
from .cycles import Order
from .expressions import INPUTS, Reference, parse
from .outline import RawGroup, RawStep, every
from .problems import Path, Problems
from .suggestions import did_you_mean, near

LOOP_NAMES = ("item", "number", "previous", "state")


@dataclass(frozen=True, slots=True)
class _Level:
    """A list of steps around an expression, and which of them holds the expression."""

    order: Order
    step: RawStep

    @property
    def id(self) -> str | None:
        return self.step.id


@dataclass(frozen=True, slots=True)
class _View:
    """What can be seen from a place: steps that have run, loops, and the levels it is in."""

    steps: Mapping[str, RawStep]
    loops: Mapping[str, RawStep]
    levels: tuple[_Level, ...] = ()

    def with_steps(self, steps: Mapping[str, RawStep]) -> "_View":
        return _View({**self.steps, **steps}, self.loops, self.levels)

    def with_loop(self, name: str, loop: RawStep) -> "_View":
        return _View(self.steps, {**self.loops, name: loop}, self.levels)


def check_references(top: RawGroup, inputs: list[str], problems: Problems) -> None:
    """Every expression and condition can be read and leads to something that is there by then."""
    _Checker(top, inputs, problems).check()


class _Checker:
    def __init__(self, top: RawGroup, inputs: list[str], problems: Problems) -> None:
        self._top = top
        self._inputs = inputs
        self._problems = problems
        self._anywhere = {step.id: step for step in reversed(list(every(top.steps))) if step.id}

    def check(self) -> None:
        self._group(self._top, _View({}, {}))

    def _group(self, group: RawGroup, view: _View) -> None:
        order = _order(group)
        seen: dict[str, RawStep] = dict(view.steps)
        for step in group.steps:
            level = _Level(order, step)
            # `seen` grows only after the step has been looked at, so it need not be copied.
            self._step(step, _View(seen, view.loops, (*view.levels, level)))
            if self._problems.is_full:
                return
            if step.id is not None and order.positions[step.id] == step.index:
                seen[step.id] = step
        firsts = {step.id: step for step in reversed(group.steps) if step.id}
        for cycle in order.cycles():
            chain = " -> ".join([*cycle, cycle[0]])
            text = f"these steps wait for each other in a cycle: {chain}"
            self._problems.add(firsts[cycle[0]].path, text)

    def _step(self, step: RawStep, view: _View) -> None:
        inside = view
        if step.kind == "loop":
            variable = step.content.get("as", "loop")
            inside = view.with_loop(variable if isinstance(variable, str) else "loop", step)
        elif step.kind == "approval" and step.id is not None:
            inside = view.with_steps({step.id: step})
        for path, value in step.texts():
            self._text(path, value, view)
        for path, condition in step.conditions():
            self._condition(path, condition, inside)
        self._later(step, inside)
        for group in step.groups:
            self._group(group, inside)

    def _later(self, step: RawStep, view: _View) -> None:
        texts, until = list(step.later_texts()), list(_until(step))
        if not texts and not until:
            return
        own = {step.id: step} if step.id is not None and step.kind != "loop" else {}
        body = {one.id: one for group in step.groups for one in group.steps if one.id}
        after = view.with_steps(body if step.kind == "loop" else own)
        for path, condition in until:
            self._condition(path, condition, after)
        for path, value in texts:
            self._text(path, value, after)

    def _text(self, path: Path, value: JsonValue, view: _View) -> None:
        for place, reference in _located(value, path, self._problems):
            if self._problems.is_full:
                return
            self._reference(place, reference, view)

    def _condition(self, path: Path, text: str, view: _View) -> None:
        try:
            found = list(condition_references(text))
        except InvalidDefinition as error:
            self._problems.add(path, error.args[0][0])
            return
        for reference in found:
            self._reference(path, reference, view)

    def _reference(self, path: Path, reference: Reference, view: _View) -> None:
        root, key = reference.root, reference.keys[0] if reference.keys else None
        if root == INPUTS:
            self._known(path, reference, key, self._inputs, "an input that is not declared")
        elif root in view.loops:
            self._loop_name(path, reference, key, view.loops[root])
        elif root in view.steps:
            step = view.steps[root]
            if step.kind == "parallel" and step.content.get("merge", "namespaced") == "namespaced":
                names = [group.name for group in step.groups]
                self._known(path, reference, key, names, f"a branch that {root} does not have")
        else:
            self._unseen(path, reference, view)

    def _known(
        self, path: Path, reference: Reference, key: str | int | None, names: list[str], what: str
    ) -> None:
        if key is not None and key not in names:
            advice = did_you_mean(near(str(key), names))
            self._problems.add(path, f"{reference} refers to {what}.{advice}")

    def _loop_name(
        self, path: Path, reference: Reference, key: str | int | None, loop: RawStep
    ) -> None:
        names = [one for one in LOOP_NAMES if one != "item" or loop.content.get("for_each")]
        self._known(path, reference, key, names, "something this loop does not have")
        state = loop.content.get("state", {})
        if key == "state" and len(reference.keys) > 1 and isinstance(state, dict):
            what = "a value that is not in the loop's state"
            self._known(path, reference, reference.keys[1], list(state), what)

    def _unseen(self, path: Path, reference: Reference, view: _View) -> None:
        root = reference.root
        for level in reversed(view.levels):
            if root == level.id:
                self._problems.add(path, f"{reference} {_too_early(reference, level)}")
                return
            if root in level.order.positions:
                if not level.order.is_circular(level.id, root):
                    self._problems.add(path, f"{reference} refers to {root}, which runs later")
                return
        if root in self._anywhere:
            place = self._anywhere[root].place
            outer = place.partition("/")[0]
            self._problems.add(
                path,
                f"{reference} refers to {place}, which may not have run: it is inside {outer}. "
                f"Read what {outer} gives, or move this step there",
            )
            return
        alike = near(root, [*view.steps, *view.loops, INPUTS, *self._anywhere])
        text = f"{reference} refers to a step that does not exist.{did_you_mean(alike)}"
        self._problems.add(path, text)


def _too_early(reference: Reference, level: _Level) -> str:
    """Why a step can't be read from where it stands itself, or from inside it."""
    step = level.step
    if step.kind != "loop":
        return f"refers to what {step.id} gives, and {step.id} has not ended here"
    key = reference.keys[0] if reference.keys else None
    name = key if key in LOOP_NAMES else "previous"
    variable = step.content.get("as", "loop")
    return f"refers to what the loop {step.id} gives at its end. Did you mean {variable}.{name}?"


def _order(group: RawGroup) -> Order:
    positions = group.positions()
    reads: dict[str, list[str]] = {}
    for step in group.steps:
        if step.id is not None and step.id not in reads:
            roots = dict.fromkeys(root for root in _roots(step) if root in positions)
            reads[step.id] = list(roots)
    return Order(positions, reads)


def _roots(step: RawStep) -> Iterator[str]:
    """What *step* and the steps inside it read; of its own output only what comes too early."""
    for one in every([step]):
        early = one is step or step.kind != "approval"
        for path, text in one.texts():
            found = (reference.root for _, reference in _located(text, path, None))
            yield from (root for root in found if early or root != step.id)
        for path, text in one.later_texts():
            found = (reference.root for _, reference in _located(text, path, None))
            yield from (root for root in found if root != step.id)
        for root in _condition_roots(one):
            if early or root != step.id:
                yield root


def _condition_roots(step: RawStep) -> Iterator[str]:
    for _, text in (*step.conditions(), *_until(step)):
        try:
            found = list(condition_references(text))
        except InvalidDefinition:
            continue
        yield from (reference.root for reference in found)


def _until(step: RawStep) -> Iterator[tuple[Path, str]]:
    text = step.content.get("until") if step.kind == "loop" else None
    if isinstance(text, str):
        yield (*step.path, "until"), text


def _located(
    value: JsonValue, path: Path, problems: Problems | None
) -> Iterator[tuple[Path, Reference]]:
    if isinstance(value, str) and "{{" in value:
        try:
            pieces = parse(value)
        except InvalidDefinition as error:
            if problems is not None:
                problems.add(path, error.args[0][0])
            return
        yield from ((path, piece) for piece in pieces if isinstance(piece, Reference))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _located(item, (*path, index), problems)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _located(item, (*path, key), problems)
