"""One deadline holds, whatever a provider does with it."""

import asyncio

import pytest

from copilot.runtimes import Answer, FailureKind, Usage
from tests.copilot.routing.scene import (
    HANGS,
    OTHER,
    SMALL,
    Deaf,
    Scene,
    fails,
    kinds,
    question,
    says,
    text_of,
)
from tests.copilot.routing.virtual_time import in_virtual_time


def test_an_answer_in_time_is_given_at_once():
    routed, took = Scene([says("because", seconds=2)]).ask()
    assert (routed.result, routed.reason, routed.note, took) == ("because", None, None, 2)
    assert routed.attempts[0].milliseconds == 2_000


def test_whoever_hangs_is_given_up_when_the_time_is_over():
    routed, took = Scene([HANGS]).ask()
    assert (routed.result, routed.reason, took) == (None, "timeout", 10)


def test_whoever_drips_is_given_up_too_though_there_is_always_something_new():
    routed, took = Scene([{**HANGS, "drip": True}]).ask()
    assert (routed.reason, took) == ("timeout", 10)


def test_a_call_that_ignores_its_cancellation_is_abandoned():
    scene = Scene(Deaf())

    async def ask():
        router = scene.router()
        routed = await router.ask(question(), [SMALL], seconds=10, accept=text_of)
        return routed, router.abandoned, asyncio.get_running_loop().time()

    (routed, abandoned, now), _ = in_virtual_time(ask())
    assert (routed.reason, abandoned, now) == ("timeout", 1, 10)


def test_the_next_in_the_chain_has_time_left_even_after_one_that_is_deaf():
    routed, took = Scene(Deaf(), [says("because", seconds=2)]).ask(SMALL, OTHER)
    assert routed.result == "because"
    assert kinds(routed) == [FailureKind.TIMEOUT, None]
    assert took == pytest.approx(6.5 + 0.2 + 2)


def test_the_first_choice_gets_most_of_the_time_and_the_last_all_that_is_left():
    routed, took = Scene([HANGS], [HANGS]).ask(SMALL, OTHER)
    assert [attempt.milliseconds for attempt in routed.attempts] == [6_500, 3_500]
    assert took == 10


def test_where_a_share_would_be_too_short_for_an_answer_the_first_choice_has_all():
    routed, took = Scene([says("because", seconds=1.9)], [HANGS]).ask(SMALL, OTHER, seconds=2)
    assert (routed.result, took) == ("because", 1.9)


def test_nobody_who_timed_out_is_asked_again():
    scene = Scene([fails("timeout", seconds=1, repeat=True)])
    routed, took = scene.ask()
    assert (len(scene.asked()), routed.reason) == (1, "timeout")
    assert took == pytest.approx(1)


def test_a_runtime_is_told_how_much_time_is_left():
    scene = Scene([fails("overloaded", retry_after=3), says("because")])
    scene.ask()
    assert [round(request.timeout_seconds, 2) for request in scene.asked()] == [10, 7]


def test_waiting_for_a_free_place_counts():
    scene = Scene([says("because", seconds=4, repeat=True)], concurrency=1)

    async def ask_three():
        router = scene.router()
        asking = [router.ask(question(), [SMALL], seconds=9, accept=text_of) for _ in range(3)]
        return await asyncio.gather(*asking)

    routed, took = in_virtual_time(ask_three())
    assert [one.result for one in routed] == ["because", "because", None]
    assert (routed[2].reason, took) == ("timeout", 9)


def test_who_never_got_a_place_has_cost_nothing_and_asked_nobody():
    scene = Scene([says("because", seconds=5)], concurrency=1)

    async def ask_two():
        router = scene.router()
        asking = [
            router.ask(question(), [SMALL], seconds=seconds, accept=text_of) for seconds in (9, 3)
        ]
        return (await asyncio.gather(*asking))[1]

    waiting, _ = in_virtual_time(ask_two())
    assert (waiting.reason, waiting.cost_usd, len(scene.asked())) == ("timeout", 0, 1)


def test_cancelling_a_question_cancels_the_call_and_frees_its_place():
    class Watched:
        cancelled = 0

        async def complete(self, request):
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError:
                self.cancelled += 1
                raise

    runtime = Watched()
    scene = Scene(runtime, concurrency=1)

    async def cancelled():
        router = scene.router()
        for _ in range(2):
            asking = asyncio.ensure_future(
                router.ask(question(), [SMALL], seconds=10, accept=text_of)
            )
            await asyncio.sleep(1)
            assert not asking.done()
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
        await asyncio.sleep(0.1)
        return router.abandoned, runtime.cancelled

    assert in_virtual_time(cancelled())[0] == (0, 2)


def test_pieces_are_passed_on_until_the_question_is_over_and_not_after():
    heard = []

    class TalksOn:
        async def complete(self, request):
            for number in range(30):
                try:
                    await asyncio.sleep(1)
                except asyncio.CancelledError:
                    continue
                request.on_text(str(number))

    async def ask():
        request = question(on_text=heard.append)
        router = Scene(TalksOn()).router()
        await router.ask(request, [SMALL], seconds=3.5, accept=text_of)
        await asyncio.sleep(5)

    in_virtual_time(ask())
    assert heard == ["", "0", "1", "2"]


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (KeyError("choices"), FailureKind.SERVER),
        (asyncio.CancelledError(), FailureKind.NETWORK),
        (TimeoutError(), FailureKind.SERVER),
    ],
    ids=["key_error", "cancelled_inside", "builtin_timeout"],
)
def test_what_a_runtime_must_not_raise_is_a_failed_attempt_all_the_same(raised, kind):
    class Broken:
        async def complete(self, request):
            raise raised

    routed, _ = Scene(Broken()).ask(most_tries=1)
    assert (routed.reason, kinds(routed), routed.cost_usd) == (kind, [kind], None)


def test_an_answer_at_the_last_moment_still_counts():
    class Late:
        async def complete(self, request):
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError:
                return Answer(text="just so", usage=Usage(), model="small")

    routed, _ = Scene(Late()).ask()
    assert routed.result == "just so"


@pytest.mark.parametrize(("seconds", "open_ones"), [(4.0, 0), (6.0, 1)], ids=["hurried", "fair"])
def test_time_outs_of_those_in_a_hurry_say_nothing_about_a_model(seconds, open_ones):
    scene = Scene([HANGS])

    async def ask_five():
        router = scene.router()
        for _ in range(5):
            await router.ask(question(), [SMALL], seconds=seconds, accept=text_of)
        return router.circuits()

    assert len(in_virtual_time(ask_five())[0]) == open_ones
