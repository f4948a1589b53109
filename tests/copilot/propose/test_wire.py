"""The form a model answers in is one that every provider can be asked for."""

from collections.abc import Iterator
from typing import Any

from copilot.pipeline.propose import ModelReport
from copilot.types import RootCause

BOUNDS = {
    "maxLength",
    "minLength",
    "maxItems",
    "minItems",
    "pattern",
    "minimum",
    "maximum",
    "format",
}


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
    for value in schema.values() if isinstance(schema, dict) else schema:
        if isinstance(value, dict | list):
            yield from parts(value)


def test_it_has_no_bounds_no_choices_and_nothing_that_may_be_left_out() -> None:
    every = list(parts(ModelReport.model_json_schema()))
    objects = [one for one in every if one.get("type") == "object"]
    assert len(objects) == 4
    for one in objects:
        assert one["required"] == list(one["properties"])
        assert one["additionalProperties"] is False
    for one in every:
        assert not BOUNDS.intersection(one)
        assert not {"anyOf", "oneOf", "default", "patternProperties"}.intersection(one)


def test_it_names_every_root_cause_and_says_what_its_fields_mean() -> None:
    schema = ModelReport.model_json_schema()
    assert schema["$defs"]["RootCause"]["enum"] == [one.value for one in RootCause]
    for model in (schema, *(one for one in schema["$defs"].values() if "properties" in one)):
        assert all("description" in field for field in model["properties"].values())
