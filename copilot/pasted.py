"""From a pasted text to an answer: its format, the failures in it, and what the rules say of each.

It stores nothing and costs nothing.
"""

from collections.abc import Iterable, Iterator

from knowledge_base import KnowledgeBase

from .pipeline.diagnose import diagnose
from .pipeline.sanitize import one_line, sanitize
from .sources.text import FORMATS, Counted, Found, failures_in, pasted
from .types import Evidence, RootCause
from .types.pasted import PastedDiagnosis, PastedError, PastedFailure

MESSAGE = "message"
_LONGEST_MESSAGE = 4_000
_LONGEST_TRACE = 20_000
_HEADLINE = 300

#: What is wanted of a program that failed.
_OF_A_PROGRAM = (
    "the traceback",
    "the class of the exception",
    "the last 50 lines that the process",
)

NOTHING_THERE = (
    "There is no text to read. Paste what the failed run printed: its error message, and the lines "
    "around it."
)
NO_TEXT = "This is not text. Paste the log or the error message that the failed run has left."
NO_FAILURE = (
    "No failure was found in this text. Paste the part that says what went wrong: the traceback or "
    "the error message, with some ten lines before it."
)
NOT_KNOWN = (
    "The rules do not know this error. Look at the first line of your own code in the traceback, and "
    "at what it was given."
)


def read_pasted(data: bytes | str, knowledge: KnowledgeBase) -> PastedDiagnosis:
    """What *data* says has failed, and why. Total on any bytes."""
    given = pasted(data)
    if given.binary or not given.text.strip():
        return PastedDiagnosis(
            format=None, advice=NO_TEXT if given.binary else NOTHING_THERE, cut=given.cut
        )
    read = failures_in(given.text)
    if not read.failures:
        return PastedDiagnosis(format=None, advice=NO_FAILURE, cut=given.cut)
    *others, last = (FORMATS[name].TITLE for name in read.formats)
    title = f"{', '.join(others)} and {last}" if others else last
    answer = _answer(read.formats[0], title, read.failures, knowledge, text=given.text)
    advice = " ".join(filter(None, (answer.advice, _not_shown(read.more))))
    return answer.model_copy(update={"cut": given.cut, "advice": advice or None})


def _not_shown(more: int) -> str | None:
    """How many kinds of failure are beyond what an answer holds."""
    if not more:
        return None
    return f"And {more:,} more {'kind' if more == 1 else 'kinds'} of failure, not shown."


def diagnose_given(given: PastedError, knowledge: KnowledgeBase) -> PastedDiagnosis:
    """The same for a text, or for one error whose parts are known."""
    if given.message is None:
        return read_pasted(given.text or "", knowledge)
    known = Found(message=given.message, error_type=given.error_type, traceback=given.traceback)
    if not given.message.strip() and not given.traceback:
        return PastedDiagnosis(format=None, advice=NOTHING_THERE)
    return _answer(MESSAGE, "error message", (Counted(known),), knowledge, action=given.step_action)


def _answer(
    name: str,
    title: str,
    found: tuple[Counted, ...],
    knowledge: KnowledgeBase,
    *,
    action: str | None = None,
    text: str | None = None,
) -> PastedDiagnosis:
    failures = tuple(
        _failure(one, knowledge, first=not number, action=action, text=text)
        for number, one in enumerate(found)
    )
    first = failures[0].diagnosis
    return PastedDiagnosis(
        format=name,
        format_title=title,
        root_cause=first.root_cause,
        verdict=first.verdict,
        failures=failures,
        advice=_advice(failures[0]),
    )


def _failure(
    counted: Counted,
    knowledge: KnowledgeBase,
    *,
    first: bool,
    action: str | None,
    text: str | None,
) -> PastedFailure:
    found = counted.failure
    diagnosis = diagnose(
        message=found.message,
        error_type=found.error_type,
        traceback=found.traceback,
        step_action=action,
        knowledge=knowledge,
        where=_where(found),
    )
    if text is not None:
        evidence = tuple(_as_it_stands(one, text) for one in diagnosis.evidence)
        diagnosis = diagnosis.model_copy(update={"evidence": evidence})
    if found.unit == "pod":
        collect = tuple(_for_a_pod(diagnosis.collect, found.step))
        diagnosis = diagnosis.model_copy(update={"collect": collect})
    return PastedFailure(
        first=first,
        times=counted.times,
        unit=found.unit,
        step=one_line(found.step, limit=_HEADLINE) if found.step else None,
        error_type=one_line(found.error_type) if found.error_type else None,
        message=sanitize(found.message, limit=_LONGEST_MESSAGE).text,
        traceback=(
            sanitize(found.traceback, limit=_LONGEST_TRACE).text if found.traceback else None
        ),
        headline=_headline(found),
        diagnosis=diagnosis,
        own_entry=diagnosis.entry in knowledge.own,
    )


def _as_it_stands(evidence: Evidence, text: str) -> Evidence:
    """*evidence*, said to be of the details where its words were put together from fields."""
    if evidence.text in text:
        return evidence
    nowhere = {"source": "details", "field": None, "start": None, "end": None}
    return evidence.model_copy(update=nowhere)


def _for_a_pod(wanted: Iterable[str], step: str | None) -> Iterator[str]:
    """*wanted* in words of kubectl: a pod has no traceback and no exception."""
    pod, _, container = (step or "the pod").partition(" > ")
    pod = pod.removeprefix("pod/")
    logs = f"`kubectl logs --previous{f' -c {container}' if container else ''}`"
    told = (
        f"what {logs} and `kubectl describe pod` of {pod} show"
        if one.startswith(_OF_A_PROGRAM)
        else one
        for one in wanted
    )
    yield from dict.fromkeys(told)


def _where(found: Found) -> str | None:
    """'test tests/test_mail.py::test_greeting'."""
    if not found.step:
        return None
    step = one_line(found.step, limit=_HEADLINE)
    says_it = not found.unit or step.startswith(f"{found.unit}/")
    return step if says_it else f"{found.unit} {step}"


def _headline(found: Found) -> str:
    """'Test tests/test_mail.py::test_greeting failed: KeyError: 'MAILBOX_URL''."""
    words = one_line(found.message.strip().split("\n")[0], limit=_HEADLINE)
    kind = one_line((found.error_type or "").rpartition(".")[2])
    if kind and not words.startswith(kind):
        words = f"{kind}: {words}"
    where = _where(found)
    return f"{where[:1].upper()}{where[1:]} failed: {words}" if where else words


def _advice(failure: PastedFailure) -> str | None:
    """What to paste, too, when the rules can't tell what it is."""
    found = failure.diagnosis
    if found.root_cause is not RootCause.UNKNOWN:
        return None
    if not found.collect:
        return NOT_KNOWN
    return f"The rules do not know this error. Paste also: {'; '.join(found.collect)}."
