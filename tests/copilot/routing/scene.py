"""A router over runtimes made of a few lines of script, in virtual time."""

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal

from copilot.routing import Refused, Router
from copilot.routing.circuits import Circuits
from copilot.runtimes import FailureKind, Model, ModelFailure, Request, Turn
from copilot.runtimes.scripted import ScriptedRuntime
from tests.copilot.routing.virtual_time import in_virtual_time

SMALL = Model(id="small", runtime="one", context_tokens=8_000)
OTHER = Model(id="other", runtime="two", context_tokens=8_000)
LARGE = Model(id="large", runtime="two", context_tokens=100_000)
OLD = Model(id="old", runtime="one", successor="new")
NEW = Model(id="new", runtime="one")
TOKENS = {"input": 100, "output": 10}


def question(**changed):
    return Request(
        **{
            "model": SMALL,
            "system": "Explain.",
            "turns": (Turn(role="user", text="Why?"),),
            "timeout_seconds": 0.0,
            "max_output_tokens": 1_000,
            **changed,
        }
    )


def text_of(answer):
    if answer.text.startswith("bad"):
        raise Refused("It is bad.")
    return answer.text


def says(text, **facts):
    return {"text": text, "usage": TOKENS, **facts}


def fails(kind, **facts):
    outer = {name: facts.pop(name) for name in ("seconds", "repeat", "usage") if name in facts}
    return {"fail": {"kind": kind, **facts}, **outer}


HANGS = {"text": "late", "seconds": 3_600.0, "repeat": True}


@dataclass
class Pool:
    runtimes: dict

    async def get(self, name, seconds):
        if name not in self.runtimes:
            raise ModelFailure(FailureKind.NOT_READY, f"{name} is not installed")
        return self.runtimes[name]


class Deaf:
    """Never answers and ignores that it is cancelled, for an hour."""

    def __init__(self):
        self.asked = 0

    async def complete(self, request):
        self.asked += 1
        end = asyncio.get_running_loop().time() + 3_600
        while asyncio.get_running_loop().time() < end:
            try:
                await asyncio.sleep(end - asyncio.get_running_loop().time())
            except asyncio.CancelledError:
                continue
        raise AssertionError("nobody should see this")

    async def aclose(self):
        pass


def cent_a_call(model, usage):
    return Decimal("0.01")


@dataclass
class Scene:
    """`one` and `two` are scripts, or runtimes."""

    one: object = ()
    two: object = ()
    estimate: object = None
    price: object = cent_a_call
    concurrency: int = 128
    followers: dict = field(default_factory=lambda: {"old": NEW})

    def __post_init__(self):
        made = {"one": _runtime(self.one), "two": _runtime(self.two)}
        self.runtimes = {name: runtime for name, runtime in made.items() if runtime is not None}

    def router(self):
        """To be made on the loop that asks it."""
        return Router(
            Pool(self.runtimes),
            estimate=self.estimate or (lambda model, request: None),
            price=self.price,
            successor=lambda model: self.followers.get(model.id),
            concurrency=self.concurrency,
            circuits=Circuits(clock=asyncio.get_running_loop().time),
        )

    def asked(self, name="one"):
        return self.runtimes[name].asked

    def ask(self, *chain, seconds=10.0, accept=text_of, request=None, **how):
        """What came of it, and in how many seconds."""

        async def asking():
            router = self.router()
            return await router.ask(
                request or question(), chain or (SMALL,), seconds=seconds, accept=accept, **how
            )

        return in_virtual_time(asking())


def _runtime(script):
    if script is None or hasattr(script, "complete"):
        return script
    return ScriptedRuntime(list(script))


def kinds(routed):
    return [attempt.kind for attempt in routed.attempts]
