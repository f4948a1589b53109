"""What runs by the clock, over all workspaces."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime

from .errors import CopilotError
from .nightly import Nightly
from .policy import Policy

_log = logging.getLogger(__name__)


class NightlyJob:
    """A nightly pass in every workspace that wants one.

    workspaces: the ids of all there are.
    """

    def __init__(
        self,
        nightly: Nightly,
        *,
        policy: Callable[[str], Policy],
        workspaces: Callable[[], Iterable[str]],
    ) -> None:
        self._nightly = nightly
        self._policy = policy
        self._workspaces = workspaces

    def __call__(self, _scheduled: datetime) -> None:
        """One workspace that can't be looked at keeps none of the others from it."""
        for workspace_id in self._workspaces():
            if not self._policy(workspace_id).nightly_enabled:
                continue
            try:
                self._nightly.run(workspace_id)
            except CopilotError as error:
                _log.error("The nightly pass of a workspace failed: %s", error.code)
