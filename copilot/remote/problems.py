"""What a server refuses with: problem+json in, the same deliberate error as here out."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import (
    AlreadyExists,
    ApprovalRefused,
    CopilotError,
    EditedMeanwhile,
    Forbidden,
    InsufficientCredits,
    InvalidCursor,
    InvalidFix,
    InvalidInput,
    KeyReused,
    NotAnalysable,
    NotFound,
    NotReversible,
    RequestInProgress,
    RuleConflict,
    StaleBase,
    StoreUnavailable,
    TooManyRequests,
    Unauthenticated,
    UndoExpired,
    UnknownName,
)
from .engine import engine_error
from .sentences import Sentence


class ServerRefused(CopilotError):
    """`ServerRefused(code, words, retryable)`: a refusal that this release has no class for."""

    code = "server_refused"

    def __init__(self, code: str, words: str, retryable: bool) -> None:
        super().__init__(code, words, retryable)
        # what is a constant of every other class is known here only once it has happened
        self.__dict__.update(code=code, retryable=retryable)

    def __str__(self) -> str:
        return str(self.args[1])


class FieldProblem(BaseModel):
    field: str
    problem: str


class Problem(BaseModel):
    """problem+json. Members that only some codes have are in `model_extra`."""

    model_config = ConfigDict(extra="allow")

    code: str
    detail: str = ""
    title: str = ""
    advice: str = ""
    retryable: bool = False
    request_id: str | None = None
    errors: tuple[FieldProblem, ...] = Field(default=())
    problems: tuple[str, ...] = Field(default=())

    @classmethod
    def read(cls, data: Any) -> "Problem | None":
        """The problem in an answer's JSON; None when it is something else."""
        if not isinstance(data, dict):
            return None
        known = {
            name: value for name, value in cast("dict[str, Any]", data).items() if value is not None
        }
        try:
            return cls.model_validate(known)
        except ValidationError:
            return None

    @property
    def facts(self) -> Mapping[str, Any]:
        """Every member that only some codes have."""
        return {**(self.model_extra or {}), "advice": self.advice, "problems": self.problems}


#: What is asked for as a whole, so that only the workspace or the server itself can be missing.
_IN_EVERY_WORKSPACE = frozenset({"workspace", "address", "failure", "setting"})
_NO_WORKSPACE = "No such workspace for this key, or no Ask Copilot at this address."

#: Errors whose arguments are members of the problem, under these names; an empty text is left out
#: there, which is why each has what stands for it.
_FACTS: Mapping[str, tuple[type[CopilotError], Mapping[str, Any]]] = MappingProxyType(
    {
        "forbidden": (Forbidden, {"scope": None, "role": None, "persons_only": None, "reason": ""}),
        "insufficient_credits": (InsufficientCredits, {"available": None, "price": None}),
        "invalid_input": (InvalidInput, {"where": None, "reason": "", "advice": ""}),
        "not_a_failed_execution": (NotAnalysable, {"run_status": None}),
        "stale_base": (
            StaleBase,
            {"seen_version": None, "current_version": None, "fresh_diff": ""},
        ),
        "edited_meanwhile": (
            EditedMeanwhile,
            {"seen_version": None, "current_version": None, "fresh_diff": "", "reason": ""},
        ),
        "too_many_requests": (TooManyRequests, {"limit": None, "retry_after": None}),
        "unknown_name": (UnknownName, {"kind": None, "name": "", "near": ()}),
        "idempotency_key_reused": (KeyReused, {}),
        "request_in_progress": (RequestInProgress, {}),
    }
)

#: Errors whose arguments are in the words alone. Other words of the same code are the engine's.
_SENTENCES: Mapping[str, Sentence[CopilotError]] = MappingProxyType(
    {
        "unauthenticated": Sentence(Unauthenticated, str),
        "already_exists": Sentence(AlreadyExists, str),
        "invalid_cursor": Sentence(InvalidCursor),
        "invalid_fix": Sentence(InvalidFix, str, str),
        "approval_refused": Sentence(ApprovalRefused, str),
        "undo_expired": Sentence(UndoExpired, float),
        "not_reversible": Sentence(NotReversible, str),
        "rule_conflict": Sentence(RuleConflict, str),
        "store_unavailable": Sentence(StoreUnavailable, str),
    }
)


def refusal(problem: Problem, *, missing: Callable[[], Exception]) -> Exception:
    """The error for *problem*; ServerRefused for a code that this release does not know.

    missing: makes the error for `not_found`, because the answer never says what there is none of.
    """
    if problem.code == NotFound.code:
        return _nothing_there(missing())
    if problem.errors:
        first = problem.errors[0]
        return InvalidInput(first.field, f"{first.problem}.", "")
    found = (
        _from_facts(problem)
        or _from_words(problem)
        or engine_error(problem.code, problem.detail, problem.facts)
    )
    return found or ServerRefused(problem.code, _words(problem), problem.retryable)


def _nothing_there(error: Exception) -> Exception:
    in_every_workspace = isinstance(error, NotFound) and error.args[0] in _IN_EVERY_WORKSPACE
    return ServerRefused(NotFound.code, _NO_WORKSPACE, False) if in_every_workspace else error


def _from_facts(problem: Problem) -> CopilotError | None:
    if problem.code not in _FACTS:
        return None
    error, names = _FACTS[problem.code]
    facts = {name: problem.facts.get(name, empty) for name, empty in names.items()}
    if None in facts.values():
        return None
    return error(*(_frozen(one) for one in facts.values()))


def _frozen(value: Any) -> Any:
    return tuple(cast("list[Any]", value)) if isinstance(value, list) else value


def _from_words(problem: Problem) -> CopilotError | None:
    sentence = _SENTENCES.get(problem.code)
    return None if sentence is None else sentence.read(problem.detail)


def _words(problem: Problem) -> str:
    words = problem.detail or f"{problem.title or problem.code}. {problem.advice}".strip()
    return f"{words} (request {problem.request_id})" if problem.request_id else words
