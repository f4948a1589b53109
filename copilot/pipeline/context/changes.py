"""What has changed since the workflow last went well, in plain lines, the likeliest reason first."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from pydantic import JsonValue

from ...ports import Circumstances, Touched

MOST_CHANGES = 10
LONGEST_VALUE = 60

#: What a run is about; a document or field that nobody names is no news.
_CALLED = {
    "template": "Template",
    "custom_field": "Custom field",
    "integration": "Integration",
    "document": "Document",
}
_PARTS = {
    "instructions": "The instructions",
    "runtime": "The runtime",
    "trigger": "The trigger",
    "documents": "The documents",
    "budget": "The budget",
    "timeout_seconds": "The time a run may take",
    "inputs": "The inputs",
    "restrictions": "The restrictions",
    "memory": "The memory",
}
_NOT_THE_CAUSE = frozenset({"name", "description", "stages", "title", "estimate"})


@dataclass(frozen=True, slots=True)
class Difference:
    """One change, told. `touches`: it is about the failed step or something the error names."""

    text: str
    touches: bool


def changes_since(
    green: Circumstances,
    failed: Circumstances,
    touched: Sequence[Touched],
    *,
    step_path: str | None,
    named: Collection[str],
    connected: Mapping[str, bool],
    failed_at: datetime,
) -> tuple[Difference, ...]:
    """What was different between two runs, at most 10, what touches the failure first.

    touched: what the workspace has that changed between them. step_path: of the failed step.
    named: what the error is about, 'Outbound v3'. connected: of each integration, now.
    """
    since = _Since(green, failed, step_path, failed_at)
    told = [
        *since.definition(),
        *since.inputs(),
        *since.resources(touched, connected, frozenset(_texts(failed.definition)) | set(named)),
    ]
    ranked = sorted(
        dict.fromkeys(told), key=lambda one: (not _names_any(one[0], named), not one[1])
    )
    return tuple(
        Difference(text, on_the_step or _names_any(text, named))
        for text, on_the_step in ranked[:MOST_CHANGES]
    )


def _names_any(text: str, names: Collection[str]) -> bool:
    return any(f"'{name}'" in text for name in names if name)


def ago(moment: datetime, before: datetime) -> str:
    """'2 hours before': how long *moment* lies before the other, in its largest unit."""
    seconds = max((before - moment) / timedelta(seconds=1), 0)
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            number = int(seconds // size)
            return f"{number} {unit}{'' if number == 1 else 's'} before"
    return "less than a minute before"


@dataclass(frozen=True, slots=True)
class _Since:
    green: Circumstances
    failed: Circumstances
    step_path: str | None
    failed_at: datetime

    def definition(self) -> Iterator[tuple[str, bool]]:
        if self.green.workflow_version == self.failed.workflow_version:
            return
        when = self._version()
        old, new = self.green.definition, self.failed.definition
        old_steps, new_steps = _steps(old), _steps(new)
        for number, (key, step) in enumerate(new_steps.items(), start=1):
            here = self._is_failed(key)
            if key not in old_steps:
                yield f"Step {number} ('{_clip(key)}') was added{when}", here
            else:
                for what in _differences(old_steps[key], step, ""):
                    yield f"Step {number}'s {what}{when}", here
        for key in old_steps:
            if key not in new_steps:
                yield f"Step '{_clip(key)}' was removed{when}", False
        for part, called in _PARTS.items():
            if old.get(part) != new.get(part):
                yield f"{called} changed{_from_to(old.get(part), new.get(part))}{when}", False

    def inputs(self) -> Iterator[tuple[str, bool]]:
        old, new = self.green.input_shapes, self.failed.input_shapes
        for name in sorted(old.keys() | new.keys()):
            before, now = old.get(name), new.get(name)
            if now is None:
                yield f"Input '{_clip(name)}' was not given; the last green run had {before}", False
            elif before is None:
                yield f"Input '{_clip(name)}' is new: {now}", False
            elif before != now:
                yield (
                    f"Input '{_clip(name)}' was {before} in the last green run and is {now}",
                    False,
                )

    def resources(
        self, touched: Sequence[Touched], connected: Mapping[str, bool], spoken_of: Collection[str]
    ) -> Iterator[tuple[str, bool]]:
        for one in touched:
            called = _CALLED.get(one.kind)
            if called is None or not (one.name in spoken_of or one.kind == "integration"):
                continue
            what = "deleted" if one.deleted else "made" if one.version == 1 else "changed"
            text = f"{called} '{_clip(one.name)}' was {what} {ago(one.at, self.failed_at)} this failure"
            off = one.kind == "integration" and connected.get(one.name) is False
            yield f"{text}; it is not connected" if off else text, False

    def _is_failed(self, step_id: str) -> bool:
        return self.step_path is not None and self.step_path.split("/")[1:2] == [step_id]

    def _version(self) -> str:
        version, made = self.failed.workflow_version, self.failed.version_made_at
        if made is None:
            return f" in version {version}"
        told = f"{ago(made, self.failed_at)} this failure"
        if version - self.green.workflow_version == 1:
            return f" in version {version} ({told})"
        return f" after version {self.green.workflow_version} (version {version} was made {told})"


def _steps(definition: Mapping[str, JsonValue]) -> dict[str, dict[str, JsonValue]]:
    """The top-level steps by their ids."""
    steps = definition.get("steps")
    listed = steps if isinstance(steps, list) else []
    return {str(step.get("id")): step for step in listed if isinstance(step, dict)}


def _differences(old: JsonValue, new: JsonValue, at: str) -> Iterator[str]:
    """'range changed from 'A' to 'B'' for every value that differs inside a step."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys((*old, *new)):
            if key in _NOT_THE_CAUSE or old.get(key) == new.get(key):
                continue
            inner = at if key == "with" else f"{at}.{key}" if at else key
            yield from _differences(old.get(key), new.get(key), inner)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (before, now) in enumerate(zip(old, new, strict=True), start=1):
            if before != now:
                yield from _differences(before, now, f"{at}.{_id_of(now) or number}")
    else:
        yield f"{_clip(at) or 'parameters'} {_changed(old, new)}"


def _id_of(value: JsonValue) -> str | None:
    found = value.get("id") if isinstance(value, dict) else None
    return found if isinstance(found, str) else None


def _changed(old: JsonValue, new: JsonValue) -> str:
    if old is None:
        return f"was set to {_quoted(new)}" if _is_short(new) else "was added"
    if new is None:
        return f"was removed, it was {_quoted(old)}" if _is_short(old) else "was removed"
    return f"changed{_from_to(old, new)}"


def _from_to(old: JsonValue, new: JsonValue) -> str:
    return f" from {_quoted(old)} to {_quoted(new)}" if _is_short(old) and _is_short(new) else ""


def _is_short(value: JsonValue) -> bool:
    return isinstance(value, str | int | float | bool) and len(str(value)) <= LONGEST_VALUE


def _quoted(value: JsonValue) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value).lower()


def _clip(text: str) -> str:
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"


def _texts(value: JsonValue) -> Iterator[str]:
    """Every text that stands alone in a definition: what it names is among them."""
    ahead: list[JsonValue] = [value]
    while ahead:
        one = ahead.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            ahead += one.values()
        elif isinstance(one, list):
            ahead += cast("list[JsonValue]", one)
