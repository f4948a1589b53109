"""What a run used against what was expected, schedules, quotas and hints, at a server."""

import re
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from copilot.bootstrap import open_app
from copilot.settings import load
from copilot.types.engine import ResourceKind
from engine.testing import ScriptedModel
from tests.surfaces.conftest import CommandLine
from tests.surfaces.step_kinds import METERED, a_service
from tests.surfaces.twins import overheard_server

SORT_MAIL = """
name: Sort mail
budget: {max_cost_usd: 0.50}
steps:
  - {id: sort, name: Sort the mail, type: agent, prompt: Sort it, model: gemini-2.5-pro}
  - {id: done, action: render_template, with: {body: Done}}
"""
BY_THE_CLOCK = """
name: By the clock
trigger: {type: schedule, schedule: 5m}
steps:
  - id: read
    action: read_sheet
    with: {file: none.xlsx, range: Open}
  - {id: ask, type: agent, prompt: Search the web for each of the 300 companies one by one}
"""
WAITING = 8


class Place:
    """A server with a model that answers, and commands that ask it."""

    def __init__(self, app, ask, env):
        self.app, self.env = app, env
        self.ask = partial(ask, env=env)


@pytest.fixture(scope="module")
def called():
    with a_service() as service:
        yield service


@pytest.fixture(scope="module")
def place(tmp_path_factory, called):
    ask = CommandLine(tmp_path_factory.mktemp("learned"))
    settings = load({}, data=ask.folder / ".ask-copilot", allowed_hosts=(called.address,))
    with open_app(settings, model=ScriptedModel(["Sorted"] * 4)) as app:
        key = app.access.first_owner("default", "ada").secret
        ask.write("mail.yaml", SORT_MAIL)
        ask.write("clock.yaml", BY_THE_CLOCK)
        ask.write("metered.yaml", METERED.replace("URL", called.url))
        with overheard_server(app) as (url, _):
            yield Place(app, ask, {"ASK_COPILOT_URL": url, "ASK_COPILOT_KEY": key})


@pytest.fixture(scope="module")
def ran(place):
    """The same workflow three times, and what each command said."""
    assert place.ask("run", "mail.yaml").code == 0
    early = place.ask("workflows", "hints", "sort-mail")
    answers = [place.ask("run", "sort-mail") for _ in range(2)]
    return early, answers


def test_a_run_shows_its_tokens_and_cost_against_what_was_expected(ran):
    lines = [line.strip() for line in ran[1][0].out.splitlines()]
    assert re.match(r"✓ 1\. Sort the mail  \(agent, \d+ ms, 15 tokens, \$0\.01\)", lines[1])
    tokens, cost = (next(one for one in lines if one.startswith(word)) for word in ("tok", "cost"))
    assert re.fullmatch(r"tokens  15, expected \d+ to [\d,]+", tokens)
    assert re.fullmatch(r"cost    \$0\.01 of \$0\.50 \(2 %\), expected \$[\d.]+ to \$[\d.]+", cost)
    assert any("usually" in one for one in ran[1][1].out.splitlines())


def test_hints_are_given_with_their_numbers_and_not_before_there_are_enough(place, ran):
    early, _ = ran
    assert early.code == 0
    assert "Not enough runs yet (1 of 3)." in early.out
    hints = place.ask("workflows", "hints", "sort-mail").out
    assert "3 runs of this kind" in hints
    assert "$0.01 a step that asks a model ($0.01 on average, ± $0.00, 3 steps)" in hints
    assert "gemini-2.5-pro (100 % of 3 steps succeeded)" in hints
    told = place.ask("workflows", "hints", "sort-mail", "--json").json
    assert told["budget"]["samples"] == 3
    assert place.ask("workflows", "hints", "nope", "--json").code == 4


def test_an_account_has_the_limit_one_sets_and_then_the_known_one_again(place):
    ask = place.ask
    shown = ask("quotas", "set", "Mail box", "emails/day", "3", "--timezone", "Europe/Paris")
    assert "0 of 3 used" in shown.out
    (account,) = (
        one for one in ask("quotas", "--json").json["accounts"] if one["integration"] == "Mail box"
    )
    (allowance,) = account["allowances"]
    assert (allowance["left"], allowance["quota"]["timezone"]) == (3, "Europe/Paris")
    assert "no limit" in ask("quotas", "set", "Mail box", "emails/day", "none").out
    assert ask("quotas", "restore", "Mail box", "emails/day", "--json").json["allowances"] == []
    gone = ask("quotas", "restore", "Mail box", "emails/day", "--json")
    assert (gone.code, gone.json["error"]["code"]) == (4, "not_found")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("emails/day", "lots"), "invalid_input", "no whole number"),
        (("emails/day", "-1"), None, ""),
        (("emails/day", "9999999999"), "invalid_input", "LIMIT"),
        (("emails/day", "3", "--timezone", "Mars"), "invalid_input", "--timezone"),
        (("emails/dya", "3"), "invalid_parameters", "invitations/day"),
    ],
)
def test_a_limit_that_can_not_be_set_is_answered(place, arguments, code, says):
    refused = place.ask("quotas", "set", "Mail box", *arguments, "--json")
    if code is None:
        assert refused.code == 2
        return
    assert (refused.code, refused.json["error"]["code"]) == (3, code)
    assert says in refused.json["error"]["message"]


def test_a_run_that_a_quota_stops_says_when_it_goes_on_and_can_be_told_to(place, called):
    ask = place.ask
    crm = {"type": "crm", "connected": True}
    place.app.owner().resources.put(ResourceKind.INTEGRATION, "Crm", crm)
    assert ask("quotas", "set", "Crm", "requests/day", "1").code == 0
    stopped = ask("run", "metered.yaml")
    assert stopped.code == WAITING
    execution = re.search(r"[0-9a-f]{32}", stopped.out)[0]
    said = stopped.out.partition("Waits for a quota: ")[2]
    assert said.startswith("Crm's daily limit of 1 requests is used up; it resets at 00:00 UTC.")
    assert "It goes on by itself at " in said
    assert f"ask-copilot resume {execution} --mode partial" in said
    quota = ask("status", execution, "--json").json["waits_for"]["quota"]
    assert quota["execution_id"] == execution
    assert execution in ask("quotas").out
    watched = ask("watch", execution)
    assert watched.code == WAITING
    assert "paused: waits for a quota, goes on by itself at " in watched.out

    assert ask("quotas", "set", "Crm", "requests/day", "none").code == 0
    gone_on = ask("resume", execution, "--mode", "partial")
    assert gone_on.code == 0
    assert "again  Second: it had not succeeded" in gone_on.out
    assert called.requests == ["GET /a", "GET /b"]
    assert ask("quotas", "--json").json["waiting"] == []


def test_a_schedule_is_listed_with_its_next_tick_its_failures_and_warnings(place):
    ask = place.ask
    place.app.owner().workflows.create(BY_THE_CLOCK, workflow_id="by-the-clock")
    fresh = ask("schedules").out
    assert re.search(r"by-the-clock  5m  next \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", fresh)
    assert "⚠ high: In step 'ask' there is a loop" in fresh
    assert "No tick in the last seven days." in ask("schedules", "show", "by-the-clock").out

    schedules, owner = place.app.engine.schedules, place.app.owner()
    moment = datetime.now(UTC)
    schedules.tick(moment + timedelta(minutes=6))
    (start,) = schedules.starts("default", "by-the-clock")
    assert owner.executions.wait(start.execution_id, 30).status.is_failure
    schedules.tick(moment + timedelta(minutes=7))

    shown = ask("schedules", "show", "by-the-clock").out
    assert "✗ its last run failed: 1 step failed" in shown
    assert f"last run {start.execution_id}" in shown
    assert re.search(rf"\d\d:\d\d:\d\d  failed +{start.execution_id}", shown)
    data = ask("schedules", "--json").json["schedules"][0]
    assert data["failures"] == {"step_failed": 1}
    assert {one["code"] for one in data["warnings"]} >= {"loop_pattern", "large_list"}
    owner.workflows.pause("by-the-clock")
    assert "paused, starts nothing" in ask("schedules").out


def test_without_a_schedule_it_is_said_how_to_get_one(tmp_path):
    ask = CommandLine(tmp_path)
    assert ask("init").code == 0
    assert "A trigger of type schedule gives it one" in ask("schedules").out
    assert ask("schedules", "show", "nope", "--json").code == 4
    assert "Nothing waits for a decision." in ask("approvals").out
    assert "No account is connected" in ask("quotas").out


@pytest.mark.parametrize(
    "command",
    [("data", "export"), ("data", "clear", "--confirm", "default"), ("worker",)],
    ids=" ".join,
)
def test_what_needs_the_database_is_not_done_here_when_a_server_is_meant(place, command):
    refused = place.ask(*command, "--json")
    assert (refused.code, refused.json["error"]["code"]) == (3, "invalid_input")
    assert "names a server" in refused.json["error"]["message"]
    assert place.app.owner().workflows.list()
