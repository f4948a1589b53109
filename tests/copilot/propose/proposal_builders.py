"""Answers of a model, the prompt they answer, and what the rules said before."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from copilot.types import (
    Diagnosis,
    ErrorRecord,
    Evidence,
    RootCause,
    RunRecord,
    RunStatus,
    StepRecord,
    StepStatus,
    Verdict,
)
from copilot.types.prompt import Prompt, PromptItem

CANARY = "mark-7f3a9c51d2e84b06"
MESSAGE = "Template 'Outbound v3' not found in the workspace of ana@acme.example"


def an_answer(**changes: Any) -> dict[str, Any]:
    return {
        "explanation": "The template does not exist.",
        "root_cause": "missing_template",
        "evidence": [{"item": 1, "quote": "Template 'Outbound v3' not found"}],
        "fixes": [],
        "missing": [],
        "suspicious": False,
        **changes,
    }


def a_text(**changes: Any) -> str:
    return json.dumps(an_answer(**changes))


def a_fix(kind: str, description: str = "Try this.", **parameters: str) -> dict[str, Any]:
    return {
        "type": kind,
        "description": description,
        "tier": "best",
        "parameters": [{"name": name, "value": value} for name, value in parameters.items()],
    }


def a_prompt(
    texts: Sequence[tuple[str, str]] = (
        ("error.message", MESSAGE.replace("ana@acme.example", "[[email:1]]")),
        ("error.code", "404"),
        ("template", "Outbound v2 from api.acme.example"),
    ),
    *,
    path: str = "/fill",
    restored: Mapping[str, str] = {"[[email:1]]": "ana@acme.example"},
) -> Prompt:
    items = tuple(
        PromptItem(number=number, section="execution_data", source=source, path=path, text=text)
        for number, (source, text) in enumerate(texts, 1)
    )
    return Prompt(
        template="analysis@1",
        system="Why?",
        user="data",
        boundary="b0",
        canary=CANARY,
        items=items,
        restored=dict(restored),
        tokens=1,
    )


def a_failed_run(message: str = MESSAGE, **error: Any) -> RunRecord:
    failed = StepRecord(
        number=2,
        path="/fill",
        action="render_template",
        status=StepStatus.FAILED,
        error=ErrorRecord(message=message, **error),
    )
    return RunRecord(
        source="engine",
        workspace_id="acme",
        execution_id="run-1",
        workflow_id="digest",
        workflow_name="Digest",
        status=RunStatus.FAILED,
        error=ErrorRecord(message="Step 2 failed"),
        steps=(failed,),
    )


def a_diagnosis(
    root_cause: RootCause = RootCause.MISSING_TEMPLATE,
    verdict: Verdict = Verdict.LIKELY,
    *,
    evidence: Sequence[Evidence] = (Evidence(source="error_type", text="NotFound"),),
    **more: Any,
) -> Diagnosis:
    return Diagnosis(
        root_cause=root_cause,
        verdict=verdict,
        explanation="What the rules say.",
        evidence=tuple(evidence),
        **more,
    )
