"""Our own engine as a target: definitions checked, fixes stored as new versions, deeds done."""

import json
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, cast

from pydantic import JsonValue, ValidationError

from engine.definition import Workflow, to_data
from engine.engine import Engine
from engine.errors import InvalidDefinition, InvalidSchedule, StaleVersion
from engine.errors import NotFound as EngineNotFound
from engine.execution import ExecutionStatus
from engine.run.quota import reset_of
from engine.schedule.interval import ticks_of
from engine.storage.deeds import DeedStore
from engine.storage.deeds import StoppedRun as EngineStoppedRun
from engine.storage.resource_checks import checked
from engine.workspace import MODELS
from engine.workspace import ResourceKind as EngineResourceKind

from ..errors import InvalidInput, NotFound, NotReversible, StaleBase
from ..ports import Unstorable
from ..snapshot import (
    MOST_COUNTED,
    Account,
    Paused,
    PauseRuns,
    ResourceKind,
    ResumeLater,
    Snapshot,
    Standing,
    StoppedRun,
)
from ._naming import new_names, taken, texts

#: Workflow versions that are kept at hand as data.
MOST_VERSIONS = 512
#: Version of a resource that must not be there yet.
ABSENT = 0

_KINDS: tuple[ResourceKind, ...] = ("template", "custom_field", "integration", "document")


#: How far ahead scheduled runs are counted.
AHEAD = timedelta(days=7)


@contextmanager
def _refusing() -> Generator[None]:
    """What the engine refuses for good, as the ports have it."""
    try:
        yield
    except InvalidDefinition as error:
        raise Unstorable(tuple(str(error).splitlines())) from None
    except InvalidSchedule as error:
        raise Unstorable((str(error),)) from None
    except ValidationError as error:
        raise Unstorable(tuple(_unusable(error))) from None
    except EngineNotFound as error:
        raise NotFound(*error.args) from None


class EngineTarget:
    """Implements `Target`, `Deeds` and `DefinitionChecker` on the engine's versioned store."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # a version never changes
        self._version = lru_cache(MOST_VERSIONS)(self._read_version)
        # what the engine offers never changes either: a fix is checked, stored and applied as one
        # definition, and most leave it as it was
        self._read_definition = lru_cache(MOST_VERSIONS)(self._parse)

    def snapshot(
        self, workspace_id: str, workflow_id: str, *, also: Collection[str] = ()
    ) -> Snapshot:
        return self._snapshot(workspace_id, workflow_id, None, also)

    def at(
        self, workspace_id: str, workflow_id: str, version: int, *, also: Collection[str] = ()
    ) -> Snapshot:
        return self._snapshot(workspace_id, workflow_id, version, also)

    def _snapshot(
        self, workspace_id: str, workflow_id: str, version: int | None, also: Collection[str]
    ) -> Snapshot:
        try:
            with self._engine.at_one_moment():
                stored = self._engine.workflow(workspace_id, workflow_id, version)
                definition, named = self._version(workspace_id, workflow_id, stored.version)
                named |= frozenset(also)
                workspace = self._engine.resources(workspace_id)
        except EngineNotFound as error:
            raise NotFound(*error.args) from None
        content = cast(
            "Mapping[str, Mapping[str, Mapping[str, JsonValue]]]",
            workspace.resources.model_dump(mode="json"),
        )
        resources: dict[ResourceKind, dict[str, dict[str, JsonValue]]] = {}
        for kind in _KINDS:
            for name, fields in content[f"{kind}s"].items():
                if name in named:
                    resources.setdefault(kind, {})[name] = dict(fields)
        return Snapshot(
            workspace_id=workspace_id,
            workflow_id=workflow_id,
            version=stored.version,
            definition=definition,
            resources=resources,
            resource_versions={
                key: version
                for key, version in workspace.versions.items()
                if key.partition("/")[2] in named
            },
        )

    def _read_version(
        self, workspace_id: str, workflow_id: str, version: int
    ) -> tuple[dict[str, JsonValue], frozenset[str]]:
        """A definition as data, and every text that stands alone in it."""
        stored = self._engine.workflow(workspace_id, workflow_id, version)
        definition = to_data(stored.workflow)
        return definition, frozenset(texts(definition))

    def problems(self, snapshot: Snapshot) -> Sequence[str]:
        """Why this can't be stored: an invalid definition, a bad resource, a taken name."""
        found = [*self._read_definition(json.dumps(snapshot.definition))[1]]
        for kind, named in snapshot.resources.items():
            for name, fields in named.items():
                is_new = f"{kind}/{name}" not in snapshot.resource_versions
                found.extend(_resource_problems(kind, name, fields, is_new=is_new))
        if new := new_names(snapshot):
            found += taken(new, self._engine.resources(snapshot.workspace_id).versions)
        return found

    def read(self, text: str) -> dict[str, JsonValue]:
        """Implements `DefinitionReader`."""
        try:
            return to_data(self._engine.offer.read(text))
        except (InvalidDefinition, InvalidSchedule) as error:
            raise InvalidInput("content", f"no workflow can be read from it. {error}", "") from None

    def _parse(self, definition: str) -> tuple[Workflow | None, tuple[str, ...]]:
        """A definition as JSON text: the workflow, or what is wrong with it."""
        try:
            return self._engine.offer.read(json.loads(definition)), ()
        except (InvalidDefinition, InvalidSchedule) as error:
            return None, tuple(str(error).splitlines())

    def _workflow(self, snapshot: Snapshot) -> Workflow:
        """Raises InvalidDefinition or InvalidSchedule."""
        workflow, _ = self._read_definition(json.dumps(snapshot.definition))
        return workflow or self._engine.offer.read(snapshot.definition)

    @_refusing()
    def canonical(self, snapshot: Snapshot) -> Snapshot:
        """Values that are the defaults are not kept in a definition, and are in a resource."""
        resources = {
            kind: {name: _as_kept(kind, fields) for name, fields in named.items()}
            for kind, named in snapshot.resources.items()
        }
        stored = to_data(self._workflow(snapshot))
        return snapshot.model_copy(update={"definition": stored, "resources": resources})

    @_refusing()
    def apply(self, change_id: str, *, base: Snapshot, changed: Snapshot) -> int:
        try:
            return self._engine.apply_change(
                base.workspace_id,
                change_id=change_id,
                workflow_id=base.workflow_id,
                expected_version=base.version,
                workflow=self._workflow(changed),
                resources=list(_resource_changes(base, changed)),
            )
        except StaleVersion as error:
            _what, _expected, current = error.args
            raise StaleBase(base.version, current, "") from None

    def applied_version(self, change_id: str) -> int | None:
        return self._engine.change_version(change_id)

    def runs_started_since(self, workspace_id: str, workflow_id: str, moment: datetime) -> int:
        return self._engine.runs_started_since(workspace_id, workflow_id, moment)

    def definitions(self, workspace_id: str) -> Mapping[str, Mapping[str, JsonValue]]:
        stored = self._engine.workflows(workspace_id)
        return {one.workflow_id: to_data(one.workflow) for one in stored}

    def standing(
        self, workspace_id: str, workflow_id: str, *, execution_id: str | None = None
    ) -> Standing:
        try:
            with self._engine.at_one_moment():
                pause = self._engine.deeds.paused(workspace_id, workflow_id)
                stored = self._engine.workflow(workspace_id, workflow_id)
                integrations = self._engine.resources(workspace_id).resources.integrations
                run = self._stopped(workspace_id, workflow_id, execution_id)
        except EngineNotFound as error:
            raise NotFound(*error.args) from None
        return Standing(
            paused=None if pause is None else Paused(**pause.model_dump()),
            scheduled_runs=self._scheduled(stored.workflow),
            accounts={
                name: Account(kind=one.type, connected=one.connected)
                for name, one in integrations.items()
            },
            run=run,
        )

    @_refusing()
    def carry_out(self, change_id: str, decided: Snapshot, *, actor: str) -> int:
        deeds, workspace_id, workflow_id = self._doing(decided)
        match decided.deed:
            case PauseRuns(reason=reason):
                version = deeds.pause(
                    workspace_id,
                    workflow_id,
                    change_id=change_id,
                    expected_version=decided.version,
                    by=actor,
                    reason=reason,
                )
            case ResumeLater() as later:
                version = deeds.set_timer(
                    workspace_id,
                    later.execution_id,
                    change_id=change_id,
                    expected_version=decided.version,
                    round=later.round,
                    at=later.at,
                )
            case None:
                raise ValueError("There is nothing to do.")
        if version is None:
            current = self._engine.workflow(workspace_id, workflow_id).version
            raise StaleBase(decided.version, current, "")
        return version

    @_refusing()
    def take_back(self, change_id: str, of: str, decided: Snapshot) -> int:
        deeds, workspace_id, workflow_id = self._doing(decided)
        match decided.deed:
            case PauseRuns():
                version = deeds.unpause(workspace_id, workflow_id, change_id=change_id, of=of)
                gone = "the workflow was unpaused meanwhile."
            case ResumeLater(execution_id=run_id):
                version = deeds.cancel_timer(workspace_id, run_id, change_id=change_id, of=of)
                gone = "the timer has gone off, or the run went on without it."
            case None:
                raise ValueError("There is nothing to take back.")
        if version is None:
            raise NotReversible(gone)
        return version

    def done_at(self, change_id: str) -> int | None:
        return self._engine.change_version(change_id)

    def _doing(self, decided: Snapshot) -> tuple[DeedStore, str, str]:
        return self._engine.deeds, decided.workspace_id, decided.workflow_id

    def _stopped(
        self, workspace_id: str, workflow_id: str, execution_id: str | None
    ) -> StoppedRun | None:
        if execution_id is None:
            return None
        run = self._engine.deeds.stopped_run(workspace_id, execution_id)
        if run.workflow_id != workflow_id:
            raise NotFound("execution")
        return _as_fact(run, now=self._engine.deeds.clock.now())

    def _scheduled(self, workflow: Workflow) -> int | None:
        """Ticks of its schedule from now on; None without one that can be used."""
        try:
            ticks = ticks_of(workflow)
        except InvalidSchedule:
            return None
        if ticks is None:
            return None
        moment = self._engine.deeds.clock.now()
        end, count = moment + AHEAD, 0
        while (moment := ticks.next_tick(moment)) <= end and count < MOST_COUNTED:
            count += 1
        return count


def _as_fact(run: EngineStoppedRun, *, now: datetime) -> StoppedRun:
    """What stopped it says when it is over, counted from when the run ended."""
    resets_at = None
    if run.error is not None and run.status is ExecutionStatus.FAILED:
        resets_at = reset_of(run.error.code, run.error.details, now=run.ended_at or now)
    return StoppedRun(
        execution_id=run.execution_id,
        status=run.status.value,
        round=run.round,
        step=run.current_step,
        version=run.workflow_version,
        test_mode=run.test_mode,
        resets_at=resets_at,
        is_over=resets_at is not None and resets_at <= now,
        timer=run.timer,
        unsure=run.unsure,
    )


def _resource_changes(base: Snapshot, changed: Snapshot) -> Iterator[tuple[Any, ...]]:
    """What differs, as (kind, name, content or None to delete, version it was read at)."""
    for kind in _KINDS:
        before, after = base.resources.get(kind, {}), changed.resources.get(kind, {})
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                content = after.get(name)
                model = MODELS[EngineResourceKind(kind)]
                yield (
                    EngineResourceKind(kind),
                    name,
                    None if content is None else model.model_validate(content),
                    base.resource_versions.get(f"{kind}/{name}", ABSENT),
                )


def _as_kept(kind: ResourceKind, fields: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    return MODELS[EngineResourceKind(kind)].model_validate(fields).model_dump(mode="json")


def _resource_problems(
    kind: ResourceKind, name: str, fields: Mapping[str, JsonValue], *, is_new: bool
) -> tuple[str, ...]:
    """What is there already may be older than a rule, and is not the fix's to mend."""
    try:
        if is_new:
            checked(EngineResourceKind(kind), name, fields, is_new=True)
        else:
            MODELS[EngineResourceKind(kind)].model_validate(fields)
    except InvalidDefinition as error:
        (lines,) = error.args
        return lines
    except ValidationError as error:
        return tuple(f"{kind} {name}: {problem}" for problem in _unusable(error))
    return ()


def _unusable(error: ValidationError) -> Iterator[str]:
    """The places alone: what stands there may be a secret."""
    for one in error.errors():
        yield f"{'.'.join(map(str, one['loc']))} can't be used"
