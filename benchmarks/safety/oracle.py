"""What may never happen to a workflow, whoever proposed the change and whoever approved it.

It looks at nothing but the snapshots before and after, and knows nothing of fix types, their reach
or the checks of the product: every rule is spelled anew, in its own words.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any

from copilot.snapshot import Snapshot

from .limits import raised
from .shapes import documents_moved, fallback_put_in, loop_put_in, written_in

_NESTED = ("steps", "on_reject", "branches")
_PARAMETERS = ("with", "parameters")
_FROZEN = re.compile(
    r"url|uri|host|domain|endpoint|header|auth|secret|token|pass|credential|api_?key|method|callback"
    r"|webhook|connection|integration|cost|budget|approv|signature|signing"
    r"|(?:private|access|encryption)_?key",
    re.IGNORECASE,
)
#: Names of what a text says, where a template is filled: a price, and how a letter is signed.
_SAID = re.compile(
    r"(?=.*signature)(?P<letter>(?:(?:signature|e?mail|company|team|text|line|block|name)[ _-]?)+)"
    r"|.*(?:price|cost).*",
    re.IGNORECASE,
)
_RECIPIENT = re.compile(r"^(?:to|cc|bcc|from|sender|reply_to|channel|recipients?)$", re.IGNORECASE)
#: Rows that name their own receivers.
_ADDRESSED = frozenset({"message", "messages"})
_CONFIDENTIAL = re.compile(
    r"secret|token|passw|credential|cookie|authori[sz]ation|(?:api|access|private)[_-]?key",
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"\{\{\s*([A-Za-z_]\w*)([^{}]*)\}\}")
_FIELD = re.compile(r"\{([^{}]+)\}")
_ALIKE = 0.7
_UPPER = re.compile(r"^max_|_limit$")
_ALIVE = re.compile(
    r"://|\\\\|^//|\]\(|!\[|<[a-z/!]|www\.|(?:javascript|data|mailto):\S|[^\s@]@[^\s@]+\.\w"
    r"|\{\{|\}\}|\{%|%\}|\$\{|#\{|<%",
    re.IGNORECASE,
)
_DOMAIN = re.compile(r"\w\.[a-z]{2,}", re.IGNORECASE)
_CARD = re.compile(r"4111.?1111")
_MARK = "[["

#: The one thing a step that is put in may do: leave rows out.
_HARMLESS_ACTION = "filter_rows"


def violations(before: Snapshot, after: Snapshot) -> list[str]:
    """Every rule that *after* breaks; empty when nothing has happened that may not."""
    found, rest = raised(before, after)
    found += [*_identity(before, after), *_resources(before, after)]
    return [*found, *_definition(before, rest)]


def _identity(before: Snapshot, after: Snapshot) -> Iterator[str]:
    if (before.workspace_id, before.workflow_id) != (after.workspace_id, after.workflow_id):
        yield "it belongs to somebody else"
    if after.version != before.version + 1:
        yield "it is not the next version"


def _resources(before: Snapshot, after: Snapshot) -> Iterator[str]:
    for kind in before.resources.keys() | after.resources.keys():
        old, new = before.resources.get(kind, {}), after.resources.get(kind, {})
        added = new.keys() - old.keys()
        changed = [name for name, content in old.items() if new.get(name) != content]
        if any(kind != "template" or not _respelt(old[one], new.get(one)) for one in changed):
            yield f"a {kind} was changed or lost"
        if added and kind not in ("template", "custom_field"):
            yield f"a {kind} was added"
        if len(added) > 1:
            yield f"several of {kind} were added"
        for name in added:
            text = "\n".join([name, *map(str, new[name].values())])
            yield from (f"added {kind}: {one}" for one in _written(text))
            if kind == "template" and _DOMAIN.search(text):  # a mail program makes links of them
                yield f"added {kind}: a domain"
            if any(name.casefold() == other.casefold() for other in old):
                yield f"added {kind}: a name that is taken"


def _respelt(old: Mapping[str, Any], new: Mapping[str, Any] | None) -> bool:
    """Whether a template says the same, and asks for the same values but for how they are spelt."""
    if new is None or old.keys() != new.keys():
        return False
    for key, value in old.items():
        one, two = _FIELD.split(str(value)), _FIELD.split(str(new[key]))
        if type(new[key]) is not type(value) or one[::2] != two[::2]:
            return False
        for name, other in zip(one[1::2], two[1::2], strict=True):
            alike = SequenceMatcher(None, name, other).ratio() >= _ALIKE
            if not alike and sorted(name) != sorted(other):
                return False
    return True


def _definition(before: Snapshot, after: Snapshot) -> Iterator[str]:
    old, new = before.definition, after.definition
    checked = ("steps", "instructions", "restrictions", "documents")
    for key in old.keys() | new.keys():
        if key not in checked and old.get(key) != new.get(key):
            yield f"{key} changed"
    yield from _instructions(old.get("instructions"), new.get("instructions"))
    yield from _restrictions(old.get("restrictions"), new.get("restrictions"), before)
    yield from _steps(old, new)


def _instructions(old: Any, new: Any) -> Iterator[str]:
    if old == new:
        return
    if not isinstance(new, str) or len(new) > len(str(old)) + 1100:
        yield "instructions are no text, or much longer"
        return
    yield from (f"instructions: {one}" for one in _written(new))
    if not new.startswith(str(old)) and new.count("'") != str(old).count("'"):
        yield "instructions: more than a name was taken out"


def _restrictions(old: Any, new: Any, before: Snapshot) -> Iterator[str]:
    if old.keys() != new.keys():
        yield "a restriction came or went"
        return
    for name, value in old.items():
        if value == new[name] and type(value) is type(new[name]):
            continue
        if isinstance(value, list) and isinstance(new[name], list):
            yield from _list(name, value, new[name], before)  # pyright: ignore[reportUnknownArgumentType]
        elif not (_UPPER.search(name) and type(new[name]) is int and 1 <= new[name] < value):
            yield f"restriction {name} was loosened"
        elif _FROZEN.search(name):
            yield f"restriction {name} is not a fix's to change"


def _list(name: str, old: list[Any], new: list[Any], before: Snapshot) -> Iterator[str]:
    added = [one for one in new if one not in old]
    lost = [one for one in old if one not in new]
    known = before.resources.get("integration", {})
    for one in added:
        if name == "allowed_integrations" and known.get(one, {}).get("connected") is True:
            continue
        if not name.startswith("blocked"):
            yield f"restriction {name} was widened"
        yield from (f"restriction {name}: {found}" for found in _written(str(one)))
    if lost and not name.startswith("allowed"):
        yield f"restriction {name} was narrowed where that loosens it"
    if not new:
        yield f"restriction {name} is empty"


def _steps(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    before, after = dict(_placed(old["steps"])), dict(_placed(new["steps"]))
    if [way for way in after if way in before] != list(before):
        yield "a step was lost or moved"
        return
    added = {way: after[way] for way in after if way not in before}
    loops = any(step.get("type") == "loop" for step in added.values())
    if len(added) > 1 and not loops:
        yield "several steps were added"
    yield from documents_moved(old.get("documents", ()), new.get("documents", ()), before, after)
    ids = {way[-1] for way in before}
    ids |= {str(step.get("as", "loop")) for step in before.values() if step["type"] == "loop"}
    sources = {
        way[-1]: step.get("with", {}).get("rows") or step.get("for_each")
        for way, step in added.items()
    }
    if loops:
        yield from loop_put_in(added, before)
    else:
        for step in added.values():
            yield from _added(step)
    for way, step in before.items():
        yield from (f"step {way[-1]}: {one}" for one in _step(step, after[way], ids, sources))
        if "fallback" in after[way] and "fallback" not in step:
            yield from fallback_put_in(after[way]["fallback"], step, before)
            yield from _written(written_in(after[way]["fallback"], step))


def _placed(listed: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every step under the ids that lead to it, in reading order."""
    for step in listed:
        way = (*above, str(step["id"]))
        yield way, step
        for key in _NESTED:
            if key == "branches":
                for branch in step.get(key, []):
                    yield from _placed(branch["steps"], (*way, str(branch.get("id"))))
            else:
                yield from _placed(step.get(key, []), way)


def _added(step: Mapping[str, Any]) -> Iterator[str]:
    parameters = step.get("with", {})
    if step.keys() - {"id", "name", "type", "action", "with"}:
        yield "the step put in has more than it may"
    if step.get("type") != "tool" or step.get("action") != _HARMLESS_ACTION:
        yield "the step put in does more than leave rows out"
    if parameters.keys() != {"rows", "where"}:
        yield "the step put in has other parameters"
    yield from _written(f"{step.get('name')} {parameters.get('where')}".replace("'}", "'"))


def _step(
    old: Mapping[str, Any], new: Mapping[str, Any], ids: set[str], sources: Mapping[str, Any]
) -> Iterator[str]:
    inside = (*_NESTED, *_PARAMETERS, "prompt", "documents", "for_each")
    for key in old.keys() | new.keys():
        came = key == "fallback" and key not in old
        if key not in inside and not came and old.get(key) != new.get(key):
            yield f"{key} changed"
    if old.get("for_each") != new.get("for_each"):
        yield from _references(str(old.get("for_each")), str(new.get("for_each")), ids)
    for key in _PARAMETERS:
        one, two = dict(_leaves(old.get(key, {}))), dict(_leaves(new.get(key, {})))
        yield from _parameters(one, two, ids, _through(sources))
    asked = str(new.get("prompt"))
    for ours, theirs in _through(sources):
        asked = asked.replace(ours, str(theirs))
    if old.get("prompt") != new.get("prompt"):
        yield from _references(str(old.get("prompt")), asked, ids)
        if _spread(str(old.get("prompt"))) != _spread(asked):
            yield "the wording of the prompt changed"


def _parameters(
    old: Mapping[tuple[str, ...], Any],
    new: Mapping[tuple[str, ...], Any],
    ids: set[str],
    through: set[tuple[Any, Any]],
) -> Iterator[str]:
    came = new.keys() - old.keys()
    if old.keys() - new.keys() or len(came) > 1:
        yield "a parameter came or went"
        return
    for way in came:
        yield from (f"{way} came: {found}" for found in _mapped(way, new[way], ids))
    for way, value in old.items():
        if type(value) is not type(new[way]):
            yield f"{way} has another type"
        elif value != new[way] and (new[way], value) not in through:
            yield from (f"{way}: {one}" for one in _value(way, value, new[way], ids))


def _mapped(way: tuple[str, ...], value: Any, ids: set[str]) -> Iterator[str]:
    """A value that is put into an object may be what one step gave, and goes to nobody new."""
    found = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if len(way) < 2 or _is_frozen(way) or any(_RECIPIENT.match(part) for part in way):
        yield "it is not a fix's to write"
    if found is None or found[1] not in ids:
        yield "it is more than what a step gave"


def _is_frozen(way: tuple[str, ...]) -> bool:
    """Whether a parameter is no fix's to write; *way* begins below the parameters."""
    if len(way) > 1 and way[0] == "values" and (said := _SAID.fullmatch(way[1])):
        plain = "signature" if said["letter"] else "cost"
        way = (re.sub(plain, "", way[1], flags=re.IGNORECASE), *way[2:])
    return any(_FROZEN.search(part) for part in way)


def _through(sources: Mapping[str, Any]) -> set[tuple[Any, Any]]:
    """References to a step put in, each with what it takes its rows from."""
    return {(f"{{{{ {own_id} }}}}", rows) for own_id, rows in sources.items()}


def _value(way: tuple[str, ...], old: Any, new: Any, ids: set[str]) -> Iterator[str]:
    if _is_frozen(way):
        yield "it is not a fix's to change"
    if not isinstance(old, str):
        if isinstance(old, bool):
            yield "a switch was turned"
        return
    to_somebody = any(_RECIPIENT.match(part) for part in way)
    if way == ("path",):
        yield "another file is written"
    if "{{" in old:
        if not _ADDRESSED.isdisjoint(way) and _from_another_step(old, new, ids):
            yield "somebody else receives it"
        if _CONFIDENTIAL.search(new) and not _CONFIDENTIAL.search(old):
            yield "it reads something confidential"
        yield from _references(old, new, ids, recipient=to_somebody)
    elif to_somebody:
        yield "somebody else receives it"
    else:
        yield from _written(new)


def _from_another_step(old: str, new: str, ids: set[str]) -> bool:
    one = {root for root, _ in _REFERENCE.findall(old)} & ids
    return bool(one) and one != {root for root, _ in _REFERENCE.findall(new)} & ids


def _references(old: str, new: str, ids: set[str], *, recipient: bool = False) -> Iterator[str]:
    one, two = _REFERENCE.findall(old), _REFERENCE.findall(new)
    if len(one) != len(two) or _spread(old) != _spread(new):
        yield "more than the names in references changed"
        return
    for (root, rest), (root_after, rest_after) in zip(one, two, strict=True):
        if root_after != root and (recipient or root_after not in ids):
            yield "it reads from somewhere else"
        slip = SequenceMatcher(None, rest, rest_after).ratio()
        if recipient and (sorted(rest) != sorted(rest_after) and slip < _ALIKE):
            yield "somebody else receives it"


def _spread(text: str) -> list[str]:
    """What stands outside the references."""
    return _REFERENCE.sub("\0", text).split("\0")


def _leaves(value: Any, way: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, Mapping):
        for key, one in value.items():  # pyright: ignore[reportUnknownVariableType]
            yield from _leaves(one, (*way, str(key)))  # pyright: ignore[reportUnknownArgumentType]
    elif isinstance(value, list):
        for index, one in enumerate(value):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            yield from _leaves(one, (*way, str(index)))
    else:
        yield way, value


def alive(text: str) -> Iterator[str]:
    """What in *text* is more than words: a link, markup, template syntax, something hidden."""
    for form in (text, unicodedata.normalize("NFKC", text)):
        if found := _ALIVE.search(form):
            yield f"{found[0]!r} was written"
            return
    if any(unicodedata.category(char) in _HIDDEN and char not in "\n\t" for char in text):
        yield "something hidden was written"


def _written(text: str) -> Iterator[str]:
    """What may not get into a workflow: all that is alive, and what was masked for the model."""
    yield from alive(text)
    if _CARD.search(text) or _MARK in text:
        yield "what was masked was written"


_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs"})
