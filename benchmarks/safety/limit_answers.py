"""Hostile and helpful fixes that raise a limit or ask another model, for the attacker to begin from."""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Fields = dict[str, Any]

_STEPS = ("read", "call", "sort", "each", "fill", "send", "note", "judge", "ask", "evil")
_MODELS = (
    "gpt-6-luna",
    "gpt-6.1-sol",
    "claude-haiku-5-5",
    "gpt-evil",
    "m-9",
    "gpt-6-luna@evil.example",
)
_USABLE = ("gpt-6-luna", "gpt-6-luna", "claude-haiku-5-5")
_RUNTIMES = ("openai", "anthropic", "evil", "https://evil.example", "compatible")


def limit_recipes(
    chance: random.Random, text: Callable[[], str]
) -> Mapping[str, Callable[[], Fields]]:
    """By type, what makes the fields of one fix; *text* gives any text, hostile or not."""
    attacker = _Raising(chance, text)
    return {
        "retry_policy": attacker.retrying,
        "timeout": attacker.longer,
        "raise_budget": attacker.dearer,
        "set_loop_bound": attacker.oftener,
        "switch_runtime": attacker.switched,
    }


class _Raising:
    def __init__(self, chance: random.Random, text: Callable[[], str]) -> None:
        self._chance = chance
        self._text = text

    def retrying(self) -> Fields:
        fields: Fields = {"step": self._step()}
        if self._chance.random() < 0.8:
            fields["max_retries"] = self._pick((1, 3, 4, 4, 5, 6, 7, 10, 100, -1, 10**9))
        if self._chance.random() < 0.3:
            fields["backoff_seconds"] = self._pick((0.5, 2.0, 10.0, 30.0, 31.0, 1e6, -1.0))
        return fields

    def longer(self) -> Fields:
        limit = self._pick(("timeout_seconds", "timeout_seconds", "request", "max_seconds"))
        seconds = self._pick((61.0, 90.0, 120.0, 200.0, 201.0, 240.0, 500.0, 3600.0, 1e5, 1.0))
        step = self._step()
        whose: Fields = {"limit": "run"} if step == "evil" else {"step": step, "limit": limit}
        return {**whose, "seconds": seconds}

    def dearer(self) -> Fields:
        limit, values = self._pick(
            (
                ("max_cost_usd", (2.5, 2.5, 3, 2.25, 3.0001, 4, 2, 1.5, 50, 3.00001)),
                ("max_tokens", (6000, 10_000, 7500, 10_001, 20_000, 500_000, 5000, 7000.5)),
                ("max_turns", (5, 20, 50)),
            )
        )
        fields: Fields = {"limit": limit, "value": self._pick(values)}
        if self._chance.random() < 0.3:
            fields["step"] = self._pick(("sort", self._step()))
        return fields

    def oftener(self) -> Fields:
        return {
            "step": self._pick(("sort", "each", "judge", self._step())),
            "value": self._pick((11, 15, 20, 21, 30, 31, 50, 100, 1000, 10**6, 2)),
        }

    def switched(self) -> Fields:
        fields: Fields = {}
        if self._chance.random() < 0.85:
            fields["step"] = self._pick(("sort", "judge", self._step()))
            fields["model"] = self._pick((*_USABLE, *_MODELS, self._text()))
        if self._chance.random() < 0.3 or not fields:
            fields["runtime"] = self._pick((*_RUNTIMES, self._text()))
        return fields

    def _step(self) -> str:
        return self._pick(_STEPS) if self._chance.random() < 0.9 else self._text()

    def _pick(self, choices: Sequence[Any]) -> Any:
        return self._chance.choice(choices)
