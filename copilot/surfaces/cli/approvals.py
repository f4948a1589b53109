"""`approvals` and `decide`: steps that wait for a person, and what the person says."""

from collections.abc import Sequence

import click
from rich.text import Text

from ...errors import InvalidInput
from ...service import Service
from ...settings import Settings
from ...types.engine import Decision, StepApproval
from ._output import console, write_json
from ._session import on_workspace, service
from ._shown import PROSE, line, moment
from ._waits import open_approvals, show_decisions, show_message, show_way_on, words_of


@click.command()
@click.argument("execution", required=False)
@on_workspace
def approvals(execution: str | None, settings: Settings, as_json: bool) -> None:
    """List the steps that wait for a person's decision, the oldest first.

    With EXECUTION: every one of that run, with who decided what. Fixes are another thing: those are
    approved with `ask-copilot fix approve`.

    For example: ask-copilot approvals
    """
    with service(settings) as asked:
        if execution is None:
            found = asked.executions.waiting()
        else:
            found = asked.executions.approvals(execution)
    if as_json:
        write_json({"approvals": list(found)})
    else:
        _show(found, of_one_run=execution is not None)


@click.command()
@click.argument("execution")
@click.argument("path", required=False)
@click.option("--approve", "decision", flag_value="approved", help="Let the run go on.")
@click.option("--reject", "decision", flag_value="rejected", help="Say no: the step fails.")
@click.option("--comment", default="", help="Kept with the decision.")
@on_workspace
def decide(
    execution: str,
    path: str | None,
    decision: Decision | None,
    comment: str,
    settings: Settings,
    as_json: bool,
) -> None:
    """Decide the approval step at PATH of EXECUTION; PATH is needed when more than one waits.

    The run goes on by itself on a server or in a worker; `ask-copilot watch` shows it, and without
    either carries it out. Only a person may decide, with the role that the step names.

    For example: ask-copilot decide EXECUTION /step2/ask --reject --comment "Wrong list"
    """
    if decision is None:
        raise click.UsageError("Say --approve or --reject.")
    with service(settings) as asked:
        chosen = path or _only_one(asked, execution)
        decided = asked.executions.decide(execution, chosen, decision=decision, comment=comment)
        left = open_approvals(asked, execution)
    if as_json:
        write_json(decided)
        return
    _show_decided(decided.id, left, words=f"{decision.capitalize()}: /{line(chosen).strip('/')}")


def _only_one(asked: Service, execution_id: str) -> str:
    """The path of the approval that waits. Raises InvalidInput for none or several."""
    match open_approvals(asked, execution_id):
        case (one,):
            return one.path
        case ():
            problem = "it waits for no decision."
            raise InvalidInput("EXECUTION", problem, "See ask-copilot approvals.")
        case several:
            named = ", ".join(line(one.path) for one in several)
            problem = f"{len(several)} approvals wait: {named}."
            raise InvalidInput("PATH", problem, "Name one of them.")


def _show_decided(execution_id: str, left: Sequence[StepApproval], *, words: str) -> None:
    out = console()
    if left:
        out.print(Text(f"{words}. The run still waits."))
        show_decisions(out, left)
        return
    out.print(Text(f"{words}. The run goes on:"))
    out.print(Text(f"  ask-copilot watch {line(execution_id)}", style="dim"), soft_wrap=True)


def _show(found: Sequence[StepApproval], *, of_one_run: bool) -> None:
    out = console()
    for one in found:
        run = "" if of_one_run else f"  {line(one.workflow_id)}"
        out.print(Text(f"{moment(one.asked_at)}{run}  {words_of(one)}"))
        show_message(out, one)
        if one.status == "waiting":
            show_way_on(out, one, with_path=True)
        else:
            out.print(Text(f"  {_decided(one)}", style="dim"))
    if not found:
        words = "This run asks nobody." if of_one_run else "Nothing waits for a decision."
        out.print(words)


def _decided(one: StepApproval) -> str:
    by = f" by {line(one.decided_by)}" if one.decided_by else ""
    at = "" if one.decided_at is None else f" on {moment(one.decided_at)} UTC"
    comment = f": {line(one.comment, limit=PROSE)}" if one.comment else ""
    return f"{one.status}{by}{at}{comment}"
