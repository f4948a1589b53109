"""A report as a document: pattern, evidence, root cause, fix at the root, and how urgent it is.

For a ticket, a wiki or a pull request. What comes from the run or from a model stands in code
spans and blocks, so that it is shown and never read as Markdown.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from enum import StrEnum

from .markdown import code_block, code_span, prose
from .pipeline.sanitize import one_line
from .types import Evidence, Report, SuggestedFix, Verdict
from .types.message import BESIDES, place

_TIERS = ("best", "better", "quick")
_TIER_NAMES = {"best": "At the root", "better": "Or", "quick": "For now"}


class Priority(StrEnum):
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


def priority(report: Report) -> tuple[Priority, str]:
    """How urgent it is, and why; from stored facts alone."""
    pattern = report.pattern_detected
    if report.already_fixed is not None:
        return Priority.LOW, "it is fixed already"
    if pattern.is_pattern:
        return Priority.HIGH, (
            f"{pattern.failure_count} of the last {pattern.window} failed runs failed like this"
        )
    if report.auto_resume_at is not None:
        return Priority.LOW, "the run goes on by itself"
    if report.retry_helps:
        return Priority.LOW, "running again may be enough"
    if report.verdict is Verdict.INCONCLUSIVE:
        return Priority.MEDIUM, "the cause is not known yet"
    return Priority.MEDIUM, "it will fail again until something is changed"


def as_markdown(report: Report) -> str:
    """The whole document, with a line feed at its end."""
    return "\n\n".join(_blocks(report)) + "\n"


def _blocks(report: Report) -> Iterator[str]:
    how, why = priority(report)
    yield f"# Why {code_span(one_line(report.workflow_id))} failed"
    yield "\n".join(_facts(report, how, why))
    yield from _section("Problem", _problem(report))
    yield from _section("Evidence", _evidence(report))
    yield from _section("Root cause", _cause(report))
    yield from _section("What changed since it last worked", _changes(report))
    yield from _section("Fix", [*_done(report), *_fixes(report.suggested_fixes)])
    yield from _section(
        "Still to find out", [_list(prose(one_line(one)) for one in report.collect)]
    )


def _section(title: str, blocks: Iterable[str]) -> Iterator[str]:
    shown = [block for block in blocks if block]
    if shown:
        yield f"## {title}"
        yield from shown


def _facts(report: Report, how: Priority, why: str) -> Iterator[str]:
    step = report.failed_step
    yield f"- Priority: **{how}** ({why})"
    yield f"- Run: {code_span(one_line(report.execution_id))}"
    yield f"- Where: {_code(place(step.step_number, step.path) or 'outside every step')}"
    yield f"- When: {_moment(step.timestamp)}"
    yield f"- Root cause: `{report.root_cause}`, {report.verdict}"
    yield f"- Analysis: {code_span(report.analysis_id)}, by {_code(report.produced_by)}"


def _problem(report: Report) -> Iterator[str]:
    yield code_block(report.failed_step.error)
    if report.followed_by:
        numbers = ", ".join(str(step.step_number) for step in report.followed_by)
        yield f"Because of it these steps failed too: {numbers}."
    if report.failed_beside:
        numbers = ", ".join(str(step.step_number) for step in report.failed_beside)
        yield f"These steps failed for reasons of their own: {numbers}."
    pattern = report.pattern_detected
    if not pattern.is_pattern:
        return
    yield f"It repeats: {_code(pattern.error_message)} in {_share(report)}."
    if pattern.shared_entities:
        yield f"All of them name {_codes(pattern.shared_entities)}."
    if pattern.recommendation:
        yield f"Until it is put right: {prose(one_line(pattern.recommendation))}."


def _share(report: Report) -> str:
    pattern = report.pattern_detected
    share = f"{pattern.failure_count} of the last {pattern.window} failed runs"
    if pattern.first_occurred is None:
        return share
    return f"{share}, the first of them on {_moment(pattern.first_occurred)}"


def _evidence(report: Report) -> Iterator[str]:
    yield "\n".join(f"- {_pointer(one)}: {_code(one.text)}" for one in report.evidence)
    if report.location_note:
        yield prose(one_line(report.location_note, limit=1000))


def _pointer(one: Evidence) -> str:
    where = one.source.replace("_", " ")
    if one.step is None or one.start is None:
        return where
    return f"{where} of {code_span(one_line(one.step))}, characters {one.start} to {one.end}"


def _cause(report: Report) -> Iterator[str]:
    yield prose(one_line(report.explanation, limit=1000))
    if report.grounds:
        yield f"Verdict: {report.verdict}. {prose(report.grounds)}"
    yield _list(
        f"Not {one.root_cause.replace('_', ' ')}: {prose(one.why_not)}"
        for one in report.alternatives
    )


def _changes(report: Report) -> Iterator[str]:
    if report.last_green_run is not None:
        green = report.last_green_run
        yield (
            f"It last worked in run {code_span(one_line(green.execution_id))}, "
            f"version {green.workflow_version}, {green.ago}."
        )
    yield _list(prose(one_line(line, limit=1000)) for line in report.changes_since)


def _done(report: Report) -> Iterator[str]:
    """The fix that is in place, and what to do with the run that had failed without it."""
    done = report.already_fixed
    if done is None:
        return
    yield prose(one_line(done.words, limit=2000))
    if done.diff:
        yield code_block(done.diff, language="diff")
    resume = f"ask-copilot resume {one_line(report.execution_id)} --mode partial"
    yield f"- Go on with the run: {code_span(resume)}"
    if done.standing_id is not None:
        see = f"ask-copilot outcome {one_line(done.change_id)}"
        yield f"- See whether it holds: {code_span(see)}"
    yield f"- Take it back: {code_span(f'ask-copilot revert {one_line(done.change_id)}')}"
    if report.suggested_fixes:
        yield BESIDES


def _fixes(fixes: Iterable[SuggestedFix]) -> Iterator[str]:
    """The one at the root first: a quick one keeps the run going and no more."""
    ranked = sorted(fixes, key=lambda fix: _TIERS.index(fix.tier))
    for fix in ranked:
        button = f" (`ask-copilot fix preview {fix.fix_id}`)" if fix.fix_id else ""
        yield f"- {_TIER_NAMES[fix.tier]}: {prose(_alone(fix.description))}{button}"
        for remark in fix.remarks:
            yield prose(one_line(remark, limit=2000))
        if fix.preview:
            yield code_block(fix.preview, language="diff")


def _alone(description: str) -> str:
    """A remedy that does not lean on the one before it."""
    words = one_line(description, limit=1000).removeprefix("Or ")
    return words[:1].upper() + words[1:]


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _code(text: str) -> str:
    return code_span(one_line(text, limit=1000))


def _codes(texts: Iterable[str]) -> str:
    return ", ".join(_code(text) for text in texts)


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
