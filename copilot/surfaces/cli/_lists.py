"""Lists for a terminal: one line an item, the id to go on with, and how to get the rest."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ...types.account import ApiKey, AuditEntry, ReceiptEntry, RuntimeInfo, SettingValue
from ...types.engine import WorkflowRecord, WorkflowVersionSummary
from ...types.insight import FailureSummary
from ._shown import PROSE, block, cell, line, moment, usd


def page_options(command: Callable[..., None]) -> Callable[..., None]:
    """One page of a longer list: how much of it, and where to go on."""
    limit = click.option(
        "--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="How many."
    )
    cursor = click.option("--cursor", help="What the page before said to go on with.")
    return limit(cursor(command))


def show_rest(console: Console, cursor: str | None) -> None:
    """How to get what follows, when something does."""
    if cursor is not None:
        console.print(
            Text(f"More:  --cursor {line(cursor, limit=1000)}", style="dim"), soft_wrap=True
        )


def show_failures(console: Console, failures: Sequence[FailureSummary]) -> None:
    for one in failures:
        step = "" if one.step_number is None else f", step {one.step_number} ({line(one.action)})"
        test = ", a test" if one.test_mode else ""
        console.print(
            Text.assemble(
                f"{moment(one.occurred_at)}  {line(one.workflow_id)}{step}{test}  ",
                (line(one.execution_id), "dim"),
            )
        )
        console.print(Text(f"  {line(one.error)}", style="red"))
    say_if_none(console, failures, "No failed runs.")


def show_workflows(console: Console, workflows: Sequence[WorkflowRecord]) -> None:
    table = table_of(4)
    for one in workflows:
        paused = "paused" if one.paused else ""
        table.add_row(cell(one.workflow_id), f"version {one.version}", cell(one.name), paused)
    console.print(table)
    for one in workflows:
        if one.paused is not None:
            by = f" by {line(one.paused.by)}" if one.paused.by else ""
            why = f": {line(one.paused.reason)}" if one.paused.reason else ""
            since = moment(one.paused.at)
            console.print(Text(f"{line(one.workflow_id)} was paused{by} on {since}{why}"))
    say_if_none(
        console, workflows, "No workflows yet. Store one with `ask-copilot run workflow.yaml`."
    )


def show_versions(console: Console, versions: Sequence[WorkflowVersionSummary]) -> None:
    table = table_of(3)
    for one in versions:
        table.add_row(str(one.version), moment(one.created_at), cell(one.name))
    console.print(table)


def show_keys(console: Console, keys: Sequence[ApiKey], *, now: datetime) -> None:
    table = table_of(5)
    for key in keys:
        who = f"{key.kind.value}, {key.role.value}"
        table.add_row(cell(key.key_id), cell(key.name), who, _life(key, now), _use(key))
    console.print(table)
    say_if_none(console, keys, "No keys. Make one with `ask-copilot keys create`.")


def _life(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return f"revoked {moment(key.revoked_at)}"
    if key.expires_at is None:
        return "no end"
    return f"{'expired' if key.expires_at <= now else 'until'} {moment(key.expires_at)}"


def _use(key: ApiKey) -> str:
    return "never used" if key.last_used_at is None else f"used {moment(key.last_used_at)}"


def show_settings(console: Console, settings: Iterable[SettingValue]) -> None:
    """Two lines each: what it is now, and what it is for."""
    for one in settings:
        console.print(_setting_line(one), soft_wrap=True)
        console.print(Text(f"  {line(one.description, limit=PROSE)}", style="dim"))


def _setting_line(setting: SettingValue) -> Text:
    facts = f"  ({line(_bounds(setting))}; {line(_changed(setting))})"
    return Text.assemble(
        (line(setting.name), "bold"), f" = {line(_value(setting))}", (facts, "dim")
    )


def show_setting(console: Console, setting: SettingValue) -> None:
    """One setting whole: what it is for, too."""
    console.print(Text.assemble((line(setting.name), "bold"), f" = {line(_value(setting))}"))
    console.print(Text(block(setting.description)))
    facts = [_bounds(setting), _changed(setting)]
    if setting.loosens:
        facts.append(f"Only an owner in person may: {setting.loosens}")
    if not setting.writable:
        facts.append("You can't change it.")
    for fact in filter(None, facts):
        console.print(Text(f"  {line(fact)}", style="dim"))


def _value(setting: SettingValue) -> str:
    if setting.value is None or setting.value == "":
        return "not set"
    value = setting.value
    if isinstance(value, bool):
        return "yes" if value else "no"
    shown = f"{value:g}" if isinstance(value, float) else str(value)
    if setting.unit is None:
        return shown
    return f"{shown} {setting.unit.removesuffix('s') if shown == '1' else setting.unit}"


def _bounds(setting: SettingValue) -> str:
    if setting.choices:
        return f"one of {', '.join(setting.choices)}"
    if setting.minimum is None and setting.maximum is None:
        return setting.type
    if setting.maximum is None:
        return f"{setting.type}, {setting.minimum:.12g} or more"
    if setting.minimum is None:
        return f"{setting.type}, {setting.maximum:.12g} or less"
    return f"{setting.type}, {setting.minimum:.12g} to {setting.maximum:.12g}"


def _changed(setting: SettingValue) -> str:
    if setting.changed_at is None:
        return "default"
    return f"changed by {setting.changed_by_name or setting.changed_by or 'somebody'} on {moment(setting.changed_at)}"


def show_receipts(console: Console, receipts: Sequence[ReceiptEntry]) -> None:
    table = table_of(5)
    for one in receipts:
        noun = "credit" if one.credits == 1 else "credits"
        cost = "cost unknown" if one.cost_usd is None else f"{one.cost_usd} USD"
        about = cell(one.execution_id or one.analysis_id or "")
        row = (moment(one.created_at), f"{one.credits} {noun}", cost, cell(one.reason), about)
        table.add_row(*row)
    console.print(table)
    say_if_none(console, receipts, "Nothing has been analysed yet.")


def show_audit(console: Console, entries: Sequence[AuditEntry]) -> None:
    table = table_of(4)
    for one in entries:
        who = f"{one.actor_name or one.actor} ({one.actor_kind.value})"
        table.add_row(moment(one.at), cell(who), cell(one.action), cell(one.subject))
    console.print(table)
    say_if_none(console, entries, "Nobody has changed anything yet.")


def show_runtimes(console: Console, runtimes: Sequence[RuntimeInfo]) -> None:
    """A line for each, and below it what has to be known or done."""
    table = table_of(4)
    table.add_row("RUNTIME", "STATE", "DEFAULT MODEL", "A MILLION TOKENS", style="dim")
    table.columns[0].no_wrap = True
    for one in runtimes:
        table.add_row(
            cell(one.name), _runtime_state(one), cell(one.default_model or "-"), _prices(one)
        )
    console.print(table)
    console.print()
    for one in runtimes:
        for words in filter(None, (_so_far(one), one.reason, one.note)):
            console.print(Text(f"{line(one.name)}: {line(words, limit=PROSE)}"), style="dim")


def _runtime_state(one: RuntimeInfo) -> str:
    if one.available:
        return "always there" if one.place is None else f"asked as no. {one.place}"
    return "not asked" if one.configured else "not set up"


def _prices(one: RuntimeInfo) -> str:
    """Of the default model: '$0.10 in, $0.50 out'."""
    found = next((model for model in one.model_facts if model.id == one.default_model), None)
    if found is None:
        return "-"
    if found.input_usd is None or found.output_usd is None:
        return "not known"
    return f"{usd(found.input_usd)} in, {usd(found.output_usd)} out"


def _so_far(one: RuntimeInfo) -> str | None:
    """How it has done here, with the counts."""
    if one.measured is None:
        return None
    so_far = one.measured
    words = [f"{so_far.answers:,} of {so_far.asked:,} times its answer could be used"]
    if so_far.median_ms is not None:
        words.append(f"half of its answers took less than {so_far.median_ms / 1000:.1f} s")
    judged = so_far.fixes_verified + so_far.fixes_failed
    if judged:
        words.append(f"{so_far.fixes_verified:,} of {judged:,} fixes held")
    return f"{', '.join(words)}."


def table_of(columns: int) -> Table:
    table = Table.grid(padding=(0, 2))
    for _ in range(columns):
        table.add_column(overflow="fold")
    return table


def say_if_none(console: Console, items: Sequence[Any], words: str) -> None:
    if not items:
        console.print(words)
