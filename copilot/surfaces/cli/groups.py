"""`groups`: which failures are one kind, why, and what you say about it."""

from collections.abc import Iterable, Sequence

import click
from rich.text import Text

from ...settings import Settings
from ...types.group import GroupAlias, GroupDetail, GroupRule, GroupSummary, RuleKind
from ._lists import say_if_none
from ._output import console, write_json
from ._session import on_workspace, service
from ._shown import PROSE, counted, line, moment

_LISTED = 3
_SAYS = {
    RuleKind.SPLIT: "{signature} and {other} are kept apart",
    RuleKind.MERGE: "{signature} and {other} are one group",
    RuleKind.IGNORE: "the group of {signature} counts in no pattern",
}

why = click.option("--reason", default="", help="Why, for those after you.")


@click.group(invoke_without_command=True)
@click.option(
    "--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="How many."
)
@on_workspace
@click.pass_context
def groups(context: click.Context, limit: int, settings: Settings, as_json: bool) -> None:
    """List the kinds of failure among the newest 10,000 failed runs, the most frequent first."""
    if context.invoked_subcommand is not None:
        return
    with service(settings) as asked:
        found = asked.groups.list(limit=limit)
    if as_json:
        write_json({"groups": list(found)})
    else:
        _show_list(found)


@groups.command("explain")
@click.argument("signature")
@on_workspace
def explain(signature: str, settings: Settings, as_json: bool) -> None:
    """Say why failures with SIGNATURE, and others with them, are one group."""
    with service(settings) as asked:
        group = asked.groups.get(signature)
    _show_one(group, as_json=as_json)


@groups.command("split")
@click.argument("signature")
@click.argument("other")
@why
@on_workspace
def split(signature: str, other: str, reason: str, settings: Settings, as_json: bool) -> None:
    """Keep SIGNATURE and OTHER apart from now on, whatever is found automatically."""
    with service(settings) as asked:
        rule = asked.groups.split(signature, other, reason=reason)
    _show_rule(rule, as_json=as_json)


@groups.command("merge")
@click.argument("signature")
@click.argument("other")
@why
@on_workspace
def merge(signature: str, other: str, reason: str, settings: Settings, as_json: bool) -> None:
    """Have SIGNATURE and OTHER be one group from now on."""
    with service(settings) as asked:
        rule = asked.groups.merge(signature, other, reason=reason)
    _show_rule(rule, as_json=as_json)


@groups.command("ignore")
@click.argument("signature")
@why
@on_workspace
def ignore(signature: str, reason: str, settings: Settings, as_json: bool) -> None:
    """Let the group of SIGNATURE count in no pattern and in no nightly pass."""
    with service(settings) as asked:
        rule = asked.groups.ignore(signature, reason=reason)
    _show_rule(rule, as_json=as_json)


@groups.command("unignore")
@click.argument("signature")
@on_workspace
def unignore(signature: str, settings: Settings, as_json: bool) -> None:
    """Let the group of SIGNATURE count again."""
    with service(settings) as asked:
        group = asked.groups.unignore(signature)
    if as_json:
        write_json(group)
    else:
        console().print(Text(f"{line(group.label)} counts again."))


@groups.command("forget")
@click.argument("rule_id", metavar="RULE")
@on_workspace
def forget(rule_id: str, settings: Settings, as_json: bool) -> None:
    """Take a RULE back, by the id that explain shows; what is found automatically counts again."""
    with service(settings) as asked:
        asked.groups.forget(rule_id)
    if as_json:
        write_json({"forgotten": rule_id})
    else:
        console().print(Text(f"Taken back: {line(rule_id)}"))


def _show_list(found: Sequence[GroupSummary]) -> None:
    out = console()
    for one in found:
        out.print(_heading(one), soft_wrap=True)
        out.print(Text(f"  {_facts(one)}", style="dim"))
    say_if_none(out, found, "No failed runs.")


def _show_one(group: GroupDetail, *, as_json: bool) -> None:
    if as_json:
        write_json(group)
        return
    out = console()
    out.print(_heading(group), soft_wrap=True)
    out.print(Text(f"  {_facts(group)}", style="dim"))
    out.print()
    out.print(Text(line(group.likeness.sentence, limit=PROSE)))
    for member in group.members:
        counts = counted(member.failures, "failure")
        out.print(Text.assemble("  ", (line(member.signature), "dim"), f"  {counts}"))
        out.print(Text(f"    {line(member.text)}", style="red"))
    _show_lines("Merged automatically:", map(_alias, group.aliases))
    _show_lines("Said by people:", map(_rule, group.rules))


def _show_lines(heading: str, lines: Iterable[str]) -> None:
    listed = list(lines)
    if listed:
        out = console()
        out.print()
        out.print(heading)
        for one in listed:
            out.print(Text(f"  {one}"))


def _show_rule(rule: GroupRule, *, as_json: bool) -> None:
    if as_json:
        write_json(rule)
        return
    out = console()
    out.print(Text(f"From now on {_said(rule)}."))
    out.print(
        Text(f"Take it back with:  ask-copilot groups forget {line(rule.rule_id)}", style="dim"),
        soft_wrap=True,
    )


def _heading(one: GroupSummary) -> Text:
    ignored = "  (ignored)" if one.ignored else ""
    return Text.assemble(
        (f"{counted(one.failures, 'failure')}: ", "bold"),
        f"{line(one.label)}  ",
        (line(one.signature), "dim"),
        ignored,
    )


def _facts(one: GroupSummary) -> str:
    named = ", ".join(map(line, one.workflows[:_LISTED]))
    others = len(one.workflows) - _LISTED
    where = f"{named} and {others} more" if others > 0 else named
    return f"in {where}; first {moment(one.first_occurred)}, last {moment(one.last_occurred)}"


def _alias(alias: GroupAlias) -> str:
    off = "" if alias.in_force else " (off: a person's rule says otherwise)"
    what = f"{line(alias.signature)} into {line(alias.root)}"
    return f"{moment(alias.created_at)}  {what}: {line(alias.reason)}{off}"


def _rule(rule: GroupRule) -> str:
    return f"{moment(rule.made_at)}  {_said(rule)}  {line(rule.rule_id)}"


def _said(rule: GroupRule) -> str:
    """'n1:… and n1:… are kept apart, says Ana: another template'."""
    names = {"signature": line(rule.signature), "other": line(rule.other or "")}
    why_said = f": {line(rule.reason, limit=PROSE)}" if rule.reason else ""
    return f"{_SAYS[rule.kind].format(**names)}, says {line(rule.made_by_name)}{why_said}"
