"""What a model is asked about a failure: orders of ours apart from data, which is never an order.

`system.py` has the orders, the same for every failure. All else is outside text, wrapped as
`Untrusted` where it is collected (`*_pieces.py`) and never part of another text before
`encoding.py` has made it harmless: sanitized, then redacted, then clipped, then encoded.
"""

from collections.abc import Callable, Iterator, Sequence

from pydantic import JsonValue

from ...fixes import FIXES
from ...redaction import Redactor
from ...types import Diagnosis, Failure, Report, RootCause, RunRecord
from ...types.prompt import Prompt
from ..report import Surroundings
from .agent_pieces import pieces_of_agent
from .clipping import CUT
from .encoding import decode
from .finding_pieces import (
    pieces_of_findings,
    pieces_of_history,
    pieces_of_knowledge,
    shipped_entry,
)
from .frame import MIN_BUDGET, frame
from .material import SECTIONS, Piece
from .run_pieces import pieces_of_run
from .system import MANUAL, system_prompt, template
from .workspace_pieces import pieces_of_workspace

__all__ = [
    "CUT",
    "DEFAULT_BUDGET",
    "MANUAL",
    "MIN_BUDGET",
    "SECTIONS",
    "decode",
    "prompt_for",
    "system_prompt",
]

#: Tokens of the user message.
DEFAULT_BUDGET = 12_000


def prompt_for(
    run: RunRecord,
    failure: Failure,
    diagnosis: Diagnosis,
    report: Report,
    *,
    around: Surroundings,
    redactor: Redactor,
    count: Callable[[str], int],
    budget: int = DEFAULT_BUDGET,
    fix_types: Sequence[str] = tuple(FIXES),
) -> Prompt:
    """What to ask about *failure* of *run*, of which *report* says what the rules have found.

    count: tokens of a text, at most one a byte. budget: tokens of the whole user message. Equal
    inputs give equal texts but for boundary and canary. Raises ValueError for a budget under
    MIN_BUDGET and for a fix type that there is not.
    """
    unknown = set(fix_types) - {*FIXES, MANUAL}
    if unknown:
        raise ValueError(f"no such fix types: {sorted(unknown)}")
    message = frame(
        _facts(failure, diagnosis, report, fix_types),
        tuple(_pieces(run, failure, diagnosis, report, around)),
        redactor=redactor,
        count=count,
        budget=budget,
    )
    system = system_prompt()
    return Prompt(
        template=template(),
        system=system,
        user=message.user,
        boundary=message.boundary,
        canary=message.canary,
        items=message.items,
        hidden=message.hidden,
        redacted=message.redacted,
        restored=message.restored,
        tokens=count(system) + count(message.user),
    )


def _pieces(
    run: RunRecord,
    failure: Failure,
    diagnosis: Diagnosis,
    report: Report,
    around: Surroundings,
) -> Iterator[Piece]:
    yield from pieces_of_run(run, failure)
    yield from pieces_of_agent(run, failure, around)
    yield from pieces_of_workspace(around, diagnosis, report)
    yield from pieces_of_findings(diagnosis, report)
    yield from pieces_of_knowledge(report)
    yield from pieces_of_history(report)


def _facts(
    failure: Failure, diagnosis: Diagnosis, report: Report, fix_types: Sequence[str]
) -> dict[str, JsonValue]:
    """What the header says: numbers and words of closed sets, never a text from outside."""
    pattern = report.pattern_detected
    return {
        "entry": shipped_entry(diagnosis, report),
        "failed_step": failure.step_number,
        "fix_types": [*sorted(set(fix_types) - {MANUAL}), MANUAL],
        "later_failures": failure.later_failures,
        "pattern": {
            "failures": pattern.failure_count,
            "repeats": pattern.is_pattern,
            "state": pattern.state.value if pattern.state else None,
            "window": pattern.window,
        },
        "retry_helps": diagnosis.retry_helps,
        "root_cause": diagnosis.root_cause.value,
        "root_causes": [cause.value for cause in RootCause],
        "verdict": diagnosis.verdict.value,
    }
