"""One report out of what the rules have found and what a model has made of it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ..fixes import Change
from ..ports import DefinitionChecker
from ..types import Report, Verdict
from ..types.consultation import ModelUse
from ..types.message import MessageParts
from ..types.proposal import Judged
from .learned import as_learned, ordered, shown
from .offers import offer
from .report import Offer, Surroundings, is_by_hand, suggested

MOST_FIXES = 8


def offers_of_both(
    judged: Judged,
    rules: Sequence[Offer],
    around: Surroundings,
    *,
    checker: DefinitionChecker | None,
) -> tuple[Offer, ...]:
    """Fixes of both, best first: what both propose, then what can be applied, then words.

    Where the rules are sure of the cause their fixes come before those of the model alone. A
    model's fix is checked exactly as one of the rules is; one that does not pass is left out as a
    fix and stays as words.
    """
    cause = judged.root_cause
    lessons = around.lessons
    model = [
        as_learned(offer(one.fix, one.hint, around, checker, cause=cause), lessons)
        for one in judged.fixes
    ]
    of_model, of_rules = frozenset(map(_key, model)), frozenset(map(_key, rules))
    marked = (
        *(replace(one, only_by_model=_key(one) not in of_rules) for one in model),
        *(replace(one, only_by_model=False) for one in rules),
    )
    first = of_rules if judged.verdict is Verdict.CONFIRMED else frozenset[str]()
    ranked = sorted(marked, key=lambda one: _rank(one, of_model & of_rules, first))
    distinct = shown(tuple(_distinct(ranked)), lessons)
    return ordered(distinct, lessons, cause, judged.verdict)[:MOST_FIXES]


def blended(report: Report, judged: Judged, offers: Sequence[Offer], use: ModelUse) -> Report:
    """*report* of the rules in the model's words, with *offers* in the place of its fixes."""
    fixes = tuple(suggested(one) for one in offers)
    same = judged.root_cause is report.root_cause
    own = report.evidence if same else ()
    return report.model_copy(
        update={
            "explanation": judged.explanation,
            "root_cause": judged.root_cause,
            "verdict": judged.verdict,
            "evidence": tuple(dict.fromkeys((*judged.evidence, *own))),
            "alternatives": judged.alternatives,
            "grounds": judged.grounds,
            "collect": judged.collect,
            "suggested_fixes": fixes,
            "can_auto_fix": any(fix.auto_fix_available for fix in fixes),
            "parts": _parts(report.parts if same else MessageParts(), offers),
            "produced_by": use.runtime,
            "model": use,
        }
    )


def _parts(rules: MessageParts, offers: Sequence[Offer]) -> MessageParts:
    """The message tells the model's explanation; what asks for a fix asks for the first one."""
    first = next((one for one in offers if isinstance(one.fix, Change)), None)
    return rules.model_copy(
        update={
            "opening": None,
            "explains": True,
            "options": (),
            "question": first.fix.question if first and first.fix else None,
            "asks": first.hint.type if first else None,
        }
    )


def _rank(one: Offer, agreed: frozenset[str], first: frozenset[str]) -> int:
    """first: those that come before what is left, after the *agreed*."""
    if one.fix is None or is_by_hand(one.fix):
        return 3
    key = _key(one)
    return 0 if key in agreed else 1 if key in first else 2


def _key(one: Offer) -> str:
    """Equal for the same fix, or the same words where there is none."""
    return one.hint.description.casefold() if one.fix is None else one.fix.model_dump_json()


def _distinct(offers: Iterable[Offer]) -> Iterator[Offer]:
    """Each fix once, and no words for a type that is there as a fix."""
    seen, types = set[str](), set[str]()
    for one in offers:
        key = _key(one)
        told = one.fix is None and one.hint.type in types and one.hint.type != "manual"
        if key not in seen and not told:
            yield one
        seen.add(key)
        if one.fix is not None:
            types.add(one.hint.type)
