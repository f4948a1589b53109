"""What happens to an output before others see it: processors, then validators, then plugins.

An output that is refused is never asked for again: it is kept, for the record and for a fallback.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from ..catalogs import find
from ..definition.expressions import resolve
from ..definition.quality import Use
from ..errors import InvalidParameters, PluginFailed, StepError, ValidationFailed
from ..plugins import Plugin, PluginContext, PluginOutcome
from ..processors import Processor
from ..validators import Validator
from .foreign import awaited_result_of, text_of


class _HasParameters(Protocol):
    @property
    def Parameters(self) -> type[BaseModel]: ...  # noqa: N802


P = TypeVar("P", bound=_HasParameters)


@dataclass(frozen=True, slots=True)
class Part:
    """A processor, validator or plugin with its parameters checked."""

    name: str
    thing: Any
    parameters: BaseModel


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of an output. With an error it is as far as it came; `notes` are for people."""

    output: Any
    error: BaseException | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Quality:
    """The parts of one step, ready to be used. Without any, an output passes as it is."""

    context: PluginContext | None = None
    processors: tuple[Part, ...] = ()
    validators: tuple[Part, ...] = ()
    plugins: tuple[Part, ...] = ()
    strict: bool = True

    @property
    def passes_all(self) -> bool:
        return not (self.processors or self.validators or self.plugins)

    async def check(self, output: Any, *, limit: float) -> Checked:
        """Never raises; each part has *limit* seconds."""
        if self.passes_all:
            return Checked(output)
        for part in self.processors:
            process = partial(_run_in_thread, part.thing.process, output, part.parameters)
            processed, error = await awaited_result_of(process, limit=limit)
            if error is not None:
                return Checked(output, error, (f"Processing failed: {text_of(error)}",))
            output = processed
        notes: list[str] = []
        for stage in (self._validate, self._ask_plugins):
            error = await stage(output, limit)
            if error is not None:
                notes.append(text_of(error))
                if self.strict:
                    return Checked(output, error, tuple(notes))
        return Checked(output, None, tuple(notes))

    async def _validate(self, output: Any, limit: float) -> StepError | None:
        """All of them are heard, so that one try tells everything."""
        problems: dict[str, str] = {}
        for part in self.validators:
            look = partial(_run_in_thread, part.thing.problem, output, part.parameters)
            problem, error = await awaited_result_of(look, limit=limit)
            said = problem if error is None else text_of(error)
            if said:
                problems[part.name] = said
        if not problems:
            return None
        said = "; ".join(f"{name}: {problem}" for name, problem in problems.items())
        return ValidationFailed(f"Validation failed: {said}", validators=list(problems))

    async def _ask_plugins(self, output: Any, limit: float) -> StepError | None:
        for part in self.plugins:
            ask = partial(part.thing.check, output, part.parameters, self.context)
            outcome, error = await awaited_result_of(ask, limit=limit)
            said = _refusal(outcome) if error is None else text_of(error) or type(error).__name__
            if said is not None:
                kind = "refused" if error is None else "unasked"
                words = f"Plugin failed: {part.name}: {said}"
                return PluginFailed(words, plugin=part.name, kind=kind)
        return None


def _refusal(outcome: PluginOutcome | None) -> str | None:
    if isinstance(outcome, PluginOutcome) and outcome.success:
        return None
    if not isinstance(outcome, PluginOutcome):
        return "it gave no PluginOutcome"
    return outcome.feedback or "it refused the output"


async def _run_in_thread(function: Callable[..., Any], *given: Any) -> Any:
    """A large output must not hold up the other runs."""
    return await asyncio.to_thread(function, *given)


class Parts(Protocol):
    """A step or its fallback, as far as it says what happens to the output."""

    @property
    def processors(self) -> tuple[Use, ...]: ...

    @property
    def validators(self) -> tuple[Use, ...]: ...

    @property
    def plugins(self) -> tuple[Use, ...]: ...

    @property
    def strict(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Catalogs:
    """What a step may name: the shipped parts and the application's own plugins."""

    processors: Mapping[str, Processor]
    validators: Mapping[str, Validator]
    plugins: Mapping[str, Plugin] = field(default_factory=dict[str, Plugin])

    def parameter_models(self) -> dict[str, dict[str, type[BaseModel]]]:
        """The parameters of each part by kind and name, as `load_workflow` wants them."""
        return {
            "processors": {name: one.Parameters for name, one in self.processors.items()},
            "validators": {name: one.Parameters for name, one in self.validators.items()},
            "plugins": {name: one.Parameters for name, one in self.plugins.items()},
        }

    def prepare(self, parts: Parts, scope: Mapping[str, Any], context: PluginContext) -> Quality:
        """Everything *parts* names, with expressions resolved.

        Raises `InvalidParameters` or `VariableNotFound` before the step has done anything.
        """
        return Quality(
            context=context,
            processors=_prepared("processor", parts.processors, self.processors, scope),
            validators=_prepared("validator", parts.validators, self.validators, scope),
            plugins=_prepared("plugin", parts.plugins, self.plugins, scope),
            strict=parts.strict,
        )


def _prepared(
    kind: str, uses: tuple[Use, ...], known: Mapping[str, P], scope: Mapping[str, Any]
) -> tuple[Part, ...]:
    parts: list[Part] = []
    for use in uses:
        thing = find(kind, use.name, known)
        given = {name: resolve(value, scope) for name, value in use.parameters.items()}
        try:
            parameters = thing.Parameters.model_validate(given)
        except ValidationError as error:
            raise _invalid(kind, use.name, error) from error
        parts.append(Part(use.name, thing, parameters))
    return tuple(parts)


def _invalid(kind: str, name: str, error: ValidationError) -> InvalidParameters:
    problems = [
        f"{'.'.join(map(str, item['loc'])) or 'parameters'}: "
        + item["msg"].removeprefix("Value error, ")
        for item in error.errors(include_url=False, include_context=False)
    ]
    return InvalidParameters(
        f"The {kind} {name} can't be used: {'; '.join(problems)}",
        parameter=kind,
        name=name,
        problems=problems,
    )
