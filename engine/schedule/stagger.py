"""When the workflows of a workspace start: one after another, not all at once."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from .interval import MINUTE


def spread(
    moment: datetime,
    next_ticks: Mapping[str, datetime],
    *,
    planned: Mapping[str, datetime],
    gap: timedelta,
) -> dict[str, datetime]:
    """The start of each workflow due at *moment*, at least *gap* after the one before it.

    *planned* has the last start of each workflow by earlier ticks; a workflow's own is not waited
    for. The sooner one ticks again, the earlier it starts; the gap gives way where that would be
    too late otherwise.
    """
    starts: dict[str, datetime] = {}
    slot = moment
    for workflow_id, following in sorted(next_ticks.items(), key=lambda item: (item[1], item[0])):
        others = [at + gap for other, at in planned.items() if other != workflow_id]
        latest = max(moment, following - MINUTE)
        starts[workflow_id] = min(max([slot, *others]), latest)
        slot = max(slot, starts[workflow_id] + gap)
    return starts
