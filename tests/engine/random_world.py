"""What random workflows act on: actions and a model that write down what they are asked to do."""

import asyncio
import hashlib
import itertools
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from engine import errors
from engine.definition.expressions import as_text
from engine.ports import Completion, ToolCall
from engine.storage import codec
from engine.testing import FunctionAction, actions

TOKENS, COST = 15, Decimal("0.01")  # of each answer of the model
_PROMPT = re.compile(r"⟦(\w+)⟧([0-9/]*)⟦([0-9]+)⟧(.*?)⟦end⟧", re.DOTALL)
_TOLD = re.compile(r"⟨(.*?)⟩(.*)", re.DOTALL)

#: One failure of each kind, as an action or a model raises it; told the time.
FAILURES: dict[str, Callable[[Any], BaseException]] = {
    "a fault of the action": lambda _: ValueError("broken"),
    "an exit": lambda _: SystemExit(3),
    "a cancellation of its own": lambda _: asyncio.CancelledError(),
    "a connection": lambda _: ConnectionError("reset"),
    "late": lambda _: TimeoutError(),
    "data": lambda _: errors.InvalidData("not a number", field="x"),
    "credentials": lambda _: errors.AuthFailed("expired"),
    "rights": lambda _: errors.PermissionDenied("not allowed"),
    "missing": lambda _: errors.ResourceNotFound("no such file", kind="file", name="x"),
    "conflict": lambda _: errors.Conflict("there already"),
    "network": lambda _: errors.NetworkFailed("refused"),
    "upstream": lambda _: errors.UpstreamFailed("overloaded", status=503),
    "time-out": lambda _: errors.StepTimeout("too slow", limit=1.0),
    "agent": lambda _: errors.AgentFailed("the model broke off"),
    "model output": lambda _: errors.InvalidModelOutput("no JSON"),
    "rate": lambda _: errors.RateLimited("slow down", retry_after=2),
    "rate for long": lambda _: errors.RateLimited("come back later", retry_after=4000),
    "quota": lambda now: errors.QuotaExhausted(
        "used up", resets_at=(now + timedelta(hours=1)).isoformat()
    ),
}


def digest(value):
    """The same for equal values, and for a value that has been stored in between."""
    plain = json.dumps(json.loads(codec.dumps(value, place="")), sort_keys=True)
    return hashlib.sha256(plain.encode()).hexdigest()[:12]


def text_digest(value):
    """Of a value as it reads inside a prompt."""
    return hashlib.sha256(as_text(value).encode()).hexdigest()[:12]


@dataclass
class World:
    """Keeps what was done over all processes of one life.

    `begun` counts bodies of actions by effect key, `answered` answers of the model by step and
    iterations, `effects` what can't be undone, by run, round and path. `failing` holds what each
    step is to raise, one after the other. Once *calm* nothing fails by chance any more. `meanwhile`
    is awaited inside each body.
    """

    clock: Any
    failing: dict[str, list[str]] = field(default_factory=dict)
    begun: Counter = field(default_factory=Counter)
    answered: Counter = field(default_factory=Counter)
    effects: Counter = field(default_factory=Counter)
    calm: bool = False
    meanwhile: Callable[[], Any] | None = None
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def actions(self):
        return actions(
            work=self.work, effect=FunctionAction(self.effect, repeatable=False), toss=self.toss
        )

    async def work(self, name, note, saw, context):
        await self.begin(name, context)
        return self.output(note, saw=saw)

    async def effect(self, name, note, saw, context):
        """A refusal it explains itself comes before the effect, any other failure after it."""
        self.begun[_key(context)] += 1
        await self._wait()
        error = self._failure(name)
        if isinstance(error, errors.StepError):
            raise error
        self.effects[_key(context)] += 1
        await self._wait()
        if error is not None:
            raise error
        return self.output(note, saw=saw)

    async def toss(self, context, note=0):
        self.begun[_key(context)] += 1
        await self._wait()
        side = 0 if self.calm else next(self._numbers) % 2
        return {"side": side, "n": 1, "items": [side]}

    async def begin(self, name, context):
        self.begun[_key(context)] += 1
        await self._wait()
        if (error := self._failure(name)) is not None:
            raise error

    async def complete(self, question):
        """Asks for its tool first, if it has one; then answers with what it was told."""
        await self._wait()
        name, numbers, note, told = _PROMPT.search(question.prompt).groups()
        if (error := self._failure(name)) is not None:
            raise error
        self.answered[name, numbers] += 1
        if question.tools and len(question.messages) == 1:
            calls = (ToolCall("call", question.tools[0].name, {}),)
            return Completion("", TOKENS - 5, 5, COST, calls=calls)
        found = _TOLD.fullmatch(told)
        texts = {found[1]: hashlib.sha256(found[2].encode()).hexdigest()[:12]} if found else {}
        return Completion(json.dumps(self.output(int(note), texts=texts)), TOKENS - 5, 5, COST)

    def output(self, note, *, saw=None, texts=None):
        """No two are the same; `n` and `items` are what later steps go by."""
        number = next(self._numbers)
        return {
            "is": number,
            "n": 1 if self.calm else number % 3,
            "items": [f"{number}a"] if number % 3 else [f"{number}a", f"{number}b"],
            "note": note,
            "saw": {one: digest(value) for one, value in (saw or {}).items()},
            "texts": texts or {},
        }

    def _failure(self, name):
        waiting = self.failing.get(name)
        if self.calm or not waiting:
            return None
        return FAILURES[waiting.pop(0)](self.clock.now())

    async def _wait(self):
        """Gives other branches a turn, and lets happen what is to happen meanwhile."""
        await asyncio.sleep(0)
        if self.meanwhile is not None:
            await self.meanwhile()


def _key(context):
    """Without the number of the effect within an agent's step."""
    return context.effect_key.partition("#")[0]
