"""Names and ids of another system never steer the terminal that shows them, nor hide in JSON."""

import json
import re
import unicodedata
from contextlib import contextmanager

import pytest

from copilot.surfaces.cli import (
    account,
    analyze,
    approvals,
    failures,
    fixes,
    patterns,
    quotas,
    runs,
    schedules,
    settings,
    watch,
    workflows,
)
from copilot.surfaces.cli._shown import block, line
from copilot.types.account import ReceiptEntry
from copilot.types.debug import DebugView, TieredAdvice, TimelineStep
from copilot.types.diagnosis import RootCause, Verdict
from copilot.types.insight import FailureGroup, FailureSummary
from copilot.types.page import Page
from copilot.types.pattern import (
    Dismissal,
    Elsewhere,
    Impact,
    PatternLife,
    PatternState,
    TriggerCount,
)
from tests.surfaces.chat_service import (
    NOW,
    RecordingService,
    error_info,
    execution,
    failure,
    pattern,
    preview,
    report,
    setting,
)
from tests.surfaces.conftest import CommandLine
from tests.surfaces.hostile_runs import (
    answers_about_runs,
    did_not_hold,
    paused,
    that_did_not_hold,
)

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\r\n\x08\u202e\u200b\U000e0041\x7f\t"
RUN = f"run{EVIL}7"
AGENT = f"agent{EVIL}"


def hidden_in(text):
    return sorted(
        {char for char in text if unicodedata.category(char) in ("Cc", "Cf", "Co") and char != "\n"}
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A workspace in which everything that another system names is hostile."""
    ask = CommandLine(tmp_path_factory.mktemp("hostile"))
    assert ask("init").code == 0
    steps = [
        {"action": f"send{EVIL}", "path": f"/a{EVIL}", "name": f"n{EVIL}", "status": "failed"}
        | {"error": f"Email template 'Outbound{EVIL}v3' was not found"}
    ]
    runs = [
        {"id": f"{RUN}{number}", "agent": AGENT, "name": f"N{EVIL}", "status": "failed"}
        | {"steps": steps, "trigger": f"t{EVIL}"}
        for number in range(6)
    ]
    ask.write("runs.jsonl", "".join(json.dumps(run) + "\n" for run in runs))
    shown = ask("analyze", "--file", "runs.jsonl")
    assert shown.code == 0, shown.err
    assert hidden_in(shown.out) == []
    return ask


@pytest.fixture(scope="module")
def agent(place):
    return place("failures", "--json").json["items"][0]["workflow_id"]


LISTS = [
    ("failures",),
    ("failures", "--limit", "2"),
    ("credits",),
    ("credits", "receipts"),
    ("audit",),
    ("settings",),
    ("settings", "get", "verify_runs"),
    ("keys", "list"),
    ("runtimes",),
    ("workflows",),
    ("status",),
    ("approvals",),
    ("quotas",),
    ("schedules",),
    ("nightly",),
    ("nightly", "--latest", "--markdown"),
    ("report", "REPORT"),
    ("report", "REPORT", "--markdown"),
    ("analyze", "--file", "runs.jsonl"),
]


@pytest.mark.parametrize("command", LISTS, ids=" ".join)
@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
def test_no_command_lets_a_hidden_character_out(place, command, form):
    if form and "--markdown" in command:
        command = command[:-1]
    report = place("credits", "receipts", "--json").json["items"][0]["analysis_id"]
    words = [{"REPORT": report}.get(word, word) for word in command]
    answer = place(*words, *form)
    assert answer.code == 0, answer.err
    assert answer.out.strip()
    assert hidden_in(answer.out) == []
    assert hidden_in(answer.err) == []
    if form:
        for document in answer.lines if command[0] == "analyze" else [answer.json]:
            assert document is not None


def test_the_lists_do_show_those_names_with_what_was_hidden_marked(place, agent):
    assert agent.startswith("agent\ufffd]0;owned\ufffd")
    for command in (("failures",), ("credits", "receipts")):
        assert "run\ufffd]0;owned\ufffd" in place(*command).out
    assert "send\ufffd" in place("failures").out


def test_a_missing_name_that_is_hostile_is_not_echoed_raw(place):
    for command in (("debug", AGENT), ("patterns", AGENT), ("settings", "get", EVIL)):
        answer = place(*command)
        assert hidden_in(answer.out + answer.err) == []


def _raw_answers(**changes):
    """Answers of a server that cleans nothing."""
    raw = failure(
        execution_id=RUN, workflow_id=AGENT, action=EVIL + "send", label=EVIL, error=f"boom{EVIL}"
    )
    group = FailureGroup(
        signature="n1:0",
        label=f"boom{EVIL}",
        workflow_id=AGENT,
        pattern=pattern(warning=f"w{EVIL}", recommendation=f"r{EVIL}"),
        executions=(RUN,),
        life=PatternLife(
            state=PatternState.DISMISSED,
            since=NOW,
            detected_at=NOW,
            failures=5,
            passed=0,
            dismissal=Dismissal(by=EVIL, by_name=EVIL, at=NOW, reason=EVIL),
        ),
        impact=Impact(runs=5, summed=5, since=NOW, triggers=(TriggerCount(trigger=EVIL, runs=5),)),
        elsewhere=Elsewhere(workflows=(EVIL,), since=NOW, words=EVIL),
    )
    step = TimelineStep(
        number=1, name=EVIL, action=EVIL, status=EVIL, state="bad", error=f"boom{EVIL}"
    )
    view = DebugView(
        workflow_id=AGENT,
        execution_id=RUN,
        status=f"failed{EVIL}",
        started_at=NOW,
        completed_at=NOW,
        timeline=(step,),
        root_cause=RootCause.UNKNOWN,
        verdict=Verdict.LIKELY,
        explanation=f"boom{EVIL}",
        advice=(TieredAdvice(tier="quick", type="manual", description=EVIL),),
        report=None,
    )
    receipt = ReceiptEntry(
        key="k",
        execution_id=RUN,
        analysis_id=None,
        asked_by=EVIL,
        credits=1,
        cost_usd=None,
        reason=f"boom{EVIL}",
        created_at=NOW,
    )
    told = report(
        headline=f"boom{EVIL}",
        explanation=f"e{EVIL}",
        suggested_fixes=tuple(
            one.model_copy(update={"description": EVIL, "action": EVIL, "preview": f"-{EVIL}"})
            for one in report().suggested_fixes
        ),
        failed_step=report().failed_step.model_copy(update={"action": EVIL}),
    )
    run = {"executions__get": lambda _id: execution(id=RUN, error=error_info(EVIL))}
    return RecordingService(
        analyses__failures=lambda **_: Page[FailureSummary](items=(raw,), next_cursor=EVIL + "c"),
        analyses__patterns=lambda _id: (group,),
        patterns__list=lambda **_: (group,),
        patterns__dismiss=lambda *_, **__: group.life,
        analyses__debug=lambda _id: view,
        analyses__report=lambda _id: told,
        account__receipts=lambda **_: Page[ReceiptEntry](items=(receipt,), next_cursor=None),
        account__settings=(setting(value=EVIL, type="text", changed_by=EVIL, changed_at=NOW),),
        fixes__preview=lambda _id, **_: preview(summary=EVIL, diff=f"+a{EVIL}\n"),
        **(run | answers_about_runs(EVIL, execution(id=RUN, workflow_id=AGENT)) | changes),
    )


@pytest.mark.parametrize(
    ("module", "command"),
    [
        (failures, ("failures",)),
        (patterns, ("patterns",)),
        (patterns, ("patterns", "x")),
        (patterns, ("patterns", "dismiss", "x", "n1:x")),
        (failures, ("debug", "x")),
        (analyze, ("report", "x")),
        (account, ("credits", "receipts")),
        (settings, ("settings",)),
        (runs, ("status",)),
        (runs, ("status", "x")),
        (approvals, ("approvals",)),
        (approvals, ("approvals", "x")),
        (approvals, ("decide", "x", "--approve")),
        (quotas, ("quotas",)),
        (quotas, ("quotas", "set", "x", "emails/day", "3")),
        (schedules, ("schedules",)),
        (schedules, ("schedules", "show", "x")),
        (workflows, ("workflows", "hints", "x")),
        (fixes, ("fix", "preview", "fix_1")),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, tuple) else "",
)
def test_what_is_printed_does_not_rely_on_what_a_server_cleaned(
    place, monkeypatch, module, command
):
    @contextmanager
    def opened(_settings, **_):
        yield _raw_answers()

    monkeypatch.setattr(module, "service", opened)
    answer = place(*command)
    assert answer.code == 0, answer.err
    assert answer.out.strip()
    assert hidden_in(answer.out) == []
    document = place(*command, "--json")
    assert hidden_in(document.out) == []
    assert "\x1b" in json.dumps(document.json, ensure_ascii=True).replace("\\u001b", "\x1b")


@pytest.mark.parametrize(
    ("module", "command", "found", "code"),
    [
        (runs, ("resume", "x"), execution(id=RUN, workflow_id=AGENT), 1),
        (watch, ("watch", "x"), execution(id=RUN, workflow_id=AGENT), 1),
        (watch, ("watch", "x"), paused(EVIL, by_quota=False), 8),
        (runs, ("status", "x"), paused(EVIL, by_quota=False), 0),
        (runs, ("status", "x"), paused(EVIL, by_quota=True).model_copy(update={"id": RUN}), 0),
    ],
)
def test_a_run_as_it_goes_on_does_not_steer_it_either(
    place, monkeypatch, module, command, found, code
):
    @contextmanager
    def opened(_settings, **_):
        yield _raw_answers(
            executions__get=lambda _id: found,
            fixes__changes=lambda _id: (that_did_not_hold(EVIL),),
            fixes__outcome=lambda _id: did_not_hold(EVIL),
        )

    monkeypatch.setattr(module, "service", opened)
    answer = place(*command)
    assert (answer.code, hidden_in(answer.out)) == (code, [])
    assert answer.out.strip()
    document = place(*command, "--json")
    assert hidden_in(document.out) == []
    assert document.lines if command[0] == "watch" else document.json


def test_a_diff_that_is_approved_shows_what_is_hidden_in_it(place, monkeypatch):
    @contextmanager
    def opened(_settings, **_):
        yield _raw_answers()

    monkeypatch.setattr(fixes, "service", opened)
    assert "\\u202e" in place("fix", "preview", "fix_1").out


def test_one_line_and_a_block_of_text():
    assert line(f"a{EVIL}b\nc") == "a b c"
    assert block(f"a\n{EVIL}b") == "a\n\n    b"
    assert len(block("x" * 50_000)) == 50_000
    assert not re.search("[\x00-\x08\x0b-\x1f]", block(EVIL))


def test_tracebacks_keep_their_lines_and_indentation_in_json(tmp_path):
    ask = CommandLine(tmp_path)
    ask("init", "--example")
    run = ask("run", "urgent-mail-digest", "--json").json
    for error in (run["execution"]["error"], run["steps"][1]["error"]):
        lines = error["traceback"].splitlines()
        assert lines[1].startswith('  File "')
        assert lines[2].startswith("    ")
