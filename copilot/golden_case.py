"""A verified fix as a case for the tests: a folder as in `fixtures/cases`, fit to be shown around.

A workflow whose steps need nothing but the workspace is exported whole: its case is carried out,
fixed and watched again. For any other the failed run is exported as it was told, and its case is
only explained; the fix stands in the description. Secrets and personal data are taken out.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import yaml
from pydantic import JsonValue

import knowledge_base

from .pipeline.examine import examine, explain
from .pipeline.offers import offers_for
from .pipeline.preview import unified_diff
from .pipeline.report import Surroundings, headline
from .redaction import Redactor, mask_secrets
from .redaction.named import without_named
from .storage.changes import ChangeRecord
from .types import Report, RunRecord
from .types.learning import GoldenCase

#: Actions that give the same each time, whoever carries them out.
_SELF_CONTAINED = frozenset({"filter_rows", "render_template"})
#: What is a run's own, and says nothing about why it failed.
_LEFT_OUT = {"workspace_id", "source", "started_by", "cost_usd", "auto_resume_at", "trigger"}
#: In the place of a template that nothing has used.
_STUB = {"subject": "Hello", "body": "Hello {name}"}
_ENDING = 8
_WIDTH = 96


def write_case(
    run: RunRecord, report: Report, record: ChangeRecord, *, mask: Callable[[str], str] = str
) -> GoldenCase:
    """The case of the failed *run*, its *report*, and the fix of it that has held.

    mask: takes the workspace's own secrets out of a text.
    """
    clean = _Cleaner(mask)
    change = record.change
    cause = report.root_cause.value.replace("_", "-")
    slug = f"{cause}-{change.change_id.rpartition('_')[2][-_ENDING:]}".lower()
    if _is_self_contained(record.before.definition):
        workspace = clean.named(_workspace(report, record))
        content = _yaml(clean.data(_of_workflow(report, record)) | {"workspace": workspace})
        return GoldenCase(slug=slug, form="workflow", files={"0_case.yaml": content})
    told = clean.data(_told(run))
    given = _of_run(RunRecord.model_validate({**run.model_dump(include=_LEFT_OUT), **told}), record)
    content = _yaml(clean.data(given))
    raw = json.dumps(told, ensure_ascii=False)
    return GoldenCase(
        slug=slug, form="run", files={"0_case.yaml": content, "1_raw.jsonl": f"{raw}\n"}
    )


class _Cleaner:
    def __init__(self, mask: Callable[[str], str]) -> None:
        self._mask = mask
        self._redactor = Redactor(phones=True, addresses=True)

    def data(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """*fields* without secrets, told by their looks or by what they are called, and people."""
        return without_named(self._texts(fields), mask=self._secrets, names_suffice=True)

    def named(self, resources: Mapping[str, Any]) -> dict[str, Any]:
        """Resources by kind and name: a template called 'Reset password' is none."""
        return {
            kind: {self._text(name): self.data(fields) for name, fields in named.items()}
            for kind, named in resources.items()
        }

    def _secrets(self, text: str) -> str:
        return mask_secrets(self._mask(text))

    def _text(self, text: str) -> str:
        return self._redactor.redact(self._mask(text)).text

    def _texts(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Mapping):
            fields = cast("Mapping[str, Any]", value)
            return {self._text(name): self._texts(item) for name, item in fields.items()}
        if isinstance(value, list | tuple):
            return [self._texts(item) for item in cast("list[Any]", value)]
        return value


class _Plain(yaml.SafeDumper):
    """Spells out what stands twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _yaml(value: Any) -> str:
    return yaml.dump(value, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=_WIDTH)


def _of_workflow(report: Report, record: ChangeRecord) -> dict[str, Any]:
    before = record.before
    return {
        "title": f"A fix that held: {record.change.fix_type}",
        "about": _about(record),
        "workflow": before.definition,
        "workspace": {},
        "apply": record.change.fix_type,
        "expect": {
            "root_cause": report.root_cause.value,
            "verdict": report.verdict.value,
            "step": report.failed_step.step_number,
            "fixes": [fix.type for fix in report.suggested_fixes],
            "says": [report.headline],
            "later_failures": report.later_failures,
            "outcome": "verified",
        },
    }


def _workspace(report: Report, record: ChangeRecord) -> dict[str, Any]:
    """What the workflow names; of other templates the name alone, since they are likened by it."""
    found: dict[str, Any] = {
        kind: dict(named) for kind, named in record.before.resources.items() if named
    }
    others = dict.fromkeys(report.available_templates, _STUB)
    if others:
        found["template"] = others | found.get("template", {})
    return found


def _of_run(run: RunRecord, record: ChangeRecord) -> dict[str, Any]:
    """What is expected of it is what the shipped rules say, without anything of the workspace."""
    failure = examine(run)
    diagnosis = explain(failure, knowledge_base.load())
    offers = offers_for(failure, diagnosis, Surroundings(), checker=None, is_parked=False)
    return {
        "title": f"A failure that {record.change.fix_type} has put right",
        "about": f"{_about(record)}\n\n{unified_diff(record.before, record.after)}",
        "expect": {
            "root_cause": diagnosis.root_cause.value,
            "verdict": diagnosis.verdict.value,
            "step": failure.step_number,
            "fixes": [offer.hint.type for offer in offers],
            "says": [headline(failure, waits=False)],
            "later_failures": failure.later_failures,
        },
    }


def _about(record: ChangeRecord) -> str:
    return f"Exported from a workspace, where the fix {record.change.fix_type} was verified."


def _told(run: RunRecord) -> dict[str, Any]:
    """Without tracebacks: they name the folders of whoever ran it."""
    told = run.model_dump(mode="json", exclude=_LEFT_OUT, exclude_defaults=True)
    told["status"] = run.status.value
    for error in (told.get("error"), *(step.get("error") for step in told.get("steps", ()))):
        if error is not None:
            error.pop("traceback", None)
    return told


def _is_self_contained(definition: Mapping[str, JsonValue]) -> bool:
    return all(
        step.get("type", "tool") == "tool" and step.get("action") in _SELF_CONTAINED
        for step in _steps(definition)
    )


def _steps(definition: Mapping[str, JsonValue]) -> Iterator[Mapping[str, JsonValue]]:
    steps = definition.get("steps")
    for step in steps if isinstance(steps, list) else ():
        if isinstance(step, dict):
            yield step
