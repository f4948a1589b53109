"""What a workspace's accounts may still do, what it says of their limits, and what waits for them."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from ..errors import InvalidParameters
from ..ports import Clock
from ..quota import Override, Quota, QuotaSource, account_key, split_name
from ..storage.definitions import DefinitionStore
from ..storage.parked import ParkedRun, ParkedStore
from ..storage.quota_windows import Account, Full
from ..storage.quotas import QuotaStore
from .quota import limits_of


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class Allowance(_Record):
    """One limit of one account, and how far it is used."""

    quota: Quota
    used: int
    left: int
    resets_at: AwareDatetime | None = Field(
        description="When the window ends; of a rolling one, when there is room again. "
        "Null if it rolls and has room."
    )


class AccountAllowances(_Record):
    """An account of the workspace; without a known limit nothing is refused."""

    integration: str
    allowances: tuple[Allowance, ...]
    stopped_until: AwareDatetime | None = Field(
        default=None, description="Until when the other side wants nothing, by its own word."
    )
    stop_message: str | None = None


class WaitingRun(_Record):
    """A run that goes on by itself when its quota resets."""

    execution_id: str
    workflow_id: str
    reason: str
    message: str
    parked_at: AwareDatetime
    auto_resume_at: AwareDatetime


class Allowances:
    """The same for every workspace. Methods may be called from any thread."""

    def __init__(
        self,
        source: QuotaSource,
        quotas: QuotaStore,
        parked: ParkedStore,
        definitions: DefinitionStore,
        clock: Clock,
    ) -> None:
        self._source = source
        self._quotas = quotas
        self._parked = parked
        self._definitions = definitions
        self._clock = clock

    def of_workspace(self, workspace_id: str) -> tuple[AccountAllowances, ...]:
        """Of every account that is connected, was used, or has limits of its own, by name."""
        integrations = self._definitions.resources(workspace_id).resources.integrations
        named = {account_key(name): name for name in self._quotas.accounts(workspace_id)}
        named |= {account_key(name): name for name in integrations}
        return tuple(self.of_account(workspace_id, named[key]) for key in sorted(named))

    def of_account(self, workspace_id: str, integration: str) -> AccountAllowances:
        """Of one account, whether it is known or not."""
        account, now = Account(workspace_id, integration), self._clock.now()
        effective = self._effective(account)
        stopped = self._quotas.stopped(account, now=now)
        return AccountAllowances(
            integration=integration,
            allowances=tuple(map(_allowance, self._quotas.used(account, effective, now=now))),
            stopped_until=None if stopped is None else stopped.until,
            stop_message=None if stopped is None else stopped.message,
        )

    def workspace(self, workspace_id: str, *, actor: str | None = None) -> "BoundAllowances":
        """The same, bound to one workspace."""
        return BoundAllowances(self, workspace_id, actor)

    def override(
        self, account: Account, name: str, override: Override, *, by: str | None
    ) -> AccountAllowances:
        """Sets what the workspace says of one limit. Raises `InvalidParameters` for the name.

        Where that leaves more room, runs that wait for the account go on with the next tick.
        """
        try:
            split_name(name)
        except ValueError as error:
            raise InvalidParameters(f"{error}.", parameter="name") from None
        before = self._effective(account)
        self._quotas.override(account, name, override, by=by, now=self._clock.now())
        return self._changed(account, name, before)

    def restore(self, account: Account, name: str) -> AccountAllowances:
        """Takes the workspace's own word back, and wakes runs as `override` does. Raises `NotFound`."""
        before = self._effective(account)
        self._quotas.restore(account, name)
        return self._changed(account, name, before)

    def _effective(self, account: Account) -> tuple[Quota, ...]:
        known = self._definitions.resources(account.workspace_id).resources.integrations
        return self._quotas.effective(account, limits_of(self._source, account, known))

    def _changed(self, account: Account, name: str, before: Sequence[Quota]) -> AccountAllowances:
        """Has runs go on that there may be room for; what finds none is parked again.

        None while the other side wants nothing: our limits are not what those runs wait for.
        """
        now = self._clock.now()
        has_room = _may_leave_more_room(name, before, self._effective(account))
        if has_room and self._quotas.stopped(account, now=now) is None:
            self._parked.wake_early(account, now=now)
        return self.of_account(*account)

    def waiting(self, workspace_id: str) -> tuple[WaitingRun, ...]:
        """Runs that wait for a quota, the next to go on first."""
        return tuple(map(_waiting_run, self._parked.waiting(workspace_id)))

    def auto_resume_at(self, workspace_id: str, execution_id: str) -> datetime | None:
        """When a run goes on by itself; None if no timer is set. Raises `NotFound`."""
        parked = self._parked.parked(workspace_id, execution_id)
        return None if parked is None else parked.auto_resume_at


class BoundAllowances:
    """The quotas of one workspace: nothing here can name another."""

    def __init__(self, allowances: Allowances, workspace_id: str, actor: str | None) -> None:
        self._allowances = allowances
        self._workspace_id = workspace_id
        self._actor = actor

    def list(self) -> tuple[AccountAllowances, ...]:
        """Every account of the workspace with its limits."""
        return self._allowances.of_workspace(self._workspace_id)

    def override(self, integration: str, name: str, override: Override) -> AccountAllowances:
        """Sets one limit. Raises `InvalidParameters` for the name."""
        account = Account(self._workspace_id, integration)
        return self._allowances.override(account, name, override, by=self._actor)

    def restore(self, integration: str, name: str) -> AccountAllowances:
        """The limit as it is known elsewhere counts again. Raises `NotFound`."""
        return self._allowances.restore(Account(self._workspace_id, integration), name)

    def waiting(self) -> tuple[WaitingRun, ...]:
        """Runs that go on by themselves, the next first."""
        return self._allowances.waiting(self._workspace_id)


def _may_leave_more_room(name: str, before: Sequence[Quota], after: Sequence[Quota]) -> bool:
    """Whether a limit is gone, is higher, or is counted over another window, as far as is known."""
    now = {quota.name: quota for quota in after}
    if all(quota.name != name for quota in before):
        return True  # the account may be known by another spelling of its name
    return any(_is_looser(quota, now.get(quota.name)) for quota in before)


def _is_looser(before: Quota, after: Quota | None) -> bool:
    if after is None or after.limit > before.limit:
        return True
    return (after.timezone, after.resets) != (before.timezone, before.resets)


def _allowance(state: Full) -> Allowance:
    return Allowance(
        quota=state.quota,
        used=state.used,
        left=max(0, state.quota.limit - state.used),
        resets_at=state.resets_at,
    )


def _waiting_run(run: ParkedRun) -> WaitingRun:
    return WaitingRun(
        execution_id=run.execution_id,
        workflow_id=run.workflow_id,
        reason=run.reason,
        message="" if run.error is None else run.error.message,
        parked_at=run.parked_at,
        auto_resume_at=run.auto_resume_at,
    )
