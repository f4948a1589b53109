"""An engine with schedules and a clock to turn, for tests of what starts when."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from engine.definition.workflow import Trigger
from engine.dispatch.inline import InlineDispatcher
from engine.schedule.schedules import Schedules
from engine.storage.definitions import DefinitionStore
from engine.storage.scheduled_starts import StartStore
from engine.storage.schedules import ScheduleStore
from engine.testing import FrozenClock, actions, inline_engine, tool, workflow

START = datetime(2026, 1, 5, 8, 59, 30, tzinfo=UTC)
NINE = datetime(2026, 1, 5, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class Mailbox:
    """A notifier that keeps what it is told, or raises what it is given."""

    def __init__(self):
        self.notices = []
        self.error = None
        self.refused = set()  # workflows nobody can be told of
        self.tried = 0

    def notify(self, notice):
        self.tried += 1
        if self.error:
            raise self.error
        if notice.workflow_id in self.refused:
            raise ConnectionError("this one can't be sent")
        self.notices.append(notice)


class Office:
    """An engine with schedules, and a clock to turn."""

    def __init__(self, engine, clock, queue, failing, **settings):
        self.engine = engine
        self.clock = clock
        self.queue = queue
        self.mailbox = Mailbox()
        self._failing = failing
        self.settings = settings
        self.schedules = self.another_worker()

    def another_worker(self, start_run=None, **settings):
        definitions = DefinitionStore(self.engine.database, self.clock)
        return Schedules(
            ScheduleStore(self.engine.database, definitions),
            StartStore(self.engine.database),
            self.clock,
            start_run=start_run or self.engine.runs.submit,
            notifier=self.mailbox,
            **(self.settings | settings),
        )

    def put(self, name="report", expression="1h", *, workspace="acme", steps=None, **settings):
        flow = self._flow(name, expression, steps, **settings)
        return self.engine.put_workflow(workspace, flow, workflow_id=name)

    def put_unchecked(self, name, expression):
        """As it was stored before schedules were looked at."""
        definitions = DefinitionStore(self.engine.database, self.clock)
        definitions.put_workflow("acme", self._flow(name, expression, None), workflow_id=name)

    def _flow(self, name, expression, steps, **settings):
        trigger = Trigger(type="schedule", schedule=expression) if expression else Trigger()
        return workflow(*(steps or [tool("work", "work")]), name=name, trigger=trigger, **settings)

    def tick(self, moment, *, carry_out=True):
        self.clock.advance((moment - self.clock.now()).total_seconds())
        self.schedules.tick(moment)
        if carry_out:
            self.queue.run()

    def every_minute(self, begin, end):
        while begin <= end:
            self.tick(begin)
            begin += MINUTE

    def fail(self, *errors):
        """What the step called work raises from now on, one after another; then nothing."""
        self._failing[:] = errors

    def runs(self, workspace="acme"):
        """When each run was started, with its workflow, the oldest first."""
        found = self.engine.executions(workspace, limit=1000)
        return sorted(
            ((run.workflow_id, run.created_at) for run in found), key=lambda run: (run[1], run[0])
        )

    def starts(self, name="report"):
        found = self.schedules.starts("acme", name)
        return [(one.tick, str(one.state), one.note) for one in reversed(found)]

    def first_tick(self, name="report"):
        """When it ticks for the first time."""
        self.tick(NINE - MINUTE)
        return self.get(name).next_at

    def get(self, name="report"):
        return self.schedules.get("acme", name)


@contextmanager
def open_office(folder, *, model=None, **settings):
    """The step called work raises what the office's `fail` says."""
    clock, queue = FrozenClock(START), InlineDispatcher(hold=True)
    failing = []

    def work():
        if failing:
            raise failing.pop(0)

    offered = actions(work=work)
    with inline_engine(
        folder, dispatcher=queue, clock=clock, actions=offered, model=model
    ) as engine:
        yield Office(engine, clock, queue, failing, **settings)
