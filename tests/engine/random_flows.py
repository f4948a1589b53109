"""Random workflows over every kind of step, and random changes to them: drawn, or by a seed."""

import copy
import itertools
import random
import re
from dataclasses import dataclass, field

from hypothesis import strategies as st

from engine.definition import parse_workflow
from tests.engine.nested import approval, branch, loop, parallel

LANES = ("left", "right")


class Drawn:
    """Chooses as hypothesis says, so that what fails can be made smaller."""

    def __init__(self, draw):
        self._draw = draw

    def pick(self, options):
        return self._draw(st.sampled_from(options))


class Seeded:
    """Chooses the same for the same seed."""

    def __init__(self, seed):
        self._random = random.Random(seed)

    def pick(self, options):
        return self._random.choice(options)


@dataclass(frozen=True)
class Sight:
    """What a step can read where it stands.

    `plain` are steps whose output has the fields of an action's. `numbers` are the expressions for
    the iterations around it, from the outside in.
    """

    names: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()

    def after(self, step):
        plain = (step["id"],) if step["type"] in ("tool", "agent") else ()
        return Sight((*self.names, step["id"]), self.plain + plain, self.numbers)

    def inside_loop(self, variable, *, items):
        parts = ["number", "previous", "state", *(["item"] if items else [])]
        names = tuple(f"{variable}.{part}" for part in parts)
        number = f"{{{{ {variable}.number }}}}"
        return Sight(self.names + names, self.plain, (*self.numbers, number))


@dataclass
class Author:
    """Writes workflows; no name is used twice, not even in another version."""

    chooser: object
    most: int = 12
    approvals: bool = True
    _numbers: object = field(default_factory=itertools.count)
    _left: int = 0

    def flow(self, **more):
        """The data of a workflow."""
        self._left = self.most
        return {"name": "Random", "steps": self._steps(2, Sight(), (2, 3, 4)), **more}

    def changed(self, flow):
        """*flow* as somebody might edit it, and whether anything it does is another then."""
        flow = copy.deepcopy(flow)
        self._left = 2
        leaves = [step for step in every(flow["steps"]) if step["type"] in ("tool", "agent")]
        conditions = [
            arm
            for step in every(flow["steps"])
            if step["type"] == "branch"
            for arm in step["branches"]
            if "when" in arm
        ]
        lists = [step for step in every(flow["steps"]) if isinstance(step.get("for_each"), list)]
        match self._pick(["note", "note", "name", "more", "fewer", "condition", "items"]):
            case "note" if leaves:
                _renote(self._pick(leaves), next(self._numbers))
            case "name" if leaves:
                self._pick(leaves)["name"] = f"Called {next(self._numbers)}"
                return flow, False
            case "fewer" if len(flow["steps"]) > 1:
                flow["steps"].pop()
            case "condition" if conditions:
                arm = self._pick(conditions)
                arm["when"] = "false" if arm["when"] == "true" else "true"
            case "items" if lists:
                self._pick(lists)["for_each"] = [f"item{next(self._numbers)}"]
            case _:
                sight = Sight()
                for step in flow["steps"]:
                    sight = sight.after(step)
                flow["steps"].append(self._step(1, sight))
        return flow, True

    def _pick(self, options):
        return self.chooser.pick(options)

    def _name(self):
        return f"s{next(self._numbers)}"

    def _steps(self, depth, sight, lengths=(1, 2)):
        made = []
        for _ in range(self._pick(lengths)):
            made.append(self._step(depth, sight))
            sight = sight.after(made[-1])
        return made

    def _step(self, depth, sight):
        self._left -= 1
        roomy = depth > 0 and self._left > 2
        kinds = ["leaf", "leaf", *(["branch", "parallel", "loop"] if roomy else [])]
        match self._pick(kinds):
            case "branch":
                return self._branch(depth - 1, sight)
            case "parallel":
                return self._parallel(depth - 1, sight)
            case "loop":
                return self._loop(depth - 1, sight)
            case _:
                return self._leaf(sight)

    def _branch(self, depth, sight):
        name, when = self._name(), self._condition(sight)
        arms = [("yes", when, self._steps(depth, sight))]
        if self._pick([True, False]):
            return branch(name, *arms)
        return branch(name, *arms, ("no", None, self._steps(depth, sight)), default="no")

    def _condition(self, sight):
        known = [f"{name}.n > 0" for name in sight.plain[-2:]]
        return self._pick(["true", "false", *known])

    def _parallel(self, depth, sight):
        name = self._name()
        merge = self._pick(["namespaced"] * 3 + ["append", "last_wins", "error_on_conflict"])
        lanes = {lane: self._steps(depth, sight) for lane in LANES}
        if merge in ("last_wins", "error_on_conflict"):
            for steps in lanes.values():  # what these merge has to have fields
                steps.append(_tool(self._name(), "toss"))
        return parallel(name, merge=merge, on_failure=self._pick(["finish", "cancel"]), **lanes)

    def _loop(self, depth, sight):
        name = self._name()
        variable = f"{name}v"
        given = {"as": variable, "output": self._pick(["all", "last", "state"])}
        items = [list(range(length)) for length in (1, 2, 3)]
        items += [f"{{{{ {known}.items }}}}" for known in sight.plain[-1:]]
        kind = self._pick(["for_each", "for_each", "while", "until", "plain_until"])
        if kind == "for_each":
            given["for_each"] = self._pick(items)
        elif kind == "while":
            given["while"] = f"{variable}.number <= {self._pick([1, 2])}"
        body = self._steps(depth, sight.inside_loop(variable, items=kind == "for_each"))
        last = body[-1]["id"]
        if kind == "plain_until" and body[-1]["type"] in ("tool", "agent"):
            given["until"] = f"{last}.n > 0"
        elif kind.endswith("until"):
            given["until"] = f"{variable}.number >= {self._pick([1, 2])}"
        start = self._pick([0, *(f"{{{{ {known} }}}}" for known in sight.names[-1:])])
        if given["output"] == "state" or self._pick([True, False]):
            given |= {"state": {"kept": start}, "update": {"kept": f"{{{{ {last} }}}}"}}
        return loop(name, *body, most=4, **given)

    def _leaf(self, sight):
        name = self._name()
        kinds = ["work"] * 4 + ["effect", "agent", "agent", *(["approval"] * self.approvals)]
        kind = self._pick(kinds)
        read = tuple(dict.fromkeys(self._read(sight) for _ in range(2) if sight.names))
        if kind == "approval":
            more = {"expires_after": "30m"} if self._pick([True, False]) else {}
            if self._pick([True, False, False]):
                inside = sight.after({"id": name, "type": "approval"})
                more["on_reject"] = [self._leaf(inside)]
            return approval(name, **more)
        retry = {"max_retries": self._pick([0, 0, 1, 2]), "backoff_seconds": self._pick([0, 1])}
        if kind == "agent":
            return self._agent(name, sight, read, retry)
        given = {"name": name, "note": 0, "saw": {one: f"{{{{ {one} }}}}" for one in read}}
        more = {}
        if kind == "work":
            more = self._pick([{}, {}, {}, {"repeatable": False}, {"fallback": {"action": "toss"}}])
        return _tool(name, kind, retry=retry, **{"with": given}, **more)

    def _read(self, sight):
        return self._pick(sight.names[-6:])

    def _agent(self, name, sight, read, retry):
        """Its prompt says who asks, and ends with what it reads."""
        told = "".join(f"⟨{one}⟩{{{{ {one} }}}}" for one in read[:1])
        tools = self._pick([[], [], ["work"], ["effect"]])
        given = {"name": name, "note": 0, "saw": {}}
        return {
            "id": name,
            "type": "agent",
            "prompt": f"⟦{name}⟧{'/'.join(sight.numbers)}⟦0⟧{told}⟦end⟧",
            "output": "json",
            "retry": retry,
            "tools": [{"name": tool, "with": given} for tool in tools],
        }


def every(steps):
    """Every step of *steps*, those inside others too."""
    for step in steps:
        yield step
        held = [arm["steps"] for arm in step.get("branches", ())]
        for inside in (*held, step.get("on_reject", ()), step.get("steps", ())):
            yield from every(inside)


def read(flow):
    """The data of a workflow as the engine has it."""
    return parse_workflow(flow, source="random")


def _tool(name, action, **more):
    return {"id": name, "type": "tool", "action": action, **more}


def _renote(step, number):
    """Makes it do something else."""
    if step["type"] == "agent":
        step["prompt"] = re.sub(r"⟦[0-9]+⟧", f"⟦{number}⟧", step["prompt"])
        return
    given = step.setdefault("with", {})
    given["note"] = number
