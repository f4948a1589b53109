"""Root causes as a person would say them."""

from collections.abc import Mapping
from types import MappingProxyType

from ...types import RootCause, Verdict

_WORDS: Mapping[RootCause, str] = MappingProxyType(
    {
        RootCause.MISSING_TEMPLATE: "A template is missing",
        RootCause.MISSING_RESOURCE: "Something it needs is not there",
        RootCause.MISSING_INTEGRATION: "An account is not connected",
        RootCause.MISSING_FIELD: "A field is missing",
        RootCause.MISSING_STEP_OUTPUT: "An earlier step did not give what is read here",
        RootCause.AUTH_ERROR: "The login or key was not accepted",
        RootCause.PERMISSION_DENIED: "It is not allowed to do this",
        RootCause.RATE_LIMIT: "Too many requests in a short time",
        RootCause.QUOTA_EXHAUSTED: "A quota or plan is used up",
        RootCause.BUDGET_EXCEEDED: "A budget of the run is used up",
        RootCause.NETWORK_ERROR: "The other side could not be reached",
        RootCause.TIMEOUT: "It took too long",
        RootCause.UPSTREAM_ERROR: "The other side failed",
        RootCause.INVALID_DATA: "The data is not as it must be",
        RootCause.INVALID_MODEL_OUTPUT: "The model's answer can't be used",
        RootCause.CONTEXT_LENGTH: "Too much text for the model",
        RootCause.CONTENT_FILTERED: "The model's provider blocked the content",
        RootCause.MODEL_UNAVAILABLE: "The model is not available",
        RootCause.TURN_LIMIT: "Too many turns without an end",
        RootCause.LOGIC_ERROR: "A mistake in the code or the workflow",
        RootCause.DEPENDENCY_ERROR: "A library is missing or does not fit",
        RootCause.CONFIGURATION_ERROR: "A setting is missing or wrong",
        RootCause.RESOURCE_EXHAUSTED: "Memory, disk or another resource ran out",
        RootCause.CONFLICT: "Somebody else changed or holds it",
        RootCause.SERIALIZATION_ERROR: "A value can't be stored or read back",
        RootCause.UNKNOWN: "Not known",
    }
)
_SURE: Mapping[Verdict, str] = MappingProxyType(
    {
        Verdict.CONFIRMED: "confirmed",
        Verdict.LIKELY: "likely",
        Verdict.INCONCLUSIVE: "inconclusive",
    }
)


def cause_in_words(cause: RootCause, verdict: Verdict) -> str:
    """'The login or key was not accepted: auth_error (confirmed)'."""
    return f"{_WORDS[cause]}: {cause.value} ({_SURE[verdict]})"
