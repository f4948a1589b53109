"""Telling people what happens: where it is written down, who sends it, and when both look."""

from collections.abc import Callable, Collection, Sequence

import httpx2

from engine.engine import Engine
from engine.errors import NetworkBlocked
from engine.network import OutboundPolicy, client

from ..jobs import NoticeJob
from ..notify import (
    NEWS,
    Courier,
    Lookup,
    Mailed,
    Outbox,
    Posted,
    Postman,
    ScheduleMail,
    Wanted,
    Webhooks,
)
from ..policy import Policies, Policy
from ..secrets import KnownValueMasker, read_secrets
from ..settings import Settings
from ..storage.database import Clock
from ..storage.store import Store
from ..types.engine import ScheduleNotice, StepApproval
from ..types.notice import Channel
from .shares import EACH_MINUTE

NOTICE_JOB = "notices"
#: Decisions that runs wait for, looked at each minute.
MOST_ASKED = 1_000
#: What leads elsewhere when its setting changes.
_PLACES: dict[str, Channel] = {"notify_webhook": "webhook", "notify_email_to": "email"}
#: One a process, so that those that hang are counted together.
_LOOKUP = Lookup()
Client = Callable[[], httpx2.AsyncClient]


class ScheduleNews:
    """The engine's `Notifier`: by e-mail to whom the schedules tell, and into the outbox.

    The engine comes first: `bind` gives it the outbox before anything works. The engine calls again
    with the same notice after an error, and the outbox knows it.
    """

    _outbox: Outbox | None = None

    def __init__(self, mail: ScheduleMail) -> None:
        self._mail = mail

    def bind(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def notify(self, notice: ScheduleNotice) -> None:
        if self._outbox is not None:
            self._outbox.schedule_paused(notice)
        self._mail.notify(notice)


class NoticeDesk:
    """Where what happens is written down, who sends it, and the job that looks each minute."""

    def __init__(
        self, outbox: Outbox, courier: Courier, policies: Policies, engine: Engine, *, now: Clock
    ) -> None:
        self.outbox = outbox
        self.courier = courier
        self._policies = policies
        self._engine = engine
        self._now = now
        self._catch_up: Callable[[str], int] = lambda _workspace_id: 0

    def bind(self, catch_up: Callable[[str], int]) -> None:
        """catch_up: takes in the runs that have ended in a workspace; made after this."""
        self._catch_up = catch_up

    @property
    def job(self) -> NoticeJob:
        return NoticeJob(
            self.outbox,
            self.courier,
            workspaces=self._workspaces,
            catch_up=self._catch_up,
            waiting=self._engine.allowances.waiting,
            asked=self._asked,
        )

    def settings_changed(self, workspace_id: str, names: Collection[str]) -> None:
        """What found no way to an earlier place goes to the new one."""
        wanted = _wanted(self._policies.of(workspace_id)).channels
        moved = [place for name, place in _PLACES.items() if name in names]
        channels: list[Channel] = [one for one in moved if one in wanted]
        if channels:
            self.courier.send_again(workspace_id, channels)

    def _asked(self, workspace_id: str) -> Sequence[StepApproval]:
        """Those that are news."""
        since = self._now() - NEWS
        return self._engine.runs.questions.waiting(workspace_id, since=since, limit=MOST_ASKED)

    def start(self) -> None:
        """Send at once from now on, and look each minute."""
        self.courier.start()
        self._engine.schedule(NOTICE_JOB, EACH_MINUTE, self.job)

    def close(self) -> None:
        self.courier.close()

    def _workspaces(self) -> list[str]:
        """Those that want to be told anything."""
        named = (self._policies.own(name) for name in _PLACES)
        return sorted({workspace_id for one in named for workspace_id in one})


def make_desk(
    settings: Settings,
    engine: Engine,
    store: Store,
    policies: Policies,
    *,
    reach: Client | None = None,
) -> NoticeDesk:
    """reach: makes the client for webhooks; without one, it reaches public addresses only."""
    now = store.database.now
    courier = Courier(
        store.notices,
        {
            "webhook": Posted(
                Webhooks(reach or _public_client, blocked=NetworkBlocked),
                url=lambda workspace_id: policies.of(workspace_id).notify_webhook,
                secrets=store.notices.secrets,
                now=now,
            ),
            "email": Mailed(
                Postman(settings, where="notify_email_to"),
                to=lambda workspace_id: policies.of(workspace_id).notify_email_to,
            ),
        },
        now=now,
    )
    outbox = Outbox(
        store.database,
        wanted=lambda workspace_id: _wanted(policies.of(workspace_id)),
        mask=KnownValueMasker(read_secrets(settings.secrets_file)).mask,
        wake=courier.wake,
    )
    desk = NoticeDesk(outbox, courier, policies, engine, now=now)
    policies.listeners.append(desk.settings_changed)
    return desk


def _public_client() -> httpx2.AsyncClient:
    """What an operator allows steps to reach beside that is not for webhooks."""
    return client(OutboundPolicy(ports=frozenset({443})), resolver=_LOOKUP)


def _wanted(policy: Policy) -> Wanted:
    channels: list[Channel] = []
    if policy.notify_webhook:
        channels.append("webhook")
    if policy.notify_email_to:
        channels.append("email")
    return Wanted(tuple(channels), frozenset(policy.notify_on.split(",")))
