"""Give documents of the whole workflow to the steps alone that need them."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from ..definitions import put
from ..snapshot import Snapshot
from ._base import Change
from ._reach import STEP, Reach
from ._steps import Id, step_called, title_of, written

DOCUMENTS = "documents"


def _check_name(name: str) -> str:
    if not name.strip() or not name.isprintable():
        raise ValueError("it is blank or contains hidden characters")
    return name


Document: TypeAlias = Annotated[
    str, Field(min_length=1, max_length=300), AfterValidator(_check_name)
]


class Binding(BaseModel):
    """A document, and the steps that need it."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True
    )

    document: Document
    """Name of a document that every step sees now."""
    steps: Annotated[tuple[Id, ...], Field(min_length=1, max_length=50)]
    """Ids of the agent steps that need it."""


class BindDocuments(Change):
    """Move documents from the workflow, where every step sees them, to single agent steps.

    No document is lost and none is new: each one named stays with one step at least.
    """

    reach: ClassVar[Reach] = Reach(
        writes=(
            ("change", f"/definition/{DOCUMENTS}"),
            ("add", f"/definition/{STEP}/{DOCUMENTS}"),
            ("change", f"/definition/{STEP}/{DOCUMENTS}"),
        ),
        moves_documents=True,
    )
    button: ClassVar[str] = "Bind Documents"

    type: Literal["bind_documents"] = "bind_documents"
    bindings: Annotated[tuple[Binding, ...], Field(strict=False, min_length=1, max_length=50)]
    """Each document that is to move, as `{"document": "prices.pdf", "steps": ["answer"]}`."""

    @property
    def question(self) -> str:
        return "Would you like me to give each step only the documents it needs?"

    def apply(self, snapshot: Snapshot) -> Snapshot:
        listed = names_in(snapshot.definition)
        named = [binding.document for binding in self.bindings]
        if len(set(named)) != len(named):
            raise self.refuse("a document is named twice.")
        if missing := next((name for name in named if name not in listed), None):
            raise self.refuse(f"the workflow does not give {missing!r} to every step.")
        left: list[JsonValue] = [name for name in listed if name not in named]
        changed = snapshot.evolve(definition=put(snapshot.definition, (DOCUMENTS,), left))
        for binding in self.bindings:
            for step_id in dict.fromkeys(binding.steps):
                changed = self._bound(changed, binding.document, step_id)
        return changed

    def summary(self, snapshot: Snapshot) -> str:
        said: list[str] = []
        for binding in self.bindings:
            titles = ", ".join(repr(title_of(snapshot, own)) for own in binding.steps)
            said.append(f"{binding.document!r} only with {titles}")
        rest = len(said) - _MOST_SAID
        more = f" and {rest} more" if rest > 0 else ""
        return f"From now on {'; '.join(said[:_MOST_SAID])}{more}, no longer with every step."

    def _bound(self, snapshot: Snapshot, document: str, step_id: str) -> Snapshot:
        step = step_called(self, snapshot, step_id)
        if step.type != "agent":
            raise self.refuse(f"step {step_id!r} is no agent, and reads no documents.")
        own = names_in(step.data)
        if document in own:
            return snapshot
        listed: list[JsonValue] = [*own, document]
        return written(snapshot, (*step.pointer, DOCUMENTS), listed)


_MOST_SAID = 4


def names_in(holder: Mapping[str, JsonValue]) -> tuple[str, ...]:
    """The documents that a workflow or a step names."""
    found = holder.get(DOCUMENTS)
    listed = found if isinstance(found, list) else []
    return tuple(name for name in listed if isinstance(name, str))


FIX = BindDocuments
