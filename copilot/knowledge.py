"""Which knowledge a workspace has: what is shipped, what its installation adds, what it has written.

What a workspace has written is checked whole before it is stored. What an older release has accepted
and this one does not is left out and told, so that no analysis fails for it.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from threading import Lock

import knowledge_base
from knowledge_base import Entry, InvalidKnowledge, KnowledgeBase
from knowledge_base.own import (
    MOST_ENTRIES,
    check_examples,
    own_entry,
    read_own,
    with_own,
)

from .errors import InvalidInput, NotFound
from .storage.own_entries import OwnEntries, StoredEntry
from .types.knowledge import OwnEntry
from .types.principal import Principal

#: Workspaces whose merged knowledge is kept at hand.
KEPT = 32
_ADVICE = "See `ask-copilot kb lint`, and knowledge_base/README.md for how an entry is written."


@cache
def installed(folder: Path | None) -> KnowledgeBase:
    """What is shipped, with the entries of *folder* over it, read once. Raises InvalidKnowledge."""
    shipped = knowledge_base.load()
    return shipped if folder is None else with_own(shipped, read_own(folder))


class Knowledge:
    """The knowledge of each workspace. `base` is asked when it is first needed."""

    def __init__(self, base: Callable[[], KnowledgeBase], stored: OwnEntries) -> None:
        self._base = base
        self._stored = stored
        self._merged = OrderedDict[str, tuple[tuple[str, ...], KnowledgeBase]]()
        self._lock = Lock()

    def of(self, workspace_id: str) -> KnowledgeBase:
        """As it is now; merged anew only after a change."""
        stamp = self._stored.stamp(workspace_id)
        if not stamp:
            return self._base()
        with self._lock:
            known = self._merged.get(workspace_id)
            if known is not None and known[0] == stamp:
                self._merged.move_to_end(workspace_id)
                return known[1]
        merged, _problems = self._usable(self._stored.of(workspace_id))
        with self._lock:
            self._merged[workspace_id] = (stamp, merged)
            while len(self._merged) > KEPT:
                self._merged.popitem(last=False)
        return merged

    def list(self, workspace_id: str) -> tuple[OwnEntry, ...]:
        """The entries of a workspace, by id."""
        stored = self._stored.of(workspace_id)
        merged, problems = self._usable(stored)
        return tuple(
            self._shown(entry_id, one, merged, problems) for entry_id, one in stored.items()
        )

    def get(self, workspace_id: str, entry_id: str) -> OwnEntry:
        """Raises NotFound for one that the workspace has not written, also for a shipped one."""
        found = next((one for one in self.list(workspace_id) if one.entry_id == entry_id), None)
        if found is None:
            raise NotFound("own entry")
        return found

    def put(self, by: Principal, entry_id: str, content: str) -> OwnEntry:
        """Store an entry whose examples hold. Raises InvalidInput naming field and problem."""

        def check(entries: Mapping[str, StoredEntry]) -> None:
            if len(entries) > MOST_ENTRIES:
                problem = f"a workspace has at most {MOST_ENTRIES} entries of its own."
                raise InvalidInput(entry_id, problem, "Remove one first.")
            entry = own_entry(entry_id, content)
            usable, _ = self._parsed({key: x for key, x in entries.items() if key != entry_id})
            check_examples(with_own(self._base(), {**usable, entry_id: entry}), entry)

        try:
            self._stored.put(by, entry_id, content, check=check)
        except InvalidKnowledge as problem:
            raise _refused(problem) from None
        return self.get(by.workspace_id, entry_id)

    def remove(self, by: Principal, entry_id: str) -> None:
        """Raises NotFound."""
        self._stored.remove(by, entry_id, check=lambda _left: None)

    def _usable(self, stored: Mapping[str, StoredEntry]) -> tuple[KnowledgeBase, Mapping[str, str]]:
        """The merged knowledge, and why entries are left out of it."""
        entries, problems = self._parsed(stored)
        merged = self._base()
        try:
            return with_own(merged, entries), problems
        except InvalidKnowledge:  # one does not fit the others: take in those that do
            for entry_id, entry in entries.items():
                try:
                    merged = with_own(merged, {entry_id: entry})
                except InvalidKnowledge as problem:
                    problems = {**problems, entry_id: str(problem)}
            return merged, problems

    def _parsed(self, stored: Mapping[str, StoredEntry]) -> tuple[dict[str, Entry], dict[str, str]]:
        entries: dict[str, Entry] = {}
        problems: dict[str, str] = {}
        for entry_id, one in stored.items():
            try:
                entries[entry_id] = own_entry(entry_id, one.content)
            except InvalidKnowledge as problem:
                problems[entry_id] = str(problem)
        return entries, problems

    def _shown(
        self,
        entry_id: str,
        stored: StoredEntry,
        merged: KnowledgeBase,
        problems: Mapping[str, str],
    ) -> OwnEntry:
        problem = problems.get(entry_id)
        return OwnEntry(
            entry_id=entry_id,
            content=stored.content,
            root_cause=None if problem else merged.entries[entry_id].root_cause,
            overrides=entry_id in self._base().entries,
            problem=problem,
            changed_by_name=stored.changed_by_name,
            changed_at=stored.changed_at,
        )


def _refused(problem: InvalidKnowledge) -> InvalidInput:
    """'flux_gate: patterns.0.find: …' as place and problem."""
    where, _, told = str(problem).partition(": ")
    return InvalidInput(where, f"{told.rstrip('.')}.", _ADVICE)
