"""What the workspace has: templates by name and the closest with their text, fields, accounts."""

from collections.abc import Iterator

from pydantic import JsonValue

from ...names import closeness
from ...ports import TemplateSummary, WorkspaceContext
from ...types import Diagnosis, Report
from ..context import most_used
from ..report import Surroundings
from .material import Piece, listed, piece, plain

MOST_BODIES = 3
MOST_NAMES = 100
_SECTION = "workspace_context"


def pieces_of_workspace(
    around: Surroundings, diagnosis: Diagnosis, report: Report
) -> Iterator[Piece]:
    """Names first: they are what a fix may name."""
    context = around.context
    documents = around.snapshot.resources.get("document", {}) if around.snapshot else {}
    names: dict[str, JsonValue] = {
        "templates": [*report.available_templates],
        "custom_fields": [
            f"{field.key} ({field.type}): {field.label}"
            for field in context.custom_fields[:MOST_NAMES]
        ],
        "integrations": dict[str, JsonValue](report.integration_status),
        "step_outputs": _outputs(around),
        "documents": list[JsonValue](documents)[:MOST_NAMES],
    }
    yield from piece(_SECTION, "names", listed(names), weight=4)
    closest = _closest(context, diagnosis)
    bodies: dict[str, JsonValue] = {
        one.name: {"subject": one.subject, "body": one.body} for one in closest
    }
    text = plain(bodies, at="/resources/template") if bodies else None
    yield from piece(_SECTION, "template_texts", text, weight=3)


def _outputs(around: Surroundings) -> dict[str, JsonValue]:
    found = dict[str, JsonValue]()
    for step, names in sorted((around.output_names or {}).items())[:MOST_NAMES]:
        outputs: list[JsonValue] = [*names]
        found[step] = outputs[:MOST_NAMES]
    return found


def _closest(context: WorkspaceContext, diagnosis: Diagnosis) -> list[TemplateSummary]:
    """The templates whose names are nearest to the one that is missing, else the most used."""
    meant = diagnosis.captures.get("template", "")
    known = [one for one in most_used(context).templates if one.body is not None]
    nearest = sorted(known, key=lambda one: -closeness(meant, one.name) if meant else 0)
    return nearest[:MOST_BODIES]
