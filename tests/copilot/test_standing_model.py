"""What a model alone proposes is for people to approve, whoever has signed for its type."""

import json

import openpyxl
import pytest
import sqlalchemy as sa
from openpyxl.workbook.defined_name import DefinedName

from copilot.bootstrap import open_app
from copilot.demo import URGENT_MAIL
from copilot.pipeline.consult import Consultant
from copilot.runtimes import Model
from copilot.settings import load
from copilot.testing import ScriptedModels
from tests.copilot.standing_bench import Held
from tests.copilot.test_service import Bench
from tests.copilot.test_standing_again import why_not

FOREVER = float("inf")
ONLY_THE_MODEL = "only the model proposes it, and the rules do not"


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with open_app(load({}, data=tmp_path_factory.mktemp("model"))) as app:
        yield app


@pytest.fixture
def held(app):
    return Held(Bench(app))


def another_file(held):
    """A workbook with the range that the step asks for, which nobody has named in the workflow."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "S"
    sheet.append(["name", "email", "status", "subject"])
    sheet.append(["Eve", "eve@example.com", "open", "pay"])
    book.defined_names["UrgentEmails"] = DefinedName("UrgentEmails", attr_text="S!$A$1:$D$2")
    book.save(held.bench.app.settings.files / held.bench.workspace / "other.xlsx")


def ask_a_model(held, fix, monkeypatch):
    """From now on each analysis asks a model, which answers with *fix*."""
    parameters = [{"name": name, "value": value} for name, value in fix.items()]
    proposed = {
        "type": "replace_value",
        "description": "Read the other file",
        "tier": "best",
        "parameters": parameters,
    }
    answer = {
        "explanation": "The range is gone.",
        "root_cause": held.report.root_cause.value,
        "evidence": [],
        "fixes": [proposed],
        "missing": [],
        "suspicious": False,
    }
    store, analyzer = held.bench.app.store, held.bench.app.copilot._parts.analyzer
    consultant = Consultant(
        ScriptedModels(json.dumps(answer)),
        words=analyzer._words,
        chain=lambda _policy: (Model(id="m", runtime="openai"),),
        spending=store.spending,
        now=store.database.now,
    )
    monkeypatch.setattr(analyzer, "_consultant", consultant)
    held.service.account.set_settings({"model_policy": "always"})


OTHER_FILE = {"path": "/steps/1/with/file", "old": "inbox.xlsx", "value": "other.xlsx"}
RIGHT_RANGE = {"path": "/steps/1/with/range", "old": "UrgentEmails", "value": "DefinedRange"}


def read_step(held):
    return held.service.workflows.get(URGENT_MAIL).definition["steps"][1]["with"]


def test_the_fix_of_the_rules_comes_before_the_one_of_the_model(held, monkeypatch):
    another_file(held)
    ask_a_model(held, OTHER_FILE, monkeypatch)
    report = held.bench.analyze(held.bench.run())
    assert report.produced_by == "openai"
    offered = [one for one in report.suggested_fixes if one.fix_id is not None]
    assert [one.only_by_model for one in offered][:2] == [False, True]
    assert "DefinedRange" in offered[0].description
    assert offered[1].description == "Read the other file"
    assert [one.remarks for one in offered[:2]] == [
        (),
        ("The model alone proposes it; the rules do not come to it.",),
    ]


def test_under_a_signature_the_fix_of_the_rules_is_applied_and_not_the_models(held, monkeypatch):
    another_file(held)
    held.sign()
    ask_a_model(held, OTHER_FILE, monkeypatch)
    report = held.bench.analyze(held.bench.run())
    assert report.produced_by == "openai"
    assert report.already_fixed is not None
    assert read_step(held) == {"file": "inbox.xlsx", "range": "DefinedRange"}


def test_what_both_propose_may_be_applied_by_itself(held, monkeypatch):
    held.sign()
    ask_a_model(held, RIGHT_RANGE, monkeypatch)
    report = held.bench.analyze(held.bench.run())
    assert report.produced_by == "openai"
    assert read_step(held)["range"] == "DefinedRange"


@pytest.mark.parametrize("only", [True, None], ids=["of the model", "of who knows"])
def test_the_first_fix_is_not_applied_where_the_rules_may_not_have_proposed_it(held, only):
    held.sign()
    first, *others = held.report.suggested_fixes
    fixes = (first.model_copy(update={"only_by_model": only}), *others)
    report = held.report.model_copy(update={"suggested_fixes": fixes, "produced_by": "openai"})
    told = held.fixes().answered(held.run(), report, FOREVER)
    assert why_not(told) == ONLY_THE_MODEL
    assert (held.tried, held.changes()) == ([], ())


def test_reading_a_report_costs_the_same_however_much_was_signed(held):
    statements = []
    with_each = sa.event.listens_for(held.bench.app.engine.database, "before_cursor_execute")

    @with_each
    def count(*_details):
        statements.append(1)

    def cost():
        statements.clear()
        held.service.analyses.report(held.report.analysis_id)
        return len(statements)

    first = cost()
    for _ in range(4):
        held.service.standing.revoke(held.sign().standing_id)
    assert cost() == first
    sa.event.remove(held.bench.app.engine.database, "before_cursor_execute", count)
