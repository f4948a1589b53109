"""The chat tools over a service that notes what it is asked."""

import logging
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

import knowledge_base
from copilot.errors import (
    Forbidden,
    InsufficientCredits,
    InvalidFix,
    InvalidInput,
    NotFound,
    ServerUnreachable,
)
from copilot.fixes import FIXES
from copilot.surfaces.chat import results
from copilot.surfaces.chat.offers import kind_of
from copilot.surfaces.chat.toolbox import Toolbox, machine_service
from copilot.surfaces.chat.tools import catalog
from knowledge_base.vocabulary import FIX_TYPES
from tests.surfaces.chat_service import (
    CALLS,
    DIFF,
    MACHINE,
    PERSON,
    RecordingService,
    setting,
)

FORBIDDEN_USES = (
    "approve",
    "apply",
    "undo",
    "revert",
    "grant",
    "create",
    "replace",
    "put",
    "delete",
    "key",
    "unpause",
    "start",
    "nights",
)


def call(service, name, **arguments):
    return Toolbox.of(service).call(name, arguments)


def test_each_tool_answers_with_its_result_and_the_note():
    assert set(CALLS) == set(catalog())
    for name, arguments in CALLS.items():
        answer = call(RecordingService(), name, **arguments)
        assert not answer.is_error, (name, answer.data)
        assert answer.data["note"] == results.NOTE
        catalog()[name].result.model_validate_json(answer.text)


def test_no_tool_ever_approves_applies_grants_or_edits():
    for name, arguments in CALLS.items():
        service = RecordingService()
        assert not call(service, name, **arguments).is_error
        assert service.asked, name
        uses = [use for use in service.asked for word in FORBIDDEN_USES if word in use]
        assert not uses, (name, uses)


def test_tools_that_say_they_only_read_ask_nothing_that_changes_or_costs():
    reading = {"get", "list", "progress", "steps", "failures", "patterns", "preview"}
    reading |= {"settings", "runtimes", "suggestions"}
    for name, tool in catalog().items():
        service = RecordingService()
        call(service, name, **CALLS[name])
        only_reads = {use.partition(".")[2] for use in service.asked} <= reading
        assert only_reads == tool.reads_only, (name, service.asked)


def test_a_persons_service_is_refused_at_construction():
    with pytest.raises(InvalidInput, match="keys create chat --kind machine"):
        Toolbox.of(RecordingService(PERSON))
    with pytest.raises(InvalidInput):
        machine_service(RecordingService(PERSON))


def test_a_persons_service_is_refused_when_a_connection_gives_it():
    class Careless:
        def open(self, *, starts_work):
            from contextlib import nullcontext

            return nullcontext(person)

    person = RecordingService(PERSON)
    answer = Toolbox(Careless()).call("preview_fix", {"fix_id": "fix_1"})
    assert answer.data["error"]["code"] == "invalid_input"
    assert person.asked == []


@pytest.mark.parametrize("name", [name for name in CALLS if CALLS[name] and name != "set_settings"])
def test_an_unknown_id_is_an_error_that_repeats_no_id(name):
    class Empty(RecordingService):
        def answer(self, name, args, kwargs):
            raise NotFound("thing")

    answer = call(Empty(), name, **CALLS[name])
    assert answer.is_error
    assert answer.data["error"]["code"] == "not_found"
    assert not {"run_1", "mail", "fix_1"} & set(answer.text.replace('"', " ").split())


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (InsufficientCredits(0, 1), "insufficient_credits", False),
        (Forbidden("govern", "owner", True), "forbidden", False),
        (ServerUnreachable("http://x", "refused"), "server_unreachable", True),
        (OperationalError("SELECT secret", {}, OSError("secret")), "store_busy", True),
    ],
)
def test_deliberate_errors_say_what_to_do(error, code, retryable):
    answer = call(RecordingService(analyses__analyze=error), "analyze_execution", execution_id="x")
    told = answer.data["error"]
    assert set(told) == {"code", "message", "advice", "retryable"}
    assert (told["code"], told["retryable"]) == (code, retryable)
    assert told["message"]
    assert told["advice"]
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    "error",
    [RuntimeError("secret"), knowledge_base.InvalidKnowledge("/srv/secret.yaml: broken")],
)
def test_anything_else_is_an_internal_error_without_its_text(error, caplog):
    with caplog.at_level(logging.ERROR):
        answer = call(
            RecordingService(analyses__analyze=error), "analyze_execution", execution_id="x"
        )
    assert answer.data["error"]["code"] == "internal_error"
    assert "secret" not in answer.text
    assert "secret" not in caplog.text
    assert type(error).__name__ in caplog.text


def test_an_unknown_tool_is_answered_with_the_likely_one():
    told = call(RecordingService(), "analyse_execution").data["error"]
    assert told["code"] == "unknown_name"
    assert "analyze_execution" in told["message"]


@pytest.mark.parametrize(
    ("name", "arguments", "names"),
    [
        ("get_execution", {}, "execution_id"),
        ("get_execution", {"execution_id": ""}, "execution_id"),
        ("get_execution", {"execution_id": "x" * 201}, "execution_id"),
        ("get_execution", {"execution_id": "x", "workspace_id": "other"}, "workspace_id"),
        ("list_failures", {"limit": 21}, "limit"),
        ("list_failures", {"limit": 0}, "limit"),
        ("resume_execution", {"execution_id": "x", "mode": "again"}, "mode"),
        ("resume_execution", {"execution_id": "x"}, "mode"),
        ("set_settings", {"changes": []}, "changes"),
        ("set_settings", {"changes": [{"name": "a", "value": 1}] * 2}, "changes"),
        ("set_settings", {"changes": [{"name": "a", "value": {"b": 1}}]}, "changes"),
        ("pause_workflow", {"workflow_id": "mail"}, "reason"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_by_field_and_reach_nothing(name, arguments, names):
    service = RecordingService()
    told = call(service, name, **arguments).data["error"]
    assert told["code"] == "invalid_input"
    assert names in told["message"]
    assert service.asked == []


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"execution_id": 1', "[" * 100_000])
def test_arguments_as_broken_text_are_refused(text):
    answer = Toolbox.of(RecordingService()).call("get_execution", text)
    assert answer.data["error"]["code"] == "invalid_input"


def test_a_refused_argument_is_not_repeated():
    told = call(RecordingService(), "get_execution", execution_id={"api_key": "hunter2"})
    assert "hunter2" not in told.text


def test_every_fix_type_is_of_a_kind_that_people_know():
    kinds = {name: kind_of(name) for name in FIXES}
    assert "Other" not in kinds.values()
    assert kinds["update_instructions"] == "Update instructions"
    assert kinds["create_template"] == "Create missing resource"
    assert kinds["replace_value"] == "Adjust configuration"
    limits = ("timeout", "raise_budget", "retry_policy", "set_loop_bound", "switch_runtime")
    assert {kinds[name] for name in limits} == {"Adjust configuration"}
    assert {kinds[name] for name in ("add_fallback", "split_step")} == {"Update instructions"}
    assert kind_of("suggest_template") == "Create missing resource"
    others = {name for name in FIX_TYPES if kind_of(name) == "Other"}
    assert others == {"connect_integration", "pause_workflow", "resume_after_quota", "manual"}


def test_a_proposal_has_the_exact_diff_and_the_persons_way_to_approve():
    service = RecordingService()
    box = Toolbox.of(service, public_url="https://copilot.example/")
    first, by_hand = box.call("propose_fix", {"execution_id": "run_1"}).data["proposals"]
    assert first["change"]["diff_text"] == DIFF
    assert first["approving"] == {
        "command": "ask-copilot fix apply fix_1 --workspace acme",
        "page": "https://copilot.example/workspaces/acme/fixes/fix_1",
    }
    assert by_hand["approving"] is None
    assert by_hand["kind"] == "Other"


def test_the_persons_command_names_no_workspace_where_it_is_the_usual_one():
    here = RecordingService(MACHINE.model_copy(update={"workspace_id": "default"}))
    data = call(here, "preview_fix", fix_id="fix_1").data
    assert data["approving"]["command"] == "ask-copilot fix apply fix_1"


def test_a_fix_that_does_not_fit_any_more_is_shown_with_the_reason_and_without_a_command():
    service = RecordingService(fixes__preview=InvalidFix("replace_value", "it is gone."))
    data = call(service, "propose_fix", execution_id="run_1").data
    assert data["proposals"][0]["approving"] is None
    assert "it is gone" in data["proposals"][0]["problem_text"]
    assert "can be applied" in data["next"]


def test_a_database_that_is_busy_says_nothing_about_a_fix():
    service = RecordingService(fixes__preview=ServerUnreachable("http://x", "refused"))
    told = call(service, "propose_fix", execution_id="run_1").data["error"]
    assert (told["code"], told["retryable"]) == ("server_unreachable", True)


def test_a_wish_for_one_type_is_checked_before_anything_is_charged():
    service = RecordingService()
    told = call(service, "propose_fix", execution_id="run_1", fix_type="replace_vlaue")
    assert "replace_value" in told.data["error"]["message"]
    assert service.asked == []
    data = call(service, "propose_fix", execution_id="run_1", fix_type="manual").data
    assert [one["type"] for one in data["proposals"]] == ["manual"]


def test_settings_are_changed_as_one_and_only_those_are_answered():
    seen = {}
    service = RecordingService(
        account__set_settings=lambda values: seen.update(values) or (setting(), setting("other"))
    )
    changes = [{"name": "verify_runs", "value": 5}, {"name": "nightly_enabled", "value": True}]
    data = call(service, "set_settings", changes=changes).data
    assert seen == {"verify_runs": 5, "nightly_enabled": True}
    assert type(seen["verify_runs"]) is int
    assert [one["name"] for one in data["settings"]] == ["verify_runs"]


def test_a_pause_says_how_a_person_ends_it():
    data = call(RecordingService(), "pause_workflow", **CALLS["pause_workflow"]).data
    assert data["next"].endswith("ask-copilot workflows unpause mail --workspace acme")


def test_words_for_the_model_are_short_and_say_what_it_costs():
    for tool in catalog().values():
        assert 60 < len(tool.description) < 600, tool.name
        costs = ("Free", "charges", "costs", "cost money")
        assert any(word in tool.description for word in costs) or tool.overwrites, tool.name


def test_the_files_name_no_use_case_of_a_person():
    """The recording sees only the paths that were taken; this sees all of them."""
    folder = Path(results.__file__).parent
    for path in folder.glob("*.py"):
        source = path.read_text(encoding="utf-8")
        for use in ("fixes.approve", "fixes.apply", "fixes.undo", "fixes.revert", ".grant("):
            assert use not in source, (path.name, use)
        for use in (".create_key(", ".create(", ".replace(", ".put(", ".unpause("):
            assert f"service{use}" not in source
            assert not any(f".{group}{use}" in source for group in ("account", "workflows"))
