"""What a form can't say about a definition: names that must exist, once, and parts that must fit."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, TypeAlias, cast

from pydantic import BaseModel, JsonValue, ValidationError

from ..errors import InvalidDefinition
from .expressions import INPUTS, references
from .outline import RawGroup, RawStep, every
from .problems import Path, Problems, add_errors
from .suggestions import did_you_mean, near

Models: TypeAlias = Mapping[str, type[BaseModel]]  # by name, what each takes
MOST_ROUNDS = 1_000_000  # of loops inside each other, together


def check_ids(top: RawGroup, problems: Problems) -> None:
    """Ids are there once in their list and in those around it, and `inputs` is nobody's."""
    _check_ids(top, {INPUTS: "names the run's inputs"}, problems)


def _check_ids(group: RawGroup, taken: Mapping[str, str], problems: Problems) -> None:
    first: dict[str, int] = {}
    for step in group.steps:
        if step.id is None:
            continue
        if step.id in taken:
            problems.add(step.path, f"the id {step.id!r} is taken: it {taken[step.id]}")
        elif step.id in first:
            both = f"steps {first[step.id] + 1} and {step.index + 1}"
            problems.add(step.path, f"duplicate step id {step.id!r}: {both}")
        first.setdefault(step.id, step.index)
    inside = {**taken, **dict.fromkeys(first, "names a step around this one")}
    for step in group.steps:
        names = _with_variable(step, inside, problems) if step.kind == "loop" else inside
        for one in step.groups:
            _check_ids(one, names, problems)


def _with_variable(step: RawStep, taken: Mapping[str, str], problems: Problems) -> dict[str, str]:
    variable = step.content.get("as", "loop")
    if not isinstance(variable, str):
        return dict(taken)
    if variable in taken:
        text = f"the name {variable[:64]!r} is taken: it {taken[variable]}. Give another"
        problems.add((*step.path, "as"), text)
    return {**taken, variable: "names the loop around this step"}


def check_actions(steps: Iterable[RawStep], actions: Models, problems: Problems) -> None:
    """Every action exists and understands its parameters, as far as they are known by now.

    So do those of fallbacks; of tools the name is looked at, for a model gives the rest.
    """
    for step in steps:
        for content, path in _with_fallback(step):
            given = content.get("with", content.get("parameters", {}))
            _check_use("action", content.get("action"), given, actions, problems, path)
        seen: set[str] = set()
        for name, _, path in _uses(step.content, "tools", step.path):
            _check_use("action", name, None, actions, problems, path)
            if isinstance(name, str) and name in seen:
                problems.add(path, f"the tool {name[:100]!r} is listed twice")
            seen.add(str(name))


def check_parts(steps: Iterable[RawStep], parts: Mapping[str, Models], problems: Problems) -> None:
    """Every processor, validator and plugin exists and understands its parameters, likewise."""
    for step in steps:
        for content, path in _with_fallback(step):
            for kind, known in parts.items():
                for name, given, place in _uses(content, kind, path):
                    _check_use(kind.removesuffix("s"), name, given, known, problems, place)


def check_runtimes(
    content: Mapping[str, JsonValue],
    steps: Iterable[RawStep],
    runtimes: Collection[str],
    problems: Problems,
) -> None:
    """Every agent's model is asked where there is something to ask."""
    _is_known("runtime", content.get("runtime"), runtimes, problems, ())
    for step in steps:
        _is_known("runtime", step.content.get("runtime"), runtimes, problems, step.path)


def _with_fallback(step: RawStep) -> Iterator[tuple[Mapping[str, JsonValue], Path]]:
    yield step.content, step.path
    fallback = step.content.get("fallback")
    if isinstance(fallback, dict):
        yield fallback, (*step.path, "fallback")


def _uses(
    content: Mapping[str, JsonValue], kind: str, path: Path
) -> Iterator[tuple[JsonValue, JsonValue, Path]]:
    """What *content* lists under *kind*, each as its name, what it is given, and its place."""
    written = content.get(kind)
    for index, use in enumerate(written if isinstance(written, list) else []):
        place = (*path, kind, index)
        if isinstance(use, dict):
            yield use.get("name"), use.get("with", use.get("parameters", {})), place
        else:
            yield use, {}, place


def _check_use(
    kind: str, name: JsonValue, given: JsonValue, known: Models, problems: Problems, path: Path
) -> None:
    if _is_known(kind, name, known, problems, path) and isinstance(given, dict):
        _check_parameters(given, known[str(name)], problems, (*path, "with"))


def _is_known(
    kind: str, name: JsonValue, known: Collection[str], problems: Problems, path: Path
) -> bool:
    """Whether the rest may be looked at; a name that nobody has is noted."""
    if not isinstance(name, str) or problems.is_full:
        return False
    if name not in known:
        alike = near(name, sorted(known))
        problems.add(path, f"unknown {kind} {name[:100]!r}.{did_you_mean(alike)}")
    return name in known


def _check_parameters(
    given: dict[str, JsonValue], model: type[BaseModel], problems: Problems, base: Path
) -> None:
    try:
        model.model_validate(given)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
        known = [one for one in found if one["type"] == "extra_forbidden" or _is_final(one, given)]
        add_errors(problems, known, model=model, base=base)


def _is_final(error: Any, given: JsonValue) -> bool:
    """Whether the error will still be there when the expressions have been resolved."""
    place = error["loc"][:-1] if error["type"] == "missing" else error["loc"]
    value: Any = given
    for part in place:
        if isinstance(value, dict) and part in value:
            value = cast("dict[str, Any]", value)[part]
        elif isinstance(value, list) and isinstance(part, int):
            value = cast("list[Any]", value)[part]
    return error["type"] == "missing" or not _has_expression(cast("JsonValue", value))


def _has_expression(value: JsonValue) -> bool:
    try:
        return bool(references(value))
    except InvalidDefinition:
        return True


def check_shapes(top: RawGroup, problems: Problems) -> None:
    """Branches have one name each and a way to be taken, loops a reason to go on."""
    for step in every(top.steps):
        if problems.is_full:
            return
        match step.kind:
            case "branch":
                _check_branch_ids(step, problems)
                _check_arms(step, problems)
            case "parallel":
                _check_branch_ids(step, problems)
            case "loop":
                _check_loop(step, problems)
            case _:
                pass
    _check_rounds(top, 1, problems)


def _check_branch_ids(step: RawStep, problems: Problems) -> None:
    seen: set[str] = set()
    for group in step.groups:
        if group.name in seen:
            problems.add((*group.path, "id"), f"duplicate branch id {group.name!r}")
        seen.add(group.name)


def _check_arms(step: RawStep, problems: Problems) -> None:
    default = step.content.get("default")
    names = [group.name for group in step.groups]
    if isinstance(default, str) and default not in names:
        advice = did_you_mean(near(default, names) or names[:3])
        problems.add((*step.path, "default"), f"there is no branch {default[:64]!r}.{advice}")
    for group in step.groups:
        if group.content.get("when") is None and group.name != default:
            problems.add(
                group.path,
                f"the branch {group.name!r} needs a condition `when`, or be named as `default`",
            )


def _check_loop(step: RawStep, problems: Problems) -> None:
    content = step.content
    if all(content.get(name) is None for name in ("for_each", "while", "until")):
        problems.add(step.path, "a loop needs `for_each`, `while` or `until`")
    if isinstance(content.get("for_each"), int | float | dict):
        problems.add((*step.path, "for_each"), "give a list, or an expression for one")
    state, update = content.get("state", {}), content.get("update", {})
    if isinstance(state, dict) and isinstance(update, dict):
        for name in sorted(update.keys() - state.keys()):
            if problems.is_full:
                return
            advice = did_you_mean(near(name, state))
            text = f"{name[:64]!r} has no first value in `state`.{advice}"
            problems.add((*step.path, "update"), text)


def _check_rounds(group: RawGroup, around: int, problems: Problems) -> None:
    """Loops in loops multiply; *around* is how often those around *group* go round together."""
    for step in group.steps:
        bound = step.content.get("max_iterations")
        own = bound if step.kind == "loop" and type(bound) is int and bound > 0 else 1
        if own > 1 and around * own > MOST_ROUNDS:
            problems.add(
                (*step.path, "max_iterations"),
                f"with the loops around it, it may go round {around * own:,} times, more than "
                f"{MOST_ROUNDS:,}. Lower a bound",
            )
            continue
        for one in step.groups:
            _check_rounds(one, around * own, problems)


def check_trigger(data: Mapping[str, JsonValue], problems: Problems) -> None:
    """What a trigger says has an effect."""
    trigger = data.get("trigger")
    if not isinstance(trigger, dict):
        return
    kind = trigger.get("type", "manual")
    for name in ("schedule", "event"):
        if trigger.get(name) is not None and kind != name:
            text = f"has no effect where the type is {str(kind)[:20]}. Write `type: {name}`"
            problems.add(("trigger", name), text)


def check_stages(data: Mapping[str, JsonValue], top: RawGroup, problems: Problems) -> None:
    """Stages have one name each and share no step; the steps exist."""
    stages = data.get("stages")
    names, owners = set[str](), dict[str, str]()
    known = top.positions()
    for index, stage in enumerate(stages if isinstance(stages, list) else []):
        if not isinstance(stage, dict):
            continue
        path, name, steps = ("stages", index), str(stage.get("name")), stage.get("steps")
        if name in names:
            problems.add(path, f"duplicate stage {name[:64]!r}")
        names.add(name)
        for step_id in steps if isinstance(steps, list) else []:
            if not isinstance(step_id, str) or problems.is_full:
                continue
            if step_id not in known:
                advice = did_you_mean(near(step_id, known))
                problems.add(path, f"there is no step {step_id[:64]!r}.{advice}")
            elif owners.setdefault(step_id, name) != name:
                problems.add(path, f"{step_id} is part of {owners[step_id]} already")
