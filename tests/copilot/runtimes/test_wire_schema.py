"""A pydantic model becomes a schema that each provider takes."""

import json
from datetime import date
from enum import StrEnum
from typing import Any, Literal, Optional

import pytest
from anthropic import transform_schema
from jsonschema import Draft202012Validator
from openai.lib._pydantic import _ensure_strict_json_schema
from pydantic import BaseModel, Field

from copilot.runtimes._wire_schema import is_strict, wire_schema


class Sure(StrEnum):
    HIGH = "high"
    LOW = "low"


class Fix(BaseModel):
    title: str = Field(description="What to do.", min_length=1, max_length=80)
    kind: Literal["replace"] = "replace"
    sure: Sure
    place: Literal["a", "b"] | None = None
    weight: float = Field(default=0.5, ge=0, le=1)


class Answer(BaseModel):
    """What is wrong."""

    why: str = Field(pattern="^[a-z]+$")
    day: date
    first: Fix | None = Field(description="The best one, or null.")
    fixes: tuple[Fix, ...] = Field(max_length=5)
    title: str | None


FIX: dict[str, Any] = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "description": "What to do."},
        "kind": {"type": "string", "enum": ["replace"]},
        "sure": {"type": "string", "enum": ["high", "low"]},
        "place": {"anyOf": [{"type": "string", "enum": ["a", "b"]}, {"type": "null"}]},
        "weight": {"type": "number"},
    },
    "required": ["title", "kind", "sure", "place", "weight"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("dialect", ["strict", "json_schema"])
def test_strict_closes_objects_asks_for_every_field_and_leaves_bounds_out(dialect: Any):
    assert wire_schema(Answer, dialect) == {
        "type": "object",
        "description": "What is wrong.",
        "properties": {
            "why": {"type": "string"},
            "day": {"type": "string"},
            "first": {"anyOf": [FIX, {"type": "null"}], "description": "The best one, or null."},
            "fixes": {"type": "array", "items": FIX},
            "title": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        },
        "required": ["why", "day", "first", "fixes", "title"],
        "additionalProperties": False,
    }


def test_vertex_says_nullable_and_never_closes_an_object():
    schema = wire_schema(Answer, "vertex")
    first = schema["properties"]["first"]
    assert first["nullable"] is True
    assert first["description"] == "The best one, or null."
    assert first["properties"]["place"] == {
        "type": "string",
        "enum": ["a", "b"],
        "nullable": True,
    }
    assert schema["required"] == ["why", "day", "first", "fixes", "title"]
    written = json.dumps(schema)
    assert not any(word in written for word in ("additionalProperties", "anyOf", "$ref", "default"))


def test_openai_s_own_transformer_has_nothing_to_change():
    strict = wire_schema(Answer, "strict")
    assert _ensure_strict_json_schema(wire_schema(Answer, "strict"), path=(), root=strict) == strict


def test_anthropic_s_own_transformer_only_drops_the_type_beside_an_enum():
    def without_type_beside_enum(node: Any) -> Any:
        if isinstance(node, list):
            return [without_type_beside_enum(each) for each in node]
        if not isinstance(node, dict):
            return node
        dropped = {"type"} if "enum" in node else set()
        return {k: without_type_beside_enum(v) for k, v in node.items() if k not in dropped}

    strict = wire_schema(Answer, "strict")
    assert without_type_beside_enum(transform_schema(strict)) == without_type_beside_enum(strict)


def test_an_instance_of_the_model_satisfies_its_schema():
    fix = Fix(title="t", sure=Sure.LOW)
    answer = Answer(why="x", day=date(2026, 1, 1), first=None, fixes=(fix,), title=None)
    validator = Draft202012Validator(wire_schema(Answer, "strict"))
    assert validator.is_valid(answer.model_dump(mode="json"))
    assert not validator.is_valid({"why": "x"})


def test_each_call_gives_a_dict_of_its_own():
    wire_schema(Answer, "strict")["properties"].clear()
    assert wire_schema(Answer, "strict")["properties"]


class Itself(BaseModel):
    inner: Optional["Itself"]


class Open(BaseModel):
    values: dict[str, int]


class Either(BaseModel):
    value: Fix | str


class Whatever(BaseModel):
    values: list[Any]


class Pair(BaseModel):
    pair: tuple[int, str]


@pytest.mark.parametrize("dialect", ["strict", "vertex"])
@pytest.mark.parametrize(
    ("model", "where"),
    [
        (Itself, "Itself.inner: Itself contains itself"),
        (Open, "Open.values: an open map"),
        (Either, "Either.value: a union"),
        (Whatever, r"Whatever.values\[\]: a value of any type"),
        (Pair, "Pair.pair: a tuple"),
    ],
    ids=["recursion", "map", "union", "any", "tuple"],
)
def test_what_no_provider_takes_is_refused_by_the_name_of_its_field(
    model: type[BaseModel], where: str, dialect: Any
):
    with pytest.raises(ValueError, match=where):
        wire_schema(model, dialect)


def test_plain_json_schema_takes_maps_and_unions_as_well():
    assert wire_schema(Open, "json_schema")["properties"]["values"] == {
        "type": "object",
        "additionalProperties": {"type": "integer"},
    }
    assert wire_schema(Either, "json_schema")["properties"]["value"] == {
        "anyOf": [FIX, {"type": "string"}]
    }
    assert wire_schema(Whatever, "json_schema")["properties"]["values"] == {
        "type": "array",
        "items": {},
    }


def closed(**fields: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }


@pytest.mark.parametrize("model", [Answer, Fix])
def test_what_is_written_strictly_is_strict(model: type[BaseModel]):
    assert is_strict(wire_schema(model, "strict"))
    assert not is_strict(model.model_json_schema())


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        (closed(), True),
        (closed(a={"type": "string"}, b=closed(c={"type": ["string", "null"]})), True),
        ({"type": "object", "properties": {}}, False),
        (closed(a={}) | {"required": []}, False),
        (closed(a={"type": "object"}), False),
        (closed(a={"type": ["object", "null"]}), False),
        (closed(a={"type": "string", "default": "x"}), False),
        (closed(a={"type": "array", "items": {"type": "object"}}), False),
        (closed(a={"anyOf": [{"type": "null"}, {"type": "object"}]}), False),
        (closed(a={"$ref": "#/$defs/A"}) | {"$defs": {"A": {"type": "object"}}}, False),
        (closed(a={"type": "integer", "minimum": 1}), False),
        (closed(a=True), False),
        (closed() | {"additionalProperties": {"type": "string"}}, False),
    ],
    ids=[
        "empty",
        "nested",
        "open",
        "optional",
        "inner",
        "inner or null",
        "default",
        "items",
        "union",
        "definition",
        "bound",
        "anything",
        "map",
    ],
)
def test_a_schema_of_others_is_strict_only_if_it_is_closed_and_complete(
    schema: dict[str, Any], strict: bool
):
    assert is_strict(schema) is strict
