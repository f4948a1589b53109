"""The command line: each command is one call to the service, shown for people or as JSON."""

import sys
from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from types import MappingProxyType
from typing import cast

import click

#: Command to the module that defines it: a command loads only what it needs, so that the pure
#: ones start without a database driver.
_MODULES: Mapping[str, str] = MappingProxyType(
    {
        "init": "place",
        "demo": "demo",
        "run": "runs",
        "resume": "runs",
        "cancel": "runs",
        "status": "runs",
        "watch": "watch",
        "approvals": "approvals",
        "decide": "approvals",
        "schedules": "schedules",
        "quotas": "quotas",
        "workflows": "workflows",
        "export": "workflows",
        "resource": "resources",
        "analyze": "analyze",
        "report": "analyze",
        "prompt": "prompt",
        "debug": "failures",
        "failures": "failures",
        "patterns": "patterns",
        "groups": "groups",
        "optimize": "optimize",
        "fix": "fixes",
        "undo": "fixes",
        "revert": "fixes",
        "outcome": "fixes",
        "standing": "standing",
        "learning": "learning",
        "feedback": "learning",
        "autonomy": "learning",
        "case": "learning",
        "nightly": "nights",
        "notices": "notices",
        "credits": "account",
        "settings": "settings",
        "keys": "keys",
        "audit": "audit",
        "runtimes": "account",
        "serve": "serve",
        "worker": "worker",
        "mcp": ".chat.command",
        "db": "place",
        "data": "data",
        "diagnose": "pure",
        "normalize": "pure",
        "redact": "redact",
        "kb": "knowledge",
    }
)


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _MODULES:
            return None
        module = import_module(f".{_MODULES[cmd_name]}", __name__)
        return cast("click.Command", getattr(module, cmd_name))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _MODULES:
            near = get_close_matches(args[0], _MODULES, n=1)
            hint = f" Did you mean {near[0]}?" if near else " See ask-copilot --help."
            raise click.UsageError(f"There is no command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ask-copilot")
def cli() -> None:
    """Your agent workflow failed. Ask Copilot says why, shows the fix as a diff, applies it when
    you approve, runs again from where it broke, and tells you whether the fix held.

    Start with `ask-copilot demo`. With your own workflow: `ask-copilot init`, then
    `ask-copilot run workflow.yaml`, then `ask-copilot analyze EXECUTION`.
    """


def main() -> None:
    """Entry point of the installed command."""
    # Text of failures may hold anything, and a terminal's encoding may be narrow.
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    cli(prog_name="ask-copilot")
