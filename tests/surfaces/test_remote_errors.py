"""What a server refuses with is raised by its client as the same error, with the same arguments."""

import json
from datetime import UTC, datetime
from functools import partial

import pytest

import copilot.errors as ours
import engine.errors as engines
from copilot.remote import ServerRefused
from copilot.remote.problems import Problem, refusal
from copilot.surfaces._errors import HTTP_STATUSES
from copilot.surfaces.rest import problems

NOON = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)

OURS = [
    ours.NotFound("fix"),
    ours.Unauthenticated("it has expired."),
    ours.Forbidden("approve", "approver", True),
    ours.Forbidden("audit", "owner", False),
    ours.Forbidden("govern", "owner", True, "verify_runs: lowering it takes an owner."),
    ours.AlreadyExists("API key"),
    ours.InvalidCursor(),
    ours.KeyReused(),
    ours.RequestInProgress(),
    ours.TooManyRequests(600, 3),
    ours.UnknownName("setting", "undo_secnds", ("undo_seconds", "x")),
    ours.InvalidInput("cursor", "it can't be read: no.", "Use the one of the page before."),
    ours.InvalidInput("--expires", "in the past.", ""),
    ours.NotAnalysable("succeeded"),
    ours.InsufficientCredits(0, 1),
    ours.InvalidFix("replace_value", "the path is not there: /steps/9"),
    ours.StaleBase(1, 3, "--- a\n+++ b\n"),
    ours.EditedMeanwhile(2, 5, "--- a\n+++ b\n"),
    ours.EditedMeanwhile(2, 5, "", "The template 'a' is used by another workflow."),
    ours.ApprovalRefused("it has been used\nalready."),
    ours.UndoExpired(5.0),
    ours.UndoExpired(0.5),
    ours.NotReversible("it was taken back already."),
    ours.RuleConflict("rule_1 by Ana keeps them apart. Take that back first."),
    ours.StoreUnavailable("disk I/O error"),
]
ENGINES = [
    engines.NotFound("workflow"),
    engines.InvalidDefinition(("line 3: no such action", "line 9: no such step")),
    engines.AlreadyExists("workflow"),
    engines.StaleVersion("workflow outreach", 2, 5),
    engines.PreconditionRequired("PUT"),
    engines.RequestKeyReused(),
    engines.InvalidCursor(),
    engines.WorkflowPaused("local:owner", NOON, "template (v3) is missing"),
    engines.WorkflowPaused(None, NOON, ""),
    engines.AlreadyRunning("queued"),
    engines.NotResumable("cancelled", "Start a new run."),
    engines.UnserializableValue("builtins.object", "inputs"),
    engines.InvalidParameters("The input 'day' is required."),
    engines.InvalidData("The cell B2 is empty."),
    engines.ApprovalClosed("it was approved by local:ada already"),
    engines.ApprovalNotAllowed("approver"),
    engines.ApprovalNotAllowed(""),
    engines.BudgetExceeded("The run was not started: it will use at least 40020 tokens."),
    engines.EffectWouldRepeat(tuple(f"/step{number}" for number in range(7))),
    engines.EffectWouldRepeat(("/send", "/each/1/save"), ("/all/*/save",)),
    engines.InvalidSchedule("Report", "5 mins", "is neither an interval nor a cron line"),
    engines.InvalidSchedule("It's 'daily'", "@daily\n", "is no cron line. Write 1d"),
]


def sent(error):
    """The error as a server answers it, read back by a client that asked for the same kind."""
    answer = problems.refusal(error)
    problem = Problem.read(json.loads(answer.body))
    assert problem is not None
    return refusal(problem, missing=partial(type(error), *error.args))


@pytest.mark.parametrize("error", [*OURS, *ENGINES], ids=lambda one: type(one).__name__)
def test_an_error_comes_back_as_itself(error):
    found = sent(error)
    assert type(found) is type(error)
    assert found.args == error.args
    assert (str(found), found.code, found.retryable) == (str(error), error.code, error.retryable)


def test_every_deliberate_code_that_http_answers_with_comes_back_under_its_code():
    """A new error without a way back would become ServerRefused, which this test does not allow."""
    tried = {one.code for one in [*OURS, *ENGINES]}
    raised_by_a_server_only = {"store_busy", "invalid_knowledge", "server_refused"}
    classes = [*_subclasses(ours.CopilotError), *_subclasses(engines.EngineError)]
    codes = {one.code for one in classes} & HTTP_STATUSES.keys()
    assert codes - tried - raised_by_a_server_only == set()


def _subclasses(cls):
    for one in cls.__subclasses__():
        yield one
        yield from _subclasses(one)


def test_a_code_of_a_newer_server_is_an_error_with_that_code_and_its_words():
    problem = Problem(code="brand_new", detail="Something else.", retryable=True)
    found = refusal(problem, missing=partial(ours.NotFound, "thing"))
    assert isinstance(found, ServerRefused)
    assert (found.code, str(found), found.retryable) == ("brand_new", "Something else.", True)
    assert ServerRefused.code == "server_refused"


def test_words_that_have_changed_keep_code_and_text():
    problem = Problem(code="undo_expired", detail="Too late by now.")
    found = refusal(problem, missing=partial(ours.NotFound, "thing"))
    assert (found.code, str(found)) == ("undo_expired", "Too late by now.")


def test_an_internal_error_names_its_request():
    problem = Problem(code="internal_error", title="Internal error", request_id="abc")
    found = refusal(problem, missing=partial(ours.NotFound, "thing"))
    assert found.code == "internal_error"
    assert "abc" in str(found)


def test_a_field_that_was_refused_is_named():
    problem = Problem.read({"code": "invalid_request", "errors": [{"field": "a", "problem": "b"}]})
    found = refusal(problem, missing=partial(ours.NotFound, "thing"))
    assert isinstance(found, ours.InvalidInput)
    assert str(found) == "a: b."


@pytest.mark.parametrize("data", [None, [], "text", {}, {"code": 3}, {"code": "x", "errors": 1}])
def test_what_is_no_problem_is_not_read_as_one(data):
    assert Problem.read(data) is None


@pytest.mark.parametrize("kind", ["workspace", "address", "failure", "setting"])
def test_what_every_workspace_has_is_only_missing_with_the_workspace(kind):
    found = refusal(Problem(code="not_found"), missing=partial(ours.NotFound, kind))
    assert str(found) == "No such workspace for this key, or no Ask Copilot at this address."
    assert (found.code, found.retryable) == ("not_found", False)


def test_a_missing_thing_is_still_named_by_its_kind():
    found = refusal(Problem(code="not_found"), missing=partial(ours.NotFound, "fix"))
    assert str(found) == "No such fix in this workspace."
