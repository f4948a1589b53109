"""A run for a terminal: its steps as they are nested, what it has used, and how far it is."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from ...types.engine import Execution, Progress, StepExecution, Tiles
from ._shown import PROSE, counted, line, usd
from ._usage import show_usage

#: Iterations of a loop that succeeded and are shown; of the others, all are.
MOST_ITERATIONS = 10
_RUN_SIGNS = {
    "succeeded": ("✓", "green"),
    "running": ("…", ""),
    "queued": ("…", ""),
    "paused": ("‖", "yellow"),
}
_STEP_SIGNS = {
    "succeeded": ("✓", "green"),
    "failed": ("✗", "red"),
    "running": ("…", ""),
    "paused": ("‖", "yellow"),
    "pending": ("·", "dim"),
    "skipped": ("-", "dim"),
}


def run_line(execution: Execution) -> Text:
    """'✗ failed: urgent-mail-digest, version 1 (0.3 s)' and the id to ask about."""
    sign, style = _RUN_SIGNS.get(execution.status.value, ("✗", "red"))
    seconds = execution.total_execution_time_ms / 1000
    again = f", round {execution.round}" if execution.round > 1 else ""
    return Text.assemble(
        (f"{sign} {execution.status.value.replace('_', ' ')}", style),
        f"  {line(execution.workflow_id)}, version {execution.workflow_version}{again} ({seconds:.1f} s)",
        (f"  {line(execution.id)}", "dim"),
    )


def show_run(
    console: Console,
    execution: Execution,
    steps: Sequence[StepExecution],
    progress: Progress,
    tiles: Tiles,
) -> None:
    """A run with its steps, one line each, what it has used, and its error in one line."""
    console.print(run_line(execution))
    show_steps(console, steps)
    console.print(Text(f"  {_progress(progress)}"))
    show_usage(console, tiles)
    for advice in (execution.estimate or {}).get("warnings", ()):
        console.print(Text(f"  ⚠ {line(advice.get('text', ''), limit=PROSE)}", style="yellow"))
    if execution.error is not None and execution.status.is_terminal:
        words = line(execution.error.message, limit=300)
        console.print(Text(f"  {words}", style="red"))


def show_steps(console: Console, steps: Sequence[StepExecution]) -> None:
    """One line each, indented by where it is: '[3]' is an iteration, 'left:' a branch."""
    left_out = _left_out(steps)
    for step in steps:
        if any(place in left_out.get(loop, ()) for loop, place in _iterations(step.path)):
            continue
        sign, style = _STEP_SIGNS[step.status.value]
        _, *inside = step.path.strip("/").split("/")
        named = (
            f"{_place(inside)} {line(step.name)}" if inside else f"{step.number}. {line(step.name)}"
        )
        facts = list(_step_facts(step))
        if step.path in left_out:
            facts.append(f"{counted(len(left_out[step.path]), 'more iteration')} succeeded")
        indent = "    " * (len(inside) // 2)
        console.print(
            Text.assemble((f"  {indent}{sign} {named}", style), (f"  ({', '.join(facts)})", "dim"))
        )


def _place(inside: Sequence[str]) -> str:
    """Which part of its container a step is in: an iteration, or a branch."""
    place = inside[-2]
    return f"[{place}]" if place.isdigit() else f"{line(place)}:"


def _left_out(steps: Sequence[StepExecution]) -> dict[str, set[int]]:
    """By the path of a loop, the iterations too many to show: nothing happened in them."""
    quiet: dict[str, dict[int, bool]] = defaultdict(dict)
    for step in steps:
        for loop, place in _iterations(step.path):
            good = step.status.value == "succeeded"
            quiet[loop][place] = quiet[loop].get(place, True) and good
    found = {
        loop: {place for place in sorted(places)[MOST_ITERATIONS:] if places[place]}
        for loop, places in quiet.items()
    }
    return {loop: places for loop, places in found.items() if places}


def _iterations(path: str) -> Iterator[tuple[str, int]]:
    """The loops around a step, by path, with the iteration it is in. No id begins with a digit."""
    parts = path.split("/")
    for index, part in enumerate(parts):
        if part.isdigit():
            yield "/".join(parts[:index]), int(part)


def _step_facts(step: StepExecution) -> Iterator[str]:
    yield line(step.action)
    if step.item_count is not None:
        yield counted(step.item_count, "item")
    if step.restored:
        yield "kept from an earlier round"
    elif step.completed_at is not None:
        yield f"{step.execution_time_ms} ms"
    if step.tokens_used:
        yield f"{step.tokens_used:,} tokens"
        yield "cost unknown" if step.cost_usd is None else usd(step.cost_usd)
    if step.attempts > 1:
        yield f"{step.attempts} attempts"
    if step.fallback is not None:
        yield f"{'done' if step.fallback.succeeded else 'tried'} by {line(step.fallback.title)}"
    if step.status.value == "paused" and step.kind == "approval":
        yield "waits for a decision"


def _progress(progress: Progress) -> str:
    words = (
        f"{progress.agents_completed} of {progress.agents_total} steps complete "
        f"({progress.progress_percentage} %)"
    )
    if progress.status.is_terminal or progress.current_stage is None:
        return words
    by_stages = progress.stage_progress_percentage
    weighed = "" if by_stages is None else f" ({by_stages:g} % by stages)"
    return f"{words}; at {line(progress.current_stage)}{weighed}"
