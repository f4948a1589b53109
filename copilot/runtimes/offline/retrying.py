"""Trying again, against what passes by itself: more often, and with longer pauses."""

from collections.abc import Iterator
from decimal import Decimal

from pydantic import JsonValue

from ...fixes import number_of
from ...fixes.retry_policy import BACKOFF, LONGEST_BACKOFF, MOST_RETRIES, RETRIES, policy_of
from ...types import RootCause
from .scene import Scene, shown
from .suggestion import Suggestion, suggestion

#: Seconds of the first pause: a service that counts requests by the minute needs more of them.
_PAUSES = {RootCause.RATE_LIMIT: 10.0}
_PAUSE = 2.0
#: Errors the engine itself does not try again.
_FOREVER = frozenset({"step_failed", "action_failed", "network_blocked"})


def retried(scene: Scene) -> Iterator[Suggestion]:
    """Two more attempts, or as many as the knowledge base says, where doing it twice is safe."""
    step, diagnosis = scene.step, scene.diagnosis
    never = diagnosis.retry_helps is False or "resets" in diagnosis.captures
    if step is None or never or scene.failure.error.code in _FOREVER:
        return
    policy = policy_of(step)
    retries = number_of(policy.get("max_retries", RETRIES))
    pause = number_of(policy.get("backoff_seconds", BACKOFF))
    if retries is None or pause is None:
        return
    data: dict[str, JsonValue] = {"type": "retry_policy", "step": step.id}
    wanted = min(max(_hinted(scene), int(retries) + 2), MOST_RETRIES)
    if wanted > retries:
        data["max_retries"] = wanted
    longer = min(_PAUSES.get(diagnosis.root_cause, _PAUSE), LONGEST_BACKOFF)
    if Decimal(str(longer)) > pause:
        data["backoff_seconds"] = longer
    more = f" up to {wanted} times instead of {retries:,} ({wanted + 1} attempts in all)"
    tries = more if wanted > retries else ""
    waits = f", waiting {longer:g} s at first" if "backoff_seconds" in data else ""
    description = f"Retry step {shown(step.title)}{tries}{waits}; the pause grows each time"
    is_best = diagnosis.root_cause is not RootCause.TIMEOUT
    if found := suggestion(scene, data, description, best=is_best):
        yield found


def _hinted(scene: Scene) -> int:
    """How often the knowledge base says to try again; 0 when it does not say."""
    values = (
        hint.parameters.get("max_retries")
        for hint in scene.diagnosis.fixes
        if hint.type == "retry_policy"
    )
    return next((value for value in values if isinstance(value, int)), 0)
