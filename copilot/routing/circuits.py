"""Models that do not answer are left alone for a while.

After `FAILURES` calls in a row without an answer a model's circuit is open: it is not asked. When
the time is over it is half open: one call may try. If that fails too, it stays open for twice as
long. A model that says when to come back is left alone until then.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from ..runtimes import FailureKind

FAILURES = 5
FIRST_PAUSE_SECONDS = 30.0
LONGEST_PAUSE_SECONDS = 300.0
#: A timer may ring this much too early.
_EARLY = 0.01
_NO_ANSWER = frozenset(
    {
        FailureKind.NETWORK,
        FailureKind.TIMEOUT,
        FailureKind.SERVER,
        FailureKind.OVERLOADED,
        FailureKind.AUTH,
    }
)
_SAYS_NOTHING = frozenset({FailureKind.NOT_READY, FailureKind.RATE_LIMIT, FailureKind.QUOTA})


class CircuitState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """One model as it stands. `seconds`: how much longer it is left alone. `kind`: why."""

    runtime: str
    model: str
    state: CircuitState
    failures: int
    kind: FailureKind
    seconds: float


@dataclass(slots=True)
class _Trouble:
    kind: FailureKind
    failures: int = 0
    pause: float = 0.0
    open_until: float | None = None
    come_back_at: float = 0.0
    probing: bool = False


class Circuits:
    """By runtime and model; only those in trouble are kept. Changed from one thread only."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._troubled: dict[tuple[str, str], _Trouble] = {}

    def admit(self, runtime: str, model: str) -> FailureKind | None:
        """None: ask it, and tell what came of it. Otherwise why it must be left alone now."""
        trouble = self._troubled.get((runtime, model))
        if trouble is None:
            return None
        now = self._clock() + _EARLY
        if now < trouble.come_back_at:
            return FailureKind.RATE_LIMIT
        if trouble.open_until is None:
            return None
        if now < trouble.open_until or trouble.probing:
            return trouble.kind
        trouble.probing = True
        return None

    def answered(self, runtime: str, model: str) -> None:
        """It is there, whatever it said."""
        self._troubled.pop((runtime, model), None)

    def failed(
        self, runtime: str, model: str, kind: FailureKind, *, retry_after: float | None = None
    ) -> None:
        """A call failed. What only an answering model can say counts as an answer."""
        key = runtime, model
        if kind in _NO_ANSWER:
            trouble = self._troubled.setdefault(key, _Trouble(kind))
            trouble.probing = False
            trouble.kind = kind
            trouble.failures += 1
            if trouble.failures >= FAILURES:
                self._open(trouble)
        elif kind is FailureKind.RATE_LIMIT and retry_after is not None:
            trouble = self._troubled.setdefault(key, _Trouble(kind))
            trouble.probing = False
            trouble.come_back_at = self._clock() + min(retry_after, LONGEST_PAUSE_SECONDS)
        elif kind in _SAYS_NOTHING:
            self.let_go(runtime, model)
        else:
            self.answered(runtime, model)

    def let_go(self, runtime: str, model: str) -> None:
        """A call ended without telling anything about the model: nobody waited for it."""
        trouble = self._troubled.get((runtime, model))
        if trouble is not None:
            trouble.probing = False

    def states(self) -> tuple[Circuit, ...]:
        """Every model in trouble; all others are closed. May be asked in any thread."""
        now = self._clock()
        return tuple(
            _shown(key, trouble, now) for key, trouble in sorted(self._troubled.copy().items())
        )

    def _open(self, trouble: _Trouble) -> None:
        longer = trouble.pause * 2 or FIRST_PAUSE_SECONDS
        trouble.pause = min(longer, LONGEST_PAUSE_SECONDS)
        trouble.open_until = self._clock() + trouble.pause


def _shown(key: tuple[str, str], trouble: _Trouble, now: float) -> Circuit:
    seconds = max(0.0, trouble.come_back_at - now, (trouble.open_until or 0.0) - now)
    state = CircuitState.OPEN if seconds else CircuitState.CLOSED
    if not seconds and trouble.open_until is not None:
        state = CircuitState.HALF_OPEN
    return Circuit(
        runtime=key[0],
        model=key[1],
        state=state,
        failures=trouble.failures,
        kind=FailureKind.RATE_LIMIT if trouble.come_back_at > now else trouble.kind,
        seconds=seconds,
    )
