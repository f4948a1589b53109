"""Whether outside text can leave its line of the prompt, and what it costs that it can't.

What is looked at is the message alone, by rules of this module's own: none of the code that writes
it is asked whether it is well written.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from copilot.fixes import FIXES
from copilot.pipeline.prompt import DEFAULT_BUDGET, MIN_BUDGET, system_prompt
from copilot.types import RootCause, Verdict
from copilot.types.prompt import Prompt

from ..normalize import Figure
from .attacks import OWN, Attack, read
from .carriers import CARRIERS, INSTRUCTIONS, Asked, asked

BUDGETS = (MIN_BUDGET, DEFAULT_BUDGET)
MOST_EXAMPLES = 3

_LINE = re.compile(r"<d:(\d{18}) (\d+)>(\{.*\})")
_HEADER = re.compile(r"<h:(\d{18}) (\d{18})>(\{.*\})")
_OPENS = re.compile(
    r"[<>|&#~`]|!\[|\]\(|-{3}|={3}|\*{3}|\[/?INST\]|\[/?SYS"
    r"|(?i:\b(?:system|assistant|human|user|developer|model|tool)[ \t]*:)"
)
_KEYS = {"section", "src", "path", "hidden", "dropped_bytes", "text"}
#: All the words that a header may have, but for names of shipped entries.
_WORDS = {*FIXES, "manual", *RootCause, *Verdict}


def escapes(prompt: Prompt) -> list[str]:
    """In how many ways *prompt* is not what it should be, whatever was in the data."""
    lines = prompt.user.splitlines()
    header = _HEADER.fullmatch(lines[0])
    if header is None or lines[-1] != f"<e:{header[1]}>":
        return ["no header, or no end"]
    found = ["other orders"] if prompt.system != system_prompt() else []
    if header[1] != prompt.boundary or header[2] != prompt.canary:
        found.append("other marks")
    if prompt.user.count("\n") + 1 != len(lines) or len(lines) != len(prompt.items) + 2:
        found.append("more lines than data")
    for number, line in enumerate(lines[1:-1]):
        found += _escapes_of(line, number, header[1], header[2])
    return [*found, *_in_header(json.loads(header[3]))]


def _escapes_of(line: str, number: int, boundary: str, canary: str) -> Iterator[str]:
    found = _LINE.fullmatch(line)
    if found is None or found[1] != boundary or int(found[2]) != number:
        yield f"line {number} has another form"
        return
    body = found[3]
    if opened := _OPENS.search(body):
        yield f"line {number} has {opened[0]!r}"
    if not body.isprintable():
        yield f"line {number} has a character nobody can see"
    if boundary in body or canary in body:
        yield f"line {number} knows the marks"
    pairs = json.loads(body, object_pairs_hook=list)
    keys = [key for key, _ in pairs]
    if len(keys) != len(set(keys)) or not set(keys) <= _KEYS:
        yield f"line {number} has other fields"


def _in_header(facts: dict[str, Any]) -> Iterator[str]:
    """Words in the header that are not of the closed sets."""
    facts = {key: value for key, value in facts.items() if key not in ("items", "left_out")}
    entry = facts.pop("entry")
    if entry is not None and re.fullmatch(r"[a-z0-9_]{1,60}", str(entry)) is None:
        yield "an entry that nobody ships"
    for value in facts.values():
        values: list[Any] = cast("list[Any]", value) if isinstance(value, list) else [value]
        for one in values:
            if isinstance(one, str) and one not in _WORDS:
                yield f"the header has {one!r}"


def figures(corpus: Path | None, *, count: Callable[[str], int], counted: str) -> Iterator[Figure]:
    """Escapes of every attack by every way in, then what the encoding costs."""
    attacks = OWN if corpus is None else (*OWN, *read(corpus))
    inputs = [one for one in attacks if one.channel == "untrusted_input"]
    yield _escaped(inputs, count)
    yield from _sizes(inputs, count, counted)


def _escaped(attacks: Sequence[Attack], count: Callable[[str], int]) -> Figure:
    broken: list[str] = []
    met = Counter[str]()
    for attack in attacks:
        for name, carry in CARRIERS.items():
            carried = carry(attack.text)
            for budget in BUDGETS:
                prompt = carried.prompt(count=count, budget=budget)
                found = escapes(prompt)
                broken += [f"{attack.id} in {name}: {one}" for one in found]
                met["prompts"] += 1
                met["cut"] += any(item.dropped_bytes for item in prompt.items)
                met["hidden"] += prompt.hidden > 0
                met["over budget"] += count(prompt.user) > budget
    facts = {"attacks": len(attacks), "ways in": len(CARRIERS), "budgets": len(BUDGETS), **met}
    facts |= {f"example {number}": one for number, one in enumerate(broken[:MOST_EXAMPLES], 1)}
    return Figure("structural escapes", len(broken), 0, at_least=False, facts=facts)


def _sizes(
    attacks: Sequence[Attack], count: Callable[[str], int], counted: str
) -> Iterator[Figure]:
    encoded = raw = 0
    worst = 0.0
    for attack in attacks:
        one = CARRIERS["error text"](attack.text).prompt(count=count)
        written, text = _first_line(one, count)
        encoded, raw = encoded + written, raw + text
        worst = max(worst, written / max(1, text))
    facts: dict[str, Any] = {"counted by": counted, "worst attack": round(worst, 2)}
    yield _size("text of attacks, encoded to raw", encoded / raw, facts)
    short, long = asked().prompt(count=count), _long().prompt(count=count)
    for name, prompt in (("a short failure", short), ("a long failure", long)):
        raw = sum(count(item.text) for item in prompt.items)
        lines = prompt.user.splitlines()[1:-1]
        texts = sum(count(_text_of(line)) for line in lines)
        facts = {
            "with labels and marks": round(sum(count(line) for line in lines) / raw, 3),
            "lines": len(lines),
            "raw": raw,
            "message": count(prompt.user),
            "orders": count(prompt.system),
        }
        yield _size(f"text of {name}, encoded to raw", texts / raw, facts)
    labelled = sum(count(line) for line in long.user.splitlines()[1:-1])
    raw = sum(count(item.text) for item in long.items)
    yield _size("lines of a long failure, labels and marks too, to raw", labelled / raw, {})


def _size(what: str, ratio: float, facts: dict[str, Any]) -> Figure:
    return Figure(what, ratio, 1.25, at_least=False, facts=facts)


def _long() -> Asked:
    """A failure with a log in its details, a long prompt and instructions of two pages."""
    log = "".join(
        f"2026-03-04 05:{number // 60:02d}:{number % 60:02d} INFO mail.worker: row {number}"
        f" sent to queue=outbound id={number * 7919 % 99991} took {number % 13} ms\n"
        for number in range(120)
    )
    return asked(detail=log, instructions=INSTRUCTIONS * 6)


def _text_of(line: str) -> str:
    """The encoded text of a line, without its quotes."""
    return line.partition('"text":"')[2].removesuffix('"}')


def _first_line(prompt: Prompt, count: Callable[[str], int]) -> tuple[int, int]:
    line = prompt.user.splitlines()[1]
    return count(_text_of(line)), count(prompt.items[0].text)
