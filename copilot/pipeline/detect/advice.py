"""What to do about a repeated failure until it is put right, by its root cause."""

from collections.abc import Mapping

from ...types import RootCause

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
