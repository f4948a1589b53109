"""A run that took longer than its workflow lets it: its limit is raised, or nothing is offered."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

import knowledge_base
from copilot.bootstrap import open_app
from copilot.errors import InvalidFix
from copilot.fixes import Ceilings, parse
from copilot.pipeline.diagnose import diagnose
from copilot.pipeline.validate import FixPolicy, validate
from copilot.ports import WorkspaceContext
from copilot.runtimes.offline import propose
from copilot.settings import load
from copilot.snapshot import Snapshot
from copilot.types import ErrorRecord
from engine.errors import RunTimeout
from engine.ports import Completion, Question
from tests.copilot.storage_builders import START, a_failure
from tests.copilot.workflow_bench import Bench

STEPS: list[dict[str, Any]] = [
    {
        "id": "ask",
        "name": "Ask the CRM",
        "action": "http_request",
        "with": {"url": "https://x.test"},
    },
    {"id": "think", "type": "agent", "prompt": "Why?", "timeout_seconds": 5},
]
NO_RETRY = {"max_retries": 0, "backoff_seconds": 0}


def base(**settings: Any) -> Snapshot:
    definition = {"name": "Digest", **settings, "steps": STEPS}
    return Snapshot(workspace_id="acme", workflow_id="digest", version=3, definition=definition)


def suggestions(snapshot: Snapshot, *, limit: float = 2.0, at: str = "ask", most: float = 3600):
    error = RunTimeout(limit, "Ask the CRM")
    failure = a_failure("run-1", at=START).model_copy(
        update={
            "step_path": f"/{at}",
            "error": ErrorRecord(message=str(error), code=error.code, details=error.details),
        }
    )
    found = diagnose(
        message=str(error), code=error.code, details=error.details, knowledge=knowledge_base.load()
    )
    return propose(
        found,
        failure,
        snapshot=snapshot,
        context=WorkspaceContext(),
        output_names={},
        ceilings=Ceilings(seconds=most),
    )


def offered(snapshot: Snapshot, **how: Any) -> list[dict[str, Any]]:
    found = suggestions(snapshot, **how)
    return [one.fix.model_dump(exclude_none=True) for one in found if one.fix is not None]


def longer(seconds: float) -> dict[str, Any]:
    return {"type": "timeout", "limit": "run", "seconds": seconds}


@pytest.mark.parametrize(
    ("limit", "at", "most", "seconds"),
    [
        pytest.param(2, "ask", 3600, 8.0, id="four times at most"),
        pytest.param(40, "ask", 3600, 100.0, id="as much more as the step may take"),
        pytest.param(40, "think", 3600, 80.0, id="twice"),
        pytest.param(40, "think", 50, 50.0, id="up to the owner's limit"),
    ],
)
def test_the_limit_of_the_workflow_is_raised(
    limit: int, at: str, most: float, seconds: float
) -> None:
    snapshot = base(timeout_seconds=limit)
    assert offered(snapshot, limit=float(limit), at=at, most=most) == [longer(seconds)]


@pytest.mark.parametrize(
    ("settings", "most"),
    [
        pytest.param({}, 3600, id="the workflow has no limit"),
        pytest.param({"timeout_seconds": 9}, 3600, id="the run was started with its own"),
        pytest.param({"timeout_seconds": 2}, 2, id="the owner lets it have no more"),
    ],
)
def test_where_that_is_of_no_use_nothing_is_offered_but_words(
    settings: dict[str, Any], most: float
) -> None:
    assert offered(base(**settings), most=most) == []
    kinds = [one.hint.type for one in suggestions(base(**settings), most=most)]
    assert kinds == ["timeout", "split_step"]


def test_trying_again_is_never_a_remedy_for_it() -> None:
    found = suggestions(base(timeout_seconds=2))
    assert "retry_policy" not in [one.hint.type for one in found]


POLICY = FixPolicy(ceilings=Ceilings(seconds=100))


@pytest.mark.parametrize(
    ("fix", "settings", "words"),
    [
        ({"limit": "run", "seconds": 9.0}, {}, "the workflow has no such limit"),
        ({"limit": "run", "seconds": 2.0}, {"timeout_seconds": 2}, "has 2 s already"),
        ({"limit": "run", "seconds": 9.0}, {"timeout_seconds": 2}, "this type may not do"),
        ({"limit": "run", "seconds": 101.0}, {"timeout_seconds": 60}, "may be 100 at most"),
        ({"limit": "run", "step": "ask", "seconds": 9.0}, {}, "without one"),
        ({"seconds": 90.0}, {}, "give a `step`"),
    ],
)
def test_a_fix_of_it_is_refused(fix: dict[str, Any], settings: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidFix, match=words):
        validate(
            parse({"type": "timeout", **fix}),
            base(**settings),
            problems=lambda _: (),
            policy=POLICY,
        )


@dataclass
class Slow:
    """Answers after so many seconds."""

    seconds: float

    async def complete(self, question: Question) -> Completion:
        await asyncio.sleep(self.seconds)
        return Completion("It is so.", 10, 5, None)


def think(**settings: Any) -> dict[str, Any]:
    return {"id": "think", "type": "agent", "prompt": "Why?", "retry": NO_RETRY, **settings}


def seconds_of(bench: Bench) -> float | None:
    return bench.service.workflows.get("w").workflow.timeout_seconds


def test_a_run_that_took_too_long_is_given_more_time_and_succeeds_when_it_is_resumed(tmp_path):
    with open_app(load({}, data=tmp_path), model=Slow(1.5)) as app:
        bench = Bench(app)
        bench.service.account.set_settings({"verify_runs": 1})
        bench.put(think(), timeout_seconds=1)
        failed = bench.run()
        assert (failed.status, failed.error.code) == ("timed_out", "run_timeout")
        report = bench.report(failed)
        assert "The whole run took longer than it may, 1 s." in report.explanation
        assert [one.type for one in report.suggested_fixes if one.auto_fix_available] == ["timeout"]
        change = bench.apply(report, "timeout")
        assert seconds_of(bench) == 4
        ended = bench.resume(failed, mode="full")
        assert ended.status == "succeeded"
        assert bench.service.fixes.outcome(change.change_id).state == "verified"


def test_a_run_keeps_the_limit_that_it_was_started_with(tmp_path):
    with open_app(load({}, data=tmp_path), model=Slow(60)) as app:
        bench = Bench(app)
        stored = bench.put(think(), timeout_seconds=9)
        started = bench.service.executions.start("w", timeout_seconds=1)
        failed = bench.service.executions.wait(started.id, 60)
        assert failed.status == "timed_out"
        report = bench.report(failed)
        assert not [one for one in report.suggested_fixes if one.auto_fix_available]
        definition = {"name": "Outreach", "timeout_seconds": 600, "steps": [think()]}
        bench.service.workflows.replace("w", definition, expected_version=stored.version)
        assert bench.resume(failed).error.details["limit"] == 1


def test_more_than_ten_minutes_of_a_run_are_the_owners_to_allow() -> None:
    assert parse(longer(600.0)).approver == "editor"
    assert parse(longer(601.0)).approver == "owner"
