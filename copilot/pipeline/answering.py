"""From a composed report to the stored one: whoever was asked, one request is answered once.

Before a model is asked, the highest price is put aside under the request's key; what it did cost is
settled in the commit that stores the report. Whoever finds the key taken asks nobody: it waits for
that answer. What a crash left behind resolves to the rules' report, and no second call.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from ..errors import InsufficientCredits
from ..policy import Policy
from ..ports import DefinitionChecker
from ..runtimes import Model
from ..storage.analyses import FinishedAnalysis, ReuseKey
from ..storage.database import new_id
from ..storage.store import Store
from ..types import Diagnosis, Failure, Report, RunRecord, Verdict
from ..types.consultation import Consultation, ModelUse
from ..types.proposal import Judged
from .consult import Consultant, Consulted
from .hybrid import blended, offers_of_both
from .learned import free_because
from .offers import drafts
from .report import Offer, Surroundings

INTERRUPTED: Final = "interrupted"
NO_CREDITS: Final = "credits"
NO_EVIDENCE: Final = "no_evidence"
_LOOK_AGAIN = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A failure with everything the rules have to say about it, before anybody has paid.

    earlier: what the rules alone have answered for the same failure, and were paid for. beside:
    what is offered, and is none of the report's fixes.
    """

    run: RunRecord
    failure: Failure
    diagnosis: Diagnosis
    around: Surroundings
    report: Report
    offers: Sequence[Offer]
    reuse: ReuseKey
    policy: Policy
    request_key: str | None
    asked_by: str | None
    chain: Sequence[Model] = ()
    require_model: bool = False
    earlier: Report | None = None
    beside: Sequence[Offer] = ()

    @property
    def key(self) -> str:
        """Without a key of the caller's, requests at once for one answer share one of ours."""
        if self.request_key is not None:
            return self.request_key
        after = f":{self.earlier.analysis_id}" if self.earlier else ""
        return f"{self.run.execution_id}:{self.reuse.digest}{after}"


class Answering:
    def __init__(self, store: Store, checker: DefinitionChecker | None) -> None:
        self._store = store
        self._checker = checker

    def by_rules(self, work: Work, *, reason: str | None = None) -> Report:
        """The rules' report. reason: why no model answers where one was to. InsufficientCredits."""
        price = 0 if free_because(work.around.lessons) else work.policy.offline_credit_cost
        return self._store.analyses.answer(_by_rules(work, work.key, reason=reason), price=price)

    def by_model(
        self,
        work: Work,
        consultant: Consultant,
        *,
        until: float,
        on_text: Callable[[str], None] | None,
    ) -> Report:
        """A model's report, or that of the rules with the reason. Raises InsufficientCredits."""
        policy, workspace_id = work.policy, work.run.workspace_id
        price = max(policy.model_credit_cost, policy.offline_credit_cost)
        key = work.key
        try:
            claim = self._store.ledger.claim(workspace_id, key, price=price)
            if not claim.fresh and self._is_spent(work, key):
                key = new_id("request")
                claim = self._store.ledger.claim(workspace_id, key, price=price)
        except InsufficientCredits:
            if work.require_model:
                raise
            return self.by_rules(work, reason=NO_CREDITS)
        if not claim.fresh:
            return self._wait(work, key, until=until)
        return self._ask(work, key, consultant, until=until, on_text=on_text)

    def _is_spent(self, work: Work, key: str) -> bool:
        """Whether one of our own keys was given back after a crash: it is nobody's request."""
        if work.request_key is not None:
            return False
        reservation = self._store.ledger.reservation(work.run.workspace_id, key)
        settled = reservation is not None and reservation.settled is not None
        return settled and self._store.analyses.by_key(work.run.workspace_id, key) is None

    def _ask(
        self,
        work: Work,
        key: str,
        consultant: Consultant,
        *,
        until: float,
        on_text: Callable[[str], None] | None,
    ) -> Report:
        with consultant.holding(work.run.workspace_id, work.policy) as cap:
            consulted = consultant.ask(
                work.run,
                work.failure,
                work.diagnosis,
                work.report,
                work.around,
                chain=work.chain,
                cap_usd=cap,
                until=until,
                on_text=on_text,
            )
            return self._store.analyses.finish(self._answered(work, key, consulted))

    def _answered(self, work: Work, key: str, consulted: Consulted) -> FinishedAnalysis:
        if consulted.judged is None:
            return _by_rules(
                work, key, reason=consulted.use.reason, use=consulted.use, record=consulted.record
            )
        if not _says_more(consulted.judged, work.diagnosis):
            return _by_rules(
                work, key, reason=NO_EVIDENCE, use=consulted.use, record=consulted.record
            )
        offers = offers_of_both(consulted.judged, work.offers, work.around, checker=self._checker)
        report = blended(work.report, consulted.judged, offers, consulted.use)
        price = 0 if _is_useless(report) else work.policy.model_credit_cost
        told = _NOT_CHARGED if _is_useless(report) else f"answered by {consulted.use.model}"
        return _finished(work, key, report, offers, (price, told), record=consulted.record)

    def _wait(self, work: Work, key: str, *, until: float) -> Report:
        """The answer that somebody else works on; the rules' when nothing comes of it."""
        workspace_id = work.run.workspace_id
        analyses, ledger = self._store.analyses, self._store.ledger
        while True:
            known = analyses.by_key(workspace_id, key)
            if known is not None:
                return known
            reservation = ledger.reservation(workspace_id, key)
            if reservation is None or reservation.settled is not None:
                return self.by_rules(work, reason=INTERRUPTED)
            if time.monotonic() >= until - 2 * _LOOK_AGAIN:
                return analyses.finish(_by_rules(work, key, reason=INTERRUPTED))
            time.sleep(_LOOK_AGAIN)


_NOT_CHARGED = "inconclusive, not charged"


def _by_rules(
    work: Work,
    key: str,
    *,
    reason: str | None,
    use: ModelUse | None = None,
    record: Consultation | None = None,
) -> FinishedAnalysis:
    report = work.report.model_copy(update={"degraded_reason": reason, "model": use})
    charge = work.policy.offline_credit_cost, "answered by the rules"
    if (free := free_because(work.around.lessons)) is not None:
        charge = 0, free
    elif _is_useless(report):
        charge = 0, _NOT_CHARGED
    elif work.earlier is not None:
        charge = 0, "known already"
    return _finished(work, key, report, work.offers, charge, record=record)


def _says_more(judged: Judged, diagnosis: Diagnosis) -> bool:
    """Whether anything of the model's answer stands beside what the rules say."""
    return bool(judged.fixes) or judged.explanation != diagnosis.explanation


def _is_useless(report: Report) -> bool:
    return report.verdict is Verdict.INCONCLUSIVE and not report.suggested_fixes


def _finished(
    work: Work,
    key: str,
    report: Report,
    offers: Sequence[Offer],
    charge: tuple[int, str],
    *,
    record: Consultation | None,
) -> FinishedAnalysis:
    credits, told = charge
    return FinishedAnalysis(
        idempotency_key=key,
        failure=work.failure,
        report=report,
        reuse=work.reuse,
        fixes=drafts((*offers, *work.beside)),
        credits=credits,
        reason=told,
        asked_by=work.asked_by,
        failed=not work.run.is_parked,
        consultation=record,
    )
