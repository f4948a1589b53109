"""One failure of each kind that our own engine has, in its own words and facts."""

from collections.abc import Iterator
from itertools import chain
from typing import Any, NamedTuple

from engine import errors
from engine.actions._answers import failure
from engine.errors import EngineError, RunCrashed, RunTimeout, StepError, UnserializableValue
from engine.run import budget

ADDRESS = "https://crm.acme.example/v1"
#: Statuses of HTTP that the engine tells apart.
STATUSES = (301, 400, 401, 402, 403, 404, 405, 408, 409, 410, 412, 413, 415, 422, 423, 425, 429)
STATUSES_OF_ITS_OWN_FAULT = (500, 501, 502, 503, 504, 529)


class OwnError(NamedTuple):
    error: EngineError
    action: str | None = None

    @property
    def id(self) -> str:
        return f"{self.error.code}: {str(self.error)[:60]}"

    @property
    def details(self) -> dict[str, Any]:
        return getattr(self.error, "details", {})


def answered(status: int) -> OwnError:
    headers = {"location": "https://crm.acme.example/v2"}
    error = failure(ADDRESS, status, headers=headers, excerpt="no")
    assert error is not None
    return OwnError(error, "http_request")


def _step(_kind: str, message: str, action: str | None = None, **details: Any) -> OwnError:
    return OwnError(getattr(errors, _kind)(message, **details), action)


def classes(root: type[EngineError] = StepError) -> Iterator[type[EngineError]]:
    """*root* and all that the engine ships below it."""
    yield root
    below = (one for one in root.__subclasses__() if one.__module__.startswith("engine."))
    yield from chain.from_iterable(map(classes, below))


_MODEL: dict[str, Any] = {"model": "gpt-6-luna", "runtime": "openai"}
_LIMIT: dict[str, Any] = {
    "name": "LinkedIn",
    "limit": 100,
    "unit": "invitations",
    "period": "daily",
}
_RESETS: dict[str, Any] = {"resets_at": "2029-03-06T00:00:00+00:00"}

OWN: tuple[OwnError, ...] = (
    *map(answered, (*STATUSES, *STATUSES_OF_ITS_OWN_FAULT)),
    _step("StepTimeout", f"{ADDRESS} did not answer within 5 s", "http_request", limit=5.0),
    _step("StepTimeout", "gpt-6-luna at openai gave no answer in 60 s.", limit=60.0, **_MODEL),
    _step("NetworkFailed", f"{ADDRESS} could not be reached: All connection attempts failed", name="x"),
    _step("NetworkFailed", f"{ADDRESS} could not be reached: The name crm.acme.example could not be found"),
    _step("NetworkBlocked", "10.20.0.5 is a private address, which workflows may not reach", kind="address", name="10.20.0.5", port=80),
    _step("AuthFailed", "The mail server refused to let us in: 535 bad", "send_email", status=535),
    _step("AuthFailed", "openai refused the key it was asked with.", **_MODEL),
    _step("RateLimited", "The mail server limits how much may be sent: 450 4.7.1 too many", "send_email", status=450),
    _step("RateLimited", "Acme's minute limit of 10 calls is used up for now.", retry_after=30.0),
    _step("UpstreamFailed", "The mail server can't take the message now: 451 later", "send_email", status=451),
    _step("UpstreamFailed", "openai is overloaded: gpt-6-luna did not answer.", **_MODEL),
    _step("InvalidData", "The mail server refused the address a@b.example: 550 no such user", "send_email", kind="recipient", field="to"),
    _step("PermissionDenied", "The mail server refused the message for a@b.example: 554 spam", "send_email", kind="mail"),
    _step("InvalidParameters", "The mail server mx:25 can't do what its settings ask for: STARTTLS extension not supported by server.", "send_email", kind="mail_server"),
    _step("ActionFailed", "The connection to the mail server was lost while a message was handed over; it may or may not have been sent", "send_email", kind="in_doubt"),
    _step("ActionFailed", "The mail server can't take the message now: 451 x (after 2 of 3 messages were sent)", "send_email", kind="in_part"),
    _step("PermissionDenied", "out.csv can't be written: Permission denied", "write_file", kind="write", name="out.csv"),
    _step("PermissionDenied", "Document '../x' leads out of the workspace's folder.", kind="document", name="../x"),
    _step("Conflict", "out can't be a file here: Is a directory", "write_file", name="out"),
    _step("InvalidData", "leads.xlsx is larger than 50 MB", "read_sheet", kind="size"),
    _step("InvalidData", "A message needs 1 to 50 addresses", "send_email", kind="mail"),
    _step("IntegrationNotConnected", "Gmail integration not connected", "send_email", name="Gmail"),
    _step("TemplateNotFound", "Email template 'X' was not found", "render_template", name="X"),
    _step("FieldNotFound", "Field 'Emial' not found. Did you mean 'Email'?", "filter_rows", name="Emial"),
    _step("VariableNotFound", "Variable read.rwos not found.", name="read.rwos"),
    _step("ResourceNotFound", "Document 'a.pdf' not found.", kind="document", name="a.pdf"),
    _step("InvalidParameters", "Document 'a.pdf' needs a reader that is not installed.", kind="reader"),
    OwnError(budget.over_time(budget.Cap(5.0, "the step's max_seconds"))),
    _step("TurnLimitReached", "Turn limit of 3 reached. Set by the step's max_turns.", limit=3),
    _step("QuotaExhausted", "LinkedIn's daily limit of 100 invitations leaves 40, and this step needs 50; it resets at 00:00 UTC.", kind="left", used=60, **_LIMIT, **_RESETS),
    _step("QuotaExhausted", "This step needs 150 at once, and LinkedIn's daily limit of 100 invitations is less than that.", kind="below", used=0, **_LIMIT),
    _step("QuotaExhausted", "LinkedIn wants no more requests until 2029-03-06 10:00 UTC. It said: too many", kind="stopped", name="LinkedIn", **_RESETS),
    _step("InvalidModelOutput", "The model called 'x', and this step has no tools.", kind="tools"),
    _step("ContextTooLong", "The prompt is longer than the context window of gpt-6-luna at openai.", **_MODEL),
    _step("ContentFiltered", "gpt-6-luna at openai declined to answer this prompt.", reason="refusal", **_MODEL),
    _step("ModelUnavailable", "The model gpt-6-luna is not available at openai: it is gone.", **_MODEL),
    _step("ValidationFailed", "Validation failed: not_empty: the output is empty", "render_template"),
    _step("PluginFailed", "Plugin failed: crm_check: the company is no customer", kind="refused"),
    _step("PluginFailed", "Plugin failed: crm_check: ValueError", kind="unasked"),
    _step("MergeConflict", "The branches 'a' and 'b' of 'Fan' gave different values under 'k'.", key="k"),
    _step("LoopLimitReached", "Loop 'l' was not done after 3 iterations.", limit=3),
    _step("ApprovalRejected", "'Send' was rejected by bob: no", by="bob", comment="no"),
    _step("ApprovalExpired", "Nobody decided about 'Send' until 2029-03-01 at 09:00 UTC."),
    _step("StepStopped", "Step 'x' was stopped because the branch 'b' beside it had failed.", branch="b"),
    OwnError(RunTimeout(2.0, "Ask the CRM"), "http_request"),
    OwnError(RunCrashed("it was started too often without coming to an end.")),
    OwnError(UnserializableValue("Thing", "output of /a")),
)  # fmt: skip
