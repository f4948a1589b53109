"""The one door, from threads and from other event loops."""

import asyncio
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal

import pytest
from pydantic import BaseModel

from copilot.routing import open_models
from copilot.routing.estimate import estimate
from copilot.runtimes import Model, Tool, ToolOutcome, ToolUse, Turn, load_catalog
from copilot.settings import load
from tests.copilot.routing.scene import question, text_of

PATIENCE = 30
SCRIPTED = load_catalog().default("scripted")


@contextmanager
def models_with(folder, *entries):
    file = folder / "answers.json"
    file.write_text(json.dumps(list(entries)), encoding="utf-8")
    models = open_models(load({}, runtimes=("scripted",), scripted_answers=file))
    try:
        yield models
    finally:
        models.close()


def ask(models, seconds=PATIENCE, accept=text_of):
    return models.ask_within(question(), [SCRIPTED], seconds=seconds, accept=accept)


def test_a_thread_asks_and_waits(tmp_path):
    with models_with(tmp_path, {"text": "because"}) as models:
        routed = ask(models)
    assert (routed.result, routed.cost_usd) == ("because", None)


def test_many_threads_ask_at_once(tmp_path):
    with models_with(tmp_path, {"text": "because", "seconds": 0.5, "repeat": True}) as models:
        ask(models)
        begun = time.monotonic()
        with ThreadPoolExecutor(40) as threads:
            answers = list(threads.map(lambda _: ask(models).result, range(40)))
        assert time.monotonic() - begun < 40 * 0.5 / 2
    assert answers == ["because"] * 40


def test_a_coroutine_asks_and_its_own_loop_goes_on(tmp_path):
    async def both(models):
        ticks = 0
        asking = asyncio.ensure_future(
            models.ask(question(), [SCRIPTED], seconds=PATIENCE, accept=text_of)
        )
        while not asking.done():
            await asyncio.sleep(0.01)
            ticks += 1
        return (await asking).result, ticks

    with models_with(tmp_path, {"text": "because", "seconds": 0.3}) as models:
        result, ticks = asyncio.run(both(models))
    assert result == "because"
    assert ticks > 2


def test_an_answer_comes_in_time_even_where_the_loop_is_held_up(tmp_path):
    released = threading.Event()

    def hold_up(answer):
        released.wait(PATIENCE)
        return answer.text

    with models_with(tmp_path, {"text": "because"}) as models:
        begun = time.monotonic()
        routed = ask(models, seconds=0.3, accept=hold_up)
        assert time.monotonic() - begun < PATIENCE / 2
        released.set()
    assert (routed.result, routed.reason, routed.cost_usd) == (None, "timeout", None)


def test_the_file_of_answers_is_named_when_it_is_no_good(tmp_path):
    with models_with(tmp_path, {"txt": "because"}) as models:
        routed = ask(models)
        assert routed.reason == "not_ready"
        assert "answers.json" in models.pool.problem("scripted")


def test_closing_ends_whoever_waits(tmp_path):
    late = {"text": "late", "seconds": 60}
    with models_with(tmp_path, late) as models, ThreadPoolExecutor(1) as threads:
        asking = threads.submit(ask, models, 50)
        time.sleep(0.5)
        models.close()
        routed = asking.result(PATIENCE)
        assert (routed.reason, routed.cost_usd) == ("not_ready", None)
        with pytest.raises(RuntimeError, match="closed"):
            ask(models)


PRICED = Model(id="p", runtime="one", input_usd=Decimal(1), output_usd=Decimal(10))


class Form(BaseModel):
    verdict: str


def test_what_a_question_can_cost_counts_all_that_is_sent_and_the_longest_answer():
    plain = estimate(PRICED, question(max_output_tokens=1_000))
    assert plain > Decimal("0.01")
    calls = Turn(role="assistant", uses=(ToolUse("1", "look", {"at": "x" * 400}),))
    given = Turn(role="tool", outcomes=(ToolOutcome("1", "look", "y" * 400),))
    tool = Tool("look", "z" * 400, {"type": "object"})
    asked = question().turns
    more = [
        estimate(PRICED, question(turns=(*asked, calls))),
        estimate(PRICED, question(turns=(*asked, given))),
        estimate(PRICED, question(tools=(tool,))),
        estimate(PRICED, question(schema=Form)),
        estimate(PRICED, question(max_output_tokens=2_000)),
    ]
    assert all(cost > plain for cost in more)


def test_without_a_price_there_is_no_estimate():
    assert estimate(Model(id="p", runtime="one"), question()) is None
