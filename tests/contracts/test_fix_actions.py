"""Every action keeps the same promises; a new file in `copilot/fixes` is tested by being there."""

import inspect
import json
import shlex
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from copilot.errors import InvalidFix, UnknownName
from copilot.fixes import (
    ACTIONS,
    ALIASES,
    FIXES,
    Action,
    AnyFix,
    HandOver,
    json_schema,
    parse,
    parse_action,
    parse_any,
    type_of,
)
from copilot.pipeline.preview import preview_action
from copilot.snapshot import Account, Paused, Snapshot, Standing, StoppedRun
from knowledge_base.vocabulary import FIX_TYPES
from tests.contracts.test_fixes import SNAPSHOT, strings

AT = datetime(2026, 1, 3, tzinfo=UTC)

RUN = StoppedRun(
    execution_id="run-1",
    status="failed",
    round=1,
    step="send",
    version=3,
    test_mode=False,
    resets_at=AT,
    is_over=False,
    timer=None,
    unsure=False,
)
#: How things stand where every action can do something.
STANDING = Standing(
    scheduled_runs=7,
    accounts={"Sales mail": Account(kind="gmail", connected=False)},
    run=RUN,
)

#: One of every type that fits.
FITTING: dict[str, dict[str, Any]] = {
    "connect_integration": {"integration": "gmail"},
    "pause_workflow": {"reason": "Repeated failure: template not found"},
    "resume_after_quota": {"execution_id": "run-1"},
}
#: How things stand where it can't: what it would do is so already, or nothing is there to do it to.
IDLE: dict[str, list[Standing]] = {
    "connect_integration": [
        Standing(accounts={"Sales mail": Account(kind="gmail", connected=True)}),
        Standing(accounts={"Crm": Account(kind="hubspot", connected=False)}),
        Standing(),
    ],
    "pause_workflow": [Standing(paused=Paused(by="ana", reason="", at=AT))],
    "resume_after_quota": [
        Standing(run=RUN.model_copy(update=update))
        for update in (
            {"timer": AT},
            {"status": "running"},
            {"status": "succeeded", "resets_at": None},
            {"resets_at": None},
            {"is_over": True},
            {"test_mode": True},
            {"unsure": True},
            {"execution_id": "run-2"},
        )
    ]
    + [Standing()],
}

every_action = pytest.mark.parametrize("name", sorted(ACTIONS))


def fitting(name: str) -> Action:
    return parse_action({"type": name, **FITTING[name]})


def shown(name: str, standing: Standing = STANDING, base: Snapshot = SNAPSHOT):
    return preview_action(fitting(name), fix_id="fix_1", base=base, standing=standing)


def test_every_action_has_examples_here_and_is_known_to_the_knowledge_base() -> None:
    assert FITTING.keys() == IDLE.keys() == ACTIONS.keys()
    assert ACTIONS.keys() <= set(FIX_TYPES)


@every_action
def test_the_type_is_the_file_name(name: str) -> None:
    model = ACTIONS[name]
    assert model.__module__ == f"copilot.fixes.{name}"
    assert model.model_fields["type"].default == type_of(fitting(name)) == name


@every_action
def test_it_says_what_it_is_what_its_fields_mean_and_what_takes_it_back(name: str) -> None:
    model = ACTIONS[name]
    assert inspect.getdoc(model) not in (inspect.getdoc(Action), inspect.getdoc(HandOver))
    assert inspect.getdoc(inspect.getmodule(model))
    assert all(word[0].isupper() or word == "for" for word in model.button.split())
    assert fitting(name).question.startswith("Would you like me to ")
    fields = model.model_json_schema()["properties"]
    assert not [key for key, one in fields.items() if key != "type" and "description" not in one]
    assert model.approver in ("editor", "owner")
    assert (model.inverse is None) == model.by_hand


@every_action
def test_every_string_has_a_bound(name: str) -> None:
    found = list(strings(ACTIONS[name].model_json_schema()))
    assert found
    assert all(one["maxLength"] <= 500 for one in found)


@every_action
def test_it_refuses_fields_it_does_not_know_and_fields_of_another_type(name: str) -> None:
    with pytest.raises(InvalidFix, match="bogus"):
        parse_action({"type": name, **FITTING[name], "bogus": 1})
    for key in FITTING[name]:
        for value in (["x"], 1, "", "see https://evil.example/{{ step1 }}"):
            with pytest.raises(InvalidFix):
                parse_action({"type": name, **FITTING[name], key: value})


@every_action
def test_an_action_is_a_value_and_comes_back_from_json(name: str) -> None:
    class Holder(BaseModel):
        fixes: tuple[AnyFix, ...]

    action = fitting(name)
    assert hash(action) == hash(fitting(name))
    with pytest.raises(ValidationError):
        action.type = "other"  # type: ignore[attr-defined]
    assert parse_any(action.model_dump(mode="json")) == action
    held = Holder(fixes=(action,))
    assert Holder.model_validate_json(held.model_dump_json()) == held


@every_action
def test_a_model_can_not_propose_it(name: str) -> None:
    assert name not in FIXES
    assert name not in ALIASES.values()
    assert name not in [one["properties"]["type"]["const"] for one in json_schema()["anyOf"]]
    with pytest.raises(UnknownName):
        parse({"type": name, **FITTING[name]})


@every_action
def test_its_preview_tells_in_sentences_what_happens_and_what_takes_it_back(name: str) -> None:
    preview, decided = shown(name)
    lines = preview.diff.splitlines()
    assert len(lines) >= 2
    assert all(line[0].isupper() or line[0].isdigit() for line in lines)
    assert not [line for line in lines if line.startswith(("+", "-", "@", "diff"))]
    assert preview.summary.endswith(".")
    inverse = ACTIONS[name].inverse
    assert (f"It can be taken back: {inverse}." in lines) == (inverse is not None)
    assert (preview.kind == "hand_over") == (decided.deed is None) == ACTIONS[name].by_hand
    assert (decided.definition, decided.resources) == (SNAPSHOT.definition, SNAPSHOT.resources)


@every_action
def test_its_approval_is_bound_to_what_it_goes_by_and_to_nothing_else(name: str) -> None:
    before, _ = shown(name)
    again, _ = shown(name)
    edited, _ = shown(name, base=SNAPSHOT.model_copy(update={"version": 4}))
    assert before == again
    assert before.digest != edited.digest
    assert before.base_digest != edited.base_digest
    concerns = fitting(name).concerns(STANDING)
    for part in ("paused", "scheduled_runs", "accounts", "run"):
        if not getattr(concerns, part):
            other = STANDING.model_copy(update={part: getattr(Standing(), part)})
            assert shown(name, other)[0].digest == before.digest
    assert shown(name, concerns)[0] == before


@every_action
def test_it_is_not_offered_where_it_can_do_nothing(name: str) -> None:
    assert fitting(name).has_effect(STANDING)
    for standing in IDLE[name]:
        assert not fitting(name).has_effect(standing)
        with pytest.raises(InvalidFix, match=name):
            shown(name, standing)


@every_action
def test_its_deed_comes_back_from_what_is_stored(name: str) -> None:
    _, decided = shown(name)
    assert Snapshot.model_validate_json(decided.model_dump_json()) == decided


def test_a_snapshot_without_a_deed_has_the_digest_it_always_had() -> None:
    assert SNAPSHOT.model_copy(update={"standing": None, "deed": None}).digest == SNAPSHOT.digest
    assert '"deed"' not in str(SNAPSHOT._as_data())
    assert shown("pause_workflow")[1].digest != SNAPSHOT.digest


@pytest.mark.parametrize(
    ("runs", "told"),
    [
        (None, "It has no schedule."),
        (0, "Its schedule starts no run in the next 7 days."),
        (1, "Its schedule starts 1 run in 7 days: they are left out, and not made up later."),
        (7, "Its schedule starts 7 runs in 7 days: they are left out, and not made up later."),
        (200, "starts 200 runs or more in 7 days"),
    ],
)
def test_pausing_tells_how_many_scheduled_runs_it_concerns(runs: int | None, told: str) -> None:
    standing = STANDING.model_copy(update={"scheduled_runs": runs})
    assert told in shown("pause_workflow", standing)[0].diff


def test_connecting_names_the_account_that_the_workspace_has() -> None:
    preview, _ = shown("connect_integration")
    assert preview.summary == "You connect Sales mail; nothing is applied for you."
    assert [line[:2] for line in preview.diff.splitlines()] == ["1.", "2.", "3."]


def test_connecting_what_is_stored_and_what_is_not_names_the_commands() -> None:
    stored = shown("connect_integration")[0].diff.splitlines()[1]
    assert "`ask-copilot resource show integration 'Sales mail' > account.json`" in stored
    assert "`ask-copilot resource set integration 'Sales mail' account.json`" in stored
    looked_for = parse_action({**FITTING["connect_integration"], "type": "connect_integration"})
    looked_for = looked_for.model_copy(update={"integration": "Ana's mail", "by_name": True})
    assert looked_for.has_effect(STANDING)
    line = looked_for.told(STANDING)[1]
    command = line.partition("`echo ")[2].partition("`")[0]
    body, _, *words = shlex.split(command)
    assert json.loads(body) == {"type": "ana_s_mail", "connected": True}
    assert words == ["ask-copilot", "resource", "set", "integration", "Ana's mail", "-"]
