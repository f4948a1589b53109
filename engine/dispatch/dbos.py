"""The dispatcher on DBOS: its queue, crash recovery and cancellation, and nothing else of it.

One DBOS workflow is one dispatch of one run. It holds no step of ours, so nothing here has to be
deterministic, and its version never changes.
"""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa

from ..ports import EngineSettings
from . import CarryOut, Key, WorkState
from .schedule import Job, ScheduledJob

if TYPE_CHECKING:
    from dbos import DBOSClient, Serializer

APPLICATION = "ask-copilot-engine"
VERSION = "1"  # by default a hash of the code, which would strand what another release queued
QUEUE = "executions"
WORKFLOW = "run_execution"
JOBS_QUEUE = "jobs"
JOB_WORKFLOW = "run_job"
JOBS_POLL_SECONDS = 0.5
KEPT = timedelta(days=7)
MOST_FORGOTTEN = 5000  # at one start
_ERROR = "$error"
_TIME = "$time"
_STATES: Mapping[str, WorkState] = {
    "ENQUEUED": WorkState.LIVE,
    "DELAYED": WorkState.LIVE,
    "PENDING": WorkState.LIVE,
    "SUCCESS": WorkState.DONE,
    "CANCELLED": WorkState.LOST,
    "ERROR": WorkState.BROKEN,
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": WorkState.GIVEN_UP,
}


class DbosDispatcher:
    """Works on the queue in the engine's own database. One process can have one that is started."""

    _started: ClassVar["DbosDispatcher | None"] = None
    _starting: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, engine: sa.Engine, settings: EngineSettings) -> None:
        self._engine = engine
        self._settings = settings
        self._client: DBOSClient | None = None
        self._migrated = False
        self._jobs: dict[str, ScheduledJob] = {}

    def schedule(self, name: str, cron: str, job: Job) -> None:
        if DbosDispatcher._started is self:
            raise RuntimeError("Jobs are scheduled before the engine is started.")
        self._jobs[name] = ScheduledJob(name, cron, job)

    def start(self, carry_out: CarryOut) -> None:
        """Raises RuntimeError if another dispatcher is started in this process."""
        from dbos import DBOS

        with DbosDispatcher._starting:
            if DbosDispatcher._started is not None:
                raise RuntimeError("Another engine is dispatching in this process: close it first.")
            DbosDispatcher._started = self

        async def interpret(execution_id: str, dispatch: int) -> str:
            return await carry_out(execution_id, dispatch)

        async def run_execution(execution_id: str, dispatch: int) -> str:
            return await DBOS.run_step_async(
                {"name": "interpret", "preemptible": True}, interpret, execution_id, dispatch
            )

        DBOS.workflow(name=WORKFLOW, max_recovery_attempts=self._settings.most_recoveries)(
            run_execution
        )
        started_at = datetime.now(UTC)

        def run_job(moment: datetime, name: str) -> None:
            """One tick; of those from before this start all but the last are let go."""
            job = self._jobs.get(name)
            if job is not None and not moment < job.next_tick(moment) <= started_at:
                job.run(moment)

        jobs = DBOS.workflow(name=JOB_WORKFLOW)(run_job)
        self.prepare()
        # Before the launch: a queue that appears later is noticed a second later.
        self._connected().register_queue(
            QUEUE,
            worker_concurrency=self._settings.concurrency,
            polling_interval_sec=self._settings.poll_seconds,
        )
        if self._jobs:
            self._connected().register_queue(JOBS_QUEUE, polling_interval_sec=JOBS_POLL_SECONDS)
        self._forget_old()
        # In a thread of its own: from inside an event loop DBOS would adopt that loop for the runs.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(self._launch, jobs, started_at).result()

    def _launch(self, run_job: Callable[[datetime, str], None], started_at: datetime) -> None:
        from dbos import DBOS

        DBOS(
            config={
                "name": APPLICATION,
                "application_version": VERSION,
                "executor_id": self._settings.executor_id,
                "system_database_url": self._engine.url.render_as_string(hide_password=False),
                "system_database_engine": self._engine,
                "serializer": _serializer(),
                "log_level": "CRITICAL",
                "notification_listener_polling_interval_sec": 1.0,
            }
        )
        # A process without jobs leaves the ticks of others alone.
        DBOS.listen_queues([QUEUE, JOBS_QUEUE] if self._jobs else [QUEUE])
        DBOS.launch()
        if self._jobs:
            DBOS.apply_schedules(
                [
                    {
                        "schedule_name": job.name,
                        "workflow_fn": run_job,
                        "schedule": job.cron,
                        "context": job.name,
                        "queue_name": JOBS_QUEUE,
                    }
                    for job in self._jobs.values()
                ]
            )
            self._make_up(started_at)

    def _make_up(self, started_at: datetime) -> None:
        """The last tick of each job, if nobody was there for it; DBOS knows it if somebody was."""
        from dbos import DBOS

        for job in self._jobs.values():
            known = DBOS.get_schedule(job.name)
            fired = known["last_fired_at"] if known else None
            last = job.last_tick(started_at)
            if fired is not None and datetime.fromisoformat(fired) < last:
                second = timedelta(seconds=1)
                DBOS.backfill_schedule(job.name, last - second, last + second / 2)

    def prepare(self) -> None:
        """Makes the queue's tables, where no dispatcher has been started yet."""
        if not self._migrated:
            from dbos import DBOS

            DBOS.migrate(self._engine.url.render_as_string(hide_password=False))
            self._migrated = True

    def enqueue(self, connection: sa.Connection, execution_id: str, dispatch: int) -> None:
        self._connected().enqueue_in_transaction(
            connection,
            {
                "workflow_name": WORKFLOW,
                "queue_name": QUEUE,
                "workflow_id": _workflow_id((execution_id, dispatch)),
                "app_version": VERSION,
            },
            execution_id,
            dispatch,
        )

    def committed(self) -> None:
        """Nothing to do: the queue is polled."""

    def cancel(self, execution_id: str, dispatch: int) -> None:
        self._connected().cancel_workflow(_workflow_id((execution_id, dispatch)))

    def states(self, keys: Sequence[Key]) -> Mapping[Key, WorkState]:
        if not keys:
            return {}
        found = self._connected().list_workflows(
            workflow_ids=[_workflow_id(key) for key in keys], load_input=False, load_output=False
        )
        states = {item.workflow_id: _STATES[item.status] for item in found}
        return {key: states.get(_workflow_id(key), WorkState.LOST) for key in keys}

    def close(self) -> None:
        if self._client is not None:
            self._client.destroy()
            self._client = None
        if DbosDispatcher._started is self:
            from dbos import DBOS

            DBOS.destroy(destroy_registry=True)
            DbosDispatcher._started = None

    def _forget_old(self) -> None:
        """The queue keeps what has ended; the truth is in our tables, so it may go."""
        until = datetime.now(UTC) - KEPT
        ended = self._connected().list_workflows(
            status=[name for name, state in _STATES.items() if state is not WorkState.LIVE],
            completed_before=until.isoformat(),
            limit=MOST_FORGOTTEN,
            load_input=False,
            load_output=False,
        )
        if ended:
            self._connected().delete_workflows([item.workflow_id for item in ended])

    def _connected(self) -> "DBOSClient":
        if self._client is None:
            from dbos import DBOSClient

            self._client = DBOSClient(
                system_database_engine=self._engine,
                serializer=_serializer(),
                application_name=APPLICATION,
            )
        return self._client


def _workflow_id(key: Key) -> str:
    execution_id, dispatch = key
    return f"{execution_id}:{dispatch}"


def _serializer() -> "Serializer":
    """JSON instead of the pickle that DBOS would use. Only ids, numbers and statuses pass here."""
    from dbos import Serializer

    class Json(Serializer):
        def serialize(self, data: Any) -> str:
            return json.dumps(data, default=_as_json)

        def deserialize(self, serialized_data: str) -> Any:
            return json.loads(serialized_data, object_hook=_from_json)

        def name(self) -> str:
            return "engine_json"

    return Json()


def _as_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return {_TIME: value.isoformat()}
    if isinstance(value, BaseException):
        return {_ERROR: f"{type(value).__name__}: {value}"}
    raise TypeError(f"{type(value).__name__} has no place in the queue")


def _from_json(value: dict[str, Any]) -> Any:
    if value.keys() == {_TIME}:
        return datetime.fromisoformat(value[_TIME])
    return RuntimeError(value[_ERROR]) if value.keys() == {_ERROR} else value
