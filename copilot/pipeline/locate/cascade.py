"""Failed steps that failed because another one did: what they say asks for what that one owed."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ...types import StepRecord, StepStatus

#: Of a step that was under way when another branch failed, and was stopped.
STOPPED = "step_stopped"
#: Characters of an error that are read for the names of other steps.
LONGEST = 600

_NOT_THERE = re.compile(
    r"not found|undefined|not defined|missing|unresolved|could ?n.t resolve|cannot resolve|"
    r"no output|no such|does ?n.t exist|does not exist|\bnone\b|\bnull\b|\bempty\b|not available|"
    r"never ran|did not run|not run|was skipped|skipped|failed|upstream|depends? on|dependency|"
    r"has no|keyerror|without a result|not executed|has ?n.t been executed|no data|no path back",
    re.IGNORECASE,
)
#: What only a step that hangs on another says, without naming it.
_OF_ANOTHER = re.compile(
    r"upstream[_ ](?:task|step|node|job)?s?\W{0,3}(?:\w{1,40}\W{1,3}){0,4}(?:failed|skipped|not succeed)|"
    r"upstream_failed|"
    r"(?:previous|earlier|preceding|parent|prior|dependent|required|needed) "
    r"(?:step|task|node|job|stage|activity)s? (?:has |have |was |were |did )?(?:failed|not succeed|skipped|no output|not complete)|"
    r"(?:skipped|cancell?ed|not run|aborted|stopped) (?:because|since|due to|as) "
    r"(?:of )?(?:an? |the )?(?:other|another|previous|earlier|upstream|sibling|dependent)|"
    r"dependenc(?:y|ies) (?:has |have |was |were )?(?:failed|not satisfied|not met)|"
    r"trigger rule .{0,80}upstream",
    re.IGNORECASE,
)
_STEP_NUMBER = re.compile(r"\b(?:step|task|node|stage) ?#?(\d{1,5})\b", re.IGNORECASE)
_DOTTED = re.compile(
    r"(?<![\w.])(?:\$?(?:steps|nodes|outputs|tasks)\.)?([A-Za-z_][\w-]{0,79})[.\[]"
)
_QUOTED = re.compile(r"""["'`\[]([^"'`\n\[\]]{1,80})["'`\]]""")
_CALLED = re.compile(
    r"\b(?:step|task|node|stage|activity|job|output of|result of)\s{1,2}([\w-]{1,80})",
    re.IGNORECASE,
)


def consequences(failed: Sequence[StepRecord], steps: Iterable[StepRecord]) -> frozenset[str]:
    """Paths of those among *failed* that ask for what a failed or skipped step did not deliver.

    *steps* are all of the run. Whether it happened before or after makes no difference: clocks
    and numbers of steps lie, references do not. Those that only name each other are all kept.
    """
    if len(failed) < 2:
        return frozenset()
    unmet = (StepStatus.FAILED, StepStatus.SKIPPED)
    owing = _by_name(step for step in steps if step.status in unmet)
    waits = {step.path: _names(step, owing) for step in failed}
    without = {step.path for step in failed if not waits[step.path] and _speaks_of_another(step)}
    held = {path for path, others in waits.items() if others} | without
    if held == waits.keys():
        return frozenset()
    return _led_out(held, waits) | without


def _led_out(held: set[str], waits: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Those *held* whose waiting ends, over others or at once, at a step that does not wait."""
    waited_for_by: dict[str, list[str]] = defaultdict(list)
    for path, others in waits.items():
        for other in others:
            waited_for_by[other].append(path)
    ahead = [path for path in waited_for_by if path not in held]
    found: set[str] = set()
    while ahead:
        for path in waited_for_by.get(ahead.pop(), ()):
            if path not in found:
                found.add(path)
                ahead.append(path)
    return frozenset(found)


def _by_name(steps: Iterable[StepRecord]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for step in steps:
        own = step.path.rpartition("/")[2]
        for name in (own, step.name, f"#{step.number}"):
            if name:
                found.setdefault(name.casefold(), set()).add(step.path)
    return found


def _names(step: StepRecord, owing: Mapping[str, set[str]]) -> frozenset[str]:
    """The other failed or skipped steps whose output the error of *step* asks for."""
    if step.error is None:
        return frozenset()
    text = step.error.message[:LONGEST]
    asked = step.error.details.get("name")
    if step.error.code == "variable_not_found" and isinstance(asked, str):
        text = f"{text}\n{asked[:100]}. not found"
    if not (_NOT_THERE.search(text) or "KeyError" in (step.error.type or "")):
        return frozenset()
    named = (path for name in _spoken(text) for path in owing.get(name.casefold(), ()))
    return frozenset(path for path in named if not _is_around(path, step.path))


def _spoken(text: str) -> Iterator[str]:
    for pattern in (_DOTTED, _QUOTED, _CALLED):
        for found in pattern.finditer(text):
            yield found[1]
            if "." in found[1]:
                yield found[1].partition(".")[0]
    for found in _STEP_NUMBER.finditer(text):
        yield f"#{found[1]}"


def _is_around(path: str, other: str) -> bool:
    return path == other or other.startswith(f"{path}/") or path.startswith(f"{other}/")


def _speaks_of_another(step: StepRecord) -> bool:
    if step.error is None:
        return False
    if step.error.code == STOPPED:
        return True
    return _OF_ANOTHER.search(step.error.message[:LONGEST]) is not None
