"""An answer that can't be used: the model is told why, once, if there is time."""

import pytest

from copilot.routing import Refused
from tests.copilot.routing.scene import (
    OTHER,
    SMALL,
    Scene,
    fails,
    kinds,
    says,
)


def test_the_model_is_told_what_is_wrong_with_its_answer_and_answers_again():
    scene = Scene([says("bad idea"), says("good idea")])
    routed, _ = scene.ask()
    assert routed.result == "good idea"
    assert [(one.kind, one.is_repair) for one in routed.attempts] == [
        ("invalid_output", False),
        (None, True),
    ]
    said, told = scene.asked()[1].turns[-2:]
    assert (said.role, said.text) == ("assistant", "bad idea")
    assert (told.role, told.untrusted) == ("user", False)
    assert "It is bad." in told.text


def test_the_words_for_the_model_can_be_given():
    scene = Scene([says("bad idea"), says("good idea")])
    scene.ask(repair=lambda problem: f"No! {problem}")
    assert scene.asked()[1].turns[-1].text == "No! It is bad."


def test_twice_wrong_is_enough():
    scene = Scene([says("bad idea"), says("bad again"), says("never asked for")])
    routed, _ = scene.ask()
    assert (routed.result, routed.answer, routed.reason) == (None, None, "invalid_output")
    assert kinds(routed) == ["invalid_output", "invalid_output"]


def test_after_twice_wrong_the_next_is_asked_without_what_was_said():
    scene = Scene([says("bad idea"), says("bad again")], [says("good idea")])
    routed, _ = scene.ask(SMALL, OTHER)
    assert routed.note == "small gave no answer (invalid_output): other answered."
    assert len(scene.asked("two")[0].turns) == 1


@pytest.mark.parametrize(("seconds", "asked"), [(4.0, 2), (6.0, 1)], ids=["time", "no_time"])
def test_there_is_a_second_round_only_if_one_as_long_as_the_first_fits(seconds, asked):
    scene = Scene([says("bad idea", seconds=seconds), says("good idea", seconds=seconds)])
    routed, took = scene.ask()
    assert (len(scene.asked()), routed.result is None) == (asked, asked == 1)
    assert took == seconds * asked


def test_a_second_round_that_fails_leaves_the_answer_invalid():
    routed, _ = Scene([says("bad idea"), fails("server")]).ask()
    assert (routed.reason, kinds(routed)) == ("invalid_output", ["invalid_output", "server"])


def test_a_second_round_that_is_refused_ends_the_chain():
    scene = Scene([says("bad idea"), fails("refusal")], [says("good idea")])
    routed, _ = scene.ask(SMALL, OTHER)
    assert (routed.reason, scene.asked("two")) == ("refusal", [])


def test_an_empty_answer_is_not_repeated_to_the_model():
    def nothing_said(answer):
        if not answer.text:
            raise Refused("It is empty.")
        return answer.text

    scene = Scene([says(""), says("good idea")])
    routed, _ = scene.ask(accept=nothing_said)
    assert routed.result == "good idea"
    assert [turn.role for turn in scene.asked()[1].turns] == ["user", "user"]


def test_what_accept_raises_else_is_the_callers_own():
    def broken(answer):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Scene([says("because")]).ask(accept=broken)
