"""Who is asked when somebody fails: the same again, a successor, the next, or nobody."""

import asyncio

import pytest

from copilot.runtimes import FailureKind
from tests.copilot.routing.scene import (
    LARGE,
    NEW,
    OLD,
    OTHER,
    SMALL,
    Scene,
    fails,
    kinds,
    question,
    says,
    text_of,
)
from tests.copilot.routing.virtual_time import in_virtual_time

TRANSIENT = ["rate_limit", "overloaded", "server", "network"]
LASTING = ["auth", "quota", "truncated", "invalid_output", "invalid_request", "timeout"]


@pytest.mark.parametrize("kind", TRANSIENT)
def test_what_passes_by_itself_is_asked_again_after_a_little_while(kind):
    scene = Scene([fails(kind), says("because")])
    routed, took = scene.ask()
    assert (routed.result, kinds(routed)) == ("because", [kind, None])
    assert 0.3 <= took <= 0.5
    assert routed.note is None


def test_the_same_model_is_asked_three_times_at_most():
    scene = Scene([fails("overloaded", repeat=True)])
    routed, took = scene.ask()
    assert (routed.reason, len(scene.asked())) == ("overloaded", 3)
    assert took < 2


def test_a_caller_that_tries_again_itself_can_have_one_try():
    scene = Scene([fails("overloaded", repeat=True)])
    scene.ask(most_tries=1)
    assert len(scene.asked()) == 1


@pytest.mark.parametrize("kind", LASTING)
def test_what_does_not_pass_is_not_asked_again_and_the_next_answers(kind):
    scene = Scene([fails(kind)], [says("because")])
    routed, _ = scene.ask(SMALL, OTHER)
    assert (routed.result, kinds(routed)) == ("because", [kind, None])
    assert routed.note == f"small gave no answer ({kind}): other answered."


def test_a_model_that_says_when_to_come_back_is_asked_then():
    routed, took = Scene([fails("rate_limit", retry_after=3), says("because")]).ask()
    assert (routed.result, took, routed.attempts[0].retry_after) == ("because", 3, 3)


def test_whom_to_come_back_to_too_late_is_left_for_the_next_at_once():
    scene = Scene([fails("rate_limit", retry_after=6)], [says("because")])
    routed, took = scene.ask(SMALL, OTHER)
    assert (routed.result, took, len(scene.asked())) == ("because", 0, 1)


def test_there_is_no_second_try_when_the_time_for_an_answer_is_short():
    routed, took = Scene([fails("rate_limit", retry_after=9.5)]).ask()
    assert (routed.reason, took) == ("rate_limit", 0)


@pytest.mark.parametrize("kind", ["refusal", "content_filter"])
def test_nobody_else_is_asked_after_a_refusal(kind):
    scene = Scene([fails(kind)], [says("because")])
    routed, _ = scene.ask(SMALL, OTHER)
    assert (routed.result, routed.reason, scene.asked("two")) == (None, kind, [])


def test_a_refusal_by_the_second_is_the_reason():
    routed, _ = Scene([fails("auth")], [fails("refusal")]).ask(SMALL, OTHER)
    assert routed.reason == "refusal"


def test_the_reason_is_why_the_first_that_could_be_asked_did_not_answer():
    routed, _ = Scene(None, [fails("auth")]).ask(SMALL, OTHER)
    assert (routed.reason, kinds(routed)) == ("auth", ["not_ready", "auth"])
    routed, _ = Scene([fails("quota")], [fails("auth")]).ask(SMALL, OTHER)
    assert routed.reason == "quota"


def test_a_runtime_that_is_not_ready_costs_nothing_and_the_next_answers():
    routed, took = Scene(None, [says("because")]).ask(SMALL, OTHER)
    assert (routed.result, took) == ("because", 0)
    assert routed.attempts[0].cost_usd == 0


def test_a_prompt_that_is_too_long_goes_to_a_model_that_reads_more():
    scene = Scene([fails("context_length")], [says("because")])
    routed, _ = scene.ask(SMALL, OTHER, LARGE)
    assert (routed.result, [one.model.id for one in scene.asked("two")]) == ("because", ["large"])


def test_a_prompt_that_is_too_long_for_all_is_that():
    scene = Scene([fails("context_length")], [says("because")])
    routed, _ = scene.ask(SMALL, OTHER)
    assert (routed.reason, scene.asked("two")) == ("context_length", [])


def test_the_successor_of_a_model_that_is_gone_answers_and_the_note_says_so():
    gone = fails("model_unavailable", status=404)
    scene = Scene([{**gone, "when": {"model": "old"}}, says("because")])
    routed, _ = scene.ask(OLD)
    assert routed.result == "because"
    assert routed.note == "old is not available any more: new answered."
    assert [one.model.id for one in scene.asked()] == ["old", "new"]


def test_a_successor_is_not_asked_without_time_for_an_answer():
    scene = Scene([fails("model_unavailable", seconds=9.5), says("because")])
    routed, _ = scene.ask(OLD)
    assert (routed.reason, len(scene.asked())) == ("model_unavailable", 1)


def test_a_model_without_a_successor_gives_way_to_the_next():
    routed, _ = Scene([fails("model_unavailable")], [says("because")]).ask(SMALL, OTHER)
    assert routed.note == "small gave no answer (model_unavailable): other answered."


def test_successors_in_a_ring_are_each_asked_once():
    scene = Scene([fails("model_unavailable", repeat=True)], followers={"old": NEW, "new": OLD})
    routed, _ = scene.ask(OLD)
    assert (routed.reason, len(scene.asked())) == ("model_unavailable", 2)


def test_the_reason_of_a_model_that_is_gone_is_that_of_its_successor():
    gone = fails("model_unavailable")
    routed, _ = Scene([{**gone, "when": {"model": "old"}}, fails("auth")]).ask(OLD)
    assert routed.reason == "auth"


def test_an_answer_asks_for_no_more_than_the_model_can_write():
    scene = Scene([says("because")])
    scene.ask(request=question(max_output_tokens=1_000_000))
    assert scene.asked()[0].max_output_tokens == SMALL.max_output_tokens


def test_there_is_no_second_try_once_pieces_were_shown():
    class BreaksOff:
        asked = 0

        async def complete(self, request):
            self.asked += 1
            request.on_text("It is ")
            raise ConnectionResetError("reset")

    runtime = BreaksOff()
    Scene(runtime).ask(request=question(on_text=lambda piece: None))
    assert runtime.asked == 1
    silent = BreaksOff()
    silent.complete = lambda request: _reset(silent)
    Scene(silent).ask(request=question(on_text=lambda piece: None))
    assert silent.asked == 3


async def _reset(runtime):
    runtime.asked += 1
    raise ConnectionResetError("reset")


def test_a_chain_of_nobody_is_not_ready():
    async def ask_nobody():
        return await Scene().router().ask(question(), [], seconds=1, accept=text_of)

    routed, _ = in_virtual_time(ask_nobody())
    assert (routed.reason, routed.attempts, routed.cost_usd) == ("not_ready", (), 0)


def test_a_model_that_failed_often_is_left_alone_and_tried_by_one_later():
    scene = Scene([fails("server", repeat=True)], [says("because", repeat=True)])

    async def story():
        router = scene.router()

        async def ask(seconds=10):
            return await router.ask(question(), [SMALL, OTHER], seconds=seconds, accept=text_of)

        for _ in range(2):
            await ask()
        asked = len(scene.asked())
        routed = await ask()
        assert len(scene.asked()) == asked
        assert kinds(routed) == [FailureKind.NOT_READY, None]
        assert routed.note == "small gave no answer (server): other answered."
        assert [(one.model, one.state) for one in router.circuits()] == [("small", "open")]
        await asyncio.sleep(31)
        assert [one.state for one in router.circuits()] == ["half_open"]
        await asyncio.gather(*(ask() for _ in range(10)))
        return len(scene.asked()) - asked

    probes, _ = in_virtual_time(story())
    assert probes == 1


def test_a_probe_whose_question_is_cancelled_leaves_the_door_to_the_next():
    scene = Scene([*[fails("server")] * 5, says("late", seconds=60), says("because")])

    async def story():
        router = scene.router()

        async def ask():
            return await router.ask(question(), [SMALL], seconds=10, accept=text_of)

        await ask()
        await ask()
        await asyncio.sleep(31)
        probe = asyncio.ensure_future(ask())
        await asyncio.sleep(1)
        probe.cancel()
        await asyncio.wait({probe})
        answered = await ask()
        return answered.result, router.circuits()

    assert in_virtual_time(story())[0] == ("because", ())


def test_everybody_leaves_a_model_alone_until_it_said_to_come_back():
    scene = Scene([fails("rate_limit", retry_after=60), says("because")])

    async def story():
        router = scene.router()

        async def ask():
            return await router.ask(question(), [SMALL], seconds=10, accept=text_of)

        first, second = await ask(), await ask()
        await asyncio.sleep(60)
        return first.reason, second.reason, (await ask()).result, len(scene.asked())

    assert in_virtual_time(story())[0] == ("rate_limit", "rate_limit", "because", 2)
