"""One process's engine and copilot over one database."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from engine.engine import Engine
from engine.export import WorkspaceData
from engine.plugins import Plugin
from engine.ports import Clock, IntegrationRefresher, LanguageModel
from engine.retention import Retention
from engine.storage.holdings import Holding

from ..access import Access
from ..autonomy import Autonomy
from ..intake import Intake
from ..jobs import NIGHTLY, NightlyJob, StillNeeded
from ..knowledge import Knowledge, installed
from ..nightly import Nightly
from ..notify import Postman, ScheduleMail
from ..pipeline.analyze import Analyzer
from ..pipeline.apply import Applier, Edits
from ..pipeline.preview import unified_diff
from ..policy import Policies, Policy, checked_policy
from ..regrouping import join_groups
from ..rollbacks import Rollbacks
from ..routing import Models, open_models
from ..runtimes import check
from ..service.engine import GuardedEngine
from ..service.local import Copilot, LocalService
from ..service.parts import Parts
from ..service.standing_fixes import StandingFixes
from ..settings import Settings
from ..sources.engine import EngineSource
from ..storage.holdings import holdings
from ..storage.requests import Requests
from ..storage.store import Store
from ..targets.engine import EngineTarget
from ..types import Report
from .allowing import fix_policy
from .consulting import listing, make_consultant, make_words, most_of_an_analysis, named_models
from .language_model import RoutedModel
from .model_directory import ModelDirectory
from .notices import Client, NoticeDesk, ScheduleNews, make_desk
from .outlook import EngineOutlooks
from .places import make_private_files, make_private_folder
from .ports import Brought, Decided, make_engine, masker
from .shares import EACH_MINUTE, JOB, RunningLimits
from .trying import EngineDryRunner, tried_by_id

RETENTION_JOB, AT_NIGHT = "retention", "41 3 * * *"
RECONCILE_JOB = "reconcile"


@dataclass(frozen=True, slots=True)
class App:
    """`data` takes out or deletes everything of a workspace, on both sides of the seam.

    `models` asks the models of the runtimes that the settings name; None: they name none.
    """

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
    models: Models | None
    desk: NoticeDesk

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
        if self.models is not None:
            self.models.pool.warm()
        self.limits.tick()
        self.engine.schedule(JOB, EACH_MINUTE, self.limits.tick)
        self.engine.schedule(RECONCILE_JOB, EACH_MINUTE, self._reconcile)
        self.desk.start()
        if self.retention is not None:
            self.engine.schedule(RETENTION_JOB, AT_NIGHT, self.retention)
        if self.settings.nightly is not None:
            self.engine.schedule("nightly", self.settings.nightly, self.night)
        self.engine.work()

    def _reconcile(self, _moment: datetime | None = None) -> None:
        """What another process left half done; what is younger than a minute may be under way."""
        self.copilot.reconcile()
        self.copilot.watch()


@contextmanager
def open_app(
    settings: Settings,
    *,
    dispatch: bool = True,
    model: LanguageModel | None = None,
    refresher: IntegrationRefresher | None = None,
    plugins: Mapping[str, Plugin] | None = None,
    clock: Clock | None = None,
    reach: Client | None = None,
) -> Generator[App]:
    """An application for the length of a `with` block; its tables are brought up to date first.

    Without *dispatch* nothing works on queued runs, and no schedule. *model* answers agent steps
    in place of the runtimes that the settings name.
    *refresher* renews the access to an account that was refused, before a person is asked to
    connect it again; *plugins* are what steps may name beside the shipped ones: the product has
    none of its own of either. *reach* makes the client for webhooks in place of one that reaches
    public addresses only. Raises StoreBusy when another process has the database, and
    InvalidInput or InvalidSchedule for settings that can't be used. A folder and a SQLite database
    that are made here are for their owner's eyes alone; those that are there stay as they are.
    """
    check(settings)
    make_private_folder(settings.data)
    make_private_files(settings.database)
    decided = Decided()
    models = open_models(settings)
    if model is None and models is not None:
        model = RoutedModel(models, ModelDirectory(settings))
    brought = Brought(model=model, refresher=refresher, plugins=plugins or {}, clock=clock)
    news = ScheduleNews(ScheduleMail(settings, to=decided.notices_to))
    engine = make_engine(settings, decided, brought, notifier=news)
    engine.start(dispatch=False)
    desk: NoticeDesk | None = None
    try:
        app = build(settings, engine, models, reach=reach)
        decided.bind(app.policies)
        desk = app.desk
        news.bind(desk.outbox)
        if dispatch:
            app.work()
        yield app
    finally:
        if desk is not None:
            desk.close()
        engine.close()
        if models is not None:
            models.close()


def build(
    settings: Settings,
    engine: Engine,
    models: Models | None = None,
    *,
    reach: Client | None = None,
) -> App:
    """A copilot beside an engine, in the same database."""
    store = Store.open(engine.database)
    policies = Policies(store.decisions, default_policy(settings), check=named_models(settings))
    access = Access(store, store.database.now)
    desk = make_desk(settings, engine, store, policies, reach=reach)
    parts = _parts(settings, engine, store, policies, access, models, desk)
    desk.bind(parts.intake.catch_up)
    parts.analyzer.on_answer.append(StandingFixes(parts).answered)
    parts.nightly.as_given = StandingFixes(parts).as_given
    copilot = Copilot(parts, engine=partial(GuardedEngine, engine, mask=parts.mask))
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
        models=models,
        desk=desk,
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
    settings: Settings,
    engine: Engine,
    store: Store,
    policies: Policies,
    access: Access,
    models: Models | None,
    desk: NoticeDesk,
) -> Parts:
    source = EngineSource(engine)
    target, dry_runner = EngineTarget(engine), EngineDryRunner(engine)
    knowledge = Knowledge(partial(installed, settings.knowledge), store.own_entries)
    if settings.knowledge is not None:
        installed(settings.knowledge)  # a mistake in it is told now, not at the first failure
    autonomy = Autonomy(
        store.autonomy,
        rates=store.outcomes.rates,
        floor=lambda workspace_id: policies.of(workspace_id).standing_floor,
    )
    applier = Applier(
        store.approvals,
        store.changes,
        target,
        diff=unified_diff,
        policy=policies.of,
        deeds=target,
    )
    rollbacks = Rollbacks(store, applier, autonomy)
    intake = Intake(
        store,
        source,
        keep=lambda workspace_id: policies.of(workspace_id).kept,
        policy=policies.of,
        rollbacks=rollbacks,
        outbox=desk.outbox,
        edits=Edits(store.changes, versions=target, history=source),
    )
    words = make_words(settings)
    allowed = fix_policy(settings, policies.of, store.database.now)
    analyze = partial(
        Analyzer,
        store,
        knowledge=knowledge.of,
        policy=policies.of,
        words=words,
        consultant=make_consultant(settings, store, models, words),
        seconds=settings.analysis_seconds,
        fix_policy=allowed,
        levels=autonomy.levels,
    )
    analyzer = analyze(
        workspaces=source, target=target, deeds=target, checker=target, history=source
    )

    def analyze_by_night(workspace_id: str, execution_id: str, key: str) -> Report:
        return analyzer.analyze(
            source.run(workspace_id, execution_id), idempotency_key=key, asked_by=NIGHTLY
        )

    return Parts(
        store=store,
        runs=source,
        target=target,
        versions=target,
        deeds=target,
        checker=target,
        definitions=target,
        outlooks=EngineOutlooks(engine),
        dry_runner=dry_runner,
        dry_run=tried_by_id(store.analyses, target, dry_runner),
        analyzer=analyzer,
        foreign=analyze(),
        applier=applier,
        intake=intake,
        rollbacks=rollbacks,
        autonomy=autonomy,
        nightly=Nightly(
            store,
            catch_up=intake.catch_up,
            analyze=analyze_by_night,
            policy=policies.of,
            ceiling=most_of_an_analysis(policies, models),
            status=lambda workspace_id, execution_id: source.run(workspace_id, execution_id).status,
            post=Postman(settings).send,
            regroup=partial(join_groups, store),
        ),
        knowledge=knowledge,
        access=access,
        policies=policies,
        outbox=desk.outbox,
        courier=desk.courier,
        runtimes=listing(settings, store),
        analysis_seconds=settings.analysis_seconds,
        mask=masker(settings).mask,
        fix_policy=allowed,
    )


def _in_use_for(engine: Engine) -> timedelta:
    """How young half-done work may still be under way: never on SQLite, whose file we have alone."""
    return timedelta(0) if engine.database.dialect.name == "sqlite" else timedelta(minutes=1)
