"""A parallel step: branches that run at the same time and see nothing of each other."""

import asyncio
import copy
from typing import Any

from ...definition.reads import names_read
from ...definition.steps import Lane, ParallelStep
from ..outcome import Outcome
from .merging import merged
from .walking import Walking


async def carry_out(step: ParallelStep, scope: dict[str, Any], path: str, walk: Walking) -> Outcome:
    """The merged output; the first failure if there is one. Raises what merging raises."""
    ended: list[str] = []
    tasks = {
        lane.id: asyncio.create_task(_lane(lane, scope, path, walk, ended))
        for lane in step.branches
    }
    try:
        await _wait(step, tasks, path, walk)
    except asyncio.CancelledError:
        for task in tasks.values():
            task.cancel()
        await asyncio.wait(tasks.values())
        raise
    finally:
        for lane in step.branches:
            walk.run.stopped.pop(f"{path}/{lane.id}", None)
    for task in tasks.values():  # a fence or a fault of ours goes before what it has stopped
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error
    outcomes = {name: task.result() for name, task in tasks.items()}
    failed = [name for name in ended if (outcomes[name] or Outcome()).error is not None]
    if failed:
        return outcomes[failed[0]] or Outcome()
    paused = next((one for one in outcomes.values() if one is not None and one.is_paused), None)
    if paused is not None:
        return paused
    outputs = {name: one.output for name, one in outcomes.items() if one is not None}
    return Outcome(merged(step, outputs))


async def _lane(
    lane: Lane, scope: dict[str, Any], path: str, walk: Walking, ended: list[str]
) -> Outcome | None:
    """None if it was stopped. What it reads is its own copy: no branch sees another's changes."""
    prefix = f"{path}/{lane.id}"
    read = names_read(lane.steps)
    own = {name: copy.deepcopy(value) if name in read else value for name, value in scope.items()}
    try:
        outcome = await walk.steps(lane.steps, own, prefix)
    except asyncio.CancelledError:
        if prefix in walk.run.stopped:
            return None
        raise
    ended.append(lane.id)
    return outcome


async def _wait(
    step: ParallelStep,
    tasks: dict[str, "asyncio.Task[Outcome | None]"],
    path: str,
    walk: Walking,
) -> None:
    """Until all have ended; after a failure the others are stopped, where the step says so."""
    waiting = set(tasks.values())
    while waiting:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        broken = [task for task in done if not task.cancelled() and task.exception() is not None]
        if broken:
            for task in waiting:
                task.cancel()
            if waiting:
                await asyncio.wait(waiting)
            return
        failed = next((n for n, task in tasks.items() if task in done and _has_failed(task)), None)
        if failed is not None and step.on_failure == "cancel":
            for name, task in tasks.items():
                if task in waiting:
                    walk.run.stopped[f"{path}/{name}"] = failed
                    task.cancel()


def _has_failed(task: "asyncio.Task[Outcome | None]") -> bool:
    outcome = task.result()
    return outcome is not None and outcome.error is not None
