"""`patterns`: which failures repeat, where each stands, and what was decided about them."""

import click

from ...settings import Settings
from ...types.pattern import PatternLife
from ._output import console, write_json
from ._patterns import life_line, show_patterns
from ._session import on_workspace, service
from ._shown import PROSE, line


class _WorkflowOrCommand(click.Group):
    """`patterns WORKFLOW` beside `patterns dismiss …`: what is no command is a workflow."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] in self.commands:
            return super().resolve_command(ctx, args)
        given = ["--json"] if ctx.params.get("as_json") else []
        for name in ("data", "workspace", "url"):
            if ctx.params.get(name) is not None:
                given += [f"--{name}", str(ctx.params[name])]
        return "of", self.commands["of"], [*given, *args]


@click.group(cls=_WorkflowOrCommand, invoke_without_command=True)
@click.option("--resolved", is_flag=True, help="Those that are resolved, instead of all others.")
@click.option(
    "--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="How many."
)
@on_workspace
@click.pass_context
def patterns(
    context: click.Context, resolved: bool, limit: int, settings: Settings, as_json: bool
) -> None:
    """List the failures that repeat, of WORKFLOW or of all: new and growing ones first.

    Each says where it stands (new, repeating, worsening, regressed, dismissed or resolved), how it
    comes, what it has cost, and which other workflows fail with it.

    For example: ask-copilot patterns outreach
    """
    if context.invoked_subcommand is not None:
        return
    with service(settings) as asked:
        groups = asked.patterns.list(resolved=resolved, limit=limit)
    if as_json:
        write_json({"patterns": list(groups)})
    else:
        show_patterns(console(), groups, named=True)


@patterns.command(name="of")
@click.argument("workflow")
@on_workspace
def of(workflow: str, settings: Settings, as_json: bool) -> None:
    """List the kinds of failure among the last failed runs of WORKFLOW, the most frequent first."""
    with service(settings) as asked:
        groups = asked.analyses.patterns(workflow)
    if as_json:
        write_json({"patterns": list(groups)})
    else:
        show_patterns(console(), groups, named=False)


@patterns.command()
@click.argument("workflow")
@click.argument("signature")
@click.option("--reason", default="", help="Why: shown to whoever looks at it.")
@on_workspace
def dismiss(workflow: str, signature: str, reason: str, settings: Settings, as_json: bool) -> None:
    """Tell no more of the failure SIGNATURE of WORKFLOW.

    It is told again when it has failed half as often again, or in a newer version of the workflow.
    Another failure is told all the same.

    For example: ask-copilot patterns dismiss outreach n1:0123456789abcdef0123 --reason "Known"
    """
    with service(settings) as asked:
        life = asked.patterns.dismiss(workflow, signature, reason=reason)
    _show_life(life, as_json=as_json)


@patterns.command()
@click.argument("workflow")
@click.argument("signature")
@click.option("--reason", default="", help="Why: kept in its history.")
@on_workspace
def reopen(workflow: str, signature: str, reason: str, settings: Settings, as_json: bool) -> None:
    """Take the dismissal of the failure SIGNATURE of WORKFLOW back."""
    with service(settings) as asked:
        life = asked.patterns.reopen(workflow, signature, reason=reason)
    _show_life(life, as_json=as_json)


@patterns.command()
@click.argument("workflow")
@click.argument("signature")
@click.option("--reason", default="", help="Instead of the failure itself.")
@on_workspace
def pause(workflow: str, signature: str, reason: str, settings: Settings, as_json: bool) -> None:
    """Start no new run of WORKFLOW because of the failure SIGNATURE, until it is unpaused."""
    with service(settings) as asked:
        paused = asked.patterns.pause(workflow, signature, reason=reason)
    if as_json:
        write_json(paused)
        return
    said = f": {line(paused.paused.reason)}" if paused.paused and paused.paused.reason else ""
    console().print(f"{line(workflow)} starts no new runs{said}", markup=False, soft_wrap=True)
    console().print(f"  ask-copilot workflows unpause {line(workflow)}", markup=False)


def _show_life(life: PatternLife, *, as_json: bool) -> None:
    if as_json:
        write_json(life)
    else:
        console().print(line(life_line(life), limit=PROSE), markup=False, soft_wrap=True)
