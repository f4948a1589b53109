"""The one place that constructs things: settings in, an engine and a copilot that know each other out."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError

import knowledge_base
from engine.actions import parameter_models
from engine.definition import (
    LARGEST_DEFINITION,
    Workflow,
    dump_workflow,
    load_workflow,
    to_data,
)
from engine.engine import Engine, EngineSettings
from engine.errors import EngineError, InvalidDefinition
from engine.export import WorkspaceData
from engine.network import OutboundPolicy
from engine.ports import Clock, LanguageModel, Limits, MailServer, WorkspaceLimits
from engine.storage.codec import encode
from engine.storage.holdings import Holding

from .access import Access
from .errors import CopilotError, InvalidInput, StoreUnavailable
from .intake import Intake
from .jobs import NightlyJob
from .nightly import Nightly
from .notify import Postman
from .pipeline.analyze import Analyzer
from .pipeline.apply import Applier
from .pipeline.preview import unified_diff
from .policy import Policies, Policy, checked_policy
from .runtimes import runtimes
from .secrets import KnownValueMasker, WorkspaceSecrets, read_secrets
from .service.engine import GuardedEngine
from .service.local import Copilot, LocalService
from .service.parts import Parts
from .settings import Settings
from .sources.engine import EngineSource
from .storage.holdings import holdings
from .storage.requests import Requests
from .storage.store import Store
from .targets.engine import EngineTarget
from .types import Report

#: Surfaces use these parts of the engine without importing it.
__all__ = [
    "DELIBERATE",
    "LARGEST_DEFINITION",
    "STORAGE_FAILURES",
    "UNREACHABLE",
    "App",
    "InvalidDefinition",
    "build",
    "definition_text",
    "dump_workflow",
    "encode",
    "open_app",
    "read_workflow",
    "to_data",
    "unavailable",
]

#: Every error raised on purpose, on either side of the seam; all have `code` and `retryable`.
DELIBERATE = (CopilotError, EngineError, knowledge_base.InvalidKnowledge)
#: What is raised when the database does not answer: busy for too long, full, or gone.
UNREACHABLE = OperationalError
#: What a database or a disk raises that can't be used at all: corrupt, full, not allowed, not there.
STORAGE_FAILURES = (SQLAlchemyError, OSError)


@dataclass(frozen=True, slots=True)
class App:
    """One process's engine and copilot over one database."""

    settings: Settings
    engine: Engine
    copilot: Copilot
    access: Access
    policies: Policies
    store: Store
    night: NightlyJob
    data: WorkspaceData

    def owner(self, workspace_id: str | None = None) -> LocalService:
        """The use cases for whoever holds the database itself: the owner of every workspace."""
        workspace = workspace_id or self.settings.workspace
        return self.copilot.serve(self.access.local_owner(workspace, self.settings.user))

    @property
    def requests(self) -> Requests:
        """Requests that came with an idempotency key, and their answers."""
        return self.store.requests

    def ping(self) -> None:
        """Asks the database for a sign of life. Raises UNREACHABLE."""
        with self.engine.database.connect() as connection:
            connection.exec_driver_sql("SELECT 1")


def unavailable(error: Exception) -> StoreUnavailable:
    """A failure of the database or the disk in one line, without SQL, values or passwords."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    if isinstance(cause, OSError):
        return StoreUnavailable(f"{cause.strerror or cause}: {cause.filename or ''}".rstrip(": "))
    if isinstance(cause, ArgumentError):
        return StoreUnavailable("ASK_COPILOT_DATABASE_URL is not the address of a database.")
    return StoreUnavailable(str(cause).strip().splitlines()[0][:200])


@contextmanager
def open_app(
    settings: Settings,
    *,
    dispatch: bool = True,
    model: LanguageModel | None = None,
    clock: Clock | None = None,
) -> Generator[App]:
    """An application for the length of a `with` block; its tables are brought up to date first.

    Without *dispatch* nothing works on queued runs, and no schedule. Raises StoreBusy when another
    process has the database, and InvalidInput for settings that can't be used.
    """
    settings.data.mkdir(parents=True, exist_ok=True)
    later = _Later()
    engine = _engine(settings, limits=later, model=model, clock=clock)
    if dispatch and settings.nightly is not None:
        engine.schedule("nightly", settings.nightly, later.night)
    engine.start(dispatch=dispatch)
    try:
        app = build(settings, engine)
        later.app = app
        yield app
    finally:
        engine.close()


def read_workflow(path: Path) -> Workflow:
    """The workflow in a YAML or JSON file. Raises InvalidInput and the engine's InvalidDefinition."""
    return load_workflow(definition_text(path), source=path.name, actions=parameter_models())


def definition_text(path: Path) -> str:
    """What a definition file holds. Raises InvalidInput for one that can't be one."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_DEFINITION + 1)
    except OSError as error:
        raise InvalidInput(str(path), f"{error.strerror}.", "Check the path.") from None
    if len(data) > LARGEST_DEFINITION:
        raise InvalidInput(str(path), "larger than 1 MB.", "Move data out of the definition.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInput(str(path), "it is not text in UTF-8.", "Save it as UTF-8.") from None


def build(settings: Settings, engine: Engine) -> App:
    """A copilot beside an engine, in the same database."""
    store = Store.open(engine.database)
    policies = Policies(store.decisions, default_policy(settings))
    access = Access(store, store.database.now)
    parts = _parts(settings, engine, store, policies, access)
    copilot = Copilot(parts, engine=partial(GuardedEngine, engine))
    copilot.reconcile(older_than=_in_use_for(engine))
    return App(
        settings=settings,
        engine=engine,
        copilot=copilot,
        access=access,
        policies=policies,
        store=store,
        data=WorkspaceData(
            engine.database,
            now=store.database.now,
            masker=KnownValueMasker(read_secrets(settings.secrets_file)),
            beside=[Holding(table, withheld) for table, withheld in holdings()],
        ),
        night=NightlyJob(
            parts.nightly, policy=policies.of, workspaces=engine.workflow_store.workspaces
        ),
    )


def default_policy(settings: Settings) -> Policy:
    """What a workspace starts with: the settings of this installation that it may change."""
    shared = Policy.model_fields.keys() & Settings.model_fields.keys()
    return checked_policy({name: getattr(settings, name) for name in shared})


def _parts(
    settings: Settings, engine: Engine, store: Store, policies: Policies, access: Access
) -> Parts:
    source = EngineSource(engine)
    target = EngineTarget(engine)
    intake = Intake(store, source)
    analyzer = Analyzer(
        store,
        knowledge=knowledge_base.load,
        workspaces=source,
        target=target,
        checker=target,
        policy=policies.of,
    )

    def analyze_by_night(workspace_id: str, execution_id: str, key: str) -> Report:
        return analyzer.analyze(source.run(workspace_id, execution_id), idempotency_key=key)

    return Parts(
        store=store,
        runs=source,
        target=target,
        checker=target,
        analyzer=analyzer,
        foreign=Analyzer(store, knowledge=knowledge_base.load, policy=policies.of),
        applier=Applier(
            store.approvals, store.changes, target, diff=unified_diff, policy=policies.of
        ),
        intake=intake,
        nightly=Nightly(
            store,
            catch_up=intake.catch_up,
            analyze=analyze_by_night,
            policy=policies.of,
            post=Postman(settings).send,
        ),
        access=access,
        policies=policies,
        runtimes=runtimes,
    )


class _Later:
    """What the engine asks of the copilot, which is only built once the engine has started."""

    app: App | None = None

    def limits(self, workspace_id: str) -> Limits:
        if self.app is None:
            return Limits()
        policy = self.app.policies.of(workspace_id)
        return Limits(
            max_cost_per_step_usd=policy.budget_max_cost_per_task,
            max_tokens_per_step=policy.budget_max_tokens_per_task,
            max_daily_cost_usd=policy.budget_max_daily_cost,
            max_turns=policy.agent_max_turns,
            model=policy.agent_model,
        )

    def night(self, scheduled: datetime) -> None:
        if self.app is not None:
            self.app.night(scheduled)


def _in_use_for(engine: Engine) -> timedelta:
    """How young half-done work may still be under way: never on SQLite, whose file we have alone."""
    return timedelta(0) if engine.database.dialect.name == "sqlite" else timedelta(minutes=1)


def _engine(
    settings: Settings,
    *,
    limits: WorkspaceLimits,
    model: LanguageModel | None,
    clock: Clock | None,
) -> Engine:
    secrets = read_secrets(settings.secrets_file)
    return Engine(
        EngineSettings(
            url=settings.database,
            files=settings.files,
            lock_wait_seconds=settings.lock_wait_seconds,
        ),
        model=model,
        secrets=WorkspaceSecrets(secrets),
        masker=KnownValueMasker(secrets),
        mail=_mail(settings),
        clock=clock,
        network=OutboundPolicy(extra=frozenset(map(_host_and_port, settings.allowed_hosts))),
        limits=limits,
    )


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
