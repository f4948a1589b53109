"""A fix applied and its run resumed in one go."""

from collections.abc import Callable

import click
from rich.console import Console

from ...errors import InvalidInput
from ...service import Service
from ...settings import Settings
from ...types import Approval, Change, Preview
from ...types.engine import ResumeMode
from ._ending import ended_run
from ._output import console, write_json
from ._render import change_line
from ._resumed import show_resumed
from ._seen import finish, leave
from ._session import service
from ._shown import line

MODES = click.Choice(["full", "partial", "dependencies"])


def show_applied(console: Console, change: Change) -> None:
    """The new version, and until when undoing it is one command."""
    console.print(change_line(change))
    if change.applied_at is not None and change.undo_until is not None:
        offered = (change.undo_until - change.applied_at).total_seconds()
        console.print(f"Undo within {offered:g} s:  ask-copilot undo {line(change.change_id)}")


def retry(
    settings: Settings,
    fix_id: str,
    mode: ResumeMode,
    *,
    approve: Callable[[], Approval],
    as_json: bool,
) -> None:
    """Has the fix approved, applies it, and runs what it is for again, until that ends.

    A run that could not be resumed is told before anything is applied. Raises InvalidInput.
    """
    with service(settings) as asked:
        shown = _preview(asked, fix_id)
        execution_id = _runnable(asked, shown, mode)
    approval = approve()
    with service(settings, dispatch=True) as asked:
        change = asked.fixes.apply(approval.approval_id)
        if not as_json:
            show_applied(console(), change)
        before = asked.executions.steps(execution_id, outputs=False)
        resumed = asked.executions.resume(execution_id, mode=mode)
        if not as_json:
            console().print(f"{_heading(shown)} in version {resumed.workflow_version}.")
            show_resumed(console(), resumed, {one.path: one.name for one in before})
        ended = ended_run(asked, execution_id, quiet=as_json)
    if as_json:
        write_json({"change": change, "execution": ended.execution})
        leave(ended.execution)
    else:
        finish(ended, as_json=False)


def _preview(asked: Service, fix_id: str) -> Preview:
    if not fix_id.startswith("fix_"):
        raise InvalidInput(
            "--then-run",
            "it needs the id of a fix, which tells what to run again.",
            "Or apply the approval, and then use `ask-copilot resume EXECUTION`.",
        )
    return asked.fixes.preview(fix_id)


def _runnable(asked: Service, shown: Preview, mode: ResumeMode) -> str:
    if shown.execution_id is None:
        problem = "the run that this fix is for is not kept here."
        raise InvalidInput("--then-run", problem, "Apply it, and start a new run.")
    found = asked.executions.resume_options(shown.execution_id)
    chosen = next(one for one in found.options if one.mode == mode)
    if chosen.refused is not None:
        way_out = f"See `ask-copilot resume {line(shown.execution_id)} --options`."
        raise InvalidInput("--then-run", f"nothing was applied. {chosen.refused}", way_out)
    return shown.execution_id


def _heading(shown: Preview) -> str:
    return "Retry with Fixed Value" if shown.fix_type == "replace_value" else "Retry with the fix"
