"""The parts of an engine, put together from its settings and ports; `engine.py` is their face."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from .actions import Action, parameter_models
from .definition.loader import Known
from .dispatch import Dispatcher
from .dispatch.queue import QueueDispatcher
from .dispatch.reconcile import Reconciler
from .network import OutboundPolicy
from .observe.events import EventStreams
from .observe.feed import Feed
from .observe.live import LiveTiles
from .observe.stats import Learning
from .offer import Offer
from .plugins import Plugin
from .ports import (
    Clock,
    EngineSettings,
    IntegrationRefresher,
    LanguageModel,
    MailServer,
    ModelCatalog,
    SecretMasker,
    Secrets,
    WorkspaceLimits,
)
from .quota import QuotaSource
from .run import parking
from .run.allowances import Allowances
from .run.context import Outside
from .run.estimates import Estimates
from .run.interpreter import Interpreter, Listening
from .run.quota import QuotaGate, metered
from .run.reach import Reach
from .run.resume_options import ResumeOptionsReader
from .run.trial import Trials
from .runs import Runs
from .schedule.schedules import EACH_MINUTE, JOB, Notifier, ScheduleRules, Schedules
from .storage.approvals import ApprovalStore
from .storage.deeds import DeedStore
from .storage.definitions import DefinitionStore
from .storage.events import EventLog
from .storage.executions import ExecutionStore
from .storage.parked import ParkedStore
from .storage.quotas import QuotaStore
from .storage.requests import RequestKeys
from .storage.resources import ResourceStore
from .storage.resumable import ResumableStore
from .storage.rounds import RoundStore
from .storage.scheduled_starts import StartStore
from .storage.schedules import ScheduleStore
from .storage.shares import LimitStore
from .storage.spending import SpendingStore
from .storage.step_history import StepHistory
from .storage.step_pace import StepPaces
from .storage.time_limits import TimeLimits
from .storage.workflows import WorkflowStore
from .storage.writer import Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What an engine is given from outside.

    `plugins` are the application's own, by name, and go before the shipped ones. `actions` are
    all there are. Without a `dispatcher` the queue is the database's own. `listening` takes the
    place of the feed that the live events and tiles are told from. `notifier` hears of schedules
    that are about to be paused, and of those that were; without one the log does. `schedule_rules`
    are those of a workspace, asked anew each time.
    """

    model: LanguageModel | None
    catalog: ModelCatalog | None
    refresher: IntegrationRefresher | None
    plugins: Mapping[str, Plugin]
    secrets: Secrets
    mail: MailServer | None
    masker: SecretMasker
    clock: Clock
    network: OutboundPolicy
    actions: Mapping[str, Action]
    limits: WorkspaceLimits
    quotas: QuotaSource
    notifier: Notifier | None
    schedule_rules: Callable[[str], ScheduleRules]
    listening: Listening | None
    dispatcher: Dispatcher | None
    writer: Callable[[sa.Engine], Writer]

    def reach(self) -> Reach:
        return Reach(catalog=self.catalog, refresher=self.refresher, plugins=self.plugins)

    def offer(self) -> Offer:
        """What definitions may name."""
        runtimes = None if self.catalog is None else self.catalog.runtimes()
        parts = self.reach().catalogs().parameter_models()
        return Offer(Known(parameter_models(self.actions), parts, runtimes))

    def outside(self, settings: EngineSettings, gate: QuotaGate) -> Outside:
        return Outside(
            files=settings.files,
            actions=metered(self.actions, gate),
            model=self.model,
            secrets=self.secrets,
            mail=self.mail,
            masker=self.masker,
            clock=self.clock,
            network=self.network,
            limits=self.limits,
        )

    def outside_of_trials(self, settings: EngineSettings) -> Outside:
        """Without a model, mail or secrets, and with actions that count for no quota."""
        return Outside(
            files=settings.files, actions=self.actions, masker=self.masker, clock=self.clock
        )


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything an engine is made of."""

    definitions: DefinitionStore
    workflows: WorkflowStore
    deeds: DeedStore
    resources: ResourceStore
    queue_limits: LimitStore
    learning: Learning
    writer: Writer
    dispatcher: Dispatcher
    reconciler: Reconciler
    interpreter: Interpreter
    runs: Runs
    schedules: Schedules
    allowances: Allowances
    parked: parking.ParkedRuns
    streams: EventStreams
    tiles: LiveTiles
    trials: Trials
    resume_options: ResumeOptionsReader


def put_together(database: sa.Engine, settings: EngineSettings, ports: Ports) -> Parts:
    """The parts of an engine on *database*; nothing is opened or started yet."""
    clock, requests, reach = ports.clock, RequestKeys(), ports.reach()
    definitions = DefinitionStore(database, clock)
    executions = ExecutionStore(database, definitions)
    limits = TimeLimits(settings.timeout_seconds)
    rounds = RoundStore(database, definitions, executions, requests, clock, limits)
    writer = ports.writer(database)
    feed = Feed(clock, ports.masker)
    used, waiting = QuotaStore(database), ParkedStore(database)
    resumable = ResumableStore(database, definitions)
    dispatcher = ports.dispatcher or QueueDispatcher(database, settings)
    interpreter = Interpreter(
        definitions,
        SpendingStore(database),
        writer,
        ports.outside(settings, QuotaGate(ports.quotas, used, writer, clock)),
        reach=reach,
        listening=ports.listening or feed.listening,
    )
    runs = Runs(
        settings,
        definitions,
        executions,
        rounds,
        dispatcher,
        interpreter,
        ApprovalStore(database, executions, requests, clock),
        Estimates(StepHistory(database), definitions, settings.files, ports.limits, ports.catalog),
    )
    schedules = Schedules(
        ScheduleStore(database, definitions),
        StartStore(database),
        clock,
        start_run=runs.submit,
        notifier=ports.notifier,
        rules=ports.schedule_rules,
    )
    dispatcher.schedule(JOB, EACH_MINUTE, schedules.tick)
    parked = parking.ParkedRuns(waiting, used, rounds, definitions, dispatcher, clock)
    dispatcher.schedule(parking.JOB, parking.EACH_MINUTE, parked.tick)
    return Parts(
        definitions=definitions,
        workflows=WorkflowStore(database, definitions, requests, clock),
        deeds=DeedStore(database, clock),
        resources=ResourceStore(database, clock),
        queue_limits=LimitStore(database),
        learning=Learning(database, definitions),
        writer=writer,
        dispatcher=dispatcher,
        reconciler=Reconciler(rounds, dispatcher, most_recoveries=settings.most_recoveries),
        interpreter=interpreter,
        runs=runs,
        schedules=schedules,
        allowances=Allowances(ports.quotas, used, waiting, definitions, clock),
        parked=parked,
        streams=EventStreams(EventLog(database), feed, clock),
        tiles=LiveTiles(database, definitions, executions, feed, clock),
        trials=Trials(
            stored=resumable, definitions=definitions, outside=ports.outside_of_trials(settings)
        ),
        resume_options=ResumeOptionsReader(
            resumable, definitions, StepPaces(database), is_live=runs.is_live
        ),
    )
