"""How many runs may be under way at once: settings and policies, told to the engine's queue."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from engine.storage.shares import LimitStore, QueueLimits

from ..policy import Policies
from ..settings import Settings

JOB, EACH_MINUTE = "queue-limits", "* * * * *"
_SETTING = "workspace_max_running"


class RunningLimits:
    """The queue's limits are in the database, so that all workers go by the same ones.

    They are set when a process begins to work, when a workspace changes its own, and each minute,
    in case two did so at once.
    """

    def __init__(self, limits: LimitStore, policies: Policies, settings: Settings) -> None:
        self._limits = limits
        self._policies = policies
        self._settings = settings

    def changed(self, _workspace_id: str, names: Collection[str]) -> None:
        """A workspace has changed settings. Those of the installation are left to the workers."""
        if _SETTING in names:
            self._set(replace(self._limits.limits(), workspaces=self._of_workspaces()))

    def tick(self, _moment: datetime | None = None) -> None:
        """All of them, as this process has them."""
        self._set(
            QueueLimits(
                total=self._settings.max_running,
                each=self._settings.workspace_max_running,
                workspaces=self._of_workspaces(),
            )
        )

    def _of_workspaces(self) -> dict[str, int]:
        own = self._policies.own(_SETTING)
        return {name: most for name, most in own.items() if isinstance(most, int)}

    def _set(self, wanted: QueueLimits) -> None:
        if self._limits.limits() != wanted:
            self._limits.set_limits(wanted)
