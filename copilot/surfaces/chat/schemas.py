"""The tools as the APIs of OpenAI and Anthropic take them, and what carries out a call in their loops.

Nothing here needs the providers' packages: the schemas are plain data. `call` takes what the model
wrote (OpenAI: `item.arguments`, a JSON text; Anthropic: `block.input`, an object).
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel

from ...service.protocol import Service
from .toolbox import Toolbox
from .tools import catalog

Json = dict[str, Any]


def openai_tools(api: Literal["responses", "chat"] = "responses") -> list[Json]:
    """`tools` of a request to OpenAI, in the form of the Responses or the Chat Completions API."""
    functions = [
        {
            "name": tool.name,
            "description": tool.description,
            "parameters": strict_schema(tool.arguments),
            "strict": True,
        }
        for tool in catalog().values()
    ]
    if api == "chat":
        return [{"type": "function", "function": function} for function in functions]
    return [{"type": "function", **function} for function in functions]


def anthropic_tools() -> list[Json]:
    """`tools` of a request to Anthropic's Messages API."""
    return [
        {
            "name": tool.name,
            "description": tool.description,
            "input_schema": strict_schema(tool.arguments),
            "strict": True,
        }
        for tool in catalog().values()
    ]


def call(
    service: Service | Toolbox, name: str, arguments_json: str | bytes | Mapping[str, Any]
) -> str:
    """Carry out one tool call of a model; gives the JSON text to send back, also for an error."""
    return Toolbox.of(service).call(name, arguments_json).text


def strict_schema(model: type[BaseModel]) -> Json:
    """The arguments as JSON Schema in the subset that both providers enforce word for word.

    Every property is required and nothing else may be there; what may be left out is null.
    """
    return _strict(model.model_json_schema())


def _strict(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_strict(item) for item in schema]  # pyright: ignore[reportUnknownVariableType]
    if not isinstance(schema, dict):
        return schema
    known: Json = {str(key): value for key, value in schema.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    kept = {key: value for key, value in known.items() if key not in {"title", "default"}}
    made = {
        key: {name: _strict(one) for name, one in value.items()}
        if key in {"properties", "$defs"}
        else _strict(value)
        for key, value in kept.items()
    }
    if kept.get("type") == "object":
        made |= {"required": list(kept.get("properties", {})), "additionalProperties": False}
    return made
