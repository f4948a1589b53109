"""Whether a failure is one of many: the same group again and again in the last failed runs."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from ..storage.failures import Sighting
from ..types import Pattern, RootCause

#: Variable parts that happen to be equal rather than name something.
NAMELESS = frozenset({"time", "duration", "size", "object"})
#: Variable parts that people know a thing by.
NAMES = frozenset({"name", "str", "path", "host"})
#: How many of the names that differ are listed.
LISTED = 3

#: What to do until it is put right: with one name that all failures share, and without. The line
#: about the root cause names it too, so the name may be left out.
ADVICE: Mapping[RootCause, tuple[str, str]] = {
    RootCause.MISSING_TEMPLATE: (
        "Pause this agent until template is created",
        "Pause this agent until the missing templates are created",
    ),
    RootCause.MISSING_RESOURCE: (
        "Pause this agent until '{name}' exists",
        "Pause this agent until the resources it names exist",
    ),
    RootCause.MISSING_INTEGRATION: (
        "Pause this agent until '{name}' is connected",
        "Pause this agent until the integration is connected",
    ),
    RootCause.MISSING_FIELD: (
        "Pause this agent until the field '{name}' is there",
        "Pause this agent until the missing fields are there",
    ),
    RootCause.MISSING_STEP_OUTPUT: (
        "Correct the reference to '{name}' before the next run",
        "Correct the references between the steps before the next run",
    ),
    RootCause.AUTH_ERROR: (
        "Pause this agent until '{name}' is signed in again",
        "Pause this agent until the account is signed in again",
    ),
    RootCause.PERMISSION_DENIED: (
        "Pause this agent until access to '{name}' is granted",
        "Pause this agent until the missing permission is granted",
    ),
    RootCause.RATE_LIMIT: (
        "Let this agent call '{name}' less often",
        "Let this agent run less often, or ask the provider for a higher rate limit",
    ),
    RootCause.QUOTA_EXHAUSTED: (
        "Pause this agent until the quota of '{name}' is renewed",
        "Pause this agent until the quota is renewed",
    ),
    RootCause.BUDGET_EXCEEDED: (
        "Pause this agent until the budget of '{name}' is raised or its steps cost less",
        "Pause this agent until its budget is raised or its steps cost less",
    ),
    RootCause.NETWORK_ERROR: (
        "Pause this agent until '{name}' can be reached",
        "Pause this agent until the connection works again",
    ),
    RootCause.TIMEOUT: (
        "Give '{name}' more time, or less to do, before the next run",
        "Give the step more time, or less to do, before the next run",
    ),
    RootCause.UPSTREAM_ERROR: (
        "Pause this agent until '{name}' works again",
        "Pause this agent until the service it calls works again",
    ),
    RootCause.INVALID_DATA: (
        "Pause this agent until '{name}' is corrected",
        "Check the data that goes into this step before the next run",
    ),
    RootCause.INVALID_MODEL_OUTPUT: (
        "Say in the instructions which form '{name}' must have",
        "Say in the instructions which form the answer must have",
    ),
    RootCause.CONTEXT_LENGTH: (
        "Give '{name}' less text at once",
        "Give the model less text at once",
    ),
    RootCause.CONTENT_FILTERED: (
        "Reword what is sent to '{name}' before the next run",
        "Reword the instructions, or take the refused content out, before the next run",
    ),
    RootCause.MODEL_UNAVAILABLE: (
        "Choose another model than '{name}' for this agent",
        "Choose another model for this agent",
    ),
    RootCause.TURN_LIMIT: (
        "Split the task of '{name}', or allow it more turns",
        "Split this agent's task, or allow it more turns",
    ),
    RootCause.LOGIC_ERROR: (
        "Correct '{name}' in the workflow before the next run",
        "Correct the workflow before the next run",
    ),
    RootCause.DEPENDENCY_ERROR: (
        "Pause this agent until '{name}' is installed and works",
        "Pause this agent until the missing dependency is installed and works",
    ),
    RootCause.CONFIGURATION_ERROR: (
        "Pause this agent until the setting '{name}' is corrected",
        "Pause this agent until its settings are corrected",
    ),
    RootCause.RESOURCE_EXHAUSTED: (
        "Pause this agent until '{name}' has room again",
        "Pause this agent until there is memory and disk space again",
    ),
    RootCause.CONFLICT: (
        "Pause this agent until the conflict over '{name}' is settled",
        "Pause this agent until the conflicting changes are settled",
    ),
    RootCause.SERIALIZATION_ERROR: (
        "Correct the form of '{name}' before the next run",
        "Correct the form of the data between the steps before the next run",
    ),
    RootCause.UNKNOWN: (
        "Pause this agent and look into '{name}'",
        "Pause this agent until the error is understood",
    ),
}


def detect(
    current: Sighting,
    recent: Iterable[Sighting],
    *,
    root_cause: RootCause,
    captures: Mapping[str, str] | None = None,
    threshold: int = 5,
    window: int = 10,
) -> Pattern:
    """A pattern when *threshold* of the last *window* failed runs share the group of *current*.

    recent: failed runs of the workflow, newest first, with *current* or without it. Runs in test
    mode don't count, *current* included. captures: names the diagnosis found in the error; the
    recommendation uses the first that every member shares.
    """
    failed = _last(current, recent, window)
    members = [seen for seen in failed if seen.root == current.root]
    times = [seen.occurred_at for seen in members]
    is_pattern = len(members) >= threshold
    shared = _shared(members)
    return Pattern(
        is_pattern=is_pattern,
        error_message=current.label,
        failure_count=len(members),
        window=len(failed),
        first_occurred=min(times, default=None),
        last_occurred=max(times, default=None),
        shared_entities=shared if is_pattern else (),
        recommendation=(
            _recommendation(root_cause, members, shared, captures or {}) if is_pattern else None
        ),
        warning=_warning(len(members)) if is_pattern else None,
    )


def _last(current: Sighting, recent: Iterable[Sighting], window: int) -> list[Sighting]:
    """The window: each run once, the current one for sure, test runs never."""
    others = [seen for seen in recent if seen.execution_id != current.execution_id]
    runs = [seen for seen in (current, *others) if not seen.test_mode]
    return runs[:window]


def _shared(members: Sequence[Sighting]) -> tuple[str, ...]:
    """Names that every member has, in the order of the first."""
    if not members:
        return ()
    common = set(members[0].entities).intersection(*(seen.entities for seen in members[1:]))
    named = [
        value
        for kind, value in members[0].entities
        if (kind, value) in common and kind not in NAMELESS
    ]
    return tuple(dict.fromkeys(named))


def _recommendation(
    root_cause: RootCause,
    members: Sequence[Sighting],
    shared: Sequence[str],
    captures: Mapping[str, str],
) -> str:
    with_name, without = ADVICE[root_cause]
    # the file a missing thing was looked for in is there: the thing itself comes first
    named = sorted(captures, key=lambda slot: slot == "file")
    name = next((captures[slot] for slot in named if captures[slot] in shared), None)
    if name is not None:
        return with_name.format(name=name)
    return f"{without}{_differing(members, shared)}"


def _differing(members: Sequence[Sighting], shared: Sequence[str]) -> str:
    """The names seen most, where the members don't agree on one."""
    seen = Counter(
        value
        for member in members
        for value in dict.fromkeys(value for kind, value in member.entities if kind in NAMES)
        if value not in shared
    )
    if not seen:
        return ""
    listed = ", ".join(f"'{value}' ({count})" for value, count in seen.most_common(LISTED))
    return f"; seen most: {listed}"


def _warning(count: int) -> str:
    return f"This agent has failed {count} times with the same error."
