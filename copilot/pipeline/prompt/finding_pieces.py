"""What the rules have made of it so far. Their texts are filled with names from outside."""

from collections.abc import Iterator

from pydantic import JsonValue

import knowledge_base

from ...types import Diagnosis, Evidence, Report
from .material import Piece, listed, piece

MOST_EVIDENCE = 8
MOST_SUGGESTIONS = 6


def pieces_of_findings(diagnosis: Diagnosis, report: Report) -> Iterator[Piece]:
    """Their explanation and its evidence, the other causes, their remedies."""
    yield from piece("findings", "rules.explanation", report.explanation, weight=3)
    known: dict[str, JsonValue] = {
        "grounds": report.grounds,
        "names_found": dict[str, JsonValue](diagnosis.captures),
        "suggestions": [
            f"{one.type}: {one.description}" for one in report.suggested_fixes[:MOST_SUGGESTIONS]
        ],
        "evidence": [f"{_place(one)}: {one.text}" for one in report.evidence[:MOST_EVIDENCE]],
        "not_the_cause": [f"{one.root_cause.value}: {one.why_not}" for one in report.alternatives],
        "location_note": report.location_note,
        "wrapped_by": report.wrapped_by,
    }
    yield from piece("findings", "rules.facts", listed(known), weight=4)


def _place(evidence: Evidence) -> str:
    """'message of /step3', or where else it was seen."""
    return f"{evidence.field or evidence.source} of {evidence.step or 'the run'}"


def pieces_of_knowledge(report: Report) -> Iterator[Piece]:
    """What the entry that explains it says beside, and which it is if it is a workspace's own."""
    known: dict[str, JsonValue] = {
        "own_entry": report.own_entry,
        "cause": report.parts.cause,
        "would_tell_more": [*report.collect],
    }
    yield from piece("knowledge", "entry", listed(known))


def shipped_entry(diagnosis: Diagnosis, report: Report) -> str | None:
    """Id of the entry that explains it, if it is one of ours and not a workspace's."""
    known = diagnosis.entry in knowledge_base.load().entries and report.own_entry is None
    return diagnosis.entry if known else None


def pieces_of_history(report: Report) -> Iterator[Piece]:
    """When it last went well, what has changed since, how often it happens."""
    green, pattern = report.last_green_run, report.pattern_detected
    known: dict[str, JsonValue] = {
        "changed_since": [*report.changes_since],
        "last_green_run": f"{green.execution_id}, version {green.workflow_version}, {green.ago}"
        if green
        else None,
        "quota_use": [*report.quota_use],
        "rhythm": pattern.rhythm,
        "shared_names": [*pattern.shared_entities],
    }
    yield from piece("history", "history", listed(known))
