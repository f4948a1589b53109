"""What every step of a random workflow must have given, worked out from what its leaves gave."""

from engine.execution import StepStatus
from tests.engine.random_world import digest, text_digest

NOTHING = object()


def check_seen(history):
    """Each step has seen exactly what the steps it reads had given last.

    Only of steps that it reads directly, and by rounds: whatever a resume has kept, what a step saw
    in its round is the newest output there was.
    """
    given = {}
    for step in history:
        if step.status is StepStatus.SUCCEEDED:
            given.setdefault(step.path, {})[step.round] = step.output
    names = {path.rpartition("/")[2] for path in given}
    for step in history:
        for name, told, kind in _sightings(step):
            if name not in names or name in step.path.split("/"):
                continue  # of an approval that is around it: what it gave so far
            outputs = given.get(_path_from(step.path, name, given), {})
            last = max((round for round in outputs if round <= step.round), default=None)
            assert last is not None, f"{step.path} read {name}, which nobody had given"
            made = digest(outputs[last]) if kind == "saw" else text_digest(outputs[last])
            assert told == made, f"{step.path} saw another output of {name}"


def _sightings(step):
    output = step.output
    if step.status is not StepStatus.SUCCEEDED or not isinstance(output, dict):
        return
    if step.kind not in ("tool", "agent"):
        return
    for kind in ("saw", "texts"):
        for name, told in output.get(kind, {}).items():
            if "." not in name:
                yield name, told, kind


def _path_from(path, name, given):
    """Where *name* is for the step at *path*: in the nearest list of steps around it."""
    outer = path.rpartition("/")[0]
    while True:
        if f"{outer}/{name}" in given:
            return f"{outer}/{name}"
        if not outer:
            return None
        outer = outer.rpartition("/")[0]


def check_whole(flow, run, steps, *, modes, kept_effects):
    """A run that has succeeded: every step it should have run, no other, and each output exact."""
    rows = {step.path: step for step in steps if step.status is not StepStatus.SKIPPED}
    whole = _Whole(rows, modes, kept_effects)
    output = whole.steps(flow["steps"], {}, "")
    assert run.output == output
    extra = rows.keys() - whole.passed
    assert all(path in kept_effects for path in extra), f"rows of no step: {sorted(extra)}"


class _Whole:
    """Goes through a definition as an interpreter would, with the outputs that are stored."""

    def __init__(self, rows, modes, kept_effects):
        self.rows = rows
        self.modes = modes
        self.kept_effects = kept_effects
        self.passed = set()

    def steps(self, steps, scope, prefix):
        output = None
        for step in steps:
            path = f"{prefix}/{step['id']}"
            row = self.rows.get(path)
            assert row is not None, f"{path} has not run"
            assert row.status is StepStatus.SUCCEEDED, f"{path} is {row.status}"
            self.passed.add(path)
            output = self._output(step, row, scope, path)
            scope[step["id"]] = output
        return output

    def _output(self, step, row, scope, path):
        match step["type"]:
            case "tool" | "agent":
                self._check_leaf(step, row, scope)
                return row.output
            case "approval":
                return self._approval(step, row, scope, path)
            case "branch":
                made = self._branch(step, scope, path)
            case "parallel":
                made = self._parallel(step, scope, path)
            case "loop":
                made = self._loop(step, scope, path)
        assert row.output == made, f"{path} gave {row.output!r}, made of {made!r}"
        return made

    def _check_leaf(self, step, row, scope):
        """What it read counts still, and it is done as it is written now."""
        if row.path in self.kept_effects:
            return
        if "note" in row.output:
            assert str(row.output["note"]) == _note(step), f"{row.path} is an older version's"
        for kind, made in (("saw", digest), ("texts", text_digest)):
            for name, told in row.output.get(kind, {}).items():
                value = _looked_up(name, scope)
                if value is not NOTHING and told != made(value):
                    assert self._may_be_stale(row), f"{row.path} read {name}, which is another now"

    def _may_be_stale(self, row):
        """Only after a round that did no more again than what had failed and its needs, or where
        an effect was kept that can't be repeated."""
        later = {mode for round, mode in self.modes.items() if round > row.round}
        return "dependencies" in later or bool(self.kept_effects)

    def _approval(self, step, row, scope, path):
        output = dict(row.output)
        rejected = step.get("on_reject") and output["decision"] == "rejected"
        if rejected:
            inside = {**scope, step["id"]: {k: v for k, v in output.items() if k != "output"}}
            assert output["output"] == self.steps(step["on_reject"], inside, f"{path}/reject")
        else:
            assert output["decision"] == "approved"
        return row.output

    def _branch(self, step, scope, path):
        for arm in step["branches"]:
            if arm["id"] != step.get("default") and _holds(arm["when"], scope):
                break
        else:
            arm = next((one for one in step["branches"] if one["id"] == step.get("default")), None)
        if arm is None:
            return None
        return self.steps(arm["steps"], dict(scope), f"{path}/{arm['id']}")

    def _parallel(self, step, scope, path):
        lanes = {
            lane["id"]: self.steps(lane["steps"], dict(scope), f"{path}/{lane['id']}")
            for lane in step["branches"]
        }
        given = [output for output in lanes.values() if output is not None]
        match step["merge"]:
            case "append":
                lists = [one if isinstance(one, list) else [one] for one in given]
                return [item for items in lists for item in items]
            case "last_wins" | "error_on_conflict":
                return {key: value for output in given for key, value in output.items()}
            case _:
                return lanes

    def _loop(self, step, scope, path):
        items = step.get("for_each")
        if isinstance(items, str):
            items = _looked_up(items.strip("{} "), scope)
        state = {name: _resolved(value, scope) for name, value in step.get("state", {}).items()}
        outputs, number = [], 0
        while number < (step["max_iterations"] if items is None else len(items)):
            around = {"number": number + 1, "previous": outputs[-1] if outputs else None}
            around["state"] = state
            if items is not None:
                around["item"] = items[number]
            inside = {**scope, step["as"]: around}
            if "while" in step and not _holds(step["while"], inside):
                break
            number += 1
            outputs.append(self.steps(step["steps"], inside, f"{path}/{number}"))
            update = step.get("update", {}).items()
            state = state | {name: _resolved(value, inside) for name, value in update}
            if "until" in step and _holds(step["until"], inside):
                break
        given = {"all": outputs, "last": outputs[-1] if outputs else None, "state": state}
        return given[step["output"]]


def _note(step):
    if step["type"] == "agent":
        return step["prompt"].partition("⟧")[2].partition("⟦")[2].partition("⟧")[0]
    return str(step.get("with", {}).get("note", 0))


def _looked_up(name, scope):
    """Of `step` or `loop.part`; NOTHING for what is not there any more."""
    root, _, part = name.partition(".")
    value = scope.get(root, NOTHING)
    if value is NOTHING or not part:
        return value
    return value.get(part, NOTHING)


def _resolved(value, scope):
    return _looked_up(value.strip("{} "), scope) if isinstance(value, str) else value


def _holds(condition, scope):
    """Of the few forms that random workflows have."""
    if condition in ("true", "false"):
        return condition == "true"
    name, by, number = condition.split()
    value = _looked_up(name, scope)
    return {">": value > int(number), "<=": value <= int(number), ">=": value >= int(number)}[by]
