"""The reference of definitions can't rot: its snippets run, and it names everything there is."""

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine import actions, definition, errors, plugins, processors, validators
from engine.definition import notation, outline, quality, steps, workflow
from engine.definition.budget import Budget
from engine.definition.conditions import LONGEST_CONDITION
from engine.definition.expressions import LONGEST_EXPRESSION
from engine.errors import EngineError, InvalidDefinition, StepError
from engine.ports import EngineSettings
from engine.run import budget, retry
from engine.schedule.interval import parse_ticks, ticks_of
from engine.schedule.schedules import ScheduleRules
from engine.schedule.streaks import Allowance
from tests.engine.examples import loaded, opened

README = (Path(definition.__file__).parent / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(
    r"(?:<!-- (?:run: (?P<run>\{[^\n]*\})|(?P<refused>refused)) -->\n)?```yaml\n(?P<text>.*?)```"
    r"(?:\n\n```text\n(?P<said>.*?)```)?",
    re.S,
)
ERRORS = {
    one.code: one
    for one in vars(errors).values()
    if isinstance(one, type) and issubclass(one, EngineError)
}


@dataclass
class Snippet:
    """A block as a whole workflow: what is missing around steps or settings is put there."""

    text: str
    refused: bool = False
    said: str | None = None
    told: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, found: re.Match[str]) -> "Snippet":
        told = json.loads(found["run"] or "{}")
        return cls(_whole(found["text"]), bool(found["refused"]), found["said"], told)


def _whole(text: str) -> str:
    if text.startswith("- "):
        text = f"steps:\n{text}"
    if not re.search(r"^steps:", text, re.M):
        text += "steps: [{id: only, action: render_template, with: {body: Done}}]\n"
    return text if text.startswith("name:") else f"name: Snippet\n{text}"


SNIPPETS = [Snippet.of(found) for found in BLOCK.finditer(README)]
RUNNING = [one for one in SNIPPETS if not one.refused]


@pytest.mark.parametrize("snippet", RUNNING, ids=range(len(RUNNING)))
def test_every_snippet_does_what_the_reference_says(snippet, tmp_path):
    told = snippet.told
    with opened(tmp_path) as bench:
        bench.model.answers = told.get("answers", [])
        bench.web.answers = [ERRORS[code]("no") for code in told.get("web", ())]
        flow = loaded(snippet.text, source="definition.yaml")
        if "refused" in told:
            with pytest.raises(ERRORS[told["refused"]]):
                bench.start(flow)
            return
        assert (ticks_of(flow) is not None) is (flow.trigger.type == "schedule")
        run = bench.start(flow)
    assert run.status == told.get("ends", "succeeded"), run.error
    if "code" in told:
        assert run.error.code == told["code"]
        assert run.error.message in " ".join(README.split())
    if "gives" in told:
        assert run.output == told["gives"]
    assert bench.model.answers == []


def test_a_refusal_is_shown_word_for_word():
    (snippet,) = [one for one in SNIPPETS if one.refused]
    with pytest.raises(InvalidDefinition) as refused:
        loaded(snippet.text, source="definition.yaml")
    assert snippet.said == f"{refused.value}\n"


PARTS = (
    workflow.Workflow,
    workflow.Trigger,
    workflow.Input,
    workflow.Stage,
    Budget,
    steps.RetryPolicy,
    steps.ToolStep,
    steps.AgentStep,
    steps.Arm,
    steps.BranchStep,
    steps.ParallelStep,
    steps.LoopStep,
    steps.ApprovalStep,
    quality.Fallback,
    quality.Use,
)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_it_names_every_field(part):
    names = [info.alias or name for name, info in part.model_fields.items()]
    written = set(re.findall(r"[a-z_]+", README))
    assert [name for name in names if name not in written] == []


@pytest.mark.parametrize("catalog", [actions, processors, validators, plugins])
def test_it_names_everything_a_step_may_name_with_its_parameters(catalog):
    for name, one in catalog.catalog().items():
        (row,) = re.findall(rf"^\| (?:\w+ \| )?`{name}`.*$", README, re.M)
        for parameter, info in one.Parameters.model_fields.items():
            assert f"`{info.alias or parameter}`" in row, (name, parameter)


def test_it_says_of_every_class_of_failure_whether_it_is_tried_again():
    rows = re.findall(r"^\| (`[a-z_]+`(?:, `[a-z_]+`)*) \|.*\| (.*) ?\|$", README, re.M)
    told = {code: again for names, again in rows for code in re.findall(r"`([a-z_]+)`", names)}
    classes = {code: one for code, one in ERRORS.items() if issubclass(one, StepError)}
    assert classes.keys() - told.keys() == set()
    for code, one in classes.items():
        assert (told[code].strip() == "yes") is one.retryable, code


def test_its_numbers_are_those_of_the_code():
    text = " ".join(README.split())
    rules, allowance, policy = ScheduleRules(), Allowance(), steps.RetryPolicy()
    assert (policy.max_retries, policy.backoff_seconds) == (2, 1.0)
    assert (retry.LONGEST_BACKOFF, retry.LONGEST_WAIT) == (60, 300)
    assert (rules.gap.seconds, rules.most_running) == (300, 5)
    assert (allowance.breaches, allowance.others) == (5, 3)
    assert f"| ${budget.WORKFLOW_STEP_MAX_BUDGET_USD} |" in text
    assert EngineSettings.__dataclass_fields__["timeout_seconds"].default == 3600
    for number, unit in (
        (notation.LARGEST_TEXT, "bytes"),
        (notation.DEEPEST, "levels"),
        (steps.MOST_STEPS, "steps"),
        (steps.MOST_BRANCHES, "branches"),
        (quality.MOST_PARTS, "processors"),
        (quality.MOST_TOOLS, "tools"),
    ):
        assert f"{number:,} {unit}" in text
    assert f"nested {outline.DEEPEST_NESTING} deep" in text
    assert LONGEST_CONDITION == LONGEST_EXPRESSION == 500


def test_its_schedules_mean_what_it_says():
    moment = datetime(2026, 5, 8, 12, 1, tzinfo=UTC)  # a Friday
    ticks = {"5m": "08 12:05", "2h": "08 14:00", "1d": "09 09:00", "30 6 * * mon-fri": "11 06:30"}
    for text, following in ticks.items():
        assert f"`{text}`" in README
        found = parse_ticks(text, name="w").next_tick(moment)
        assert f"{found:%d %H:%M}" == following, text
    with pytest.raises(errors.InvalidSchedule, match="Write 2h"):
        parse_ticks("every 2 hours", name="w")


def test_its_own_links_lead_somewhere():
    titles = {
        re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.*)$", README, re.M)
    }
    linked = set(re.findall(r"\]\(#([^)]+)\)", README))
    assert linked - titles == set()
