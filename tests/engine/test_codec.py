"""What goes into the store comes out equal and of the same type."""

import dataclasses
import json
import math
import uuid
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, PrivateAttr

from engine.errors import UnserializableValue
from engine.storage.codec import Codec, Unregistered, dumps, encode, loads


class Priority(Enum):
    LOW = "a"
    HIGH = "b"


class Level(IntEnum):
    ONE = 1


class Colour(StrEnum):
    RED = "red"


class Contact(BaseModel):
    name: str
    priority: Priority = Priority.LOW
    tags: set[str] = set()


class Premium(Contact):
    discount: Decimal


class Holder(BaseModel):
    contact: Contact
    _note: str = PrivateAttr(default="")


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    known: int = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    x: int
    label: str = dataclasses.field(default="", init=False)


class Money:
    def __init__(self, cents: int) -> None:
        self.cents = cents

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Money) and other.cents == self.cents


CLASSES = (Priority, Level, Colour, Contact, Premium, Holder, Open, Point)


@pytest.fixture
def codec() -> Codec:
    codec = Codec()
    for cls in CLASSES:
        codec.register(cls)
    return codec


def identical(left: Any, right: Any) -> bool:
    """Equal, of the same type all the way down, NaN equal to itself."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return (left == right and math.copysign(1, left) == math.copysign(1, right)) or (
            math.isnan(left) and math.isnan(right)
        )
    if isinstance(left, Decimal):
        return left.as_tuple() == right.as_tuple()
    if isinstance(left, dict):
        return (
            list(map(type, left)) == list(map(type, right))
            and len(left) == len(right)
            and all(
                identical(a, b) and identical(left[a], right[b])
                for a, b in zip(left, right, strict=True)
            )
        )
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(identical, left, right))
    return left == right


KEYS = (
    st.none() | st.booleans() | st.integers() | st.text(st.characters()) | st.dates() | st.uuids()
)
SCALARS = (
    KEYS
    | st.integers(min_value=-(2**80), max_value=2**80)
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=20)
    | st.binary(max_size=20)
    | st.decimals()
    | st.datetimes(timezones=st.none() | st.just(UTC))
    | st.times()
    | st.timedeltas()
    | st.sampled_from([*Priority, *Level, *Colour])
    | st.sampled_from(["$type", "tuple", "\ud83d\ude00", "\x00"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(KEYS | st.just("$type") | st.just("class"), inner, max_size=4)
        | st.frozensets(KEYS, max_size=4)
        | st.sets(KEYS, max_size=4)
    ),
    max_leaves=20,
)


@given(VALUES)
def test_every_value_comes_back_identical(value: Any) -> None:
    codec = Codec()
    for cls in CLASSES:
        codec.register(cls)
    text = codec.dumps(value, place="step1")
    assert text.isascii()
    assert "\\u0000" not in text  # SQL's JSON functions stop there
    assert identical(codec.loads(text), value)


@given(VALUES)
def test_encoding_what_was_decoded_changes_nothing(value: Any) -> None:
    strange = Codec()  # knows no class at all
    text = strange.dumps(value, place="step1")
    assert strange.dumps(strange.loads(text), place="step1") == text


@pytest.mark.parametrize(
    "value",
    [
        datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1),
        datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=5, minutes=45))),
        time(1, 2, 3, 4, tzinfo=UTC),
        10**5000,
        Decimal("sNaN"),
        Decimal("1.20"),
        uuid.UUID(int=5),
        {1: "a", "1": "b", (1, date(2026, 1, 1)): "c"},
        {"$type": "datetime", "value": "not one"},
        [{"$type": None}],
    ],
    ids=lambda value: type(value).__name__,
)
def test_border_cases(value: Any) -> None:
    back = loads(dumps(value, place="step1"))
    assert identical(back, value)
    if isinstance(value, datetime | time):
        assert (back.tzinfo, back.fold) == (value.tzinfo, value.fold)


def test_classes_come_back_as_themselves(codec: Codec) -> None:
    holder = Holder(contact=Premium(name="Ada", priority=Priority.HIGH, discount=Decimal("0.10")))
    holder._note = "kept"
    point = Point(3)
    values = [holder, Open.model_validate({"known": 2, "more": (1, 2)}), point, Contact(name="x")]
    back = codec.loads(codec.dumps(values, place="step1"))
    assert back == values
    assert type(back[0].contact) is Premium  # not the class of the field
    assert back[0]._note == "kept"
    assert back[3].model_fields_set == {"name"}


def test_enum_is_stored_by_value_with_its_class(codec: Codec) -> None:
    stored = codec.encode(Priority.LOW, place="step1")
    assert stored == {
        "$type": "enum",
        "class": f"{__name__}.Priority",
        "fields": {"value": "a"},
    }


def test_unregistered_class_comes_back_as_marked_data_and_is_never_imported() -> None:
    back = loads(dumps({"contact": Contact(name="Ada"), "p": Priority.LOW}, place="step1"))
    contact = back["contact"]
    assert isinstance(contact, Unregistered)
    assert contact["name"] == "Ada"
    assert contact.class_name == f"{__name__}.Contact"
    assert back["p"] == {"value": "a"}
    hostile = '{"$type": "model", "class": "os.system", "fields": {"command": "true"}}'
    assert isinstance(loads(hostile), Unregistered)


def test_class_that_changed_since(codec: Codec) -> None:
    old = json.loads(codec.dumps(Contact(name="Ada"), place="step1"))
    del old["fields"]["tags"]
    assert codec.decode(old) == Contact(name="Ada")
    old["fields"]["name"] = ["no text"]
    assert isinstance(codec.decode(old), Unregistered)
    gone = {"$type": "enum", "class": f"{__name__}.Priority", "fields": {"value": "z"}}
    assert isinstance(codec.decode(gone), Unregistered)
    point = {"$type": "dataclass", "class": f"{__name__}.Point", "fields": {"y": 1}}
    assert isinstance(codec.decode(point), Unregistered)


def test_custom_class_and_stored_name(codec: Codec) -> None:
    codec.register(Money, name="money", dump=lambda money: money.cents, load=Money)
    text = codec.dumps([Money(120)], place="step1")
    assert codec.loads(text) == [Money(120)]
    assert '"money"' in text
    assert isinstance(Codec().loads(text)[0], Unregistered)
    with pytest.raises(ValueError, match="taken by another class"):
        codec.register(Point, name="money")
    with pytest.raises(ValueError, match="needs both dump and load"):
        codec.register(Fraction)


@pytest.mark.parametrize(
    ("value", "place", "name"),
    [
        ({"rows": [{"when": (1, Fraction(1, 2))}]}, "step1.rows[0].when[1]", "fractions.Fraction"),
        (object(), "step1", "builtins.object"),
        ({Fraction(1, 2): 1}, "step1[key 1/2]", "fractions.Fraction"),
        (Holder.model_construct(contact=Fraction(1)), "step1.contact", "fractions.Fraction"),
    ],
)
def test_unknown_type_names_itself_and_its_place(value: Any, place: str, name: str) -> None:
    with pytest.raises(UnserializableValue) as caught:
        dumps(value, place="step1")
    assert caught.value.args == (name, place)


def test_cycle_and_too_deep_are_refused() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]
    for value in (cycle, deep, {"a": cycle}):
        with pytest.raises(UnserializableValue, match="nested deeper than 200"):
            dumps(value, place="step1")


def test_unknown_tag_of_a_newer_version_is_refused() -> None:
    with pytest.raises(UnserializableValue, match="complex"):
        loads('{"$type": "complex", "value": 1}')


def test_plain_json_is_not_copied() -> None:
    value = {"rows": [{"id": 1, "ok": True, "ratio": 0.5, "name": "Ångström", "none": None}]}
    assert encode(value, place="step1") is value
    assert json.loads(dumps(value, place="step1")) == value
