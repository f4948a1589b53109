"""Fixes tried in our own engine; implements `DryRunner`."""

from collections.abc import Callable, Iterator
from typing import Literal, TypeAlias

from pydantic import ValidationError

from engine.engine import Engine
from engine.errors import InvalidDefinition, InvalidSchedule
from engine.errors import NotFound as EngineNotFound
from engine.run.trial import ResourceAsIf
from engine.workspace import MODELS, ResourceKind

from ..characters import escape_hidden
from ..errors import InvalidFix, NotFound
from ..fixes import Change, parse_any
from ..ports import DryRunner, Target
from ..snapshot import Snapshot
from ..storage.analyses import Analyses
from ..types import DryRun

State: TypeAlias = Literal["passed", "failed", "not_possible"]
LONGEST_EXPLANATION = 600


class EngineDryRunner:
    """Tries the failed step in the engine, which stores nothing of it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def try_out(
        self,
        execution_id: str,
        *,
        base: Snapshot,
        changed: Snapshot,
        seconds: float | None = None,
    ) -> DryRun:
        try:
            told = self._engine.try_step(
                base.workspace_id,
                execution_id,
                self._engine.offer.read(changed.definition),
                resources=tuple(_as_if(base, changed)),
                seconds=seconds,
            )
        except EngineNotFound:
            return _not_possible("the run is not kept any more.")
        except (InvalidDefinition, InvalidSchedule, ValidationError):
            return _not_possible("the workflow would not be valid.")
        return DryRun(state=told.state, explanation=_shown(told.explanation))


def tried_by_id(
    analyses: Analyses, target: Target, runner: DryRunner
) -> Callable[[str, str, str, float], State]:
    """What comes of trying a stored fix, of a workspace, on a run that has failed with it missing.

    The last says for how many seconds at most.
    """

    def tried(workspace_id: str, fix_id: str, execution_id: str, seconds: float) -> State:
        stored = analyses.fix(workspace_id, fix_id)
        fix = parse_any(stored.fix)
        if not isinstance(fix, Change):
            return "not_possible"
        try:
            base = target.snapshot(workspace_id, stored.workflow_id)
            changed = fix.apply(base)
        except (InvalidFix, NotFound):
            return "not_possible"
        return runner.try_out(execution_id, base=base, changed=changed, seconds=seconds).state

    return tried


def _as_if(base: Snapshot, changed: Snapshot) -> Iterator[ResourceAsIf]:
    """Resources that differ, as the run would find them."""
    for kind in base.resources.keys() | changed.resources.keys():
        before, after = base.resources.get(kind, {}), changed.resources.get(kind, {})
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                own = ResourceKind(kind)
                content = after.get(name)
                yield (
                    own,
                    name,
                    None if content is None else MODELS[own].model_validate(content),
                )


def _not_possible(why: str) -> DryRun:
    return DryRun(state="not_possible", explanation=f"Not tried: {why}")


def _shown(text: str) -> str:
    safe = escape_hidden(" ".join(text.split()))
    if len(safe) <= LONGEST_EXPLANATION:
        return safe
    return f"{safe[: LONGEST_EXPLANATION - 1]}…"
