"""The demo's workflows and documents, packaged so that it runs from the wheel."""

from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from ..bootstrap import App
from ..types.engine import ResourceKind

URGENT_MAIL = "urgent-mail-digest"
OUTREACH = "outbound-follow-up"
WORKBOOK = "inbox.xlsx"

_WORKFLOW_FILES = {URGENT_MAIL: "urgent_mail.yaml", OUTREACH: "outreach.yaml"}


def install_example(app: App) -> str:
    """Put the workbook, the templates and both workflows into the workspace; safe to repeat.

    Gives the id of the workflow to run first.
    """
    owner = app.owner()
    folder = app.settings.files / owner.principal.workspace_id
    folder.mkdir(parents=True, exist_ok=True)
    copy_workbook(folder)
    for name, content in _templates().items():
        owner.resources.put(ResourceKind.TEMPLATE, name, content)
    known = {stored.workflow_id for stored in owner.workflows.list()}
    for workflow_id in _WORKFLOW_FILES.keys() - known:
        owner.workflows.create(workflow_text(workflow_id), workflow_id=workflow_id)
    return URGENT_MAIL


def copy_workbook(folder: Path) -> Path:
    """The workbook: 420 mails in the tab Inbox, and the named range DefinedRange of urgent ones."""
    path = folder / WORKBOOK
    path.write_bytes((files(__name__) / WORKBOOK).read_bytes())
    return path


def workflow_text(workflow_id: str) -> str:
    """The definition as its author wrote it, before any fix."""
    return (files(__name__) / _WORKFLOW_FILES[workflow_id]).read_text(encoding="utf-8")


def _templates() -> dict[str, Any]:
    return yaml.safe_load((files(__name__) / "templates.yaml").read_text(encoding="utf-8"))
