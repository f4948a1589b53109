"""What analyses need to ask models: whom, with which words, for how much, and how it went so far."""

from collections.abc import Callable, Sequence

from ..errors import InvalidInput
from ..nightly import Ceiling
from ..pipeline.consult import Consultant
from ..pipeline.words import Words
from ..policy import Policies, Policy
from ..routing import Models
from ..runtimes import Model, chain, load_catalog, runtimes, token_counter
from ..secrets import WorkspaceSecrets, read_secrets
from ..settings import Settings
from ..storage.outcomes import FixRate
from ..storage.store import Store
from ..types.account import RuntimeInfo, RuntimeMeasure

#: Settings of a workspace that name a runtime, with the one that names a model of it.
_NAMED = (("analysis_runtime", "analysis_model"), ("agent_runtime", "agent_model"))


def make_words(settings: Settings) -> Words:
    """Prompts without the secrets of the settings."""
    secrets = WorkspaceSecrets(read_secrets(settings.secrets_file))
    return Words(secrets=secrets.all, count=token_counter(settings.tokenizer_file))


def make_consultant(
    settings: Settings, store: Store, models: Models | None, words: Words
) -> Consultant | None:
    """None where no runtime is in use: the rules answer alone."""
    if models is None:
        return None
    database = store.database

    return Consultant(
        models, words=words, chain=chooser(settings), spending=store.spending, now=database.now
    )


def chooser(settings: Settings) -> Callable[[Policy], Sequence[Model]]:
    """The models that a workspace's analyses ask, in turn."""

    def chosen(policy: Policy) -> Sequence[Model]:
        return chain(
            settings,
            load_catalog(),
            runtime=policy.analysis_runtime,
            model=policy.analysis_model,
        )

    return chosen


def named_models(settings: Settings) -> Callable[[Policy], None]:
    """Refuses a policy that names what can't be asked here: UnknownName and InvalidInput.

    Where no runtime is in use, agents' models are given from outside and nobody can tell.
    """

    def check(policy: Policy) -> None:
        for runtime, model in _NAMED if settings.runtimes else _NAMED[:1]:
            named = getattr(policy, runtime), getattr(policy, model)
            if named == (None, None):
                continue
            try:
                chain(settings, load_catalog(), runtime=named[0], model=named[1])
            except InvalidInput as error:
                where = runtime if named[0] is not None else model
                raise InvalidInput(where, *error.args[1:]) from None

    return check


def most_of_an_analysis(policies: Policies, models: Models | None) -> Callable[[str], Ceiling]:
    """The most that one analysis of a nightly pass can cost in a workspace."""

    def ceiling(workspace_id: str) -> Ceiling:
        policy = policies.of(workspace_id)
        if models is None or policy.model_policy == "never":
            return Ceiling(policy.offline_credit_cost)
        credits = max(policy.model_credit_cost, policy.offline_credit_cost)
        return Ceiling(credits, policy.analysis_spend_cap_usd)

    return ceiling


def listing(settings: Settings, store: Store) -> Callable[[str], tuple[RuntimeInfo, ...]]:
    """Every runtime, with how it has done in a workspace."""

    def listed(workspace_id: str) -> tuple[RuntimeInfo, ...]:
        answering = store.consultations.answering(workspace_id)
        rates = store.outcomes.rates(workspace_id)

        def measured(name: str) -> RuntimeMeasure | None:
            own = [rate for rate in rates if rate.produced_by == name]
            calls = answering.get(name)
            if calls is None and not own:
                return None
            times = calls.milliseconds if calls else ()
            return RuntimeMeasure(
                asked=calls.asked if calls else 0,
                answers=calls.answered if calls else 0,
                median_ms=times[len(times) // 2] if times else None,
                share_within_limit=calls.answered / calls.asked if calls else None,
                fixes_verified=_sum(own, "verified"),
                fixes_failed=_sum(own, "regressed"),
            )

        return runtimes(settings, measured)

    return listed


def _sum(rates: Sequence[FixRate], what: str) -> int:
    return sum(getattr(rate, what) for rate in rates)
