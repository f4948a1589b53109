"""Typed values to JSON and back, exactly; never pickle, and never an import named by stored data.

Plain JSON is stored as it is. Anything else becomes an object with the key `$type`; a user's own
object with that key is wrapped, so the two can't be confused. Enums are stored by value, models and
dataclasses by their fields, each with its class. A class comes back as itself if it was registered;
otherwise its data comes back as an `Unregistered` mapping.
"""

import dataclasses
import json
import math
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any, TypeVar, cast

from pydantic import BaseModel, JsonValue, ValidationError

from ..errors import UnserializableValue
from .scalars import INT_LIMIT, SCALAR_DECODERS, SCALAR_ENCODERS, TAG, Tagged, is_storable

T = TypeVar("T")
DEEPEST = 200
_JSON = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False)


class Unregistered(dict[str, Any]):
    """The data of a class nobody registered here: its fields, or `value` for an enum.

    Encoding it again stores what was stored before, so nothing is lost on the way through.
    """

    def __init__(self, values: Mapping[str, Any], tag: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.tag = dict(tag)

    def __hash__(self) -> int:  # type: ignore[override] - enums can be keys and members of sets
        return hash(self.class_name)

    @property
    def class_name(self) -> str:
        return str(self.tag["class"])


@dataclasses.dataclass(frozen=True, slots=True)
class Registration:
    """How one class is stored; `dump` and `load` are None for enums, models and dataclasses."""

    name: str
    cls: type[Any]
    dump: Callable[[Any], Any] | None
    load: Callable[[Any], Any] | None


class _Unknown(Exception):
    """A value of this type can't be stored; the place is found out afterwards."""


class Codec:
    """A set of registered classes, and the translation that knows them."""

    def __init__(self) -> None:
        self._by_class: dict[type[Any], Registration] = {}
        self._by_name: dict[str, Registration] = {}

    def register(
        self,
        cls: type[T],
        *,
        name: str | None = None,
        dump: Callable[[T], Any] | None = None,
        load: Callable[[Any], T] | None = None,
    ) -> type[T]:
        """Let values of *cls* come back as *cls*; usable as a decorator.

        Enums, pydantic models and dataclasses need nothing more. Any other class needs `dump`, which
        gives a value this codec can store, and `load`, its inverse. *name* is what is stored
        (default: the dotted class), so give one to keep old values readable after a rename. Raises
        ValueError for a name another class has, or for a class that needs `dump` and `load`.
        """
        stored = name or _class_name(cls)
        known_kind = issubclass(cls, Enum | BaseModel) or dataclasses.is_dataclass(cls)
        if (dump is None) != (load is None) or (dump is None and not known_kind):
            raise ValueError(f"{stored} needs both dump and load")
        if stored in self._by_name and self._by_name[stored].cls is not cls:
            raise ValueError(f"The name {stored} is taken by another class")
        registration = Registration(stored, cls, dump, load)
        self._by_class[cls] = registration
        self._by_name[stored] = registration
        return cls

    def encode(self, value: Any, *, place: str) -> JsonValue:
        """*value* as JSON. Plain JSON is returned itself, not copied.

        Raises `UnserializableValue` with the type and where under *place* it sits.
        """
        if _is_plain(value, 0):
            return value
        try:
            return self._encode(value, 0)
        except _Unknown as unknown:
            reason = str(unknown)
        raise UnserializableValue(reason, self._locate(value, place))

    def decode(self, value: JsonValue) -> Any:
        """The inverse of `encode`. Raises `UnserializableValue` for a tag it does not know."""
        if isinstance(value, list):
            return [self.decode(item) for item in value]
        if not isinstance(value, dict):
            return value
        content = {key: self.decode(item) for key, item in value.items()}
        if TAG not in content:
            return content
        kind = str(content[TAG])
        if kind in _DECODERS:
            return _DECODERS[kind](content)
        if kind not in _REBUILDERS:
            raise UnserializableValue(kind, "a stored value")
        registration = self._by_name.get(content["class"])
        rebuilt = None if registration is None else _REBUILDERS[kind](registration, content)
        if rebuilt is None:
            fields = content.pop("fields")
            return Unregistered(fields, content)
        return rebuilt.value

    def dumps(self, value: Any, *, place: str) -> str:
        """`encode` as compact ASCII text."""
        return _JSON.encode(self.encode(value, place=place))

    def loads(self, text: str) -> Any:
        """The inverse of `dumps`."""
        value = json.loads(text)
        return self.decode(value) if f'"{TAG}"' in text else value

    def _encode(self, value: Any, depth: int) -> JsonValue:
        cls = cast("type[Any]", type(value))
        if depth > DEEPEST:
            raise _Unknown(f"{cls.__name__}, nested deeper than {DEEPEST} levels,")
        registration = self._by_class.get(cls)
        if registration is not None and registration.dump is not None:
            fields = {"value": registration.dump(value)}
            return self._record({TAG: "custom", "class": registration.name}, fields, depth)
        if cls in SCALAR_ENCODERS:
            return SCALAR_ENCODERS[cls](value)
        if cls is dict:
            return self._mapping(value, depth)
        if cls in _COLLECTIONS:
            return self._collection(value, depth)
        if cls is Unregistered:
            kept = cast("Unregistered", value)
            return self._record(kept.tag, kept, depth)
        tag, fields = _taken_apart(value)
        tag["class"] = registration.name if registration else _class_name(cls)
        return self._record(tag, fields, depth)

    def _collection(self, value: Any, depth: int) -> JsonValue:
        kind = cast("type[Any]", type(value))
        items = [self._encode(item, depth + 1) for item in value]
        if kind is list:
            return items
        if kind is not tuple:  # in an order that does not change from run to run
            items.sort(key=_JSON.encode)
        return {TAG: kind.__name__, "items": items}

    def _mapping(self, value: dict[Any, Any], depth: int) -> JsonValue:
        if TAG not in value and all(type(key) is str and is_storable(key) for key in value):
            return {key: self._encode(item, depth + 1) for key, item in value.items()}
        pairs: list[JsonValue] = [
            [self._encode(key, depth + 1), self._encode(item, depth + 1)]
            for key, item in value.items()
        ]
        return {TAG: "dict", "items": pairs}

    def _record(self, tag: Tagged, fields: Mapping[str, Any], depth: int) -> JsonValue:
        kind, rest = tag[TAG], {key: item for key, item in tag.items() if key != TAG}
        encoded = cast("dict[str, JsonValue]", self._mapping(rest, depth))
        return {TAG: kind, **encoded, "fields": self._mapping(dict(fields), depth + 1)}

    def _locate(self, value: Any, place: str) -> str:
        """The path to the innermost value that can't be stored; only run after a failure."""
        for _ in range(DEEPEST):
            found = next(
                filter(lambda named: not self._is_encodable(named[1]), _parts(value)), None
            )
            if found is None:
                break
            step, value = found
            place += step
        return place

    def _is_encodable(self, value: Any) -> bool:
        try:
            self._encode(value, 0)
        except _Unknown:
            return False
        return True


def _is_plain(value: Any, depth: int) -> bool:
    """Whether JSON text holds *value* exactly and no tag is needed."""
    cls = cast("type[Any]", type(value))
    if cls is str:
        return is_storable(value)
    if cls is int:
        return -INT_LIMIT <= value < INT_LIMIT
    if value is None or cls is bool:
        return True
    if cls is float:
        return math.isfinite(value)
    if cls is dict and depth < DEEPEST:
        if TAG in value:
            return False
        for key, item in value.items():
            if type(key) is not str or not is_storable(key) or not _is_plain(item, depth + 1):
                return False
        return True
    if cls is list and depth < DEEPEST:
        return all(_is_plain(item, depth + 1) for item in value)
    return False


def _class_name(cls: type[Any]) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _taken_apart(value: Any) -> tuple[Tagged, dict[str, Any]]:
    """A tag without its class, and the fields of an enum, a model or a dataclass."""
    if isinstance(value, Enum):
        return {TAG: "enum"}, {"value": value.value}
    if isinstance(value, BaseModel):
        return _model_parts(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = (field.name for field in dataclasses.fields(value))
        fields = {name: getattr(value, name) for name in names if hasattr(value, name)}
        return {TAG: "dataclass"}, fields
    raise _Unknown(_class_name(cast("type[Any]", type(value))))


def _model_parts(model: BaseModel) -> tuple[Tagged, dict[str, Any]]:
    names = type(model).model_fields
    fields = {name: vars(model)[name] for name in names if name in vars(model)}
    fields |= model.model_extra or {}
    tag: Tagged = {TAG: "model"}
    if model.model_fields_set != fields.keys():
        tag["set"] = sorted(model.model_fields_set)
    if private := model.__pydantic_private__:
        tag["private"] = private
    return tag, fields


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """What *value* is made of, each with how a person would write the step to it."""
    if isinstance(value, Mapping):
        for key, item in cast("Mapping[Any, Any]", value).items():
            yield f".{key}", item
            yield f"[key {str(key)[:50]}]", key
    elif isinstance(value, list | tuple | set | frozenset):
        yield from ((f"[{index}]", item) for index, item in enumerate(cast("list[Any]", value)))
    elif isinstance(value, BaseModel) or dataclasses.is_dataclass(value):
        _, fields = _taken_apart(value)
        yield from ((f".{name}", item) for name, item in fields.items())


@dataclasses.dataclass(frozen=True, slots=True)
class _Rebuilt:
    value: Any


def _rebuild_enum(registration: Registration, tagged: Tagged) -> _Rebuilt | None:
    try:
        return _Rebuilt(registration.cls(tagged["fields"]["value"]))
    except ValueError:  # the enum has lost this member since
        return None


def _rebuild_custom(registration: Registration, tagged: Tagged) -> _Rebuilt | None:
    load = registration.load
    return None if load is None else _Rebuilt(load(tagged["fields"]["value"]))


def _rebuild_model(registration: Registration, tagged: Tagged) -> _Rebuilt | None:
    cls, fields = cast("type[BaseModel]", registration.cls), tagged["fields"]
    extra = {name: item for name, item in fields.items() if name not in cls.model_fields}
    keeps_extra = cls.model_config.get("extra") == "allow"
    if not cls.model_fields.keys() <= fields.keys() or (extra and not keeps_extra):
        return _revalidated(cls, fields)
    model = cls.__new__(cls)
    model.__setstate__(  # as unpickling does: validators may not be idempotent
        {
            "__dict__": {name: fields[name] for name in cls.model_fields},
            "__pydantic_fields_set__": set(tagged.get("set", fields)),
            "__pydantic_extra__": extra if keeps_extra else None,
            "__pydantic_private__": tagged.get("private"),
        }
    )
    return _Rebuilt(model)


def _revalidated(cls: type[BaseModel], fields: dict[str, Any]) -> _Rebuilt | None:
    """A model whose class has gained or lost fields since it was stored."""
    try:
        return _Rebuilt(cls.model_validate(fields, by_name=True, by_alias=False))
    except ValidationError:
        return None


def _rebuild_dataclass(registration: Registration, tagged: Tagged) -> _Rebuilt | None:
    names = {field.name for field in dataclasses.fields(registration.cls)}
    if names != tagged["fields"].keys():
        return None
    value = object.__new__(registration.cls)
    for name, item in tagged["fields"].items():
        object.__setattr__(value, name, item)
    return _Rebuilt(value)


_REBUILDERS: dict[str, Callable[[Registration, Tagged], _Rebuilt | None]] = {
    "enum": _rebuild_enum,
    "custom": _rebuild_custom,
    "model": _rebuild_model,
    "dataclass": _rebuild_dataclass,
}


_COLLECTIONS = frozenset({list, tuple, set, frozenset})
_DECODERS: dict[str, Callable[[Tagged], Any]] = {
    **SCALAR_DECODERS,
    "tuple": lambda tagged: tuple(tagged["items"]),
    "set": lambda tagged: set(tagged["items"]),
    "frozenset": lambda tagged: frozenset(tagged["items"]),
    "dict": lambda tagged: dict(tagged["items"]),
}

default = Codec()
register = default.register
encode = default.encode
decode = default.decode
dumps = default.dumps
loads = default.loads
