"""The most that a question can cost, before it is asked."""

import json
import math
from decimal import Decimal

from ..runtimes import Model, Request, about_tokens, most_cost_usd

_TOKENS_A_TURN = 16  # roles and separators, in the form of any provider


def estimate(model: Model, request: Request) -> Decimal | None:
    """USD; None if its price is not known."""
    tokens = about_tokens(request.system)
    for turn in request.turns:
        texts = (turn.text, *(outcome.text for outcome in turn.outcomes))
        arguments = (json.dumps(dict(use.arguments), default=str) for use in turn.uses)
        tokens += _TOKENS_A_TURN + sum(about_tokens(text) for text in (*texts, *arguments))
    for tool in request.tools:
        parameters = json.dumps(dict(tool.parameters), default=str)
        tokens += about_tokens(f"{tool.name}{tool.description}{parameters}")
    if request.schema is not None:
        tokens += about_tokens(json.dumps(_schema(request.schema)))
    factor = max(1.0, model.tokenizer_factor)
    return most_cost_usd(model, math.ceil(tokens * factor), request.max_output_tokens)


def _schema(kind: type) -> object:
    """Its JSON Schema; a class without one is sent by its name only."""
    render = getattr(kind, "model_json_schema", None)
    return kind.__name__ if render is None else render()
