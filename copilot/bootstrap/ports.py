"""What the engine asks of the copilot: limits, rules of schedules, models, the mail server."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from engine.engine import Engine
from engine.network import OutboundPolicy
from engine.plugins import Plugin
from engine.ports import (
    Clock,
    EngineSettings,
    IntegrationRefresher,
    LanguageModel,
    Limits,
    MailServer,
    ModelFacts,
    SecretMasker,
)
from engine.schedule.schedules import ScheduleRules
from engine.schedule.streaks import Allowance

from ..errors import InvalidInput
from ..notify import ScheduleMail
from ..policy import Policies, Policy
from ..runtimes import about_tokens, known_model
from ..secrets import KnownValueMasker, WorkspaceSecrets, read_secrets
from ..settings import Settings
from ..sources.engine import KnownQuotas

#: What an answer may have, which is asked for with every question. Without it nobody could tell
#: what a question costs at most, and parallel steps under a budget would wait for each other.
MOST_OUTPUT_TOKENS = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What the application is given from outside for its engine; None or nothing: it has none."""

    model: LanguageModel | None = None
    refresher: IntegrationRefresher | None = None
    plugins: Mapping[str, Plugin] = field(default_factory=dict[str, Plugin])
    clock: Clock | None = None


class Decided:
    """What workspaces have decided, as the engine asks for it; `bind` it before the engine works.

    The engine comes first: the policies are kept in its database.
    """

    _policies: Policies | None = None

    def bind(self, policies: Policies) -> None:
        self._policies = policies

    def limits(self, workspace_id: str) -> Limits:
        policy = self._of(workspace_id)
        seconds = policy.budget_max_seconds_per_task
        return Limits(
            max_cost_per_step_usd=policy.budget_max_cost_per_task,
            max_tokens_per_step=policy.budget_max_tokens_per_task,
            max_seconds_per_step=None if seconds is None else float(seconds),
            max_daily_cost_usd=policy.budget_max_daily_cost,
            max_daily_tokens=policy.budget_max_daily_tokens,
            max_turns=policy.agent_max_turns,
            model=policy.agent_model,
            runtime=policy.agent_runtime,
        )

    def schedule_rules(self, workspace_id: str) -> ScheduleRules:
        policy = self._of(workspace_id)
        return ScheduleRules(
            gap=timedelta(minutes=policy.schedule_gap_minutes),
            most_running=policy.schedule_max_running,
            allowance=Allowance(breaches=policy.schedule_breaches, others=policy.schedule_failures),
        )

    def notices_to(self, workspace_id: str) -> str:
        """Who is told about schedules."""
        return self._of(workspace_id).schedule_notices_to

    def _of(self, workspace_id: str) -> Policy:
        if self._policies is None:
            raise RuntimeError("The engine asks before the policies are there.")
        return self._policies.of(workspace_id)


class Models:
    """The models whose prices are known; implements the engine's `ModelCatalog`."""

    def runtimes(self) -> None:
        """Can't be told: the model is given from outside."""

    def find(self, model: str | None) -> ModelFacts | None:
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

    def count_tokens(self, text: str, model: str | None) -> int:
        return about_tokens(text)


def make_engine(settings: Settings, decided: Decided, brought: Brought) -> Engine:
    """An engine that has not been started. Raises InvalidInput for settings that can't be used."""
    secrets = read_secrets(settings.secrets_file)
    return Engine(
        EngineSettings(
            url=settings.database,
            files=settings.files,
            lock_wait_seconds=settings.lock_wait_seconds,
            concurrency=settings.concurrency,
        ),
        model=brought.model,
        catalog=Models(),
        refresher=brought.refresher,
        plugins=brought.plugins,
        secrets=WorkspaceSecrets(secrets),
        masker=KnownValueMasker(secrets),
        mail=_mail(settings),
        clock=brought.clock,
        network=OutboundPolicy(extra=frozenset(map(_host_and_port, settings.allowed_hosts))),
        limits=decided,
        quotas=KnownQuotas(),
        notifier=ScheduleMail(settings, to=decided.notices_to),
        schedule_rules=decided.schedule_rules,
    )


def masker(settings: Settings) -> SecretMasker:
    """Takes the secrets of the settings out of text."""
    return KnownValueMasker(read_secrets(settings.secrets_file))


def _mail(settings: Settings) -> MailServer | None:
    if settings.smtp_host is None:
        return None
    password = settings.smtp_password
    return MailServer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        username=settings.smtp_username,
        password=password.get_secret_value() if password else None,
        starttls=settings.smtp_starttls,
        sender=settings.smtp_sender,
    )


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.strip().rpartition(":")
    if not host or not port.isdigit():
        raise InvalidInput("ASK_COPILOT_ALLOWED_HOSTS", f"{text!r} is not host:port.", "")
    return host.lower(), int(port)
