"""The digest of a nightly pass: what it tells of each kind, and the whole for people to read.

For people it is Markdown, plain text, or a letter.

Everything that may come from an error, a workflow or a model goes through the style's `data`: one
line, nothing hidden, and nothing that Markdown or HTML would understand.
"""

import html
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from .errors import NotAnalysable, NotFound
from .fixes import ACTIONS
from .markdown import code_span
from .notify import Letter
from .pipeline.sanitize import one_line
from .storage.changes import ChangeRecord
from .types import AlreadyFixed, Report
from .types.nightly import AppliedFix, Digest, DigestFix, DigestItem, LeftOut, PassState
from .types.pattern import PatternState

#: Kinds of failure that are told one by one; the digest itself has all of them.
MOST_TOLD = 50
#: Characters of the sentences that say what was fixed.
_LONGEST_WORDS = 800

_NOT_FAILED, _NOT_HERE = NotAnalysable.code, NotFound.code
_REASONS: Mapping[str, str] = {
    LeftOut.CREDIT_CAP: "the cap of {credit_cap} was reached",
    LeftOut.SPEND_CAP: "the cap of {spend_cap} for model calls was reached",
    LeftOut.UNKNOWN_COST: "what a model call cost is unknown, and the pass has a cap",
    LeftOut.INSUFFICIENT_CREDITS: "the workspace has too few credits left",
    LeftOut.INTERNAL_ERROR: "an error in Ask Copilot itself; its log has more",
    _NOT_FAILED: "resumed since: nothing is failed any more",
    _NOT_HERE: "the run is not stored here",
}
_STATES: Mapping[PatternState, str] = {
    PatternState.NEW: "Repeated failure, new",
    PatternState.REPEATING: "Repeated failure, it goes on",
    PatternState.WORSENING: "Repeated failure, worsening: it comes more often than before",
    PatternState.REGRESSED: "Repeated failure, regressed: it is back after it was resolved",
    PatternState.DISMISSED: "Repeated failure, dismissed",
    PatternState.RESOLVED: "Repeated failure, resolved since",
}
#: Of an action, for which no run is watched.
_DONE = "done"
_NEWS: Mapping[str, str] = {
    "applied": "applied, not verified yet",
    "verified": "verified: it holds",
    "regressed": "regressed: the failure came back",
    "undecided": "undecided: edited since, before it could be verified",
    "taken_back": "taken back",
    "rolled_back": "regressed: the failure came back, and it was rolled back",
}


@dataclass(frozen=True, slots=True)
class _Style:
    """How one form writes data from outside, a command, headings, entries and the whole."""

    mark: Callable[[str], str]
    command: Callable[[str], str]
    heading: Callable[[str], str]
    entries: Callable[[Sequence[Sequence[str]]], str]
    paragraph: Callable[[str], str]

    def data(self, text: str, *, limit: int = 200) -> str:
        return self.mark(one_line(text, limit=limit))


def with_findings(item: DigestItem, report: Report) -> DigestItem:
    """*item* with what *report* found. What is fixed already is told, and nothing beside it proposed."""
    done = report.already_fixed
    offers = [] if done else [fix for fix in report.suggested_fixes if fix.fix_id is not None]
    facts = {
        "execution_id": report.execution_id,
        "analysis_id": report.analysis_id,
        "root_cause": report.root_cause,
        "verdict": report.verdict,
        "headline": report.headline,
        "already_fixed": done and done.model_copy(update={"diff": None}),
        "fixes": tuple(fix.fix_id for fix in offers),
        "proposal": offers[0].description if offers else None,
        "not_applied_because": next(
            filter(None, (fix.not_applied_because for fix in offers)), None
        ),
    }
    return item.model_copy(update=facts)


def applied_in(
    items: Sequence[DigestItem], *, since: datetime, change: Callable[[str], ChangeRecord | None]
) -> tuple[AppliedFix, ...]:
    """The fixes of *items* that were applied by themselves after *since*, each once.

    change: the one of an id.
    """
    found: dict[str, AppliedFix] = {}
    for item in items:
        done = item.already_fixed
        if done is None or done.standing_id is None or done.change_id in found:
            continue
        made = change(done.change_id)
        moment = made and made.change.applied_at
        if moment is not None and moment >= since:
            facts = done.model_dump() | {"workflow_id": item.workflow_id}
            found[done.change_id] = AppliedFix.model_validate(facts)
    return tuple(found.values())


def in_order(
    items: Sequence[DigestItem],
    states: Callable[[Sequence[tuple[str, str]]], Mapping[tuple[str, str], PatternState]],
) -> tuple[DigestItem, ...]:
    """*items* with where each stands: what somebody should look at first, what is dismissed last.

    states: of workflows with signatures. What is equal in this stays in its order.
    """
    known = states([(item.workflow_id, item.signature) for item in items])
    told = [
        item.model_copy(update={"pattern_state": known.get((item.workflow_id, item.signature))})
        for item in items
    ]
    return tuple(sorted(told, key=_urgency))


def _urgency(item: DigestItem) -> int:
    state = item.pattern_state
    if state is not None and state.is_urgent:
        return 0
    return 2 if state is PatternState.DISMISSED else 1


def as_text(digest: Digest) -> str:
    """For a terminal or an e-mail; an empty night is one line."""
    return "\n\n".join(_blocks(digest, _TEXT)) + "\n"


def as_markdown(digest: Digest) -> str:
    return "\n\n".join(_blocks(digest, _MARKDOWN)) + "\n"


def as_html(digest: Digest) -> str:
    """A whole page without styles, scripts, links or images."""
    body = "\n".join(_blocks(digest, _HTML))
    title = html.escape(_subject(digest))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"</head><body>\n{body}\n</body></html>\n"
    )


def as_letter(digest: Digest) -> Letter:
    """Without what became of it, which a letter can't know."""
    digest = digest.model_copy(update={"delivery": None})
    return Letter(
        subject=_subject(digest),
        text=as_text(digest),
        html=as_html(digest),
        identity=digest.pass_id,
    )


def _subject(digest: Digest) -> str:
    return f"Ask Copilot, {one_line(digest.workspace_id)}: {_headline(digest)}"


def _headline(digest: Digest) -> str:
    if not digest.failures:
        return "nothing failed"
    new = sum(item.is_new for item in digest.items)
    novelty = f", {new} new" if new else ", none of them new"
    done = len(digest.applied)
    if done:
        novelty += (
            f"; {_count(done, 'fix', 'fixes')} applied by {'itself' if done == 1 else 'themselves'}"
        )
    return f"{_count(digest.failures, 'failed run')} of {_count(digest.groups, 'kind')}{novelty}"


def _blocks(digest: Digest, style: _Style) -> Iterator[str]:
    """The parts of the digest, each with its heading where it has one."""
    if not digest.failures and not digest.fixes:
        yield style.paragraph(f"Nothing failed {_since(digest)}.")
    else:
        yield from _told_blocks(digest, style)
    if digest.delivery is not None:
        yield style.paragraph(f"E-mail {style.data(digest.delivery.rstrip('.'))}.")


def _told_blocks(digest: Digest, style: _Style) -> Iterator[str]:
    yield style.paragraph(_summary(digest, style))
    if digest.applied:
        yield style.heading("Applied by itself, under a standing approval")
        yield style.entries([tuple(_applied(fix, style)) for fix in digest.applied])
    if digest.items:
        yield style.heading("What broke")
        told = digest.items[:MOST_TOLD]
        yield style.entries([tuple(_told(item, digest, style)) for item in told])
        if len(digest.items) > MOST_TOLD:
            more = _count(len(digest.items) - MOST_TOLD, "more kind")
            yield style.paragraph(f"And {more} of failure.")
    if digest.fixes:
        yield style.heading("Fixes")
        yield style.entries([(_fix(fix, style),) for fix in digest.fixes])


def _summary(digest: Digest, style: _Style) -> str:
    where = f"Workspace {style.data(digest.workspace_id)}, {_since(digest)}: {_headline(digest)}."
    if not digest.failures:
        return where
    cost = "an unknown amount" if digest.cost_usd is None else _money(digest.cost_usd)
    spent = f"{_count(digest.credits, 'credit')} and {cost} for model calls"
    done = "so far " if digest.state is PassState.RUNNING else ""
    return f"{where} {_count(digest.analysed, 'kind')} {done}analysed, for {spent}."


def _told(item: DigestItem, digest: Digest, style: _Style) -> Iterator[str]:
    seen = f"{_count(item.failures, 'run')}, last {_moment(item.last_occurred)}"
    novelty = ", new" if item.is_new else ""
    label = style.data(item.label or "(no error text)")
    yield f"{style.data(item.workflow_id)}: {label} ({seen}{novelty})"
    if item.pattern_state is not None:
        yield f"{_STATES[item.pattern_state]}."
    if item.headline is not None:
        yield f"{style.data(item.headline)} ({item.root_cause}, {item.verdict})"
    if item.not_analysed is not None:
        yield f"Not analysed: {_reason(item.not_analysed, digest, style)}."
    elif item.analysis_id is None:
        yield "Not analysed yet."
    if item.already_fixed is not None:
        yield _already(item.already_fixed, digest, style)
    elif item.proposal is not None:
        yield f"Proposed: {style.data(item.proposal)}"
        if item.not_applied_because is not None:
            why = style.data(item.not_applied_because, limit=_LONGEST_WORDS)
            yield f"Not applied by itself: {why}."
    command = _next_command(item)
    if command is not None:
        yield style.command(command)


def _next_command(item: DigestItem) -> str | None:
    """None where no analysis can be made."""
    if item.already_fixed is not None:
        return f"ask-copilot resume --mode partial {_argument(item.execution_id)}"
    if item.fixes:
        return f"ask-copilot fix apply {_argument(item.fixes[0])}"
    if item.analysis_id is not None:
        return f"ask-copilot report {_argument(item.analysis_id)}"
    if item.not_analysed in {_NOT_FAILED, _NOT_HERE}:
        return None
    return f"ask-copilot analyze {_argument(item.execution_id)}"


def _argument(value: str) -> str:
    """Ids of other systems are theirs to choose: nothing of them reaches the shell or an option."""
    quoted = shlex.quote(one_line(value))
    return f"-- {quoted}" if value.startswith("-") else quoted


def _reason(code: str, digest: Digest, style: _Style) -> str:
    words = _REASONS.get(code)
    if words is None:
        return style.data(code)
    return words.format(
        credit_cap=_count(digest.credit_cap or 0, "credit"),
        spend_cap=_money(digest.spend_cap_usd or Decimal(0)),
    )


def _applied(fix: AppliedFix, style: _Style) -> Iterator[str]:
    yield f"{style.data(fix.workflow_id)}: {style.data(fix.words, limit=_LONGEST_WORDS)}"
    yield "Take it back: " + style.command(f"ask-copilot revert {_argument(fix.change_id)}")


def _already(done: AlreadyFixed, digest: Digest, style: _Style) -> str:
    """In short where the digest has told it above."""
    if all(done.change_id != fix.change_id for fix in digest.applied):
        return style.data(done.words, limit=_LONGEST_WORDS)
    return f"Fixed by itself in version {done.version} ({style.data(done.change_id)})."


def _fix(fix: DigestFix, style: _Style) -> str:
    what = f"{style.data(fix.fix_type)} in {style.data(fix.workflow_id)}"
    is_done = fix.state == "applied" and fix.fix_type in ACTIONS
    how = _DONE if is_done else _NEWS[fix.state]
    return f"{what}: {how} ({style.data(fix.change_id)})"


def _since(digest: Digest) -> str:
    if digest.since is None:
        return f"until {_moment(digest.started_at)}"
    return f"since {_moment(digest.since)}"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _money(amount: Decimal) -> str:
    return f"${amount.normalize():f}"


def _count(number: int, noun: str, plural: str | None = None) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {plural or f'{noun}s'}"


def _indented(entries: Sequence[Sequence[str]]) -> str:
    return "\n".join(
        f"{number}. " + "\n   ".join(lines) for number, lines in enumerate(entries, start=1)
    )


def _list(entries: Sequence[Sequence[str]]) -> str:
    return "\n".join(
        f"{number}. " + "  \n   ".join(lines) for number, lines in enumerate(entries, start=1)
    )


def _html_list(entries: Sequence[Sequence[str]]) -> str:
    return "<ol>" + "".join(f"<li>{'<br>'.join(lines)}</li>" for lines in entries) + "</ol>"


_TEXT = _Style(
    mark=str,
    command=str,
    heading=str,
    entries=_indented,
    paragraph=str,
)
_MARKDOWN = _Style(
    mark=code_span,
    command=code_span,
    heading=lambda words: f"## {words}",
    entries=_list,
    paragraph=str,
)
_HTML = _Style(
    mark=html.escape,
    command=lambda command: f"<code>{html.escape(command)}</code>",
    heading=lambda words: f"<h2>{words}</h2>",
    entries=_html_list,
    paragraph=lambda words: f"<p>{words}</p>",
)
