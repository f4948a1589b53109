"""Our own engine as a target: definitions checked, fixes stored as new versions."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, cast

from pydantic import JsonValue, ValidationError

from engine.definition import to_data
from engine.engine import Engine
from engine.errors import InvalidDefinition, InvalidSchedule, StaleVersion
from engine.errors import NotFound as EngineNotFound
from engine.workspace import MODELS
from engine.workspace import ResourceKind as EngineResourceKind

from ..errors import NotFound, StaleBase
from ..snapshot import ResourceKind, Snapshot

#: Workflow versions that are kept at hand as data.
MOST_VERSIONS = 512
#: Version of a resource that must not be there yet.
ABSENT = 0

_KINDS: tuple[ResourceKind, ...] = ("template", "custom_field", "integration", "document")


class EngineTarget:
    """Implements `Target` and `DefinitionChecker` on the engine's versioned store."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # a version never changes
        self._version = lru_cache(MOST_VERSIONS)(self._read_version)
        # what the engine offers never changes either, and most fixes leave the definition as it was
        self._definition_problems = lru_cache(MOST_VERSIONS)(self._check_definition)

    def snapshot(self, workspace_id: str, workflow_id: str) -> Snapshot:
        try:
            with self._engine.at_one_moment():
                stored = self._engine.workflow(workspace_id, workflow_id)
                definition, named = self._version(workspace_id, workflow_id, stored.version)
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
        return definition, frozenset(_texts(definition))

    def problems(self, snapshot: Snapshot) -> Sequence[str]:
        """Why this can't be stored: an invalid definition, a bad resource, a taken name."""
        found = [*self._definition_problems(json.dumps(snapshot.definition))]
        for kind, named in snapshot.resources.items():
            for name, fields in named.items():
                found.extend(_resource_problems(kind, name, fields))
        return found + self._taken_names(snapshot)

    def _check_definition(self, definition: str) -> tuple[str, ...]:
        """Of a definition as JSON text."""
        try:
            self._engine.offer.read(json.loads(definition))
        except (InvalidDefinition, InvalidSchedule) as error:
            return tuple(str(error).splitlines())
        return ()

    def _taken_names(self, snapshot: Snapshot) -> list[str]:
        """Names that differ from an existing one by case alone: people could not tell them apart."""
        keys = {f"{kind}/{name}" for kind, named in snapshot.resources.items() for name in named}
        new = keys - snapshot.resource_versions.keys()
        if not new:
            return []
        existing = self._engine.resources(snapshot.workspace_id).versions
        folded = {key.casefold(): key for key in existing}
        return [
            f"{key}: the workspace already has {folded[key.casefold()]}"
            for key in sorted(new - existing.keys())
            if key.casefold() in folded
        ]

    def apply(self, change_id: str, *, base: Snapshot, changed: Snapshot) -> int:
        try:
            return self._engine.apply_change(
                base.workspace_id,
                change_id=change_id,
                workflow_id=base.workflow_id,
                expected_version=base.version,
                workflow=self._engine.offer.read(changed.definition),
                resources=list(_resource_changes(base, changed)),
            )
        except StaleVersion as error:
            _what, _expected, current = error.args
            raise StaleBase(base.version, current, "") from None

    def applied_version(self, change_id: str) -> int | None:
        return self._engine.change_version(change_id)

    def runs_started_since(self, workspace_id: str, workflow_id: str, moment: datetime) -> int:
        return self._engine.runs_started_since(workspace_id, workflow_id, moment)


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


def _resource_problems(kind: ResourceKind, name: str, fields: Mapping[str, JsonValue]) -> list[str]:
    try:
        MODELS[EngineResourceKind(kind)].model_validate(fields)
    except ValidationError as error:
        return [
            f"{kind} {name}: {'.'.join(map(str, one['loc']))}: {one['msg']}"
            for one in error.errors(include_url=False, include_input=False)
        ]
    return []


def _texts(value: JsonValue) -> Iterator[str]:
    """Every text that stands alone in a definition: what names a resource is one of them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
