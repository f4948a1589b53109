"""What a fix would bring about, told beside the diff that is approved; no approval hangs on it."""

from ..pipeline.effects import cost_effect
from ..pipeline.sides import sides
from ..plain import plain
from ..snapshot import Snapshot
from ..types import CostEffect, DryRun, Preview
from .parts import Parts

_NO_RUN = DryRun(
    state="not_possible", explanation="Not tried: the run that it is to help is not kept here."
)
_NO_CHANGE = DryRun(
    state="not_possible", explanation="Not tried: it changes nothing in the workflow."
)


def told_whole(
    shown: Preview,
    parts: Parts,
    *,
    base: Snapshot,
    changed: Snapshot,
    execution_id: str | None,
    dry_run: bool = False,
) -> Preview:
    """*shown* with all there is to know; with *dry_run* the failed step is tried now."""
    if shown.kind != "change":
        tried = _NO_CHANGE if dry_run else None
        return shown.model_copy(update={"execution_id": execution_id, "dry_run": tried})
    tried = None
    if dry_run:
        tried = (
            _NO_RUN
            if execution_id is None
            else parts.dry_runner.try_out(execution_id, base=base, changed=changed)
        )
    return shown.model_copy(
        update={
            "execution_id": execution_id,
            "sides": sides(base, changed),
            "plain": plain(base, changed),
            "cost_effect": _cost_effect(parts, base, changed),
            "dry_run": tried,
        }
    )


def _cost_effect(parts: Parts, base: Snapshot, changed: Snapshot) -> CostEffect | None:
    """None for a workflow that can't be read as it is: nobody knows what a run of it takes."""
    if parts.checker.problems(base):
        return None
    before = parts.outlooks.of(base.workspace_id, base.definition, workflow_id=base.workflow_id)
    after = before
    if changed.definition != base.definition:
        after = parts.outlooks.of(
            base.workspace_id, changed.definition, workflow_id=base.workflow_id
        )
    return cost_effect(before, after)
