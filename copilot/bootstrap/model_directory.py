"""Which models agent steps can ask here, what they cost and how much they read."""

from collections.abc import Callable, Collection
from functools import cached_property

from engine.errors import InvalidParameters
from engine.ports import ModelFacts

from ..errors import InvalidInput, UnknownName
from ..runtimes import (
    Model,
    chain,
    known_model,
    load_catalog,
    prices_of,
    token_counter,
)
from ..settings import Settings

#: What an answer may have, which is asked for with every question. Without it nobody could tell
#: what a question costs at most, and parallel steps under a budget would wait for each other.
MOST_OUTPUT_TOKENS = 8192


class ModelDirectory:
    """Implements the engine's `ModelCatalog`.

    What a step, its workflow and its workspace leave open is the default of the first runtime of
    the installation. Without a runtime the model is given from outside, and only prices are known.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._names = tuple(dict.fromkeys(settings.runtimes))

    def runtimes(self) -> Collection[str] | None:
        return self._names or None

    def find(self, model: str | None, *, runtime: str | None = None) -> ModelFacts | None:
        if self._names:
            try:
                return _facts(self.choose(runtime, model))
            except InvalidParameters:
                pass  # told when the step is carried out; its price may be known all the same
        known = None if model is None else known_model(model)
        if known is None:
            return None
        return ModelFacts(
            id=known.id,
            context_tokens=known.context_tokens,
            input_usd=known.input_usd,
            output_usd=known.output_usd,
            max_output_tokens=MOST_OUTPUT_TOKENS,
        )

    def choose(self, runtime: str | None, model: str | None) -> Model:
        """The one to ask; a model alone is looked up where models are asked, the first place first.

        Raises InvalidParameters with the close names.
        """
        parameter = "runtime" if model is None else "model"
        try:
            found = chain(self._settings, load_catalog(), runtime, model)
        except UnknownName as error:
            _, name, near = error.args
            raise InvalidParameters(
                str(error), parameter=parameter, name=name, near=list(near)
            ) from None
        except InvalidInput as error:
            raise InvalidParameters(str(error), parameter=parameter) from None
        if not found:
            raise InvalidParameters(
                "The runtime 'offline' explains failures; it can't carry out a step.",
                parameter="runtime",
            )
        return found[0]

    def count_tokens(self, text: str, model: str | None) -> int:
        factor = 1.0
        if self._names and model is not None:
            try:
                factor = self.choose(None, model).tokenizer_factor
            except InvalidParameters:
                factor = 1.0
        return round(self._count(text) * factor)

    @cached_property
    def _count(self) -> Callable[[str], int]:
        return token_counter(self._settings.tokenizer_file)


def _facts(model: Model) -> ModelFacts:
    input_usd, output_usd = prices_of(model)
    return ModelFacts(
        id=model.id,
        context_tokens=model.context_tokens,
        max_output_tokens=min(model.max_output_tokens, MOST_OUTPUT_TOKENS),
        input_usd=input_usd,
        output_usd=output_usd,
    )
