"""The one place that constructs things: settings in, an engine and a copilot that know each other out."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError

import knowledge_base
from engine.actions import parameter_models
from engine.definition import Workflow, dump_workflow, load_workflow, parse_workflow, to_data
from engine.engine import Engine, EngineSettings
from engine.errors import EngineError, InvalidDefinition, StaleVersion
from engine.execution import Execution, ExecutionStatus, Progress, ResumeMode, StepExecution
from engine.network import OutboundPolicy
from engine.ports import Clock, LanguageModel, MailServer
from engine.storage.codec import encode
from engine.storage.definitions import StoredWorkflow

from .errors import CopilotError, InvalidInput, StoreUnavailable
from .pipeline.analyze import Analyzer
from .pipeline.apply import Applier
from .pipeline.preview import unified_diff
from .secrets import KnownValueMasker, WorkspaceSecrets, read_secrets
from .service import Copilot
from .settings import Settings
from .sources.engine import EngineSource
from .storage.store import Store
from .targets.engine import EngineTarget

#: Surfaces show what the engine returns without importing it.
__all__ = [
    "DELIBERATE",
    "LARGEST_DEFINITION",
    "STORAGE_FAILURES",
    "UNREACHABLE",
    "App",
    "Execution",
    "ExecutionStatus",
    "InvalidDefinition",
    "Progress",
    "ResumeMode",
    "StaleVersion",
    "StepExecution",
    "StoredWorkflow",
    "build",
    "dump_workflow",
    "encode",
    "open_app",
    "parse_definition",
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

LARGEST_DEFINITION = 1_000_000


@dataclass(frozen=True, slots=True)
class App:
    """One process's engine and copilot over one database."""

    settings: Settings
    engine: Engine
    copilot: Copilot

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

    Without *dispatch* nothing works on queued runs. Raises StoreBusy when another process has the
    database, and InvalidInput for settings that can't be used.
    """
    settings.data.mkdir(parents=True, exist_ok=True)
    engine = _engine(settings, model=model, clock=clock)
    engine.start(dispatch=dispatch)
    try:
        yield App(settings=settings, engine=engine, copilot=build(settings, engine))
    finally:
        engine.close()


def read_workflow(path: Path) -> Workflow:
    """The workflow in a YAML or JSON file. Raises InvalidInput and the engine's InvalidDefinition."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_DEFINITION + 1)
    except OSError as error:
        raise InvalidInput(str(path), f"{error.strerror}.", "Check the path.") from None
    if len(data) > LARGEST_DEFINITION:
        raise InvalidInput(str(path), "larger than 1 MB.", "Move data out of the definition.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInput(str(path), "it is not text in UTF-8.", "Save it as UTF-8.") from None
    return load_workflow(text, source=path.name, actions=parameter_models())


def parse_definition(definition: str | Mapping[str, Any]) -> Workflow:
    """The workflow in YAML or JSON text, or in plain data. Raises the engine's InvalidDefinition."""
    known = parameter_models()
    if isinstance(definition, str):
        return load_workflow(definition, source="definition", actions=known)
    return parse_workflow(definition, source="definition", actions=known)


def build(settings: Settings, engine: Engine) -> Copilot:
    """A copilot beside an engine, in the same database."""
    store = Store.open(engine.database)
    source = EngineSource(engine)
    target = EngineTarget(engine)
    analyzer = partial(
        Analyzer,
        store,
        knowledge=knowledge_base.load,
        credit_cost=settings.offline_credit_cost,
        pattern_threshold=settings.pattern_threshold,
        pattern_window=settings.pattern_window,
    )
    copilot = Copilot(
        store,
        settings=settings,
        runs=source,
        target=target,
        checker=target,
        analyzer=analyzer(workspaces=source, target=target, checker=target),
        foreign=analyzer(),
        applier=Applier(
            store.approvals,
            store.changes,
            target,
            diff=unified_diff,
            undo_seconds=settings.undo_seconds,
            needed_passes=settings.verify_runs,
        ),
    )
    copilot.reconcile(older_than=_in_use_for(engine))
    return copilot


def _in_use_for(engine: Engine) -> timedelta:
    """How young half-done work may still be under way: never on SQLite, whose file we have alone."""
    return timedelta(0) if engine.database.dialect.name == "sqlite" else timedelta(minutes=1)


def _engine(settings: Settings, *, model: LanguageModel | None, clock: Clock | None) -> Engine:
    secrets = read_secrets(settings.secrets_file)
    return Engine(
        EngineSettings(
            url=settings.url,
            files=settings.files,
            lock_wait_seconds=settings.lock_wait_seconds,
        ),
        model=model,
        secrets=WorkspaceSecrets(secrets),
        masker=KnownValueMasker(secrets),
        mail=_mail(settings),
        clock=clock,
        network=OutboundPolicy(extra=frozenset(map(_host_and_port, settings.allowed_hosts))),
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
