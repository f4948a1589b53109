"""The resources of a workspace, one at a time, as plain data."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ..errors import NotFound
from ..ports import Clock
from ..workspace import MODELS, ResourceKind, StoredResource
from .database import reading, writing
from .definitions import ResourceChange, change_resource
from .tables import RESOURCE


@dataclass(frozen=True, slots=True)
class TouchedResource:
    """The last change of one resource; `version` 1 means that it was made then."""

    kind: ResourceKind
    name: str
    version: int
    at: datetime
    deleted: bool


class ResourceStore:
    """Every method is one transaction."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def stored(
        self, workspace_id: str, kind: ResourceKind | None = None
    ) -> tuple[StoredResource, ...]:
        """All of them, or those of one kind, by kind and name."""
        query = _present(workspace_id).order_by(RESOURCE.c.kind, RESOURCE.c.name)
        if kind is not None:
            query = query.where(RESOURCE.c.kind == kind.value)
        with reading(self._engine) as connection:
            return tuple(_stored(row) for row in connection.execute(query))

    def touched(
        self, workspace_id: str, *, after: datetime, before: datetime, limit: int = 100
    ) -> tuple[TouchedResource, ...]:
        """What was last written or deleted after one moment and before another, the newest first.

        A resource that has moved once more since is not among them: only its last change is kept.
        """
        query = (
            sa.select(RESOURCE.c.kind, RESOURCE.c.name, RESOURCE.c.version, RESOURCE.c.updated_at)
            .add_columns(RESOURCE.c.content.is_(None).label("deleted"))
            .where(RESOURCE.c.workspace_id == workspace_id)
            .where(RESOURCE.c.updated_at > after, RESOURCE.c.updated_at <= before)
            .order_by(RESOURCE.c.updated_at.desc(), RESOURCE.c.name)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return tuple(
                TouchedResource(
                    ResourceKind(row.kind), row.name, row.version, row.updated_at, bool(row.deleted)
                )
                for row in connection.execute(query)
            )

    def one(self, workspace_id: str, kind: ResourceKind, name: str) -> StoredResource:
        """Raises `NotFound`."""
        with reading(self._engine) as connection:
            return _one(connection, workspace_id, kind, name)

    def put(self, workspace_id: str, change: ResourceChange) -> StoredResource:
        """As it is stored. Raises `StaleVersion` or `InvalidDefinition`."""
        with writing(self._engine) as connection:
            change_resource(connection, workspace_id, change, now=self._clock.now())
            return _one(connection, workspace_id, ResourceKind(change.kind), change.name)

    def delete(
        self, workspace_id: str, kind: ResourceKind, name: str, *, expected_version: int | None
    ) -> None:
        """Raises `NotFound` or `StaleVersion`."""
        change = ResourceChange(kind, name, None, expected_version)
        with writing(self._engine) as connection:
            _one(connection, workspace_id, kind, name)
            change_resource(connection, workspace_id, change, now=self._clock.now())


def _present(workspace_id: str) -> sa.Select[Any]:
    return sa.select(RESOURCE).where(
        RESOURCE.c.workspace_id == workspace_id, RESOURCE.c.content.is_not(None)
    )


def _one(
    connection: sa.Connection, workspace_id: str, kind: ResourceKind, name: str
) -> StoredResource:
    query = _present(workspace_id).where(RESOURCE.c.kind == kind.value, RESOURCE.c.name == name)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound("resource")
    return _stored(row)


def _stored(row: Any) -> StoredResource:
    kind = ResourceKind(row.kind)
    return StoredResource(
        kind=kind,
        name=row.name,
        version=row.version,
        content=MODELS[kind].model_validate_json(row.content).model_dump(mode="json"),
        updated_at=row.updated_at,
    )
