"""Workflows by version, the resources of a workspace, and changes to both in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias
from uuid import uuid4

import sqlalchemy as sa

from ..definition.workflow import Workflow
from ..errors import NotFound, StaleVersion
from ..ports import Clock
from ..workspace import MODELS, Resource, ResourceKind, Resources
from .database import reading, writing
from .holdings import version_floor
from .prepared import Prepared
from .resource_checks import checked
from .tables import APPLIED_CHANGE, RESOURCE, WORKFLOW, WORKFLOW_VERSION

Content: TypeAlias = Resource | Mapping[str, Any] | None
MOST_CACHED = 512
_FIELDS: Mapping[ResourceKind, str] = {
    ResourceKind.TEMPLATE: "templates",
    ResourceKind.CUSTOM_FIELD: "custom_fields",
    ResourceKind.INTEGRATION: "integrations",
    ResourceKind.DOCUMENT: "documents",
}


@dataclass(frozen=True, slots=True)
class StoredWorkflow:
    workspace_id: str
    workflow_id: str
    version: int
    workflow: Workflow
    created_at: datetime


@dataclass(frozen=True, slots=True)
class StoredResources:
    """`versions` maps 'template/Outbound v3' to its version, for resources that exist."""

    resources: Resources
    versions: dict[str, int]


class ResourceChange(NamedTuple):
    """`content` None deletes; `expected_version` 0 means it must not exist, None means any."""

    kind: ResourceKind | str
    name: str
    content: Content
    expected_version: int | None = None


_HEAD = Prepared(
    sa.select(WORKFLOW.c.version).where(
        WORKFLOW.c.workspace_id == sa.bindparam("workspace"),
        WORKFLOW.c.workflow_id == sa.bindparam("workflow"),
    )
)
_RESOURCES = Prepared(
    sa.select(RESOURCE.c.kind, RESOURCE.c.name, RESOURCE.c.version, RESOURCE.c.content)
    .where(RESOURCE.c.workspace_id == sa.bindparam("workspace_id"), RESOURCE.c.content.is_not(None))
    .order_by(RESOURCE.c.kind, RESOURCE.c.name)
)
_CHANGED_AT = sa.select(RESOURCE.c.kind, RESOURCE.c.name, RESOURCE.c.updated_at).where(
    RESOURCE.c.workspace_id == sa.bindparam("workspace_id"),
    RESOURCE.c.kind.in_([ResourceKind.TEMPLATE.value, ResourceKind.DOCUMENT.value]),
)
PlainChange: TypeAlias = tuple[ResourceKind | str, str, Content, int | None]


class DefinitionStore:
    """Every method is one transaction. Versions never change, so parsed ones are kept."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._parsed: dict[tuple[str, str, int], StoredWorkflow] = {}

    def put_workflow(
        self,
        workspace_id: str,
        workflow: Workflow,
        *,
        workflow_id: str | None = None,
        expected_version: int | None = None,
    ) -> StoredWorkflow:
        """A new version. Raises `StaleVersion` if *expected_version* is not the newest."""
        chosen = workflow_id or uuid4().hex
        now = self._clock.now()
        with writing(self._engine) as connection:
            version = add_version(
                connection, (workspace_id, chosen), workflow, expected=expected_version, now=now
            )
        return StoredWorkflow(workspace_id, chosen, version, workflow, now)

    def workflow(
        self, workspace_id: str, workflow_id: str, version: int | None = None
    ) -> StoredWorkflow:
        """One version, the newest by default. Raises `NotFound`."""
        with reading(self._engine) as connection:
            return self.read_workflow(connection, workspace_id, workflow_id, version)

    def read_workflow(
        self,
        connection: sa.Connection,
        workspace_id: str,
        workflow_id: str,
        version: int | None = None,
    ) -> StoredWorkflow:
        """`workflow`, inside the caller's transaction."""
        if version is None:
            heads = _HEAD.all(connection, {"workspace": workspace_id, "workflow": workflow_id})
            version = heads[0].version if heads else None
        if version is None:
            raise NotFound("workflow")
        key = (workspace_id, workflow_id, version)
        if key not in self._parsed:
            if len(self._parsed) >= MOST_CACHED:
                self._parsed.clear()
            self._parsed[key] = _load_version(connection, *key)
        return self._parsed[key]

    def workflows(self, workspace_id: str) -> tuple[StoredWorkflow, ...]:
        """The newest version of every workflow, by id."""
        heads = (
            sa.select(WORKFLOW.c.workflow_id, WORKFLOW.c.version)
            .where(WORKFLOW.c.workspace_id == workspace_id)
            .order_by(WORKFLOW.c.workflow_id)
        )
        with reading(self._engine) as connection:
            return tuple(
                self.read_workflow(connection, workspace_id, workflow_id, version)
                for workflow_id, version in connection.execute(heads)
            )

    def resources(self, workspace_id: str) -> StoredResources:
        """Everything the workspace has, as of one moment."""
        with reading(self._engine) as connection:
            return self.read_resources(connection, workspace_id)

    def read_resources(self, connection: sa.Connection, workspace_id: str) -> StoredResources:
        """`resources`, inside the caller's transaction."""
        rows = _RESOURCES.all(connection, {"workspace_id": workspace_id})
        if not rows:
            return StoredResources(Resources(), {})
        fields: dict[str, dict[str, Resource]] = {field: {} for field in _FIELDS.values()}
        for kind, name, _, content in rows:
            model = MODELS[ResourceKind(kind)]
            fields[_FIELDS[ResourceKind(kind)]][name] = model.model_validate_json(content)
        versions = {f"{row.kind}/{row.name}": row.version for row in rows}
        return StoredResources(Resources.model_validate(fields), versions)

    def resources_changed_at(self, workspace_id: str) -> dict[str, datetime]:
        """When templates and documents were last written or deleted, by `kind/name`."""
        with reading(self._engine) as connection:
            rows = connection.execute(_CHANGED_AT, {"workspace_id": workspace_id})
            return {f"{row.kind}/{row.name}": row.updated_at for row in rows}

    def put_resource(self, workspace_id: str, change: ResourceChange) -> int:
        """Its new version. Raises `StaleVersion` or `InvalidDefinition`."""
        with writing(self._engine) as connection:
            return change_resource(connection, workspace_id, change, now=self._clock.now())

    def apply_change(
        self,
        workspace_id: str,
        *,
        change_id: str,
        workflow_id: str,
        expected_version: int,
        workflow: Workflow,
        resources: Sequence[ResourceChange],
    ) -> int:
        """Workflow and resources together, once per *change_id*; gives the version it made.

        Raises `StaleVersion` if the workflow or a touched resource has moved; nothing is then
        changed.
        """
        now = self._clock.now()
        with writing(self._engine) as connection:
            done = _applied(connection, change_id)
            if done is not None:
                if (done.workspace_id, done.workflow_id) != (workspace_id, workflow_id):
                    raise NotFound("change")
                return int(done.version)
            version = add_version(
                connection,
                (workspace_id, workflow_id),
                workflow,
                expected=expected_version,
                now=now,
            )
            for change in resources:
                change_resource(connection, workspace_id, change, now=now)
            connection.execute(
                sa.insert(APPLIED_CHANGE).values(
                    change_id=change_id,
                    workspace_id=workspace_id,
                    workflow_id=workflow_id,
                    version=version,
                    applied_at=now,
                )
            )
        return version

    def change_version(self, change_id: str) -> int | None:
        """The version a change made, or None if it was never applied."""
        with reading(self._engine) as connection:
            done = _applied(connection, change_id)
        return None if done is None else int(done.version)


def _load_version(
    connection: sa.Connection, workspace_id: str, workflow_id: str, version: int
) -> StoredWorkflow:
    row = connection.execute(
        sa.select(WORKFLOW_VERSION.c.definition, WORKFLOW_VERSION.c.created_at).where(
            WORKFLOW_VERSION.c.workspace_id == workspace_id,
            WORKFLOW_VERSION.c.workflow_id == workflow_id,
            WORKFLOW_VERSION.c.version == version,
        )
    ).one_or_none()
    if row is None:
        raise NotFound("workflow")
    workflow = Workflow.model_validate_json(row.definition)
    return StoredWorkflow(workspace_id, workflow_id, version, workflow, row.created_at)


def add_version(
    connection: sa.Connection,
    key: tuple[str, str],
    workflow: Workflow,
    *,
    expected: int | None,
    now: datetime,
) -> int:
    """The version made for *key*, workspace and workflow. Raises `StaleVersion`."""
    workspace_id, workflow_id = key
    head = sa.and_(WORKFLOW.c.workspace_id == workspace_id, WORKFLOW.c.workflow_id == workflow_id)
    current = connection.scalar(sa.select(WORKFLOW.c.version).where(head).with_for_update()) or 0
    if expected is not None and expected != current:
        raise StaleVersion("The workflow", expected, current)
    version = (current or version_floor(connection, workspace_id)) + 1
    ids = {"workspace_id": workspace_id, "workflow_id": workflow_id, "version": version}
    if current:
        connection.execute(sa.update(WORKFLOW).where(head).values(version=version, updated_at=now))
    else:
        connection.execute(sa.insert(WORKFLOW).values(**ids, created_at=now, updated_at=now))
    # Written out whole, so that a later change of a default does not change what was stored.
    definition = workflow.model_dump_json(by_alias=True)
    connection.execute(
        sa.insert(WORKFLOW_VERSION).values(
            **ids, definition=definition, created_at=now, name=workflow.name
        )
    )
    return version


def change_resource(
    connection: sa.Connection, workspace_id: str, change: ResourceChange, *, now: datetime
) -> int:
    """The new version of the resource. Raises `StaleVersion` or `InvalidDefinition`."""
    kind = ResourceKind(change.kind)
    key = sa.and_(
        RESOURCE.c.workspace_id == workspace_id,
        RESOURCE.c.kind == kind.value,
        RESOURCE.c.name == change.name,
    )
    row = connection.execute(
        sa.select(RESOURCE.c.version, RESOURCE.c.content).where(key).with_for_update()
    ).one_or_none()
    current = 0 if row is None or row.content is None else row.version
    if change.expected_version is not None and change.expected_version != current:
        raise StaleVersion(f"{kind.value}/{change.name}", change.expected_version, current)
    version = 1 if row is None else row.version + 1
    values = {"version": version, "content": None, "updated_at": now}
    if change.content is not None:
        resource = checked(kind, change.name, change.content, is_new=current == 0)
        values["content"] = resource.model_dump_json()
    if row is None:
        ids = {"workspace_id": workspace_id, "kind": kind.value, "name": change.name}
        connection.execute(sa.insert(RESOURCE).values(**ids, **values))
    else:
        connection.execute(sa.update(RESOURCE).where(key).values(**values))
    return version


def _applied(connection: sa.Connection, change_id: str) -> Any:
    query = sa.select(APPLIED_CHANGE).where(APPLIED_CHANGE.c.change_id == change_id)
    return connection.execute(query).one_or_none()
