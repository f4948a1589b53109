"""What an answer has to look like, in the part of JSON Schema that a provider understands.

Providers enforce a shape, not a value: bounds, patterns and formats are left out, and the model's
own validators clamp after parsing. Every field is asked for; what may be missing may be null.
"""

from collections.abc import Mapping
from typing import Any, Literal, cast

from pydantic import BaseModel

__all__ = ["Dialect", "is_strict", "wire_schema"]

Dialect = Literal["strict", "vertex", "json_schema"]
_Schema = dict[str, Any]

_NULL: _Schema = {"type": "null"}
_STRICT_WORDS = frozenset(
    {
        "$defs",
        "$ref",
        "additionalProperties",
        "anyOf",
        "const",
        "description",
        "enum",
        "items",
        "properties",
        "required",
        "title",
        "type",
    }
)


def wire_schema(model: type[BaseModel], dialect: Dialect) -> dict[str, Any]:
    """The schema of *model*, without references, as a new dict.

    strict: closed objects, as OpenAI and Anthropic want them. vertex: `nullable` instead of a
    union with null, objects not closed. json_schema: as strict, and open maps and unions may be.

    Raises ValueError naming the field that can't be said: one that contains itself, a tuple of
    several types or, but for json_schema, a map, a union or a value of any type.
    """
    root = model.model_json_schema()
    return _Writer(dialect, root.pop("$defs", {})).write(root, model.__name__, ())


class _Writer:
    """Writes one schema; *at* is where, for whoever reads an error; *within* guards recursion."""

    def __init__(self, dialect: Dialect, definitions: dict[str, _Schema]) -> None:
        self._dialect = dialect
        self._definitions = definitions

    def write(self, node: _Schema, at: str, within: tuple[str, ...]) -> _Schema:
        written = self._shape(node, at, within)
        if description := node.get("description"):
            written["description"] = description
        return written

    def _shape(self, node: _Schema, at: str, within: tuple[str, ...]) -> _Schema:
        if reference := node.get("$ref"):
            return self._referred(str(reference).rpartition("/")[2], at, within)
        if options := node.get("anyOf") or node.get("oneOf"):
            return self._union(options, at, within)
        if "const" in node:
            return _enumerated([node["const"]], node)
        if "enum" in node:
            return _enumerated(node["enum"], node)
        match node.get("type"):
            case "object":
                return self._object(node, at, within)
            case "array":
                return self._array(node, at, within)
            case str() as scalar:
                return {"type": scalar}
            case _:
                self._require_loose(at, "a value of any type")
                return {}

    def _referred(self, name: str, at: str, within: tuple[str, ...]) -> _Schema:
        if name in within:
            raise ValueError(f"{at}: {name} contains itself, which no provider takes")
        return self.write(self._definitions[name], at, (*within, name))

    def _object(self, node: _Schema, at: str, within: tuple[str, ...]) -> _Schema:
        fields: dict[str, _Schema] = node.get("properties", {})
        if not fields:
            return self._map(node, at, within)
        written: _Schema = {
            "type": "object",
            "properties": {
                name: self.write(field, f"{at}.{name}", within) for name, field in fields.items()
            },
            "required": list(fields),
        }
        return written if self._dialect == "vertex" else written | {"additionalProperties": False}

    def _map(self, node: _Schema, at: str, within: tuple[str, ...]) -> _Schema:
        self._require_loose(at, "an open map; use a list of objects with a name and a value")
        values = node.get("additionalProperties", True)
        if isinstance(values, dict):
            values = self.write(values, f"{at}[]", within)  # pyright: ignore[reportUnknownArgumentType]
        return {"type": "object", "additionalProperties": values}

    def _array(self, node: _Schema, at: str, within: tuple[str, ...]) -> _Schema:
        if "prefixItems" in node:
            raise ValueError(f"{at}: a tuple of several types; use an object with names")
        return {"type": "array", "items": self.write(node.get("items", {}), f"{at}[]", within)}

    def _union(self, options: list[_Schema], at: str, within: tuple[str, ...]) -> _Schema:
        real = [option for option in options if option != _NULL]
        if len(real) != 1:
            self._require_loose(at, "a union of several types")
        written = [self.write(option, at, within) for option in real]
        if len(real) == len(options):
            return {"anyOf": written}
        if self._dialect == "vertex":
            return {**written[0], "nullable": True}
        return {"anyOf": [*written, dict(_NULL)]}

    def _require_loose(self, at: str, what: str) -> None:
        if self._dialect != "json_schema":
            raise ValueError(f"{at}: {what}")


def _enumerated(values: list[Any], node: _Schema) -> _Schema:
    """The type is told as well: not every provider works it out from the values."""
    return {"type": node["type"], "enum": list(values)} if "type" in node else {"enum": values}


def is_strict(schema: Mapping[str, Any]) -> bool:
    """Whether a provider can hold a model to *schema* exactly: closed, and with every field."""
    if not schema.keys() <= _STRICT_WORDS:
        return False
    fields = _mapping(schema.get("properties"))
    if "object" in (schema.get("type"), *_options(schema.get("type"))) or fields:
        is_closed = schema.get("additionalProperties") is False
        if not is_closed or set(_options(schema.get("required"))) != set(fields):
            return False
    inside = [
        *fields.values(),
        *_mapping(schema.get("$defs")).values(),
        *_options(schema.get("anyOf")),
        *([schema["items"]] if "items" in schema else []),
    ]
    return all(
        isinstance(each, Mapping) and is_strict(cast("Mapping[str, Any]", each)) for each in inside
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _options(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []
