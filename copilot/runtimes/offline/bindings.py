"""Which documents of a workflow its agents need, by the words in their prompts and names."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from ...definitions import PlacedStep, steps
from ...fixes.bind_documents import names_in
from ...names import words_of
from ...snapshot import Snapshot
from .scene import Scene
from .suggestion import Suggestion, suggestion


def _listed(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Words of file names that say nothing of what is in them.
_EMPTY = _listed(
    "document documents file files doc docs docx pdf csv tsv txt xlsx xlsm md final draft copy new"
    " old version list data the and for our all with from sheet page text notes info"
)
_SHORTEST = 3


@dataclass(frozen=True, slots=True)
class Bindings:
    """Documents that not every agent needs, each with the ids of the steps that do.

    `now` counts how often a document is read in a run, over all agents; `then` how often it would
    be if each were bound.
    """

    needs: Mapping[str, tuple[str, ...]]
    now: int
    then: int

    @property
    def fix(self) -> dict[str, JsonValue]:
        """The fix that binds them, as data."""
        listed: list[JsonValue] = [
            {"document": name, "steps": list(ids)} for name, ids in self.needs.items()
        ]
        return {"type": "bind_documents", "bindings": listed}

    @property
    def description(self) -> str:
        """'Give each step only the documents it needs: …', with both numbers."""
        return (
            "Give each step only the documents it needs: a document is read"
            f" {self.then} times in a run, not {self.now}"
        )


def bound_documents(scene: Scene) -> Iterator[Suggestion]:
    """The documents given to the steps that need them, when a prompt got too long or too dear."""
    found = bindings_of(scene.snapshot)
    if found is None or scene.step is None or scene.step.type != "agent":
        return
    if one := suggestion(scene, found.fix, found.description, best=True):
        yield one


def bindings_of(snapshot: Snapshot) -> Bindings | None:
    """What could be bound in this workflow; None when nothing could.

    A document stays with every step when no agent speaks of it, or all do, or the instructions do.
    """
    definition = snapshot.definition
    shared = names_in(definition)
    agents = [step for step in steps(definition) if step.type == "agent"]
    named = [step.id for step in agents]
    if len(set(named)) != len(named):
        return None
    said_to_all = _words(str(definition.get("instructions", "")))
    needs: dict[str, tuple[str, ...]] = {}
    for name in shared:
        words = _words_of_document(snapshot, name)
        ids = tuple(step.id for step in agents if words & _words_of_step(step))
        if 0 < len(ids) < len(agents) and not words & said_to_all:
            needs[name] = ids
    if not needs:
        return None
    own = sum(len(names_in(step.data)) for step in agents)
    rest = (len(shared) - len(needs)) * len(agents)
    bound = sum(map(len, needs.values()))
    return Bindings(needs, len(shared) * len(agents) + own, rest + bound + own)


def _words_of_document(snapshot: Snapshot, name: str) -> frozenset[str]:
    """Of its name and, when it is one of the workspace's, of what is said about it."""
    content = snapshot.resources.get("document", {}).get(name, {})
    said = [value for value in content.values() if isinstance(value, str)]
    return _words(" ".join([name, *said]))


def _words_of_step(step: PlacedStep) -> frozenset[str]:
    return _words(f"{step.id} {step.title} {step.data.get('prompt', '')}")


def _words(text: str) -> frozenset[str]:
    """The words in *text* that say something, in the singular."""
    words = (word for word in words_of(text) if word not in _EMPTY and not word.isdigit())
    return frozenset(
        word.removesuffix("s") if len(word) > _SHORTEST else word
        for word in words
        if len(word) >= _SHORTEST
    )
