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
    SecretMasker,
)
from engine.schedule.schedules import Notifier, ScheduleRules
from engine.schedule.streaks import Allowance

from ..errors import InvalidInput
from ..notify import ScheduleMail
from ..policy import Policies, Policy
from ..secrets import KnownValueMasker, WorkspaceSecrets, read_secrets
from ..settings import Settings
from ..sources.engine import KnownQuotas
from .model_directory import ModelDirectory


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


def make_engine(
    settings: Settings, decided: Decided, brought: Brought, *, notifier: Notifier | None = None
) -> Engine:
    """An engine that has not been started. notifier: in place of mail about schedules.

    Raises InvalidInput for settings that can't be used."""
    secrets = read_secrets(settings.secrets_file)
    return Engine(
        EngineSettings(
            url=settings.database,
            files=settings.files,
            lock_wait_seconds=settings.lock_wait_seconds,
            concurrency=settings.concurrency,
        ),
        model=brought.model,
        catalog=ModelDirectory(settings),
        refresher=brought.refresher,
        plugins=brought.plugins,
        secrets=WorkspaceSecrets(secrets),
        masker=KnownValueMasker(secrets),
        mail=_mail(settings),
        clock=brought.clock,
        network=OutboundPolicy(extra=frozenset(map(_host_and_port, settings.allowed_hosts))),
        limits=decided,
        quotas=KnownQuotas(),
        notifier=notifier or ScheduleMail(settings, to=decided.notices_to),
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
