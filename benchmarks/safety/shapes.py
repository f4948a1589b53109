"""What may never come with a change of a workflow's shape: a loop, a fallback, documents moved.

A part of the oracle, and like it in words of its own.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Way = tuple[str, ...]
Steps = Mapping[Way, Mapping[str, Any]]

_READING = re.compile(r"\{\{[^{}]*\}\}")
_ONE = re.compile(r"\{\{\s*[A-Za-z_][\w.\[\]\"-]*\s*\}\}")
_WRITTEN_TO = re.compile(r"url|uri|header|auth|secret|token|pass|integration|connection|^to$|^cc$")
#: Actions that reach nobody; they may be done once more under another name.
_QUIET = ("read_sheet", "render_template")
_MOST_ROUNDS = 500


def loop_put_in(added: Steps, before: Steps) -> Iterator[str]:
    """A loop may ask what an agent asks already, of each item of what some step gave."""
    ways = sorted(added, key=len)
    if len(ways) != 2 or ways[1][:-1] != ways[0]:
        yield "more than one loop with one step was put in"
        return
    loop, part = added[ways[0]], added[ways[1]]
    if set(loop) != {"id", "name", "type", "for_each", "as", "max_iterations", "steps"}:
        yield "the loop put in has more than it may"
    if not _ONE.fullmatch(str(loop.get("for_each"))):
        yield "the loop put in goes through no list of a step"
    if loop.get("max_iterations") not in range(1, _MOST_ROUNDS + 1):
        yield "the loop put in has no bound, or a large one"
    yield from _part(part, before)


def _part(part: Mapping[str, Any], before: Steps) -> Iterator[str]:
    words = _READING.sub("", str(part.get("prompt")))
    asked = [
        step
        for step in before.values()
        if step.get("type") == "agent" and _READING.sub("", str(step.get("prompt"))) == words
    ]
    if part.get("type") != "agent" or not asked:
        yield "the loop put in asks something new"
        return
    for key in part.keys() - {"id", "type", "prompt"}:
        if key in ("tools", "budget", "fallback") or part[key] != asked[0].get(key):
            yield f"the step of the loop put in has another {key}"


def fallback_put_in(new: Any, step: Mapping[str, Any], before: Steps) -> Iterator[str]:
    """A fallback may ask another model of this workflow, take one other name, or say fixed words."""
    if new.keys() == {"model"}:
        models = [one.get("model") for one in before.values() if one.get("type") == "agent"]
        if step.get("type") != "agent" or new["model"] not in models:
            yield "the fallback asks a model that nobody asks here"
        return
    given, own = new.get("with", {}), step.get("with", {})
    if new.get("action") not in _QUIET:
        yield "the fallback does something that reaches out"
    if any(_WRITTEN_TO.search(str(key)) and given[key] != own.get(key) for key in given):
        yield "the fallback goes somewhere else"
    if "processors" in new:
        takes = [{"name": "take", "with": {"path": "body"}}]
        if new["processors"] != takes or given.keys() != {"body"} or step.get("type") != "agent":
            yield "the fallback makes something else of what it gives"
        if re.search(r"[{}]", str(given.get("body"))):
            yield "the words of the fallback are more than words"
        return
    if new.keys() != {"action", "with"} or given.keys() != own.keys():
        yield "the fallback has more or less than its step"
    elif sum(given[key] != own[key] for key in own) != 1 or new["action"] != step.get("action"):
        yield "the fallback is something else than its step with one other name"


def written_in(new: Any, step: Mapping[str, Any]) -> str:
    """The texts of a fallback that its step does not have."""
    given, own = new.get("with", {}), step.get("with", {})
    return " ".join(str(value) for key, value in given.items() if value != own.get(key))


def documents_moved(
    shared: Sequence[str], left: Sequence[str], before: Steps, after: Steps
) -> Iterator[str]:
    """A document of the whole workflow may go to single steps, and to no other place."""
    moved = set(shared) - set(left)
    found = set[str]()
    for way, step in before.items():
        own, now = set(step.get("documents", ())), set(after[way].get("documents", ()))
        found |= now
        if not own <= now:
            yield f"step {way[-1]} has lost a document"
        if now - own - moved:
            yield f"step {way[-1]} got a document that is not the workflow's"
        if now != own and step.get("type") != "agent":
            yield f"step {way[-1]} reads no documents"
    if set(left) - set(shared):
        yield "a document was added for every step"
    if moved - found:
        yield "a document was lost"
