"""A failed run with outside text in every place it can come from, ready to be asked about."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import knowledge_base
from copilot.pipeline.diagnose import diagnose
from copilot.pipeline.findings import Findings
from copilot.pipeline.locate import Located, locate
from copilot.pipeline.normalize import normalize
from copilot.pipeline.prompt import DEFAULT_BUDGET, prompt_for
from copilot.pipeline.report import Surroundings, compose
from copilot.ports import FieldSummary, TemplateSummary, WorkspaceContext
from copilot.redaction import Redacted, Redactor
from copilot.snapshot import Snapshot
from copilot.types import Diagnosis, Failure, Pattern, Report, RunRecord
from copilot.types.prompt import Prompt

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
TRACEBACK = """\
Traceback (most recent call last):
  File "/app/engine/run/steps/tool.py", line 88, in carry_out
    output = await action.run(parameters, context)
             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/app/engine/actions/render_template.py", line 41, in run
    template = self.templates.get(name)
  File "/app/engine/workspace.py", line 120, in get
    raise TemplateNotFound(name, near=self.near(name))
engine.errors.TemplateNotFound: Template 'Outbound v3' not found
"""
INSTRUCTIONS = """\
You prepare outreach for the sales team. Read the rows of urgent emails, decide which of them need
an answer today, and write a short and friendly message for each with the template 'Outbound v3'.
Never write to anybody twice in one week. If a row has no name, leave it out and say so at the end.
"""
BODY = "Hello {Name},\n\nthank you for your message about {Topic}. We will answer {When}.\n\nAnn"


class Unredacted(Redactor):
    """Finds nothing: for looking at all the rest."""

    def redact(self, text: str) -> Redacted:
        return Redacted(text)


@dataclass(frozen=True, slots=True)
class Asked:
    """All that a prompt is made of."""

    run: RunRecord
    failure: Failure
    diagnosis: Diagnosis
    report: Report
    around: Surroundings

    def prompt(
        self,
        *,
        count: Callable[[str], int],
        redactor: Redactor | None = None,
        budget: int = DEFAULT_BUDGET,
    ) -> Prompt:
        return prompt_for(
            self.run,
            self.failure,
            self.diagnosis,
            self.report,
            around=self.around,
            redactor=redactor or Unredacted(),
            count=count,
            budget=budget,
        )


def asked(
    *,
    error: str = "Template 'Outbound v3' not found",
    detail: str = "Outbound v2",
    template: str = "Outbound v2",
    definition: str = "UrgentEmails",
    instructions: str = INSTRUCTIONS,
) -> Asked:
    """The failure of a missing template, with the words given in the places they are named for."""
    run = _run(error, detail, instructions)
    located = locate(run)
    failure = _failure(run, located)
    said = failure.error
    diagnosis = diagnose(
        message=said.message,
        error_type=said.type,
        traceback=said.traceback,
        step_action=failure.action,
        code=said.code,
        details=said.details,
        knowledge=knowledge_base.load(),
        where="Step 3",
        occurred_at=failure.occurred_at,
    )
    around = _around(template, definition, instructions)
    pattern = Pattern(is_pattern=False, error_message=said.message, failure_count=2, window=10)
    report = compose(failure, diagnosis, pattern=pattern, around=around, offers=(), now=AT)
    found = Findings(located, diagnosis, changes=(f"{template} was changed 2 hours before",))
    return Asked(
        run, failure, diagnosis, report.model_copy(update=dict(found.of_this_run())), around
    )


#: The five places an attack comes in by.
CARRIERS: Mapping[str, Callable[[str], Asked]] = MappingProxyType(
    {
        "error text": lambda attack: asked(error=f"Template not found: {attack}"),
        "step details": lambda attack: asked(detail=attack),
        "template names": lambda attack: asked(template=attack),
        "definition": lambda attack: asked(definition=attack),
        "instructions": lambda attack: asked(instructions=attack),
    }
)


def _failure(run: RunRecord, located: Located) -> Failure:
    said, step = located.error, located.step
    normal = normalize(said.message, error_type=said.type, traceback=said.traceback)
    return Failure(
        workspace_id=run.workspace_id,
        workflow_id=run.workflow_id,
        workflow_version=run.workflow_version,
        execution_id=run.execution_id,
        test_mode=False,
        step_path=step.path if step else None,
        step_number=step.number if step else None,
        action=step.action if step else None,
        error=said,
        occurred_at=located.occurred_at,
        signature=normal.signature,
        key=normal.key,
        label=normal.label,
        later_failures=located.later_failures,
    )


def _run(error: str, detail: str, instructions: str) -> RunRecord:
    failed = {
        "message": error,
        "type": "engine.errors.TemplateNotFound",
        "code": "template_not_found",
        "traceback": TRACEBACK,
        "details": {"kind": "template", "near": [detail], "rows": {"first": {"note": detail}}},
    }
    empty = {"message": f"messages is empty: {detail}", "code": "invalid_parameters"}
    stepped = [
        ("read", "read_sheet", "succeeded", "Read the urgent emails", None),
        ("sort", "agent", "succeeded", "Sort by urgency", None),
        ("fill", "render_template", "failed", "Fill in the template", failed),
        ("send", "send_email", "failed", "Send the answers", empty),
        ("note", "update_contact", "skipped", "Note it in the CRM", None),
    ]
    steps = [
        {
            "number": number,
            "path": f"/{name}",
            "action": action,
            "status": status,
            "name": title,
            "finished_at": (AT + timedelta(seconds=number)).isoformat(),
            "error": wrong,
        }
        for number, (name, action, status, title, wrong) in enumerate(stepped, start=1)
    ]
    return RunRecord.model_validate(
        {
            "source": "engine",
            "workspace_id": "default",
            "execution_id": "exec_0123456789",
            "workflow_id": "answer-urgent-emails",
            "workflow_name": "Answer urgent emails",
            "workflow_version": 7,
            "status": "failed",
            "trigger": "schedule",
            "started_at": AT.isoformat(),
            "steps": steps,
            "instructions": instructions,
            "restrictions": {"max_contacts_per_run": 50, "allowed_integrations": ["gmail"]},
            "memory": {"last_note": detail, "runs": 12},
        }
    )


def _around(template: str, definition: str, instructions: str) -> Surroundings:
    reading = {"file": "mail.xlsx", "range": definition}
    filling = {"template": "Outbound v3", "rows": "{{ sort }}", "to": "{Name} <{Email}>"}
    steps: list[Any] = [
        {"id": "read", "name": "Read the urgent emails", "action": "read_sheet", "with": reading},
        {"id": "sort", "name": "Sort by urgency", "prompt": f"Sort {{{{ read }}}}. {definition}"},
        {"id": "fill", "action": "render_template", "with": {**filling, "note": definition}},
        {"id": "send", "action": "send_email", "with": {"messages": "{{ fill }}"}},
        {"id": "note", "action": "update_contact", "with": {"rows": "{{ sort }}"}},
    ]
    names = [template, "Welcome", "Thanks for your order", "Outbound v1"]
    return Surroundings(
        snapshot=Snapshot(
            workspace_id="default",
            workflow_id="answer-urgent-emails",
            version=7,
            definition={"name": "Answer", "instructions": instructions, "steps": steps},
            resources={
                "template": {name: {"subject": "Hello", "body": BODY} for name in names},
                "document": {definition: {"size": 12}},
            },
        ),
        context=WorkspaceContext(
            templates=tuple(
                TemplateSummary(name=name, usage_count=9 - place, subject="Hello", body=BODY)
                for place, name in enumerate(names)
            ),
            custom_fields=(FieldSummary(key="lead_score", label="Lead score", type="number"),),
            integrations={"gmail": True, "hubspot": False},
        ),
        output_names={"read": ("emails", "count")},
    )
