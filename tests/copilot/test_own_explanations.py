"""Whoever reads why our own engine failed is told what is so, and what can be done here."""

import re
from typing import Any

import pytest

import knowledge_base
from copilot.bootstrap import open_app
from copilot.pipeline.diagnose import diagnose
from copilot.settings import load
from copilot.types import Diagnosis
from engine.errors import ActionFailed, AgentFailed, StepError
from engine.ports import Completion
from tests.copilot.own_errors import OWN, OwnError, answered, classes
from tests.copilot.workflow_bench import Bench, render, tool

#: Of somebody else's making: their words are read.
OF_OTHERS = {StepError.code, AgentFailed.code, ActionFailed.code}
#: Words of other products and of other places than this, with where they belong after all.
ELSEWHERE = re.compile(
    r"finish_reason|LangChain|kubectl|N8N_|bodyParser|openpyxl|xlrd|nodemailer|SMTP_SSL"
    r"|apikey|Gmail and|Microsoft|Google|network settings|Settings >|setting `model`"
    r"|(?:service|record) of the kind|holds no record|isoformat|HTML page came"
    r"|mode \(test or live\)"
)
BELONGS = {
    "missing_integration": "Settings >",
    "missing_template": "Settings >",
    "auth_error": "Settings >",
    "payload_too_large": "N8N_|bodyParser",
}
GENERAL = {"configuration_error", "invalid_data", "upstream_error", "record_missing"}
ASKS_A_MODEL = re.compile(r"\banother model\b|\bmodel's?\b")


def told(own: OwnError) -> Diagnosis:
    return diagnose(
        message=str(own.error),
        error_type=f"{type(own.error).__module__}.{type(own.error).__qualname__}",
        code=own.error.code,
        details=own.details,
        step_action=own.action,
        knowledge=knowledge_base.load(),
    )


def unfit(found: Diagnosis, message: str) -> list[str]:
    """What in an explanation or its advice can't be meant for this error."""
    text = " ".join([found.explanation, *(one.description for one in found.fixes)])
    entry = found.entry or ""
    foreign = {word[0] for word in ELSEWHERE.finditer(text)}
    allowed = BELONGS.get(entry)
    problems = [word for word in sorted(foreign) if not (allowed and re.match(allowed, word))]
    if re.search(r"\bJSON\b", text) and not re.search(r"JSON|plain data|secret", message, re.I):
        problems.append("JSON")
    if entry in GENERAL and found.root_cause != "upstream_error":
        problems.append(f"nothing but {entry}")
    if found.root_cause in ("upstream_error", "network_error") and "openai" not in message:
        problems += ASKS_A_MODEL.findall(text)
    words = [one.description for one in found.fixes]
    return problems + [one for one in words if words.count(one) > 1]


@pytest.mark.parametrize("own", OWN, ids=lambda own: own.id)
def test_what_is_said_of_an_error_of_ours_fits_it(own: OwnError) -> None:
    assert unfit(told(own), str(own.error)) == []


def test_every_class_of_the_engine_is_among_them() -> None:
    codes = {one.code for one in classes()} - OF_OTHERS
    covered = {own.error.code for own in OWN} | {case[2] for case in RUNS.values()}
    assert codes - covered == set()


def test_the_check_sees_what_does_not_fit() -> None:
    """The general words, which stood there before, would not pass."""
    known = knowledge_base.load()
    for code, kind, message in (
        ("invalid_data", "InvalidData", "There are more than 15 rows"),
        ("resource_not_found", "ResourceNotFound", "Secret 'CRM_TOKEN' is not set"),
        ("upstream_failed", "UpstreamFailed", "https://crm.acme.example/v1 failed (503)"),
    ):
        found = diagnose(
            message=message, error_type=f"engine.errors.{kind}", code=code, knowledge=known
        )
        assert unfit(found, message), found.entry


def get(**parameters: Any) -> dict[str, Any]:
    once = {"max_retries": 0}
    return tool("call", "http_request", **parameters) | {"retry": once}


def sheet(**parameters: Any) -> dict[str, Any]:
    return tool("read", "read_sheet", **{"file": "leads.csv", **parameters})


THINK: dict[str, Any] = {"id": "think", "type": "agent", "prompt": "?", "retry": {"max_retries": 0}}
LEADS = "name,age\nAna,x\nBob,4\nEva,5\n"
SECRET = {"Authorization": {"secret": "CRM_TOKEN"}}
PARSE = {"processors": ["parse_json"]}
TAKE = {"processors": [{"name": "take", "with": {"path": "nothing.here"}}]}
OLDER = {"field": "age", "op": "greater_than", "value": 3}

#: Steps of a run that fails; the entry that explains it, its code, and words that are said of it.
RUNS: dict[str, tuple[list[dict[str, Any]], str, str, tuple[str, ...]]] = {
    "a secret that nobody has set": (
        [get(url="https://crm.acme.example/", headers=SECRET)],
        "secret_unset",
        "resource_not_found",
        ("CRM_TOKEN", "ASK_COPILOT_SECRETS_FILE"),
    ),
    "more rows than the step may read": (
        [sheet(max_rows=2)],
        "rows_beyond_bound",
        "invalid_data",
        ("`max_rows` is 2", "above 2", "100,000"),
    ),
    "an agent where no model can be asked": (
        [THINK],
        "model_unset",
        "invalid_parameters",
        ("'think'", "ASK_COPILOT_RUNTIMES", "`agent_model`"),
    ),
    "an address inside the network": (
        [get(url="http://127.0.0.1/")],
        "address_not_open",
        "network_blocked",
        ("127.0.0.1", "ASK_COPILOT_ALLOWED_HOSTS"),
    ),
    "a port that is not open": (
        [get(url="https://crm.acme.example:8443/")],
        "address_not_open",
        "network_blocked",
        ("crm.acme.example", "80 and 443", "ASK_COPILOT_ALLOWED_HOSTS"),
    ),
    "a secret without https": (
        [get(url="http://crm.acme.example/", headers=SECRET)],
        "secret_over_http",
        "permission_denied",
        ("crm.acme.example", "Change http:// to https://"),
    ),
    "an address that is none": (
        [get(url="crm.acme.example")],
        "step_setting_wrong",
        "invalid_parameters",
        ("`url`",),
    ),
    "a file that is no CSV": (
        [sheet(file="odd.csv")],
        "file_not_readable",
        "invalid_data",
        ("odd.csv", "CSV UTF-8"),
    ),
    "a text compared with a number": (
        [sheet(), tool("old", "filter_rows", rows="{{ read }}", where=[OLDER])],
        "values_not_comparable",
        "invalid_data",
        ("row 1", "column age"),
    ),
    "a loop through a text": (
        [{"id": "all", "type": "loop", "for_each": "{{ a }}", "max_iterations": 9, "steps": [render("b", "x")]}],
        "output_shape_differs",
        "invalid_data",
        ("'all'", "`for_each`"),
    ),
    "an output that is not JSON": (
        [render("a", "no") | {"processors": [{"name": "take", "with": {"path": "body"}}, "parse_json"]}],
        "output_not_json",
        "invalid_data",
        ("parse_json",),
    ),
    "a part that the output has not": (
        [render("a", "no") | TAKE],
        "output_part_missing",
        "invalid_data",
        ("`nothing.here`", "`path` of `take`"),
    ),
    "a file outside the folder": (
        [sheet(file="../leads.csv")],
        "path_outside_folder",
        "permission_denied",
        ("../leads.csv",),
    ),
    "a mail without a server": (
        [tool("send", "send_email", to="a@b.example", subject="Hi", body="x")],
        "mail_server_unset",
        "integration_not_connected",
        ("ASK_COPILOT_SMTP_HOST",),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory):
    with open_app(load({}, data=tmp_path_factory.mktemp("own"))) as app:
        yield app


@pytest.mark.parametrize("what", RUNS)
def test_a_run_that_fails_of_it_is_told_what_to_do_here(app, what: str) -> None:
    steps, entry, code, words = RUNS[what]
    bench = Bench(app)
    bench.files(leads_csv=LEADS)
    (app.settings.files / bench.workspace / "odd.csv").write_bytes(b"name\n\xff\xfe\n")
    bench.put(render("a", "no"), *steps) if steps[0]["id"] == "all" else bench.put(*steps)
    run = bench.run()
    assert (run.status, run.error.code) == ("failed", code)
    report = bench.report(run)
    text = " ".join([report.explanation, *(one.description for one in report.suggested_fixes)])
    assert [word for word in words if word not in text] == []
    own = OwnError(StepError(run.error.message, **run.error.details), steps[-1].get("action"))
    found = diagnose(
        message=run.error.message,
        code=code,
        details=run.error.details,
        step_action=own.action,
        knowledge=knowledge_base.load(),
    )
    assert (found.entry, report.verdict) == (entry, "confirmed")
    assert unfit(found, run.error.message) == []


class Chatty:
    async def complete(self, question):
        return Completion("I think so.", input_tokens=10, output_tokens=5)


def test_an_answer_that_is_not_json(tmp_path) -> None:
    with open_app(load({}, data=tmp_path), model=Chatty()) as app:
        bench = Bench(app)
        bench.put(THINK | {"output": "json"})
        report = bench.report()
    assert report.root_cause == "invalid_model_output"
    assert "`output: json`" in report.explanation


def test_where_some_of_an_allowance_is_left_it_is_not_said_to_be_used_up() -> None:
    (own,) = [one for one in OWN if one.details.get("kind") == "left"]
    found = told(own)
    assert "used up" not in found.explanation
    assert found.explanation.startswith(
        "LinkedIn has 40 left of its allowance (100 invitations/day), and this step needs 50 at once"
    )


def test_no_other_model_is_spoken_of_where_none_was_asked() -> None:
    text = " ".join(one.description for one in told(answered(503)).fixes)
    assert "model" not in text
