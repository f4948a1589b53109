"""Everything the copilot raises on purpose.

* CopilotError
  + NotFound               no such thing in this workspace (the same for somebody else's)
  + Unauthenticated        no key, or none that is valid now
  + Forbidden              known, but this role may not, or only a person may
  + KeyReused              an idempotency key came back with another request
  + AlreadyExists          a repeated request can't be carried out anew: what it made is in use
  + RequestInProgress      the same request is being answered right now
  + TooManyRequests        more than this key may ask in a minute
  + ServerUnreachable      no answer from the server that was named
  + UnknownName            a source, fix type, runtime or setting nobody registered
  + InvalidInput           what the caller gave can't be read; says where and what to do
  + InvalidCursor          a page marker that no page gave
  + NotAnalysable          the run is not a failed one
  + InsufficientCredits    the ledger refused the reservation
  + InvalidFix             the fix does not fit this workflow, or may not do this
  + StaleBase              the workflow changed between preview and apply
  + EditedMeanwhile        what a fix touched was edited, so it can't be taken back
  + ApprovalRefused        none, used already, expired, or for another diff
  + UndoExpired            the undo window has closed; revert is still there
  + NotReversible          nothing to take back: never applied, taken back already, or an undo itself
  + RuleConflict           a person's rule about groups says otherwise
  + StoreBusy              another process holds this database
  + StoreUnavailable       the database or its disk can't be used
"""

from typing import Any, ClassVar, Final

#: Above it there is none.
_HIGHEST_ROLE: Final = "owner"


class CopilotError(Exception):
    """Base of all deliberate errors; `code` is stable and public, the message is not.

    Arguments are kept raw and formatted in `__str__`, so that every error survives being stored
    and rebuilt from its arguments.
    """

    code: ClassVar[str] = "copilot_error"
    retryable: ClassVar[bool] = False


class NotFound(CopilotError):
    """`NotFound(kind)`: never says whether the thing exists elsewhere, so it echoes no id."""

    code = "not_found"

    def __str__(self) -> str:
        (kind,) = self.args
        return f"No such {kind} in this workspace."


class Unauthenticated(CopilotError):
    """`Unauthenticated(problem)`: never says which of the keys it is, or whether there is one."""

    code = "unauthenticated"

    def __str__(self) -> str:
        (problem,) = self.args
        return f"This needs an API key: {problem}"


class Forbidden(CopilotError):
    """`Forbidden(scope, role, persons_only, reason)`: what is missing, the least role that has it,
    whether no machine ever does, and, where that does not say it all, why in words."""

    code = "forbidden"

    def __init__(self, scope: str, role: str, persons_only: bool, reason: str = "") -> None:
        super().__init__(scope, role, persons_only, *filter(None, [reason]))

    def __str__(self) -> str:
        scope, role, persons_only, *reason = self.args
        if reason:
            return str(reason[0])
        who = f"a person with the role {role}" if persons_only else f"the role {role}"
        above = "" if role == _HIGHEST_ROLE else " or above"
        return f"This needs {who}{above} (scope {scope})."


class KeyReused(CopilotError):
    """`KeyReused()`: the stored answer belongs to another request."""

    code = "idempotency_key_reused"

    def __str__(self) -> str:
        return (
            "This Idempotency-Key was used for another request. Make a new one for a new request."
        )


class AlreadyExists(CopilotError):
    """`AlreadyExists(kind)`: what this request made before has been used since."""

    code = "already_exists"

    def __str__(self) -> str:
        (kind,) = self.args
        return (
            f"This request has made its {kind} already, and that has been used or revoked since. "
            "Send a new request, with a new Idempotency-Key."
        )


class RequestInProgress(CopilotError):
    """`RequestInProgress()`: with the same idempotency key."""

    code = "request_in_progress"
    retryable = True

    def __str__(self) -> str:
        return "The same request is being answered. Ask again in a moment, with the same key."


class TooManyRequests(CopilotError):
    """`TooManyRequests(limit, retry_after)`: requests a minute, and seconds to wait."""

    code = "too_many_requests"
    retryable = True

    def __str__(self) -> str:
        limit, retry_after = self.args
        return f"More than {limit} requests a minute. Wait {retry_after} s."


class ServerUnreachable(CopilotError):
    """`ServerUnreachable(url, problem)`."""

    code = "server_unreachable"
    retryable = True

    def __str__(self) -> str:
        url, problem = self.args
        return f"No answer from {url}: {problem}"


class UnknownName(CopilotError):
    """`UnknownName(kind, name, near)`."""

    code = "unknown_name"

    def __str__(self) -> str:
        kind, name, near = self.args
        return f"There is no {kind} called {name!r}. Did you mean {', '.join(near)}?"


class InvalidInput(CopilotError):
    """`InvalidInput(where, problem, advice)`."""

    code = "invalid_input"

    def __str__(self) -> str:
        where, problem, advice = self.args
        return f"{where}: {problem} {advice}".rstrip()


class InvalidCursor(CopilotError):
    """`InvalidCursor()`."""

    code = "invalid_cursor"

    def __str__(self) -> str:
        return "This is not the cursor of a page. Use the next_cursor of the page before, or none."


class NotAnalysable(CopilotError):
    """`NotAnalysable(status)`: only a failed, timed out or crashed run can be analysed."""

    code = "not_a_failed_execution"

    def __str__(self) -> str:
        (status,) = self.args
        return (
            f"This run has the status {status}. Only a run that failed, timed out, crashed or hit a limit "
            "can be analysed."
        )


class InsufficientCredits(CopilotError):
    """`InsufficientCredits(available, price)` in whole credits."""

    code = "insufficient_credits"

    def __str__(self) -> str:
        available, price = self.args
        return (
            f"Insufficient credits: this analysis needs {price}, {available} left. "
            "An owner can add credits with `ask-copilot credits grant`."
        )


class InvalidFix(CopilotError):
    """`InvalidFix(fix_type, problem)`."""

    code = "invalid_fix"

    def __str__(self) -> str:
        fix_type, problem = self.args
        return f"The fix {fix_type} can't be applied: {problem}"


class StaleBase(CopilotError):
    """`StaleBase(seen, current, fresh_diff)`: versions as integers, the diff as text."""

    code = "stale_base"

    @property
    def diff(self) -> str:
        return str(self.args[2])

    def __str__(self) -> str:
        seen, current, _fresh_diff = self.args
        if seen == current:
            return (
                "This is not the digest of the diff as it is now. Look at the fresh diff and "
                "approve that one."
            )
        return (
            f"The workflow changed after this preview (you saw version {seen}, it is now "
            f"{current}). Look at the fresh diff and approve that one."
        )


class EditedMeanwhile(CopilotError):
    """`EditedMeanwhile(seen, current, diff, why)`: versions as integers; what was edited, as text.

    why: in sentences, where it was not the workflow that was edited, or nothing was: another one
    uses what the fix has made.
    """

    code = "edited_meanwhile"

    def __init__(self, seen: int, current: int, diff: str, why: str = "") -> None:
        super().__init__(seen, current, diff, why)

    @property
    def diff(self) -> str:
        return str(self.args[2])

    @property
    def why(self) -> str:
        return str(self.args[3])

    @property
    def advice(self) -> str:
        """Where there is no diff to go by; empty otherwise."""
        return "" if self.diff else "Do what the detail says first, or leave the fix in place."

    def __str__(self) -> str:
        seen, current, _diff, why = self.args
        return why or (
            f"What the fix touched was edited after it (it made version {seen}, it is now "
            f"{current}), so taking it back would lose that. The diff shows the edits: change the "
            "workflow by hand, or put them back first."
        )


class ApprovalRefused(CopilotError):
    """`ApprovalRefused(problem, advice)`; advice: where to approve it again is of no use."""

    code = "approval_refused"

    @classmethod
    def by_another(cls, problem: str) -> "ApprovalRefused":
        """What takes somebody else."""
        return cls(problem, "Have another person approve the same diff; then it can be applied.")

    @classmethod
    def by_hand(cls) -> "ApprovalRefused":
        """What is done elsewhere, and not applied."""
        problem = "a person does this, by the steps of its preview; then recheck."
        return cls(problem, "Do what the steps of its preview say, then recheck the fix.")

    def __str__(self) -> str:
        return f"Not applied: {self.args[0]}"

    @property
    def advice(self) -> str:
        return self.args[1] if len(self.args) > 1 else ""


class UndoExpired(CopilotError):
    """`UndoExpired(seconds)`."""

    code = "undo_expired"

    def __str__(self) -> str:
        (seconds,) = self.args
        return f"Undo is offered for {seconds:g} s after applying. Use revert instead."


class NotReversible(CopilotError):
    """`NotReversible(problem)`."""

    code = "not_reversible"

    def __str__(self) -> str:
        (problem,) = self.args
        return f"Nothing to take back: {problem}"


class RuleConflict(CopilotError):
    """`RuleConflict(problem)`: names the rules in the way, and who made them."""

    code = "rule_conflict"

    def __str__(self) -> str:
        (problem,) = self.args
        return f"Against what a person has said of these groups: {problem}"


class StoreBusy(CopilotError):
    """`StoreBusy(path, waited)`: seconds waited for the other process."""

    code = "store_busy"
    retryable = True

    def __str__(self) -> str:
        path, waited = self.args
        return (
            f"Another ask-copilot process is using {path} (waited {waited:g} s). "
            "Wait for it to finish, or use another --data folder."
        )


class StoreUnavailable(CopilotError):
    """`StoreUnavailable(problem)`: in the words of the database or the operating system."""

    code = "store_unavailable"

    def __str__(self) -> str:
        (problem,) = self.args
        return f"The database or its folder can't be used: {problem}"


def details(error: CopilotError) -> dict[str, Any]:
    """The error as every surface shows it: a stable code and what to do."""
    return {"code": error.code, "message": str(error), "retryable": error.retryable}
