"""How long one waits for a model, whatever its provider does; and what our door adds to a call.

    python -m benchmarks.deadline [--json]

The provider is a process of our own on this machine, asked through the SDK of OpenAI.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

from copilot.routing import Models, Routed, open_models
from copilot.runtimes import Answer, Request, Turn, default_model, load_catalog
from copilot.settings import Settings, load

from .normalize import Figure
from .waiting.analyses import analyze, application
from .waiting.provider import provider

SECONDS = 10.0
#: What is asked for is a little less, as an analysis does: its report has to be made as well.
ROUTER_SECONDS = 9.0
BAD_MANNERS = ("hangs", "drips", "limits", "refuses", "silent")
MANY = 100
_CALLS, _IMPORTS = 150, 7
_OURS = ("import copilot", "import copilot.bootstrap")
_THEIRS = "import fastapi, sqlmodel"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = [*_waits(), _at_once(), _overhead(), *_imports()]
    if options.json:
        print(json.dumps([figure.as_json() for figure in figures], indent=2))
        return
    print(f"{'figure':<62}{'value':>9}{'aim':>9}")
    print("\n".join(figure.line() for figure in figures))


def _waits() -> Iterator[Figure]:
    """The door's own level. The whole analysis has its figures beside these, from `_analyses`."""
    for manner in BAD_MANNERS:
        with provider(manner) as address, _models(address) as (models, settings):
            routed, took = _timed(lambda: _ask(models, settings, ROUTER_SECONDS))
        facts = {"reason": routed.reason, "calls": len(routed.attempts), "cost": routed.cost_usd}
        what = f"a provider that {_in_words(manner)}: seconds"
        shown = {name: str(value) for name, value in facts.items()}
        yield Figure(what, took, SECONDS, at_least=False, facts=shown)
    yield from _analyses()


def _analyses() -> Iterator[Figure]:
    """Seconds of whole analyses; those without a report, or for another price than 1, are None."""
    for manner in BAD_MANNERS:
        with provider(manner) as address, application(address) as app:
            report, took = _timed(partial(analyze, app))
        is_right = report.receipt.credits == 1 and bool(report.explanation)
        what = f"an analysis with a provider that {_in_words(manner)}: seconds"
        facts = {"reason": report.degraded_reason, "credits": report.receipt.credits}
        yield Figure(
            what,
            took if is_right else None,
            SECONDS,
            at_least=False,
            missing="" if is_right else "no report at the price of the rules",
            facts=facts,
        )


def _in_words(manner: str) -> str:
    return {
        "limits": "says 429 for ever",
        "refuses": "takes no connection",
        "silent": "says nothing",
    }.get(manner, manner)


def _at_once() -> Figure:
    with provider("answers", 1.0) as address, _models(address) as (models, settings):
        _ask(models, settings)
        _, one = _timed(lambda: _ask(models, settings))
        with ThreadPoolExecutor(MANY) as threads:
            answers, many = _timed(lambda: _all(threads, lambda: _ask(models, settings)))
    answered = sum(routed.result is not None for routed in answers)
    facts = {"one, s": round(one, 2), "all, s": round(many, 2), "answered": answered}
    return Figure(f"{MANY} at once, to one alone", many / one, 2.5, at_least=False, facts=facts)


def _all(threads: ThreadPoolExecutor, ask: Callable[[], Routed[str]]) -> list[Routed[str]]:
    asking = [threads.submit(ask) for _ in range(MANY)]
    return [one.result() for one in asking]


def _overhead() -> Figure:
    """In turn, so that a slow moment of the machine is one for both."""
    with (
        provider("answers") as address,
        _models(address) as (models, settings),
        _bare(address, settings) as bare,
    ):
        for _ in range(20):
            _ask(models, settings)
            bare()
        ours, theirs = _in_turn(lambda: _ask(models, settings), bare, times=_CALLS)
        busy = _busy(lambda: _ask(models, settings)) / _busy(bare)
    facts = {"ours, ms": round(ours * 1000, 2), "bare, ms": round(theirs * 1000, 2)}
    facts["processor time, to a bare one"] = round(busy, 2)
    what = "a call, to a bare one of the SDK"
    return Figure(what, ours / theirs, 1.5, at_least=False, facts=facts)


def _imports() -> Iterator[Figure]:
    for code in _OURS:
        _python(code)
        ours, theirs = _in_turn(lambda: _python(code), lambda: _python(_THEIRS), times=_IMPORTS)  # noqa: B023
        facts = {"ours, s": round(ours, 2), "theirs, s": round(theirs, 2)}
        what = f"{code}, to {_THEIRS}"
        yield Figure(what, ours / theirs, 1.5, at_least=False, facts=facts)


def _in_turn(
    ours: Callable[[], Any], theirs: Callable[[], Any], *, times: int
) -> tuple[float, float]:
    """Seconds of each, a quarter of which were faster: what else the machine does only adds."""
    taken = [(_timed(ours)[1], _timed(theirs)[1]) for _ in range(times)]
    mine, other = zip(*taken, strict=True)
    return statistics.quantiles(mine, n=4)[0], statistics.quantiles(other, n=4)[0]


@contextmanager
def _models(address: str) -> Generator[tuple[Models, Settings]]:
    settings = load(
        {}, runtimes=("openai",), openai_api_key="sk-of-nobody", openai_base_url=address
    )
    models = open_models(settings)
    assert models is not None
    asyncio.run(models.pool.get("openai", 60))  # what is imported once is not measured
    try:
        yield models, settings
    finally:
        models.close()


@contextmanager
def _bare(address: str, settings: Settings) -> Generator[Callable[[], Any]]:
    """One call of the SDK alone, with the same body."""
    from openai import AsyncOpenAI

    model = default_model(settings, load_catalog(), "openai")
    with asyncio.Runner() as runner:
        client = AsyncOpenAI(api_key="sk-of-nobody", base_url=address, max_retries=0)
        responses: Any = client.responses

        async def ask() -> Any:
            return await responses.create(
                model=model.id,
                instructions="Be brief.",
                input=[{"role": "user", "content": "Is it so?"}],
                max_output_tokens=100,
                reasoning={"effort": model.effort},
                store=False,
            )

        yield lambda: runner.run(ask())
        runner.run(client.close())


def _ask(models: Models, settings: Settings, seconds: float = 60.0) -> Routed[str]:
    model = default_model(settings, load_catalog(), "openai")
    request = Request(
        model=model,
        system="Be brief.",
        turns=(Turn(role="user", text="Is it so?"),),
        timeout_seconds=seconds,
        max_output_tokens=100,
    )
    return models.ask_within(request, [model], seconds=seconds, accept=_text)


def _text(answer: Answer) -> str:
    return answer.text


def _python(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603


def _busy(call: Callable[[], Any]) -> float:
    """Seconds of the processor for some calls, in all threads: other work adds nothing to it."""
    begun = time.process_time()
    for _ in range(_CALLS):
        call()
    return time.process_time() - begun


def _timed(call: Callable[[], Any]) -> tuple[Any, float]:
    begun = time.perf_counter()
    result = call()
    return result, time.perf_counter() - begun


if __name__ == "__main__":
    main()
