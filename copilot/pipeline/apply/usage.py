"""Where definitions name a resource, for nothing to be taken away that something uses by now."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from ...definitions import PARAMETERS, kind_of
from ...fixes import is_quoted
from ...names import words_of
from ...snapshot import ResourceKind, Snapshot
from ...storage.changes import ChangeRecord
from .reversal import touched_resources

#: What people call a workflow or a step, and what it is: none of it names a resource.
_CALLED = frozenset({"id", "name", "title", "description", "type", "action"})
#: Texts that are instructions: they name a resource by its name in quotation marks.
_SPOKEN = frozenset({"instructions", "prompt"})
_FIELD = frozenset({"field", "fields"})
#: Users that are named in a sentence.
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Place:
    """Where a name stands: `path` goes by the ids of steps, so that it stays where steps move.

    step: the title of the innermost one; None outside every step.
    """

    path: str
    step: str | None


@dataclass(frozen=True, slots=True)
class _Spot:
    path: tuple[str, ...] = ()
    step: str | None = None
    inside: tuple[str, ...] | None = None
    """The part of `path` below a step's parameters; None outside of them."""

    def below(self, key: str, *, step: str | None = None) -> "_Spot":
        inside = () if self.inside is None and key in PARAMETERS else None
        if self.inside is not None:
            inside = (*self.inside, key)
        return _Spot((*self.path, key), step or self.step, inside)


def places(definition: Mapping[str, JsonValue], kind: ResourceKind, name: str) -> frozenset[Place]:
    """Where *definition* names this resource, spelled exactly so.

    That is a text that stands alone, as when a step runs, or a name in quotation marks in
    instructions. A field is only named where something is called a field.
    """
    return frozenset(
        Place("/".join(spot.path), spot.step)
        for text, spot in _texts(dict(definition), _Spot())
        if _names(text, spot, kind, name)
    )


def used_elsewhere(
    original: ChangeRecord,
    current: Snapshot,
    after: Snapshot,
    definitions: Mapping[str, Mapping[str, JsonValue]],
) -> str | None:
    """Why taking *original* back would break something it was not made for, in sentences.

    after: *current* without the change. definitions: the newest of each workflow, by its id. What
    named the resource before the change is what it was made for, in this workflow.
    """
    for kind, name in sorted(touched_resources(current, after)):
        served = places(original.before.definition, kind, name)
        left = places(after.definition, kind, name) - served
        users = [_where("this workflow", left, "elsewhere in ")] if left else []
        users += [
            _where(_title(workflow_id, one), found, "in ")
            for workflow_id, one in sorted(definitions.items())
            if workflow_id != current.workflow_id and (found := places(one, kind, name))
        ]
        if users:
            return _sentence(kind, name, users, gone=name not in after.resources.get(kind, {}))
    return None


def _texts(value: JsonValue, spot: _Spot) -> Iterator[tuple[str, _Spot]]:
    match value:
        case str():
            yield value, spot
        case list():
            for index, item in enumerate(value):
                key = item.get("id") if isinstance(item, dict) else None
                yield from _texts(item, spot.below(key if isinstance(key, str) else str(index)))
        case dict():
            step = _step_title(value) if spot.inside is None else None
            for key, item in value.items():
                if spot.inside is not None or key not in _CALLED:
                    yield from _texts(item, spot.below(key, step=step))
        case _:
            pass


def _names(text: str, spot: _Spot, kind: ResourceKind, name: str) -> bool:
    if spot.path[-1] in _SPOKEN and spot.inside is None:
        return is_quoted(text, name)
    if text != name:
        return False
    called = (words_of(one) for one in spot.inside or ())
    return kind != "custom_field" or any(_FIELD.intersection(one) for one in called)


def _step_title(data: Mapping[str, JsonValue]) -> str | None:
    own_id, title = data.get("id"), data.get("name")
    if not isinstance(own_id, str) or kind_of(data) is None:
        return None
    return title if isinstance(title, str) and title else own_id


def _title(workflow_id: str, definition: Mapping[str, JsonValue]) -> str:
    title = definition.get("name")
    known = f"'{title}' ({workflow_id})" if isinstance(title, str) and title else f"'{workflow_id}'"
    return f"the workflow {known}"


def _where(workflow: str, found: Collection[Place], otherwise: str) -> str:
    """'in the step 'Send' of the workflow 'News' (news)'."""
    titles = sorted({one.step for one in found if one.step is not None})
    if not titles:
        return f"{otherwise}{workflow}"
    steps = "in the step" if len(titles) == 1 else "in the steps"
    quoted = [f"'{one}'" for one in titles]
    return f"{steps} {_listed(quoted)} of {workflow}"


def _sentence(kind: ResourceKind, name: str, users: Collection[str], *, gone: bool) -> str:
    what, called = "delete" if gone else "change", kind.replace("_", " ")
    return (
        f"The {called} '{name}' is by now used {_listed(list(users))}. Taking the fix "
        f"back would {what} it there too, so nothing was taken back. Let that use another "
        f"{called} first, or leave the fix in place."
    )


def _listed(names: list[str]) -> str:
    shown = names if len(names) <= _MOST_NAMED else names[:_MOST_NAMED]
    if left := len(names) - len(shown):
        shown = [*shown, f"{left} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
