"""How far a fix type reaches, and what differs between two snapshots, seen from outside."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias, get_args

from pydantic import JsonValue

from ..definitions import PARAMETERS, STEP_LISTS, Pointer, leaves, spell, steps
from ..names import words_of
from ..snapshot import ResourceKind, Snapshot
from ._added import differs_in_references, is_fallback, is_loop_of_parts, same_documents
from ._rises import Rise
from ._text import corrected_placeholders

Operation: TypeAlias = Literal["add", "change", "remove"]
KINDS: tuple[ResourceKind, ...] = get_args(ResourceKind)
Approver: TypeAlias = Literal["editor", "owner"]


def _listed(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Words no path a fix writes may have in any of its parts: where data goes, who is acting, what
#: may be spent, what runs as code. Parts are split into words first (`maxCostUsd`, `api-key`).
PROTECTED_WORDS = _listed(
    "url urls uri uris href link host hostname port endpoint domain proxy webhook callback redirect"
    " header headers authorization auth oauth cookie cookies"
    " secret secrets token tokens password passwd passphrase credential credentials signature"
    " integration integrations account connection connected"
    " method budget cost credit credits price restriction restrictions trigger schedule"
    " approval approve approver permission permissions role roles scope scopes verify tls ssl"
    " certificate workspace tenant user code script command shell sql"
)
#: The same inside a word, for names written without a seam (`baseurl`, `x-apikey`).
_INSIDE = re.compile(
    r"url|secret|token|passw|credential|webhook|oauth"
    r"|(?:api|access|private|sign(?:ing|ature)?|encryption)[_-]?key",
    re.IGNORECASE,
)

#: Parameters that say who receives something; only a misspelt reference may be put right there.
DESTINATION_WORDS = _listed(
    "to cc bcc from sender recipient recipients reply channel chat phone address email mail"
)
#: `email_column` names a column, not somebody, and `email_signature` is a text.
_ABOUT_DATA = _listed("column columns field fields template range sheet signature")

#: Where a step keeps what a template's placeholders are filled with: data, whatever it is called.
_FILLED = "values"
#: There a price is nothing that is spent, and these are the words of a letter's signature; one of
#: a request (`request_signature`) has another word in its name, and is no fix's to write anywhere.
_IN_A_TEXT = _listed("price cost")
_SIGNED_LETTER = _listed("signature email mail company team text line block name")


_PLAIN_STEP = _listed("id name type action with")
_LISTS = tuple((name,) for name in STEP_LISTS)

#: In a pattern: the way to any step, however deep it stands.
STEP = "{step}"


@dataclass(frozen=True, slots=True)
class Reach:
    """What a fix type may write, and whose approval it needs.

    `writes` pairs an operation with a pattern of pointers over `/definition/…` and `/resources/…`;
    in a pattern `*` stands for one part, `{step}` for the way to a step and a final `**` for one
    part or more. A value keeps its type when it changes. `new_actions` are the actions that a step
    it adds may use: with parameters only, nothing else a step can have. `opens` are protected
    words, or whole names, that this type alone may have in a path, within `writes`. Where there are
    `rises`, these numbers going up are all it may write.

    With `references_only` a text keeps its words, a value that is added is one reference, and
    who receives something stays.
    What a resource says may change in misspelt placeholders only.
    `splits`: it may add a loop that asks an agent's question part by part. `fallbacks`: the actions
    of fallbacks it may add. `moves_documents`: it may give the workflow's documents to steps.
    """

    writes: tuple[tuple[Operation, str], ...]
    approver: Approver = "editor"
    new_actions: frozenset[str] = frozenset()
    opens: frozenset[str] = frozenset()
    rises: tuple[Rise, ...] = ()
    references_only: bool = False
    splits: bool = False
    fallbacks: frozenset[str] = frozenset()
    moves_documents: bool = False

    def beyond(self, before: Snapshot, after: Snapshot) -> "tuple[Difference, ...]":
        """Differences between the two that a fix of this type may not make."""
        placed = [step.pointer for step in steps(before.definition)]
        return tuple(
            difference
            for difference in differences(before, after)
            if not (self._allows(difference, placed) and self._keeps(difference, before, after))
        )

    def _allows(self, difference: "Difference", placed: list[Pointer]) -> bool:
        pointer = difference.pointer
        if difference.operation == "change" and type(difference.old) is not type(difference.new):
            return False
        if pointer[0] == "definition":
            if any(
                is_protected((*pointer[1:], *below), opened=self.opens)
                for below, _ in leaves(difference.new)
            ):
                return False
            if difference.is_step and not self.splits and not self._may_add(difference.new):
                return False
            if self.rises and not self._only_raises(difference):
                return False
            pointer = ("definition", *_below_step(pointer[1:], placed))
        return any(
            operation == difference.operation and _matches(pattern, pointer)
            for operation, pattern in self.writes
        )

    def _keeps(self, difference: "Difference", before: Snapshot, after: Snapshot) -> bool:
        """Whether what is no plain value in *difference* is what this type may make of it."""
        definition, pointer = before.definition, difference.pointer
        if pointer[0] == "resources" and difference.operation == "change":
            return bool(corrected_placeholders(str(difference.old), str(difference.new)))
        if self.fallbacks:
            owner = next(one for one in steps(definition) if one.pointer == pointer[1:-1])
            return is_fallback(difference.new, owner, definition, self.fallbacks)
        if difference.is_step and self.splits:
            return is_loop_of_parts(difference.new, definition)
        if self.moves_documents:
            return same_documents(definition, after.definition)
        if not self.references_only:
            return True
        same_words = differs_in_references(difference.old, difference.new)
        return same_words and not is_destination(pointer)

    def _only_raises(self, difference: "Difference") -> bool:
        """Whether each number in it is one of the rises, and goes up no further than that says."""
        found = False
        for below, value in leaves(difference.new):
            way = (*difference.pointer, *below)
            rise = next((one for one in self.rises if one.is_at(way)), None)
            if rise is None or not rise.allows(difference.old, value):
                return False
            found = True
        return found

    def _may_add(self, step: JsonValue) -> bool:
        if not isinstance(step, dict) or not step.keys() <= _PLAIN_STEP:
            return False
        return step.get("type") == "tool" and step.get("action") in self.new_actions


def _below_step(pointer: Pointer, placed: list[Pointer]) -> Pointer:
    """*pointer* with the way to the innermost step it is in written as `{step}`."""
    inside = [step for step in placed if pointer[: len(step)] == step and pointer != step]
    return (STEP, *pointer[len(max(inside, key=len)) :]) if inside else pointer


@dataclass(frozen=True, slots=True)
class Difference:
    """One place at which two snapshots differ."""

    operation: Operation
    pointer: Pointer
    old: JsonValue = None
    new: JsonValue = None

    @property
    def is_step(self) -> bool:
        """Whether a step was put in."""
        return self.operation == "add" and self.pointer[-2:-1] in _LISTS

    def __str__(self) -> str:
        return f"{self.operation} {spell(self.pointer)}"


def is_protected(pointer: Sequence[str], *, opened: frozenset[str] = frozenset()) -> bool:
    """Whether any part of *pointer* names something no fix may write, but for what is *opened*."""
    filled = _filled_from(pointer)
    return any(
        part not in opened
        and (
            part.startswith("__")
            or bool(_INSIDE.search(part))
            or not (PROTECTED_WORDS - opened - _plain_words(part, at >= filled)).isdisjoint(
                words_of(part)
            )
        )
        for at, part in enumerate(pointer)
    )


def _filled_from(pointer: Sequence[str]) -> int:
    """From which part on *pointer* is about what a template is filled with; beyond its end: none."""
    pairs = pairwise(pointer)
    found = (at + 2 for at, (one, two) in enumerate(pairs) if one in PARAMETERS and two == _FILLED)
    return next(found, len(pointer))


def _plain_words(part: str, is_filled: bool) -> frozenset[str]:
    """The protected words that say nothing of a secret or of spending in this name."""
    if not is_filled:
        return frozenset()
    is_letters = _SIGNED_LETTER.issuperset(words_of(part))
    return _IN_A_TEXT | _SIGNED_LETTER if is_letters else _IN_A_TEXT


def is_destination(pointer: Sequence[str]) -> bool:
    """Whether *pointer* leads to who or what receives something."""
    return any(
        DESTINATION_WORDS.intersection(words) and _ABOUT_DATA.isdisjoint(words)
        for words in map(words_of, pointer)
    )


def _matches(pattern: str, pointer: Pointer) -> bool:
    parts = pattern.strip("/").split("/")
    if parts[-1] == "**":
        parts = parts[:-1]
        if len(pointer) <= len(parts):
            return False
        pointer = pointer[: len(parts)]
    return len(parts) == len(pointer) and all(
        part in ("*", own) for part, own in zip(parts, pointer, strict=True)
    )


def differences(before: Snapshot, after: Snapshot) -> tuple[Difference, ...]:
    """Everything in which *after* is not *before*, as small as it can be said."""
    return tuple(_compare(_as_data(before), _as_data(after), ()))


def _as_data(snapshot: Snapshot) -> dict[str, JsonValue]:
    """*snapshot* as plain data, with every kind of resource: a first one is added to none."""
    data = snapshot.model_dump(mode="json")
    return {**data, "resources": {kind: {} for kind in KINDS} | data["resources"]}


def _compare(one: JsonValue, two: JsonValue, pointer: Pointer) -> Iterator[Difference]:
    if isinstance(one, dict) and isinstance(two, dict):
        yield from _compare_objects(one, two, pointer)
    elif isinstance(one, list) and isinstance(two, list):
        yield from _compare_lists(one, two, pointer)
    elif type(one) is not type(two) or one != two:
        yield Difference("change", pointer, one, two)


def _compare_objects(
    one: dict[str, JsonValue], two: dict[str, JsonValue], pointer: Pointer
) -> Iterator[Difference]:
    for key, value in one.items():
        if key in two:
            yield from _compare(value, two[key], (*pointer, key))
        else:
            yield Difference("remove", (*pointer, key), old=value)
    for key, value in two.items():
        if key not in one:
            yield Difference("add", (*pointer, key), new=value)


def _compare_lists(
    one: list[JsonValue], two: list[JsonValue], pointer: Pointer
) -> Iterator[Difference]:
    """Steps by their ids; other lists item by item, or as a whole when the length differs."""
    ids, ids_after = _ids(one), _ids(two)
    if ids is not None and ids_after is not None and ids != ids_after:
        yield from _compare_steps((ids, one), (ids_after, two), pointer)
    elif len(one) == len(two):
        for index, (left, right) in enumerate(zip(one, two, strict=True)):
            yield from _compare(left, right, (*pointer, str(index)))
    else:
        yield Difference("change", pointer, one, two)


def _ids(items: list[JsonValue]) -> list[str] | None:
    """The ids of items that all have one of their own, else None."""
    ids = [item["id"] for item in items if isinstance(item, dict) and "id" in item]
    texts = [own for own in ids if isinstance(own, str)]
    return texts if len(set(texts)) == len(items) else None


def _compare_steps(
    before: tuple[list[str], list[JsonValue]],
    after: tuple[list[str], list[JsonValue]],
    pointer: Pointer,
) -> Iterator[Difference]:
    """Steps that are new, gone or changed; places are those before, of new ones those after."""
    (ids, one), (ids_after, two) = before, after
    kept = [own for own in ids if own in set(ids_after)]
    if kept != [own for own in ids_after if own in set(ids)]:
        yield Difference("change", pointer, one, two)
        return
    found = dict(zip(ids_after, two, strict=True))
    for index, (own, item) in enumerate(zip(ids, one, strict=True)):
        if own in found:
            yield from _compare(item, found[own], (*pointer, str(index)))
        else:
            yield Difference("remove", (*pointer, str(index)), old=item)
    for index, (own, item) in enumerate(zip(ids_after, two, strict=True)):
        if own not in set(ids):
            yield Difference("add", (*pointer, str(index)), new=item)
