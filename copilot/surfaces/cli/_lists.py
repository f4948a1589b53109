"""Lists for a terminal: one line an item, the id to go on with, and how to get the rest."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ...pipeline.sanitize import one_line
from ...types.account import ApiKey, AuditEntry, ReceiptEntry, RuntimeInfo, SettingValue
from ...types.engine import WorkflowRecord, WorkflowVersionSummary
from ...types.insight import DebugView, FailureGroup, FailureSummary, TimelineStep

LONGEST = 200
_STATES = {
    "good": ("✓", "green"),
    "warning": ("!", "yellow"),
    "bad": ("✗", "red"),
    "idle": ("·", "dim"),
}


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
        console.print(Text(f"More:  --cursor {cursor}", style="dim"), soft_wrap=True)


def show_failures(console: Console, failures: Sequence[FailureSummary]) -> None:
    for one in failures:
        step = "" if one.step_number is None else f", step {one.step_number} ({one.action})"
        test = ", a test" if one.test_mode else ""
        console.print(
            Text.assemble(
                f"{_moment(one.occurred_at)}  {one.workflow_id}{step}{test}  ",
                (one.execution_id, "dim"),
            )
        )
        console.print(Text(f"  {one_line(one.error, limit=LONGEST)}", style="red"))
    _none(console, failures, "No failed runs.")


def show_groups(console: Console, groups: Sequence[FailureGroup]) -> None:
    for one in groups:
        pattern = one.pattern
        counted = f"{pattern.failure_count} of the last {pattern.window} failed runs"
        console.print(Text.assemble((f"{counted}: ", "bold"), one_line(one.label, limit=LONGEST)))
        if pattern.warning:
            console.print(Text(f"  ⚠ {pattern.warning}", style="yellow"))
        if pattern.recommendation:
            console.print(Text(f"  Recommendation: {pattern.recommendation}"))
        if one.executions:
            console.print(Text(f"  newest: {one.executions[0]}", style="dim"))
    _none(console, groups, "No failures among its last runs.")


def show_debug(console: Console, view: DebugView) -> None:
    """The timeline, then what the rules say. Signs and words carry the meaning, colour helps."""
    console.print(
        Text.assemble(
            (f"{view.workflow_id}: {view.status.replace('_', ' ')}", "bold"),
            (f"  {view.execution_id}", "dim"),
        )
    )
    for step in view.timeline:
        console.print(_timeline_line(step))
        if step.error:
            console.print(Text(f"      {one_line(step.error, limit=LONGEST)}", style="red"))
    if view.root_cause is not None and view.verdict is not None:
        console.print()
        console.print(Text(f"Root cause: {view.root_cause.value} ({view.verdict.value})"))
    if view.explanation:
        console.print(Text(view.explanation))
    for advice in view.advice:
        console.print(Text.assemble((f"  {advice.tier:<6} ", "bold"), advice.description))
    if view.report is not None:
        console.print(Text(f"Analysed:  ask-copilot report {view.report.analysis_id}", style="dim"))
    elif view.root_cause is not None:
        console.print(Text(f"Fixes:  ask-copilot analyze {view.execution_id}", style="dim"))


def _timeline_line(step: TimelineStep) -> Text:
    sign, style = _STATES[step.state]
    facts = [step.action, step.status]
    if step.execution_time_ms is not None:
        facts.append(f"{step.execution_time_ms} ms")
    if step.attempts > 1:
        facts.append(f"{step.attempts} attempts")
    line = Text.assemble((f"  {sign} {step.number}. {one_line(step.name)}", style))
    return line.append(f"  ({', '.join(facts)})", style="dim")


def show_workflows(console: Console, workflows: Sequence[WorkflowRecord]) -> None:
    table = _table(4)
    for one in workflows:
        paused = "paused" if one.paused else ""
        table.add_row(one.workflow_id, f"version {one.version}", _plain(one.name), paused)
    console.print(table)
    for one in workflows:
        if one.paused is not None:
            by = f" by {one.paused.by}" if one.paused.by else ""
            why = f": {one_line(one.paused.reason, limit=LONGEST)}" if one.paused.reason else ""
            since = _moment(one.paused.at)
            console.print(Text(f"{one.workflow_id} was paused{by} on {since}{why}"))
    _none(console, workflows, "No workflows yet. Store one with `ask-copilot run workflow.yaml`.")


def show_versions(console: Console, versions: Sequence[WorkflowVersionSummary]) -> None:
    table = _table(3)
    for one in versions:
        table.add_row(str(one.version), _moment(one.created_at), _plain(one.name))
    console.print(table)


def show_keys(console: Console, keys: Sequence[ApiKey], *, now: datetime) -> None:
    table = _table(5)
    for key in keys:
        who = f"{key.kind.value}, {key.role.value}"
        table.add_row(key.key_id, _plain(key.name), who, _life(key, now), _use(key))
    console.print(table)
    _none(console, keys, "No keys. Make one with `ask-copilot keys create`.")


def _life(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return f"revoked {_moment(key.revoked_at)}"
    if key.expires_at is None:
        return "no end"
    return f"{'expired' if key.expires_at <= now else 'until'} {_moment(key.expires_at)}"


def _use(key: ApiKey) -> str:
    return "never used" if key.last_used_at is None else f"used {_moment(key.last_used_at)}"


def show_settings(console: Console, settings: Iterable[SettingValue]) -> None:
    table = _table(4)
    for one in settings:
        table.add_row(one.name, _plain(_value(one)), _plain(_bounds(one)), _plain(_changed(one)))
    console.print(table)


def show_setting(console: Console, setting: SettingValue) -> None:
    """One setting whole: what it is for, too."""
    console.print(Text.assemble((setting.name, "bold"), f" = {_value(setting)}"))
    console.print(Text(setting.description))
    facts = [_bounds(setting), _changed(setting)]
    if setting.loosens:
        facts.append(f"Only an owner in person may: {setting.loosens}")
    if not setting.writable:
        facts.append("You can't change it.")
    for fact in filter(None, facts):
        console.print(Text(f"  {fact}", style="dim"))


def _value(setting: SettingValue) -> str:
    if setting.value is None or setting.value == "":
        return "not set"
    return f"{setting.value} {setting.unit}" if setting.unit else str(setting.value)


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
    return f"changed by {setting.changed_by or 'somebody'} on {_moment(setting.changed_at)}"


def show_receipts(console: Console, receipts: Sequence[ReceiptEntry]) -> None:
    table = _table(5)
    for one in receipts:
        noun = "credit" if one.credits == 1 else "credits"
        cost = "cost unknown" if one.cost_usd is None else f"{one.cost_usd} USD"
        about = one.execution_id or one.analysis_id or ""
        row = (_moment(one.created_at), f"{one.credits} {noun}", cost, _plain(one.reason), about)
        table.add_row(*row)
    console.print(table)
    _none(console, receipts, "Nothing has been analysed yet.")


def show_audit(console: Console, entries: Sequence[AuditEntry]) -> None:
    table = _table(4)
    for one in entries:
        who = f"{one.actor} ({one.actor_kind.value})"
        table.add_row(_moment(one.at), _plain(who), one.action, _plain(one.subject))
    console.print(table)
    _none(console, entries, "Nobody has changed anything yet.")


def show_runtimes(console: Console, runtimes: Sequence[RuntimeInfo]) -> None:
    table = _table(3)
    for one in runtimes:
        state = "available" if one.available else f"not available: {one.reason or 'unknown why'}"
        models = ", ".join(one.models)
        table.add_row(one.name, _plain(state), _plain(one.default_model or models))
    console.print(table)


def _table(columns: int) -> Table:
    table = Table.grid(padding=(0, 2))
    for _ in range(columns):
        table.add_column(overflow="fold")
    return table


def _plain(value: Any) -> Text:
    """Text of somebody, on one line and without markup."""
    return Text(one_line(str(value), limit=LONGEST))


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _none(console: Console, items: Sequence[Any], words: str) -> None:
    if not items:
        console.print(words)
