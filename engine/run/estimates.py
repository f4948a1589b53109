"""Estimates of runs that are about to start, with what is known about their workspace."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..definition.shape import working_steps
from ..definition.steps import AgentStep
from ..definition.workflow import Workflow
from ..documents.binding import FileSize, size_of
from ..ports import ModelCatalog, WorkspaceLimits
from ..storage.definitions import DefinitionStore
from ..storage.step_history import PastUse, StepHistory
from .context import workspace_folder
from .estimate import Estimate, Known, estimate
from .pricing import tokens_of_bytes
from .substance import same_places


@dataclass(frozen=True, slots=True)
class Estimates:
    """Asks the catalog, the workspace's limits and the runs before. Documents are not opened.

    `files` holds the workspaces' folders.
    """

    history: StepHistory
    definitions: DefinitionStore
    files: Path
    limits: WorkspaceLimits
    catalog: ModelCatalog | None = None

    def of(self, workspace_id: str, workflow_id: str, workflow: Workflow) -> Estimate:
        """What one run of *workflow* will use."""
        may_ask_a_model = any(
            isinstance(step, AgentStep) or step.fallback is not None
            for _, step in working_steps(workflow)
        )
        if not may_ask_a_model:
            return estimate(workflow, Known())
        sizes = self._sizes(workspace_id, workflow)
        known = Known(
            catalog=self.catalog,
            limits=self.limits.limits(workspace_id),
            documents=_tokens(sizes, are_text=True),
            packed=_tokens(sizes, are_text=False),
            history=self._past_use(workspace_id, workflow_id, workflow),
        )
        return estimate(workflow, known)

    def _sizes(self, workspace_id: str, workflow: Workflow) -> dict[str, FileSize]:
        names = set(_documents(workflow))
        if not names:
            return {}
        resources = self.definitions.resources(workspace_id).resources
        folder = workspace_folder(self.files, workspace_id)
        sizes = {name: size_of(name, resources, folder) for name in names}
        return {name: size for name, size in sizes.items() if size is not None}

    def _past_use(
        self, workspace_id: str, workflow_id: str, workflow: Workflow
    ) -> dict[str, PastUse]:
        """Of steps that were then what they are now."""

        @cache
        def same_as_in(version: int) -> set[str]:
            old = self.definitions.workflow(workspace_id, workflow_id, version).workflow
            return same_places(old, workflow)

        return self.history.past_use(
            workspace_id, workflow_id, is_same=lambda version, place: place in same_as_in(version)
        )


def _documents(workflow: Workflow) -> Iterator[str]:
    yield from workflow.documents
    for _, step in working_steps(workflow):
        yield from step.documents


def _tokens(sizes: dict[str, FileSize], *, are_text: bool) -> dict[str, int]:
    return {
        name: tokens_of_bytes(size.count)
        for name, size in sizes.items()
        if size.is_text is are_text
    }
