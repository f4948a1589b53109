# pyright: basic, reportMissingImports=false
"""flujo: a pipeline of steps with its SQLite backend, as shipped."""

import asyncio
import logging
import sys
from functools import cache, reduce
from operator import rshift
from uuid import uuid4

from _turns import PAYLOAD, given, take_turns
from flujo import Flujo, Pipeline, Step
from flujo.domain.models import PipelineContext
from flujo.state.backends.sqlite import SQLiteBackend

sys.stdout = sys.stderr  # it writes of itself
logging.disable(logging.INFO)  # a line for each step, which would slow it down


async def step(_given: object) -> dict[str, str]:
    return PAYLOAD


async def main() -> None:
    folder, steps = given()
    backend = SQLiteBackend(folder / "flujo.db")

    @cache
    def runner(count: int) -> Flujo:
        parts = [Step.from_callable(step, name=f"s{number}") for number in range(count)]
        pipeline = reduce(rshift, parts[1:], Pipeline.from_step(parts[0]))
        return Flujo(
            pipeline, context_model=PipelineContext, enable_tracing=False, state_backend=backend
        )

    runner(steps)

    async def run(count: int) -> None:
        start = {"run_id": uuid4().hex, "initial_prompt": "bench"}
        told = runner(count).run_async({"start": 1}, initial_context_data=start)
        end = [one async for one in told][-1]
        assert len(end.step_history) == count
        assert end.step_history[-1].success

    await take_turns("flujo", run, steps=steps)


asyncio.run(main())
