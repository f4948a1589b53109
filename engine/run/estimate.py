"""What a run will use, before it starts: a range for each step, from text, documents and history.

It is advice: nobody knows how a model answers. Retries are not in it. A price that is unknown makes
the cost unknown, never 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict

from ..definition.expressions import Reference, parse
from ..definition.steps import (
    EACH,
    REJECTED,
    AgentStep,
    ApprovalStep,
    BranchStep,
    LoopStep,
    ParallelStep,
    Step,
    ToolStep,
)
from ..definition.workflow import Workflow
from ..errors import BudgetExceeded, InvalidParameters
from ..ports import Limits, ModelCatalog, ModelFacts
from ..storage.step_history import PastUse
from .budget import WORKFLOW_BUDGET, Cap, cost_cap, token_cap, turn_cap
from .day import DAILY_COST_SETTING, DAILY_TOKENS_SETTING, money
from .forecast import NOTHING, Forecast, alternatives, times, together
from .models import facts_of, model_of
from .pricing import about_tokens, price, tokens_of_bytes
from .steps.fallback import fallback_step
from .steps.prompts import room_for_each, system_text

SHORT_ANSWER = 20
LONG_ANSWER = 2000
VALUE_TOKENS = 2000  # of a value put into a prompt that nobody knows yet, at most
ENOUGH_SAMPLES = 3


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class StepEstimate(_Record):
    """One step, each time it runs. `samples` is 0 where the definition alone was looked at."""

    place: str
    title: str
    model: str | None
    least_tokens: int
    most_tokens: int
    least_cost_usd: Decimal | None
    most_cost_usd: Decimal | None
    samples: int = 0


class Advice(_Record):
    """`certain`: even the least is over the limit."""

    place: str | None
    text: str
    certain: bool


class Estimate(_Record):
    """The whole run, containers included. Costs are null where a price is unknown."""

    steps: tuple[StepEstimate, ...]
    least_tokens: int
    most_tokens: int
    least_cost_usd: Decimal | None
    most_cost_usd: Decimal | None
    warnings: tuple[Advice, ...] = ()

    def refusal(self) -> BudgetExceeded | None:
        """Why the run would break a limit whatever happens; None where it may keep to all."""
        certain = [warning.text for warning in self.warnings if warning.certain]
        if not certain:
            return None
        return BudgetExceeded(
            f"The run was not started: {' '.join(certain)}", unit="estimate", warnings=certain
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known before a run. `history` is by place.

    `documents` are the tokens of texts by name, `packed` those that other files hold at most.
    """

    catalog: ModelCatalog | None = None
    limits: Limits = field(default_factory=Limits)
    documents: Mapping[str, int] = field(default_factory=dict[str, int])
    packed: Mapping[str, int] = field(default_factory=dict[str, int])
    history: Mapping[str, PastUse] = field(default_factory=dict[str, PastUse])


def estimate(workflow: Workflow, known: Known) -> Estimate:
    """What one run of *workflow* will use. A place is a path with `*` for any iteration."""
    estimator = _Estimator(workflow, known)
    total = estimator.of_steps(workflow.steps, "")
    sure = total
    if known.history:
        sure = _Estimator(workflow, replace(known, history={})).of_steps(workflow.steps, "")
    return Estimate(
        steps=tuple(estimator.found),
        **_numbers(total),
        warnings=(*estimator.advice, *_of_run(workflow, total, sure, known.limits)),
    )


@dataclass(slots=True)
class _Estimator:
    workflow: Workflow
    known: Known
    found: list[StepEstimate] = field(default_factory=list[StepEstimate])
    advice: list[Advice] = field(default_factory=list[Advice])

    def of_steps(self, steps: tuple[Step, ...], prefix: str) -> Forecast:
        return together([self._of_step(step, f"{prefix}{step.id}") for step in steps])

    def _of_step(self, step: Step, place: str) -> Forecast:
        match step:
            case ToolStep():
                return self._fallback(step)
            case AgentStep():
                return self._of_agent(step, place)
            case BranchStep():
                ways = [self.of_steps(arm.steps, f"{place}/{arm.id}/") for arm in step.branches]
                return alternatives(ways if step.default else [*ways, NOTHING])
            case ParallelStep():
                return together(
                    [self.of_steps(lane.steps, f"{place}/{lane.id}/") for lane in step.branches]
                )
            case LoopStep():
                body = self.of_steps(step.steps, f"{place}/{EACH}/")
                least, most = _iterations(step)
                return times(body, least=least, most=most)
            case ApprovalStep():
                rejected = self.of_steps(step.on_reject, f"{place}/{REJECTED}/")
                return alternatives([NOTHING, rejected])

    def _of_agent(self, step: AgentStep, place: str) -> Forecast:
        own, most_read = self._asked(step)
        sure, past = own, self.known.history.get(place)
        samples = 0
        if past is not None and past.samples >= ENOUGH_SAMPLES:
            samples = past.samples
            own = Forecast(
                past.least_tokens, past.most_tokens, past.least_cost_usd, past.most_cost_usd
            )
        model = self._model(step)
        self.found.append(
            StepEstimate(
                place=place, title=step.title, model=model, **_numbers(own), samples=samples
            )
        )
        self._advise(step, place, own, sure, most_read)
        return together([own, self._fallback(step)])

    def _fallback(self, step: ToolStep | AgentStep) -> Forecast:
        """Nothing, if all goes well."""
        if step.fallback is None or step.fallback.action is not None:
            return NOTHING
        try:
            instead = fallback_step(step)
        except InvalidParameters:
            return NOTHING
        if not isinstance(instead, AgentStep):
            return NOTHING
        return alternatives([NOTHING, self._asked(instead)[0]])

    def _asked(self, step: AgentStep) -> tuple[Forecast, int]:
        """One attempt by the definition alone, and the least that its first turn reads."""
        facts = self._facts(step)
        values = sum(isinstance(piece, Reference) for piece in parse(step.prompt))
        texts = (piece for piece in parse(step.prompt) if isinstance(piece, str))
        read = self._count(system_text(self.workflow, step), step)
        read += sum(self._count(text, step) for text in texts)
        documents, packed, unseen = self._documents(step, facts)
        read += documents
        unknown = values + unseen
        answer = LONG_ANSWER
        if facts is not None and facts.max_output_tokens is not None:
            answer = min(answer, facts.max_output_tokens)
        turns = turn_cap(step, self.workflow.budget, self.known.limits).limit if step.tools else 1
        grown = (answer + VALUE_TOKENS) * turns * (turns - 1) // 2
        most_read = turns * (read + packed + unknown * VALUE_TOKENS) + grown
        forecast = Forecast(
            read + SHORT_ANSWER,
            most_read + turns * answer,
            price(facts, input_tokens=read, output_tokens=SHORT_ANSWER),
            price(facts, input_tokens=most_read, output_tokens=turns * answer),
        )
        return forecast, read

    def _documents(self, step: AgentStep, facts: ModelFacts | None) -> tuple[int, int, int]:
        """Tokens of its documents that it surely reads and may read, and how many nobody has seen.

        Of a long one it reads as much as there is room for.
        """
        named = dict.fromkeys((*self.workflow.documents, *step.documents))
        if not named:
            return 0, 0, 0
        room = tokens_of_bytes(
            room_for_each(
                len(named),
                context_tokens=None if facts is None else facts.context_tokens,
                most_output_tokens=(facts.max_output_tokens or 0) if facts else 0,
            )
        )
        texts, packed = self.known.documents, self.known.packed
        return (
            sum(min(texts[name], room) for name in named if name in texts),
            sum(min(packed[name], room) for name in named if name in packed),
            sum(name not in texts and name not in packed for name in named),
        )

    def _advise(
        self, step: AgentStep, place: str, own: Forecast, sure: Forecast, read: int
    ) -> None:
        budget, limits = self.workflow.budget, self.known.limits
        cap = cost_cap(step.budget, budget, limits)
        tokens = token_cap(step.budget, budget, limits)
        self.advice += _over(f"Step {step.title!r}", place, own, sure, cost=cap, tokens=tokens)
        facts = self._facts(step)
        if facts is not None and facts.context_tokens is not None and read > facts.context_tokens:
            text = (
                f"Step {step.title!r} reads about {read} tokens, and {facts.id} reads "
                f"{facts.context_tokens}."
            )
            self.advice.append(Advice(place=place, text=text, certain=True))

    def _model(self, step: AgentStep) -> str | None:
        facts = self._facts(step)
        named = model_of(step, self.workflow, self.known.limits)
        return named or (facts.id if facts else None)

    def _facts(self, step: AgentStep) -> ModelFacts | None:
        return facts_of(step, self.workflow, self.known.limits, self.known.catalog)

    def _count(self, text: str, step: AgentStep) -> int:
        catalog = self.known.catalog
        if catalog is None:
            return about_tokens(text)
        return catalog.count_tokens(text, model_of(step, self.workflow, self.known.limits))


def _iterations(step: LoopStep) -> tuple[int, int]:
    """The fewest and the most times that a loop goes round, by its definition alone."""
    if isinstance(step.for_each, list):
        items = min(len(step.for_each), step.max_iterations)
        return (0 if step.while_ or step.until else items), items
    starts_surely = step.for_each is None and step.while_ is None
    return (1 if starts_surely else 0), step.max_iterations


def _of_run(workflow: Workflow, total: Forecast, sure: Forecast, limits: Limits) -> list[Advice]:
    budget = workflow.budget
    costs = (
        Cap(budget.max_cost_usd, WORKFLOW_BUDGET),
        Cap(limits.max_daily_cost_usd, DAILY_COST_SETTING),
    )
    tokens = (
        Cap(budget.max_tokens, WORKFLOW_BUDGET),
        Cap(limits.max_daily_tokens, DAILY_TOKENS_SETTING),
    )
    found: list[Advice] = []
    for cap in tokens:
        if cap.limit is not None:
            found += _over("The run", None, total, sure, cost=None, tokens=cap)
    for cap in costs:
        if cap.limit is not None:
            found += _over("The run", None, total, sure, cost=cap, tokens=None)
    return found


def _over(
    what: str,
    place: str | None,
    own: Forecast,
    sure: Forecast,
    *,
    cost: Cap | None,
    tokens: Cap | None,
) -> list[Advice]:
    """What earlier runs have used is no promise: only *sure*, the definition alone, is certain."""
    found: list[Advice] = []
    least, most = sure.least_cost_usd, own.most_cost_usd
    if cost is not None and most is not None and most > cost.limit:
        is_certain = least is not None and least > cost.limit
        amount = f"${money(least if is_certain and least is not None else most)}"
        found.append(_advice(what, "cost", amount, is_certain, cost, place))
    if tokens is not None and own.most_tokens > tokens.limit:
        is_certain = sure.least_tokens > tokens.limit
        amount = f"{sure.least_tokens if is_certain else own.most_tokens} tokens"
        found.append(_advice(what, "use", amount, is_certain, tokens, place))
    return found


def _advice(
    what: str, verb: str, amount: str, is_certain: bool, cap: Cap, place: str | None
) -> Advice:
    words = f"will {verb} at least" if is_certain else f"may {verb} up to"
    limit = f"${money(cap.limit)}" if isinstance(cap.limit, Decimal) else str(cap.limit)
    text = f"{what} {words} {amount}, over the limit of {limit} set by {cap.set_by}."
    return Advice(place=place, text=text, certain=is_certain)


def _numbers(forecast: Forecast) -> dict[str, Any]:
    return {
        "least_tokens": forecast.least_tokens,
        "most_tokens": forecast.most_tokens,
        "least_cost_usd": forecast.least_cost_usd,
        "most_cost_usd": forecast.most_cost_usd,
    }
