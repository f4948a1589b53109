"""Which stored workflow a file stands for: its newest version, a new one, or one that was fixed."""

import hashlib
import re
from pathlib import Path

from ...bootstrap import DELIBERATE, read_workflow, to_data
from ...errors import InvalidInput, NotFound
from ...service import Service
from ...types.engine import WorkflowRecord


def stored_id(asked: Service, workflow: str, *, replace: bool) -> str:
    """The id of a stored workflow; a file becomes a new version when its content is new.

    Raises InvalidInput for a file that would drop a fix without *replace*.
    """
    path = Path(workflow)
    if not path.suffix and not path.exists():
        return workflow
    parsed = read_workflow(path)
    identifier = _slug(parsed.name)
    stored = _stored(asked, identifier)
    if stored is None:
        return asked.workflows.create(to_data(parsed), workflow_id=identifier).workflow_id
    if stored.workflow == parsed:
        return identifier
    if not replace and _is_older(asked, stored, parsed):
        raise InvalidInput(
            workflow,
            f"it is an older version of {identifier}; version {stored.version} is newer.",
            f"Run the stored one with `ask-copilot run {identifier}`, or add --replace.",
        )
    if not replace and _was_fixed(asked, stored):
        raise InvalidInput(
            workflow,
            f"version {stored.version} of {identifier} holds a fix that was applied here.",
            f"Get it with `ask-copilot export {identifier}` and edit that; if your file has the "
            "fix too, add --replace.",
        )
    asked.workflows.replace(identifier, to_data(parsed), expected_version=stored.version)
    return identifier


def _stored(asked: Service, workflow_id: str) -> WorkflowRecord | None:
    try:
        return asked.workflows.get(workflow_id)
    except DELIBERATE as error:
        if error.code != NotFound.code:
            raise
        return None


def _is_older(asked: Service, stored: WorkflowRecord, parsed: object) -> bool:
    """Whether the file is how the workflow was before a fix; running it would undo the fix."""
    return any(
        asked.workflows.get(stored.workflow_id, version).workflow == parsed
        for version in range(stored.version - 1, 0, -1)
    )


def _was_fixed(asked: Service, stored: WorkflowRecord) -> bool:
    """Whether the newest version was made by a fix, which another file would silently drop."""
    changes = asked.fixes.changes(stored.workflow_id)
    return any(change.version == stored.version and change.kind == "fix" for change in changes)


def _slug(name: str) -> str:
    """An id people can type; a name without Latin letters gets one that is only its own."""
    spelled = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
    return spelled or f"workflow-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
