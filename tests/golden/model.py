"""The model of all cases."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from engine.errors import (
    ContentFiltered,
    ContextTooLong,
    FieldNotFound,
    ModelUnavailable,
    StepTimeout,
    UpstreamFailed,
)
from engine.ports import Completion, Question

from .cases import Answer, read_case, slugs

#: As runtimes count text before anybody has counted its tokens.
CHARACTERS_A_TOKEN = 4


@dataclass
class KnownAnswers:
    """A model that has one answer to each text the cases ask it about.

    What is in the way of an answer is raised in the words of the runtimes. A custom field is there
    once its workspace has it, as for a model that works in the CRM.
    """

    has_field: Callable[[str, str], bool] = lambda _slug, _name: False

    def __post_init__(self) -> None:
        self._asked: Counter[tuple[str, str]] = Counter()
        self._answers = [
            (slug, words, answer)
            for slug in slugs()
            for words, answer in read_case(slug).answers.items()
        ]

    def begin(self) -> None:
        """A run begins: who was busy is so again."""
        self._asked.clear()

    async def complete(self, question: Question) -> Completion:
        asked = f"{question.system}\n{question.prompt}"
        slug, words, answer = next(one for one in self._answers if one[1] in asked)
        if isinstance(answer, Answer):
            self._asked[slug, words] += 1
            self._require_field(slug, answer.needs_field)
            _refuse(question, answer, asked=self._asked[slug, words])
            answer = answer.says
        return Completion(answer, input_tokens=100, output_tokens=20, cost_usd=Decimal("0.01"))

    def _require_field(self, slug: str, name: str | None) -> None:
        if name is not None and not self.has_field(slug, name):
            raise FieldNotFound(f"Custom field {name!r} not found", kind="custom_field", name=name)


def _refuse(question: Question, answer: Answer, *, asked: int) -> None:
    """Raises what keeps *answer* from being given, if anything does."""
    model, runtime = question.model or "gpt-6-luna", question.runtime or "openai"
    names = {"model": model, "runtime": runtime}
    if asked <= answer.busy:
        text = f"{runtime} is overloaded: {model} did not answer."
        raise UpstreamFailed(text, **names, status=503)
    if model == answer.gone:
        text = f"The model {model} is not available at {runtime}: it is gone, or this account may"
        raise ModelUnavailable(f"{text} not ask it.", **names)
    if model == answer.declined_by:
        raise ContentFiltered(f"{model} at {runtime} declined to answer this prompt.", **names)
    limit = question.timeout_seconds
    if limit < answer.needs_seconds:
        raise StepTimeout(
            f"{model} at {runtime} gave no answer in {limit:g} s.", **names, limit=limit
        )
    tokens = len(f"{question.system}{question.prompt}") // CHARACTERS_A_TOKEN
    if answer.reads is not None and tokens > answer.reads:
        text = f"The prompt is longer than the context window of {model} at {runtime}."
        raise ContextTooLong(text, **names)
