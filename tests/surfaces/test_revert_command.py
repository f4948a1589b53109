"""`revert` of a fix that has held: a person is asked first, a program is told afterwards."""

import pytest

from copilot.surfaces.cli import fixes
from tests.surfaces.conftest import CommandLine
from tests.surfaces.test_plain_words import MAIL, fixed

QUESTION = "Going back brings the failure back. Take the fix back all the same? [y/N]"
HELD = "This fix has held in 3 runs; going back brings the failure back."


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    ask = CommandLine(tmp_path_factory.mktemp("revert"))
    assert ask("init", "--example").code == 0
    change_id = fixed(ask)
    for _ in range(3):
        assert ask("run", MAIL).code == 0
    assert "Verified" in ask("outcome", change_id).out
    return ask, change_id


def test_a_person_is_asked_and_no_leaves_it(place, monkeypatch):
    ask, change_id = place
    monkeypatch.setattr(fixes, "can_ask", lambda: True)
    answer = ask("revert", change_id, stdin="n\n")
    assert answer.code == 1
    assert "Verified: " in answer.out
    assert QUESTION in answer.out
    assert "Reverted" not in answer.out
    assert ask("outcome", change_id, "--json").json["state"] == "verified"


def test_a_program_is_told_and_not_asked(place):
    ask, change_id = place
    answer = ask("revert", change_id)
    assert answer.code == 0
    assert QUESTION not in answer.out
    assert HELD in " ".join(answer.out.split())


def test_a_fix_that_is_not_judged_yet_goes_without_a_question(example, monkeypatch):
    change_id = fixed(example)
    monkeypatch.setattr(fixes, "can_ask", lambda: True)
    answer = example("revert", change_id, stdin="")
    assert (answer.code, "Reverted" in answer.out, HELD in answer.out) == (0, True, False)


def test_as_json_the_notice_is_in_the_answer(example, monkeypatch):
    change_id = fixed(example)
    for _ in range(3):
        example("run", MAIL)
    example("outcome", change_id)
    monkeypatch.setattr(fixes, "can_ask", lambda: True)
    answer = example("revert", change_id, "--json").json
    assert answer["notice"].startswith(HELD)
