"""Fakes that behave like the real thing, for tests here and for those who extend the copilot."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Lock
from typing import Any, Literal, TypeAlias, TypeVar

from pydantic import JsonValue

from .errors import NotFound, NotReversible, StaleBase
from .ports import Unstorable
from .routing import Attempt, Refused, Routed
from .runtimes import Answer, FailureKind, Model, Request, Usage
from .snapshot import Paused, PauseRuns, ResourceKind, ResumeLater, Snapshot, Standing

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
    there. `applications` counts the versions that changes have made. `rule` says what is wrong with
    a snapshot; what it objects to is not stored. People's edits are not asked about.
    """

    def __init__(self, *snapshots: Snapshot) -> None:
        self.crash: Literal["before_apply", "after_apply"] | None = None
        self.rule: Callable[[Snapshot], Sequence[str]] = lambda _snapshot: ()
        self.applications = 0
        self._versions = {(one.workspace_id, one.workflow_id): [one] for one in snapshots}
        self._applied: dict[str, int] = {}
        self._starts: list[tuple[str, str, datetime]] = []
        self._lock = Lock()

    def snapshot(
        self, workspace_id: str, workflow_id: str, *, also: Collection[str] = ()
    ) -> Snapshot:
        return self.versions(workspace_id, workflow_id)[-1]

    def versions(self, workspace_id: str, workflow_id: str) -> list[Snapshot]:
        """All versions, oldest first. Raises NotFound."""
        try:
            return self._versions[workspace_id, workflow_id]
        except KeyError:
            raise NotFound("workflow") from None

    def problems(self, snapshot: Snapshot) -> Sequence[str]:
        return self.rule(snapshot)

    def canonical(self, snapshot: Snapshot) -> Snapshot:
        return snapshot

    def apply(self, change_id: str, *, base: Snapshot, changed: Snapshot) -> int:
        self._crash_if("before_apply")
        with self._lock:
            if change_id not in self._applied:
                if found := self.rule(changed):
                    raise Unstorable(tuple(found))
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

    def definitions(self, workspace_id: str) -> Mapping[str, Mapping[str, JsonValue]]:
        mine = (versions[-1] for at, versions in self._versions.items() if at[0] == workspace_id)
        return {one.workflow_id: one.definition for one in mine}

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


class MemoryDeeds:
    """Does deeds in memory, beside the versions of *target*, and remembers by which change.

    `crash` set to 'before_deed' or 'after_deed' makes the next one raise SimulatedCrash there.
    `count` is how many were done. The workflow's own standing is set with `put`.
    """

    def __init__(self, target: MemoryTarget, clock: Callable[[], datetime]) -> None:
        self.crash: Literal["before_deed", "after_deed"] | None = None
        self.count = 0
        self._target = target
        self._now = clock
        self._standings: dict[tuple[str, str], Standing] = {}
        self._owners: dict[tuple[str, str], str | None] = {}
        self._done: dict[str, int] = {}
        self._lock = Lock()

    def put(self, workspace_id: str, workflow_id: str, standing: Standing) -> None:
        """Somebody else has brought it about: whatever a deed did there is gone."""
        with self._lock:
            self._put((workspace_id, workflow_id), standing, by=None)

    def standing(
        self, workspace_id: str, workflow_id: str, *, execution_id: str | None = None
    ) -> Standing:
        self._target.snapshot(workspace_id, workflow_id)
        found = self._standings.get((workspace_id, workflow_id), Standing())
        if execution_id is None:
            return found.model_copy(update={"run": None})
        if found.run is None or found.run.execution_id != execution_id:
            raise NotFound("execution")
        return found

    def carry_out(self, change_id: str, decided: Snapshot, *, actor: str) -> int:
        def do(now: Standing) -> Standing:
            current = self._target.snapshot(*key).version
            if current != decided.version or not _stands(now, decided.standing):
                raise StaleBase(decided.version, current, "")
            match decided.deed:
                case PauseRuns(reason=reason):
                    paused = Paused(by=actor, reason=reason, at=self._now())
                    return now.model_copy(update={"paused": paused})
                case ResumeLater(at=at):
                    return _with_timer(now, at)
                case None:
                    raise ValueError("There is nothing to do.")

        key = (decided.workspace_id, decided.workflow_id)
        return self._once(change_id, key, do, by=change_id)

    def take_back(self, change_id: str, of: str, decided: Snapshot) -> int:
        def do(now: Standing) -> Standing:
            if self._owners.get(key) != of:
                raise NotReversible("it is gone already.")
            if isinstance(decided.deed, PauseRuns):
                return now.model_copy(update={"paused": None})
            return _with_timer(now, None)

        key = (decided.workspace_id, decided.workflow_id)
        return self._once(change_id, key, do, by=None)

    def done_at(self, change_id: str) -> int | None:
        return self._done.get(change_id)

    def _once(
        self,
        change_id: str,
        key: tuple[str, str],
        do: Callable[[Standing], Standing],
        *,
        by: str | None,
    ) -> int:
        self._crash_if("before_deed")
        with self._lock:
            if change_id not in self._done:
                self._put(key, do(self._standings.get(key, Standing())), by=by)
                self._done[change_id] = self._target.snapshot(*key).version
                self.count += 1
        self._crash_if("after_deed")
        return self._done[change_id]

    def _put(self, key: tuple[str, str], standing: Standing, *, by: str | None) -> None:
        self._standings[key] = standing
        self._owners[key] = by

    def _crash_if(self, point: str) -> None:
        if self.crash == point:
            self.crash = None
            raise SimulatedCrash(point)


def _stands(now: Standing, decided: Standing | None) -> bool:
    """Whether what was decided on is still so."""
    return decided is None or (now.paused == decided.paused and decided.run in (None, now.run))


def _with_timer(standing: Standing, at: datetime | None) -> Standing:
    run = standing.run and standing.run.model_copy(update={"timer": at})
    return standing.model_copy(update={"run": run})


T = TypeVar("T")


class ScriptedModels:
    """Answers analyses from a list: a text, what makes one of the request, or how it fails.

    The last one comes again and again. Each answer takes *seconds*, has read 1,000 tokens, written
    100 and cost a tenth of a cent. `asked` keeps every request. With *crash* it raises
    SimulatedCrash when asked.
    """

    def __init__(
        self,
        *answers: str | FailureKind | Callable[[Request], str],
        seconds: float = 0.0,
        crash: bool = False,
    ) -> None:
        self.asked: list[Request] = []
        self._answers = list(answers)
        self._seconds = seconds
        self._crash = crash
        self._lock = Lock()

    def ask_within(
        self,
        request: Request,
        chain: Sequence[Model],
        *,
        seconds: float,
        accept: Callable[[Answer], T],
        spend_cap_usd: Decimal | None = None,
        repair: Callable[[str], str] = str,
    ) -> Routed[T]:
        """Nobody is asked again, and nobody gets more than *spend_cap_usd* allows: at a cap of 0 nobody is asked."""
        with self._lock:
            self.asked.append(request)
            given = self._answers[0] if len(self._answers) == 1 else self._answers.pop(0)
        if self._crash:
            raise SimulatedCrash("while a model is asked")
        if spend_cap_usd is not None and spend_cap_usd <= 0:
            return Routed(result=None, answer=None, attempts=(), reason="spend_cap")
        time.sleep(self._seconds)
        if isinstance(given, FailureKind):
            return self._failed(chain[0], given)
        text = given if isinstance(given, str) else given(request)
        answer = Answer(
            text=text, usage=Usage(input=1000, output=100), model=chain[0].id, cost_usd=_PRICE
        )
        if request.on_text is not None:
            request.on_text(text)
        try:
            result = accept(answer)
        except Refused:
            return self._failed(chain[0], FailureKind.INVALID_OUTPUT, answer.usage)
        return Routed(
            result=result, answer=answer, attempts=(self._attempt(chain[0], None, answer.usage),)
        )

    def _failed(self, model: Model, kind: FailureKind, usage: Usage | None = None) -> Routed[Any]:
        attempt = self._attempt(model, kind, usage or Usage())
        return Routed(result=None, answer=None, attempts=(attempt,), reason=kind.value)

    def _attempt(self, model: Model, kind: FailureKind | None, usage: Usage) -> Attempt:
        return Attempt(
            runtime=model.runtime,
            model=model.id,
            kind=kind,
            usage=usage,
            cost_usd=_PRICE if usage.output else Decimal(0),
            milliseconds=round(self._seconds * 1000),
        )


_PRICE = Decimal("0.001")
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
