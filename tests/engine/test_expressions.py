"""References in definitions: read, found, and replaced by values."""

import contextlib
import dataclasses
import time
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from engine.definition import dependencies, parse_workflow, references, resolve
from engine.errors import InvalidDefinition, VariableNotFound


class Mood(StrEnum):
    CALM = "calm"


class Person(BaseModel):
    name: str
    _secret: str = "hidden"

    @property
    def shouted(self) -> str:
        return self.name.upper()


@dataclasses.dataclass
class Point:
    x: int
    _hidden: int = 0


ROWS = [{"id": number} for number in range(500)]
SCOPE: dict[str, Any] = {
    "inputs": {"day": date(2026, 1, 31), "none": None, "price": Decimal("1.20"), "yes": True},
    "step1": {
        "emails": ROWS,
        "First Name": "Ada",
        "a-b": 1,
        "mood": Mood.CALM,
        "person": Person(name="Ada"),
        "point": Point(3),
        "pair": (1, 2),
        "text": "{{ inputs.day }}",
    },
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ inputs.day }}", date(2026, 1, 31)),
        ("{{inputs.none}}", None),
        ("{{ step1.emails[0].id }}", 0),
        ("{{ step1.emails[-1].id }}", 499),
        ("{{ step1['First Name'] }}", "Ada"),
        ('{{ step1["First Name"] }}', "Ada"),
        ("{{ step1.a-b }}", 1),
        ("{{ step1.person.name }}", "Ada"),
        ("{{ step1.point.x }}", 3),
        ("{{ step1.pair[1] }}", 2),
        ("on {{ inputs.day }}: {{ inputs.price }}", "on 2026-01-31: 1.20"),
        ("{{ inputs.none }}.", "."),
        ("is {{ inputs.yes }}, {{ step1.mood }}", "is true, calm"),
        ("{{ step1.pair }} {{ step1.point }}", '[1, 2] {"x": 3}'),
        ("{{ step1.person }}!", '{"name":"Ada"}!'),
        ("{{ step1.emails[0] }} ", '{"id": 0} '),
        ("\\{{ plain }}", "{{ plain }}"),
        ("no { braces } }}", "no { braces } }}"),
    ],
)
def test_resolve(text: str, value: Any) -> None:
    found = resolve(text, SCOPE)
    assert found == value
    assert type(found) is type(value)


def test_single_expression_gives_the_value_itself() -> None:
    assert resolve({"rows": ["{{ step1.emails }}"]}, SCOPE)["rows"][0] is ROWS


def test_what_is_put_in_is_not_read_again() -> None:
    assert resolve("{{ step1.text }}", SCOPE) == "{{ inputs.day }}"
    assert resolve("<{{ step1.text }}>", SCOPE) == "<{{ inputs.day }}>"


@pytest.mark.parametrize(
    ("text", "name", "near"),
    [
        ("{{ step1.email }}", "step1.email", ["step1.emails"]),
        ("{{ stpe1.emails }}", "stpe1", ["step1"]),
        ("{{ step1.emails[500] }}", "step1.emails[500]", []),
        ("{{ step1.emails.id }}", "step1.emails.id", []),
        ("{{ step1['First Nam'] }}", 'step1["First Nam"]', ['step1["First Name"]']),
        ("{{ inputs.day.year }}", "inputs.day.year", []),
        ("{{ step1.person._secret }}", "step1.person._secret", []),
        ("{{ step1.person.__class__ }}", "step1.person.__class__", []),
        ("{{ step1.person.model_dump }}", "step1.person.model_dump", []),
        ("{{ step1.person.shouted }}", "step1.person.shouted", []),
        ("{{ step1.point._hidden }}", "step1.point._hidden", []),
        ("{{ step1.emails.append }}", "step1.emails.append", []),
        ("{{ step1.text[0] }}", "step1.text[0]", []),
    ],
)
def test_missing(text: str, name: str, near: list[str]) -> None:
    with pytest.raises(VariableNotFound) as caught:
        resolve(text, SCOPE)
    error = caught.value
    assert str(error).startswith(f"Variable {name} not found")
    assert (error.details["name"], error.details["near"]) == (name, near)
    assert all(one in str(error) for one in near)


def test_missing_says_what_there_is() -> None:
    with pytest.raises(VariableNotFound) as caught:
        resolve("{{ inputs.dya }}", SCOPE)
    assert caught.value.details["available"] == ["day", "none", "price", "yes"]
    assert str(caught.value) == "Variable inputs.dya not found. Did you mean inputs.day?"


@pytest.mark.parametrize(
    "text",
    ["{{", "{{ }}", "{{ 1 }}", "{{ a b }}", "{{ a.b() }}", "{{ a | upper }}", "{{ a + b }}",
     "{{ a[b] }}", "{{ a..b }}", "{{ a[ }}", "x {{ a", "{{ 'a' }}", "{{{ a }}}", "{{ a.__call__( }}"],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidDefinition, match="the expression"):
        resolve(text, {"a": {"b": 1}})


def test_references_and_dependencies() -> None:
    value = {"a": ["{{ step1.x[0] }}", "{{step1.x[0]}} {{ inputs.day }}"], "b": 3}
    assert references(value) == {"step1.x[0]", "inputs.day"}
    workflow = parse_workflow(
        {
            "name": "w",
            "inputs": {"day": {}},
            "steps": [
                {"id": "b", "action": "x", "with": {"day": "{{ inputs.day }}"}},
                {"id": "a", "action": "x", "with": {"rows": "{{ b.rows }}"}},
                {"id": "c", "prompt": "{{ a }} and {{ b[0] }} and {{ a.x }}"},
            ],
        },
        source="w",
    )
    assert dependencies(workflow) == {"b": (), "a": ("b",), "c": ("b", "a")}


@given(st.text(alphabet="{}ab.[]0'\"\\ _-1", max_size=60))
def test_any_text_resolves_or_is_refused(text: str) -> None:
    try:
        found = resolve(text, {"a": {"b": [1]}, "b": "{{ a }}"})
    except (InvalidDefinition, VariableNotFound):
        return
    if "{{" not in text:
        assert found == text


@pytest.mark.parametrize(
    "text", ["{" * 200_000, "\\{{" * 60_000, "{{ a }}" * 30_000, "{{ a." * 40_000]
)
def test_long_text_takes_linear_time(text: str) -> None:
    started = time.perf_counter()
    with contextlib.suppress(InvalidDefinition):
        resolve(text, {"a": 1})
    assert time.perf_counter() - started < 2
