"""What commands ask, and what they say where nobody answers."""

import pytest

from copilot.errors import InvalidInput
from copilot.surfaces.cli._questions import MOST_WRONG


@pytest.fixture(scope="module")
def fixable(tmp_path_factory):
    from tests.surfaces.conftest import CommandLine

    ask = CommandLine(tmp_path_factory.mktemp("questions"))
    assert ask("init", "--example").code == 0
    run = ask("run", "urgent-mail-digest", "--json").json["execution"]["id"]
    fixes = ask("analyze", run, "--json").json["suggested_fixes"]
    return ask, next(fix["fix_id"] for fix in fixes if fix["fix_id"])


@pytest.mark.parametrize("command", ["apply", "approve"])
def test_with_json_nobody_is_asked(fixable, command):
    ask, fix_id = fixable
    answer = ask("fix", command, fix_id, "--json", stdin="y\n")
    assert answer.code == 3
    error = answer.json["error"]
    assert error["code"] == "invalid_input"
    assert "--digest" in error["message"]
    assert f"ask-copilot fix preview {fix_id} --json" in error["message"]
    assert "Approve" not in answer.err


@pytest.mark.parametrize("command", ["apply", "approve"])
def test_without_anybody_to_answer_the_way_out_is_named(fixable, command):
    ask, fix_id = fixable
    answer = ask("fix", command, fix_id, stdin="")
    assert answer.code == 3
    assert answer.err.startswith("\nError: The question: nobody answered it.")
    assert f"ask-copilot fix preview {fix_id} --json" in answer.err


def test_no_is_said_on_a_line_of_its_own(fixable):
    ask, fix_id = fixable
    answer = ask("fix", "approve", fix_id, stdin="n\n")
    assert answer.code == 1
    assert answer.out.endswith("\n")
    assert answer.err == "Aborted!\n"


def test_a_program_that_answers_nonsense_is_not_asked_for_ever(fixable, ask):
    known, fix_id = fixable
    answer = known("fix", "approve", fix_id, stdin="maybe\n" * 100)
    assert answer.code == 3
    assert answer.err.count("'maybe' is not one of y, yes, n, no.") == MOST_WRONG
    demo = ask("demo", "--interactive", stdin="y\n" * 100)
    assert demo.code == 3
    assert demo.err.count("'y' is not one of") == MOST_WRONG
    assert "leave --interactive out" in demo.err


@pytest.mark.parametrize("answer", ["Y", " yes ", "YES"])
def test_yes_may_be_spelled(monkeypatch, answer):
    import click

    from copilot.surfaces.cli._questions import choose, confirm

    monkeypatch.setattr(click, "prompt", lambda *_, **__: answer)
    assert confirm("Well?", otherwise="")
    with pytest.raises(InvalidInput, match="not one of 1, 2"):
        choose("Which?", ("1", "2"), default="1", otherwise="")


def test_init_says_that_a_named_server_is_not_asked(ask):
    answer = ask("init", "--json", env={"ASK_COPILOT_URL": "http://127.0.0.1:1"})
    assert answer.code == 0
    assert "ASK_COPILOT_URL is set, and ignored here" in answer.err
    assert (ask.folder / ".ask-copilot").is_dir()
    assert answer.json["data"]
    assert ask("init").err == ""
