"""Fakes that behave like the real thing, for tests here and for those who extend the copilot."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Literal, TypeAlias

from pydantic import JsonValue

from .errors import NotFound, StaleBase
from .snapshot import ResourceKind, Snapshot

Part: TypeAlias = tuple[str, str]


class SimulatedCrash(BaseException):
    """What a fake raises where a process is killed: nothing that tidies up may catch it."""


class ManualClock:
    """A clock that moves when told to."""

    def __init__(self, start: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) -> None:
        self.time = start

    def __call__(self) -> datetime:
        return self.time

    def advance(self, **duration: float) -> None:
        """`advance(seconds=5)`: any argument of `timedelta`."""
        self.time += timedelta(**duration)


class MemoryTarget:
    """A target that keeps every version in memory and remembers the change ids it has applied.

    `crash` set to 'before_apply' or 'after_apply' makes the next `apply` raise SimulatedCrash
    there. `applications` counts the versions that changes have made.
    """

    def __init__(self, *snapshots: Snapshot) -> None:
        self.crash: Literal["before_apply", "after_apply"] | None = None
        self.applications = 0
        self._versions = {(one.workspace_id, one.workflow_id): [one] for one in snapshots}
        self._applied: dict[str, int] = {}
        self._starts: list[tuple[str, str, datetime]] = []
        self._lock = Lock()

    def snapshot(self, workspace_id: str, workflow_id: str) -> Snapshot:
        return self.versions(workspace_id, workflow_id)[-1]

    def versions(self, workspace_id: str, workflow_id: str) -> list[Snapshot]:
        """All versions, oldest first. Raises NotFound."""
        try:
            return self._versions[workspace_id, workflow_id]
        except KeyError:
            raise NotFound("workflow") from None

    def apply(self, change_id: str, *, base: Snapshot, changed: Snapshot) -> int:
        self._crash_if("before_apply")
        with self._lock:
            if change_id not in self._applied:
                self._applied[change_id] = self._store(base, changed)
                self.applications += 1
        self._crash_if("after_apply")
        return self._applied[change_id]

    def applied_version(self, change_id: str) -> int | None:
        return self._applied.get(change_id)

    def runs_started_since(self, workspace_id: str, workflow_id: str, moment: datetime) -> int:
        return sum(
            start[:2] == (workspace_id, workflow_id) and start[2] >= moment
            for start in self._starts
        )

    def start_run(self, workspace_id: str, workflow_id: str, moment: datetime) -> None:
        """Pretend that a run of the current version has started."""
        self._starts.append((workspace_id, workflow_id, moment))

    def edit(
        self,
        workspace_id: str,
        workflow_id: str,
        *,
        definition: Mapping[str, JsonValue] | None = None,
        resource: tuple[ResourceKind, str, Mapping[str, JsonValue]] | None = None,
    ) -> int:
        """A person edits the workflow elsewhere; gives the new version."""
        base = self.snapshot(workspace_id, workflow_id)
        return self._store(base, base.evolve(definition=definition, resource=resource))

    def _store(self, base: Snapshot, changed: Snapshot) -> int:
        """The current version with the parts that differ between *base* and *changed*."""
        versions = self.versions(base.workspace_id, base.workflow_id)
        current = versions[-1]
        old, new, now = _parts(base), _parts(changed), _parts(current)
        touched = {part for part in old.keys() | new.keys() if old.get(part) != new.get(part)}
        if any(now.get(part) != old.get(part) for part in touched):
            raise StaleBase(base.version, current.version, "")
        merged = {**now, **{part: new[part] for part in touched if part in new}}
        merged = {part: merged[part] for part in merged if part in new or part not in touched}
        versions.append(_assemble(current, merged, touched))
        return versions[-1].version

    def _crash_if(self, point: str) -> None:
        if self.crash == point:
            self.crash = None
            raise SimulatedCrash(point)


_DEFINITION: Part = ("workflow", "")


def _parts(snapshot: Snapshot) -> dict[Part, dict[str, JsonValue]]:
    parts: dict[Part, dict[str, JsonValue]] = {_DEFINITION: snapshot.definition}
    for kind, named in snapshot.resources.items():
        parts |= {(kind, name): content for name, content in named.items()}
    return parts


def _assemble(
    current: Snapshot, parts: Mapping[Part, dict[str, JsonValue]], touched: set[Part]
) -> Snapshot:
    resources: dict[str, dict[str, dict[str, JsonValue]]] = {}
    for (kind, name), content in parts.items():
        if (kind, name) != _DEFINITION:
            resources.setdefault(kind, {})[name] = content
    versions = dict(current.resource_versions)
    for kind, name in touched - {_DEFINITION}:
        versions[f"{kind}/{name}"] = versions.get(f"{kind}/{name}", 0) + 1
    return Snapshot.model_validate(
        {
            "workspace_id": current.workspace_id,
            "workflow_id": current.workflow_id,
            "version": current.version + 1,
            "definition": parts[_DEFINITION],
            "resources": resources,
            "resource_versions": versions,
        }
    )
