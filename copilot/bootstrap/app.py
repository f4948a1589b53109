"""One process's engine and copilot over one database."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from engine.engine import Engine
from engine.export import WorkspaceData
from engine.plugins import Plugin
from engine.ports import Clock, IntegrationRefresher, LanguageModel
from engine.retention import Retention
from engine.storage.holdings import Holding

from ..access import Access
from ..intake import Intake
from ..jobs import NIGHTLY, NightlyJob, StillNeeded
from ..knowledge import Knowledge, installed
from ..nightly import Nightly
from ..notify import Postman
from ..pipeline.analyze import Analyzer
from ..pipeline.apply import Applier
from ..pipeline.preview import unified_diff
from ..policy import Policies, Policy, checked_policy
from ..regrouping import join_groups
from ..runtimes import runtimes
from ..service.engine import GuardedEngine
from ..service.local import Copilot, LocalService
from ..service.parts import Parts
from ..settings import Settings
from ..sources.engine import EngineSource
from ..storage.holdings import holdings
from ..storage.requests import Requests
from ..storage.store import Store
from ..targets.engine import EngineTarget
from ..types import Report
from .places import make_private_files, make_private_folder
from .ports import Brought, Decided, make_engine, masker
from .shares import EACH_MINUTE, JOB, RunningLimits

RETENTION_JOB, AT_NIGHT = "retention", "41 3 * * *"


@dataclass(frozen=True, slots=True)
class App:
    """`data` takes out or deletes everything of a workspace, on both sides of the seam."""

    settings: Settings
    engine: Engine
    copilot: Copilot
    access: Access
    policies: Policies
    store: Store
    data: WorkspaceData
    night: NightlyJob
    retention: Retention | None
    limits: RunningLimits

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

    def work(self) -> None:
        """Carries out runs from now on, and what the clock asks for."""
        self.limits.tick()
        self.engine.schedule(JOB, EACH_MINUTE, self.limits.tick)
        if self.retention is not None:
            self.engine.schedule(RETENTION_JOB, AT_NIGHT, self.retention)
        if self.settings.nightly is not None:
            self.engine.schedule("nightly", self.settings.nightly, self.night)
        self.engine.work()


@contextmanager
def open_app(
    settings: Settings,
    *,
    dispatch: bool = True,
    model: LanguageModel | None = None,
    refresher: IntegrationRefresher | None = None,
    plugins: Mapping[str, Plugin] | None = None,
    clock: Clock | None = None,
) -> Generator[App]:
    """An application for the length of a `with` block; its tables are brought up to date first.

    Without *dispatch* nothing works on queued runs, and no schedule. *model* answers agent steps.
    *refresher* renews the access to an account that was refused, before a person is asked to
    connect it again; *plugins* are what steps may name beside the shipped ones: the product has
    none of its own of either. Raises StoreBusy when another process has the database, and
    InvalidInput or InvalidSchedule for settings that can't be used. A folder and a SQLite database
    that are made here are for their owner's eyes alone; those that are there stay as they are.
    """
    make_private_folder(settings.data)
    make_private_files(settings.database)
    decided = Decided()
    brought = Brought(model=model, refresher=refresher, plugins=plugins or {}, clock=clock)
    engine = make_engine(settings, decided, brought)
    engine.start(dispatch=False)
    try:
        app = build(settings, engine)
        decided.bind(app.policies)
        if dispatch:
            app.work()
        yield app
    finally:
        engine.close()


def build(settings: Settings, engine: Engine) -> App:
    """A copilot beside an engine, in the same database."""
    store = Store.open(engine.database)
    policies = Policies(store.decisions, default_policy(settings))
    access = Access(store, store.database.now)
    parts = _parts(settings, engine, store, policies, access)
    copilot = Copilot(parts, engine=partial(GuardedEngine, engine))
    copilot.reconcile(older_than=_in_use_for(engine))
    limits = RunningLimits(engine.queue_limits, policies, settings)
    policies.listeners.append(limits.changed)
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
            masker=masker(settings),
            beside=[Holding(table, withheld) for table, withheld in holdings()],
        ),
        night=NightlyJob(
            parts.nightly,
            policy=policies.of,
            workspaces=engine.workflow_store.workspaces,
            audit=store.audit,
        ),
        retention=_retention(settings, engine, parts),
        limits=limits,
    )


def default_policy(settings: Settings) -> Policy:
    """What a workspace starts with: the settings of this installation that it may change."""
    shared = Policy.model_fields.keys() & Settings.model_fields.keys()
    return checked_policy({name: getattr(settings, name) for name in shared})


def _retention(settings: Settings, engine: Engine, parts: Parts) -> Retention | None:
    if settings.retention_days is None:
        return None
    needed = StillNeeded(parts.store, parts.intake.catch_up, policy=parts.policies.of)
    return Retention(engine.database, days=settings.retention_days, watched=needed)


def _parts(
    settings: Settings, engine: Engine, store: Store, policies: Policies, access: Access
) -> Parts:
    source = EngineSource(engine)
    target = EngineTarget(engine)
    knowledge = Knowledge(partial(installed, settings.knowledge), store.own_entries)
    if settings.knowledge is not None:
        installed(settings.knowledge)  # a mistake in it is told now, not at the first failure
    intake = Intake(
        store,
        source,
        keep=lambda workspace_id: policies.of(workspace_id).kept,
        policy=policies.of,
    )
    analyzer = Analyzer(
        store,
        knowledge=knowledge.of,
        workspaces=source,
        target=target,
        checker=target,
        history=source,
        policy=policies.of,
    )

    def analyze_by_night(workspace_id: str, execution_id: str, key: str) -> Report:
        return analyzer.analyze(
            source.run(workspace_id, execution_id), idempotency_key=key, asked_by=NIGHTLY
        )

    return Parts(
        store=store,
        runs=source,
        target=target,
        checker=target,
        analyzer=analyzer,
        foreign=Analyzer(store, knowledge=knowledge.of, policy=policies.of),
        applier=Applier(
            store.approvals, store.changes, target, diff=unified_diff, policy=policies.of
        ),
        intake=intake,
        nightly=Nightly(
            store,
            catch_up=intake.catch_up,
            analyze=analyze_by_night,
            policy=policies.of,
            status=lambda workspace_id, execution_id: source.run(workspace_id, execution_id).status,
            post=Postman(settings).send,
            regroup=partial(join_groups, store),
        ),
        knowledge=knowledge,
        access=access,
        policies=policies,
        runtimes=runtimes,
    )


def _in_use_for(engine: Engine) -> timedelta:
    """How young half-done work may still be under way: never on SQLite, whose file we have alone."""
    return timedelta(0) if engine.database.dialect.name == "sqlite" else timedelta(minutes=1)
