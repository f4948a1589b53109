"""What a fix may reach at most in one workspace: facts from outside, never a fix's own word."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from pydantic import JsonValue

from ..definitions import PARAMETERS, leaves, spell, steps
from ..snapshot import Snapshot
from ._reach import Difference, differences
from ._rises import number_of, shown_number

#: Runtime and model as a step names them; None: it leaves that open.
Asked: TypeAlias = tuple[str | None, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """The most that the owner lets one step have, and the models that can be asked here.

    cost_usd: in USD. seconds: of one attempt, and of a whole step. models: pairs of a runtime and
    a model of it. To begin with nothing may be raised and nobody else asked.
    """

    cost_usd: Decimal = Decimal(0)
    tokens: int = 0
    turns: int = 0
    seconds: float = 0
    models: frozenset[tuple[str, str]] = frozenset()

    @property
    def as_data(self) -> list[JsonValue]:
        """Equal when it allows the same."""
        models: list[JsonValue] = [[runtime, model] for runtime, model in sorted(self.models)]
        return [str(self.cost_usd), self.tokens, self.turns, self.seconds, models]

    def most(self, name: str) -> Decimal | None:
        """The most that a number called *name* may become; None for one that is not capped."""
        caps: Mapping[str, Decimal | float] = {
            "max_cost_usd": self.cost_usd,
            "max_tokens": self.tokens,
            "max_turns": self.turns,
            "timeout_seconds": self.seconds,
            "max_seconds": self.seconds,
        }
        return Decimal(str(caps[name])) if name in caps else None

    def can_ask(self, runtime: str | None, model: str | None) -> bool:
        """Whether this installation has it; a name that is left open is any of those."""
        return (runtime, model) != (None, None) and any(
            runtime in (None, own_runtime) and model in (None, own_model)
            for own_runtime, own_model in self.models
        )

    def broken(self, before: Snapshot, after: Snapshot) -> Iterator[str]:
        """What in *after* goes further than this allows and did not do so before."""
        standing = _standing(before)
        for difference in differences(before, after):
            if difference.pointer[0] == "definition":
                yield from self._raised_too_far(difference, standing)
        for runtime, model in sorted(asked(after) - asked(before), key=str):
            if not self.can_ask(runtime, model):
                named = " of ".join(repr(name) for name in (model, runtime) if name is not None)
                yield f"{named or 'another model'} can't be asked here"

    def _raised_too_far(
        self, difference: Difference, standing: frozenset[tuple[str, Decimal]]
    ) -> Iterator[str]:
        for below, value in leaves(difference.new):
            way = (*difference.pointer, *below)
            most, number = self.most(way[-1]), number_of(value)
            if most is None or number is None or not frozenset(PARAMETERS).isdisjoint(way):
                continue
            old = number_of(difference.old)
            is_raise = old is None or number > old
            is_moved = difference.is_step and (way[-1], number) in standing
            if is_raise and not is_moved and number > most:
                yield (
                    f"{spell(way[1:])} may be {shown_number(most)} at most in this workspace, not"
                    f" {shown_number(number)}"
                )


def asked(snapshot: Snapshot) -> frozenset[Asked]:
    """Every runtime and model that the agent steps and the fallbacks of a workflow name."""
    found = set[Asked]()
    for step in steps(snapshot.definition):
        fallback = step.data.get("fallback")
        if step.type == "agent":
            found.add(asked_by(snapshot, step.data))
        if isinstance(fallback, dict) and isinstance(fallback.get("model"), str):
            # the engine asks it where the workflow asks, whatever its step has
            found.add(asked_by(snapshot, {"model": fallback.get("model")}))
    return frozenset(found)


def asked_by(snapshot: Snapshot, step: Mapping[str, JsonValue]) -> Asked:
    """The runtime and model of one agent step; its workflow's runtime where it names none."""
    runtime = step.get("runtime") or snapshot.definition.get("runtime")
    return _text(runtime), _text(step.get("model"))


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) else None


def _standing(snapshot: Snapshot) -> frozenset[tuple[str, Decimal]]:
    """Every number of the definition under its name: a step that is split keeps what it has."""
    numbers = ((way[-1], number_of(value)) for way, value in leaves(snapshot.definition) if way)
    return frozenset((name, number) for name, number in numbers if number is not None)
