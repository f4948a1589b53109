"""A model's answer read as what it may be: written by whoever wrote the data it was given.

Size, canary, depth, keys and numbers come first, then the form, then the length of every string.
What is wrong is said in words of ours alone, since the model hears them.
"""

from collections.abc import Iterator

from pydantic import ValidationError

from ...routing import Refused
from ...types.prompt import Prompt
from ...types.proposal import IN_WORDS, Proposal, ProposedFix, ProposedQuote
from .canary import gives_back
from .decoding import NotStrict, check_size, decode, strings_of
from .remedies import Restorer, remedy
from .wire import ModelFix, ModelReport

MOST_FIXES = 5
MOST_QUOTES = 20
MOST_MISSING = 10
MOST_PARAMETERS = 12
LONGEST_EXPLANATION = 6_000
LONGEST_DESCRIPTION = 1_500
LONGEST_QUOTE = 2_000
LONGEST_MISSING = 500
LONGEST_NAME = 100
LONGEST_VALUE = 12_000

_THINKS, _HAS_THOUGHT = "<think>", "</think>"
_FENCE = "```"
_FIELDS = frozenset(
    [
        "explanation",
        "root_cause",
        "evidence",
        "item",
        "quote",
        "fixes",
        "type",
        "description",
        "tier",
        "parameters",
        "name",
        "value",
        "missing",
        "suspicious",
    ]
)


def read(text: str, prompt: Prompt) -> Proposal:
    """The proposal in *text*, the answer to *prompt*.

    Raises Refused with the problem in a few words, which quote nothing of *text*.
    """
    try:
        check_size(text)
        if gives_back(prompt.canary, text):
            raise Refused("The answer repeats marks of the prompt. Answer without them.")
        value = decode(_without_wrapping(text))
    except NotStrict as problem:
        raise Refused(f"The answer can't be read: {problem}. Give one JSON object.") from None
    if gives_back(prompt.canary, "", strings_of(value), strings_of(value, keys=False)):
        raise Refused("The answer repeats marks of the prompt. Answer without them.")
    report = _in_form(value)
    if problem := next(_out_of_bounds(report), None):
        raise Refused(f"{problem}.")
    return _proposal(report, Restorer(prompt.restored))


def _without_wrapping(text: str) -> str:
    """*text* without thoughts, words or the opening fence before the object, and a closing fence."""
    bare = text.lstrip("\ufeff \t\r\n")
    if bare.startswith(_THINKS):
        _, ended, bare = bare.partition(_HAS_THOUGHT)
        if not ended:
            raise NotStrict("the thoughts before it have no end")
    before, brace, rest = bare.partition("{")
    if not brace:
        raise NotStrict("there is no JSON object in it")
    rest = rest.rstrip()
    if _FENCE in before:
        rest = rest.removesuffix(_FENCE)
    return brace + rest


def _in_form(value: object) -> ModelReport:
    try:
        return ModelReport.model_validate(value)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        place = ".".join(_part(part) for part in found[0]["loc"])
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise Refused(f"The answer does not fit: {place}: {found[0]['msg']}{more}.") from None


def _part(part: int | str) -> str:
    """A part of the way to a field; a name that is not ours is the model's own and not repeated."""
    return str(part) if isinstance(part, int) or part in _FIELDS else "a field"


def _out_of_bounds(report: ModelReport) -> Iterator[str]:
    yield from _too_many("evidence", len(report.evidence), MOST_QUOTES)
    yield from _too_many("fixes", len(report.fixes), MOST_FIXES)
    yield from _too_many("missing", len(report.missing), MOST_MISSING)
    yield from _too_long("explanation", report.explanation, LONGEST_EXPLANATION)
    for one in report.evidence:
        yield from _too_long("quote", one.quote, LONGEST_QUOTE)
    for one in report.missing:
        yield from _too_long("missing", one, LONGEST_MISSING)
    for one in report.fixes:
        yield from _beyond_in_fix(one)
    if not report.explanation.strip():
        yield "explanation is empty"


def _beyond_in_fix(fix: ModelFix) -> Iterator[str]:
    yield from _too_long("type", fix.type, LONGEST_NAME)
    yield from _too_long("description", fix.description, LONGEST_DESCRIPTION)
    yield from _too_many("parameters", len(fix.parameters), MOST_PARAMETERS)
    for one in fix.parameters:
        yield from _too_long("name", one.name, LONGEST_NAME)
        yield from _too_long("value", one.value, LONGEST_VALUE)


def _too_many(what: str, count: int, most: int) -> Iterator[str]:
    if count > most:
        yield f"{what} has {count} items; at most {most} are read"


def _too_long(what: str, text: str, longest: int) -> Iterator[str]:
    if len(text) > longest:
        yield f"{what} has {len(text)} characters; at most {longest} are read"


def _proposal(report: ModelReport, restorer: Restorer) -> Proposal:
    remedies = [remedy(one, restorer) for one in report.fixes]
    return Proposal(
        explanation=restorer.text(report.explanation),
        root_cause=report.root_cause,
        evidence=tuple(
            ProposedQuote(item=one.item, quote=restorer.text(one.quote)) for one in report.evidence
        ),
        fixes=tuple(one for one in remedies if one.fix or one.description.strip()),
        missing=tuple(restorer.text(one) for one in report.missing if one.strip()),
        suspicious=report.suspicious,
        unread_fixes=sum(map(_is_unread, report.fixes, remedies)),
    )


def _is_unread(given: ModelFix, remedy: ProposedFix) -> bool:
    return given.type != IN_WORDS and remedy.fix is None
