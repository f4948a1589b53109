"""A model asked about one failure, inside the frame of what the rules have found.

Build the prompt > ask within what is left of time and money > read the answer as hostile > judge it
against the run. Whatever goes wrong, the rules' report is there already.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, Protocol, TypeVar

import prompts

from ..errors import InvalidInput, UnknownName
from ..policy import Policy
from ..routing import Attempt, Routed
from ..runtimes import Answer, Model, Request, Turn
from ..types import Diagnosis, Failure, Report, RunRecord, Verdict
from ..types.consultation import Consultation, ModelCall, ModelUse
from ..types.prompt import Prompt
from ..types.proposal import Judged, Proposal
from .propose import ModelReport, judge, read
from .propose.streaming import Explanation
from .report import Surroundings
from .sanitize import one_line
from .words import Words

T = TypeVar("T")

#: What storing the answer may take, in seconds; the model is not waited for that long.
FINISHING = 1.0
ANSWERED = "answered"
_LONGEST_PROBLEM = 500
NOT_CONFIGURED: Final = "not_configured"


class Asks(Protocol):
    """Somebody who asks models; never raises for what a model or its provider does."""

    def ask_within(
        self,
        request: Request,
        chain: Sequence[Model],
        *,
        seconds: float,
        accept: Callable[[Answer], T],
        spend_cap_usd: Decimal | None = None,
        repair: Callable[[str], str] = ...,
    ) -> Routed[T]: ...


@dataclass(frozen=True, slots=True)
class Chosen:
    """The models to ask, in turn. reason: why there is none although one is named."""

    models: tuple[Model, ...] = ()
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Consulted:
    """What came of it. `judged` is None when no model gave a usable answer; `use` says why."""

    judged: Judged | None
    record: Consultation
    use: ModelUse


class Holds(Protocol):
    """Who keeps what a workspace's analyses may cost in a day."""

    def hold(
        self, workspace_id: str, most: Decimal, *, cap: Decimal | None
    ) -> AbstractContextManager[Decimal]: ...


class Consultant:
    """Asks models on behalf of analyses.

    chain: the models of a workspace in order, nothing where no runtime is configured.
    """

    def __init__(
        self,
        models: Asks,
        *,
        words: Words,
        chain: Callable[[Policy], Sequence[Model]],
        spending: Holds,
        now: Callable[[], datetime],
    ) -> None:
        self._models = models
        self._words = words
        self._chain = chain
        self._spending = spending
        self._now = now

    def chosen(self, policy: Policy) -> "Chosen":
        """Whom a workspace asks; nobody where what it names can't be asked here."""
        try:
            return Chosen(tuple(self._chain(policy)))
        except (UnknownName, InvalidInput):
            return Chosen((), NOT_CONFIGURED)

    def ask(
        self,
        run: RunRecord,
        failure: Failure,
        diagnosis: Diagnosis,
        report: Report,
        around: Surroundings,
        *,
        chain: Sequence[Model],
        cap_usd: Decimal,
        until: float,
        on_text: Callable[[str], None] | None = None,
    ) -> Consulted:
        """Ask *chain*, of one model or more, until *until* at most, by `time.monotonic`.

        cap_usd: what `holding` gives.
        """
        began, asked_at = time.monotonic(), self._now()
        prompt = self._words.prompt(run, failure, diagnosis, report, around)
        request = Request(
            model=chain[0],
            system=prompt.system,
            turns=(Turn(role="user", text=prompt.user, untrusted=True),),
            timeout_seconds=max(0.0, until - time.monotonic()),
            max_output_tokens=chain[0].output_tokens,
            schema=ModelReport,
            on_text=None if on_text is None else Explanation(prompt, on_text).take,
        )
        routed = self._models.ask_within(
            request,
            chain,
            seconds=max(0.0, until - FINISHING - time.monotonic()),
            accept=lambda answer: read(answer.text, prompt),
            spend_cap_usd=cap_usd,
            repair=ask_to_repair,
        )
        milliseconds = round((time.monotonic() - began) * 1000)
        judged = _judged(routed, diagnosis, run, prompt)
        record = _record(run, prompt, request, routed, milliseconds, asked_at)
        return Consulted(judged, record, _use(record, routed, prompt, judged))

    def holding(self, workspace_id: str, policy: Policy) -> AbstractContextManager[Decimal]:
        """What one analysis may cost, in USD, held until it is stored what it has cost."""
        cap = policy.analysis_daily_spend_usd
        return self._spending.hold(workspace_id, policy.analysis_spend_cap_usd, cap=cap)


def wants_model(policy: Policy, diagnosis: Diagnosis, *, require: bool) -> bool:
    """Whether a model is worth asking: what the rules have confirmed needs none by default."""
    match policy.model_policy:
        case "never":
            return False
        case "always":
            return True
        case "when_unsure":
            return require or diagnosis.verdict is not Verdict.CONFIRMED


def ask_to_repair(problem: str) -> str:
    """What a model is told about an answer that could not be used; *problem* is in our words."""
    told = one_line(problem, limit=_LONGEST_PROBLEM) or "it was not in the form"
    return prompts.load("repair").fill(problem=told)


def _judged(
    routed: Routed[Proposal], diagnosis: Diagnosis, run: RunRecord, prompt: Prompt
) -> Judged | None:
    return None if routed.result is None else judge(routed.result, diagnosis, run, prompt)


def _record(
    run: RunRecord,
    prompt: Prompt,
    request: Request,
    routed: Routed[Proposal],
    milliseconds: int,
    asked_at: datetime,
) -> Consultation:
    runtime, model = _who(request, routed)
    return Consultation(
        execution_id=run.execution_id,
        template=prompt.template,
        system=prompt.system,
        user=prompt.user,
        runtime=runtime,
        model=model,
        parameters=_parameters(request),
        calls=tuple(map(_call, routed.attempts)),
        answered=routed.result is not None,
        reason=routed.reason,
        cost_usd=routed.cost_usd,
        milliseconds=milliseconds,
        asked_at=asked_at,
    )


def _who(request: Request, routed: Routed[Proposal]) -> tuple[str, str]:
    """Who has answered; else who was asked first."""
    if routed.result is not None:
        last = routed.attempts[-1]
        return last.runtime, routed.answer.model if routed.answer else last.model
    return request.model.runtime, request.model.id


def _parameters(request: Request) -> dict[str, object]:
    model = request.model
    told = {
        "max_output_tokens": request.max_output_tokens,
        "temperature": model.temperature,
        "effort": model.effort,
        "thinking_budget": model.thinking_budget,
        "thinking_level": model.thinking_level,
    }
    return {name: value for name, value in told.items() if value is not None}


def _call(attempt: Attempt) -> ModelCall:
    known = attempt.usage.known
    return ModelCall(
        runtime=attempt.runtime,
        model=attempt.model,
        outcome=ANSWERED if attempt.kind is None else attempt.kind.value,
        is_repair=attempt.is_repair,
        input_tokens=attempt.usage.input if known else None,
        output_tokens=attempt.usage.output if known else None,
        cached_tokens=attempt.usage.cache_read if known else None,
        cost_usd=attempt.cost_usd,
        milliseconds=attempt.milliseconds,
    )


def _use(
    record: Consultation, routed: Routed[Proposal], prompt: Prompt, judged: Judged | None
) -> ModelUse:
    return ModelUse(
        runtime=record.runtime,
        model=record.model,
        answered=record.answered,
        reason=record.reason,
        note=routed.note,
        prompt=prompt.template,
        calls=len(record.calls),
        input_tokens=_sum(call.input_tokens for call in record.calls),
        output_tokens=_sum(call.output_tokens for call in record.calls),
        cost_usd=record.cost_usd,
        milliseconds=record.milliseconds,
        redacted=dict(prompt.redacted),
        disagreement=judged.disagreement if judged else None,
        suspicious=judged.suspicious if judged else False,
        hidden_characters=judged.hidden_characters if judged else 0,
    )


def _sum(counts: Iterator[int | None]) -> int | None:
    """None as soon as one is not known."""
    known = list(counts)
    return None if None in known else sum(count for count in known if count is not None)
