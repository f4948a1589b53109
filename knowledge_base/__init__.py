"""What is known about failures: one YAML file each, read once, validated, indexed."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, ClassVar, TypeVar, cast

import yaml
from pydantic import BaseModel, ValidationError

from knowledge_base.entry import (
    Entry,
    Example,
    Fix,
    Limit,
    Provider,
    Quota,
    Wording,
)
from knowledge_base.matching import Index, Match
from knowledge_base.observation import Observation, observe
from knowledge_base.vocabulary import FIX_TYPES, ROOT_CAUSES

__all__ = [
    "FIX_TYPES",
    "ROOT_CAUSES",
    "Entry",
    "Example",
    "Fix",
    "InvalidKnowledge",
    "KnowledgeBase",
    "Limit",
    "Match",
    "Observation",
    "OwnCode",
    "Provider",
    "Quota",
    "Wording",
    "check_entries",
    "load",
    "observe",
    "parse_entry",
    "read",
    "revision_of",
]

_Model = TypeVar("_Model", bound=BaseModel)
_Spoken = TypeVar("_Spoken", Provider, Quota)
_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class InvalidKnowledge(Exception):
    """A file of the knowledge base can't be used; names the file, the field and the problem."""

    code: ClassVar[str] = "invalid_knowledge"
    retryable: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class OwnCode:
    """An error our own engine explains itself. `slot`: where the name of what it is about goes."""

    entry: Entry
    slot: str | None

    @property
    def exact(self) -> bool:
        """Whether the engine's own words need no second reading."""
        return self.slot is not None


@dataclass(frozen=True)
class KnowledgeBase:
    """Everything known, by file name. `revision` changes whenever any file does.

    own: ids of entries that are not shipped; those among them with a shipped id took its place.
    """

    entries: Mapping[str, Entry]
    providers: Mapping[str, Provider]
    quotas: Mapping[str, Quota]
    own_codes: Mapping[str, str]
    own_names: Mapping[str, str]
    revision: str
    index: Index
    own: frozenset[str] = frozenset()

    def matches(self, seen: Observation) -> list[Match]:
        """Every entry that speaks about this failure, with its reason."""
        return self.index.matches(seen)

    def for_code(self, code: str, kind: str | None = None) -> OwnCode | None:
        """What a stable code of our own engine means.

        kind: of the thing it is about, or else the step's action, where they are known.
        """
        for spelled in (f"{code}/{kind}".lower(), code.lower()):
            if name := self.own_codes.get(spelled):
                return OwnCode(self.entries[name], self.own_names.get(spelled))
        return None

    def quota_of(self, text: str) -> Quota | None:
        """The quota of the service that *text* (lower case) speaks of first."""
        return _spoken_of_first(self.quotas, text)

    def limit_named(self, service: str, text: str) -> Limit | None:
        """The limit of *service* that reads *text*: '100 invitations/day'."""
        limits = (
            limit
            for quota in self.quotas.values()
            if quota.service == service
            for limit in quota.limits
        )
        return next((limit for limit in limits if limit.text == text), None)

    def provider_of(self, text: str) -> Provider | None:
        """The provider that *text* (lower case) speaks of first."""
        return _spoken_of_first(self.providers, text)


def _spoken_of_first(known: Mapping[str, _Spoken], text: str) -> _Spoken | None:
    found = {key: thing.first_mention(text) for key, thing in known.items()}
    named = {key: position for key, position in found.items() if position >= 0}
    return known[min(named, key=named.__getitem__)] if named else None


@cache
def load() -> KnowledgeBase:
    """The knowledge base shipped with this package. Raises InvalidKnowledge."""
    return read(files(__name__))


def read(folder: Traversable) -> KnowledgeBase:
    """Read a knowledge base from *folder*. Raises InvalidKnowledge."""
    entries = dict(_read_folder(folder / "failures", Entry))
    providers = dict(_read_folder(folder / "providers", Provider))
    quotas = dict(_read_folder(folder / "quotas", Quota))
    check_entries(entries, providers)
    return KnowledgeBase(
        entries=entries,
        providers=providers,
        quotas=quotas,
        own_codes=_own_codes(providers),
        own_names={
            code: slot for one in providers.values() for code, slot in one.own_names.items()
        },
        revision=revision_of([*entries.values(), *providers.values(), *quotas.values()]),
        index=Index(
            [entry for entry in entries.values() if entry.status != "deprecated"],
            providers.values(),
        ),
    )


def _read_folder(folder: Traversable, model: type[_Model]) -> Iterator[tuple[str, _Model]]:
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".yaml"):
            name = file.name.removesuffix(".yaml")
            text = file.read_text(encoding="utf-8")
            yield name, _parse(f"{folder.name}/{file.name}", name, text, model)


def revision_of(things: Iterable[BaseModel]) -> str:
    """Another one whenever anything in *things* is another."""
    digest = hashlib.sha256()
    for thing in things:
        digest.update(thing.model_dump_json().encode())
    return digest.hexdigest()[:12]


def parse_entry(where: str, entry_id: str, text: str) -> Entry:
    """One entry from its YAML; *where* names it in errors. Raises InvalidKnowledge."""
    return _parse(where, entry_id, text, Entry)


def _parse(where: str, name: str, text: str, model: type[_Model]) -> _Model:
    try:
        loaded: Any = yaml.load(text, _Loader)  # noqa: S506 a safe loader, the C one if it is there
        if not isinstance(loaded, dict):
            raise TypeError(f"it is a {type(loaded).__name__}")
        data = cast("dict[str, Any]", loaded)
        return model.model_validate({**data, "id": _same_id(data, name)})
    except ValidationError as problem:
        first = problem.errors()[0]
        field = ".".join(map(str, first["loc"])) or "file"
        told = first["msg"].removeprefix("Value error, ")
        raise InvalidKnowledge(f"{where}: {field}: {told}") from problem
    except (yaml.YAMLError, TypeError, ValueError, RecursionError) as problem:
        raise InvalidKnowledge(f"{where}: file: not a YAML mapping: {problem}") from problem


def _same_id(data: Mapping[str, Any], name: str) -> str:
    """The file's name; a file that says another id is a mistake. Raises TypeError."""
    if data.get("id", name) != name:
        raise TypeError(f"its id is {data['id']!r}, and a file is known by its name")
    return name


def check_entries(entries: Mapping[str, Entry], providers: Mapping[str, Provider]) -> None:
    """Raises InvalidKnowledge when a general entry or the target of a code is missing."""
    _check_general_entries(entries)
    _check_targets(providers, entries)


def _check_general_entries(entries: Mapping[str, Entry]) -> None:
    for cause in ROOT_CAUSES:
        general = entries.get(cause)
        if general is None:
            raise InvalidKnowledge(f"failures/{cause}.yaml: file: every root cause needs its own")
        if general.root_cause != cause:
            told = f"this name is that of the general entry, so it must be {cause!r}"
            raise InvalidKnowledge(f"failures/{cause}.yaml: root_cause: {told}")
        if general.cause is None:
            raise InvalidKnowledge(f"failures/{cause}.yaml: cause: a general entry needs one")


def _check_targets(providers: Mapping[str, Provider], entries: Mapping[str, Entry]) -> None:
    for provider in providers.values():
        targets = [
            *provider.own_codes,
            *(name for table in provider.tables for name in table.entries),
        ]
        for name in targets:
            if name not in entries or entries[name].status == "deprecated":
                raise InvalidKnowledge(f"providers/{provider.id}.yaml: {name}: no entry in use")


def _own_codes(providers: Mapping[str, Provider]) -> dict[str, str]:
    return {
        code.lower(): entry
        for provider in providers.values()
        for entry, codes in provider.own_codes.items()
        for code in codes
    }
