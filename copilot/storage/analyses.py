"""Finished analyses and the fixes they suggest: stored, found again, and served again."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import JsonValue, TypeAdapter
from sqlalchemy import Connection, bindparam, insert, select
from sqlalchemy.exc import IntegrityError

from ..errors import InsufficientCredits, NotFound
from ..types import Failure, Frozen, Preview, Receipt, Report
from ..types.consultation import Consultation
from .consultations import insert_consultation
from .database import Database, Prepared, insert_new
from .failures import record_failure
from .ledger import Ledger, find_reservation
from .suggestions import find_advised
from .tables import ANALYSIS, SUGGESTED_FIX

#: Positions of fixes that came after an analysis was stored: behind its own.
_ADDED_LATER = 1000
_JSON = TypeAdapter(dict[str, JsonValue])

_INSERT = Prepared(insert(ANALYSIS), columns=ANALYSIS.c.keys())
_INSERT_FIX = Prepared(insert(SUGGESTED_FIX), columns=SUGGESTED_FIX.c.keys())
_FIX = Prepared(
    select(SUGGESTED_FIX).where(
        SUGGESTED_FIX.c.fix_id == bindparam("fix"),
        SUGGESTED_FIX.c.workspace_id == bindparam("workspace"),
    )
)
#: The newest report by one column, every one of them indexed.
_NEWEST = {
    column: Prepared(
        select(ANALYSIS.c.report)
        .where(
            ANALYSIS.c.workspace_id == bindparam("workspace"),
            ANALYSIS.c[column] == bindparam("value"),
        )
        .order_by(ANALYSIS.c.created_at.desc())
        .limit(1)
    )
    for column in ("analysis_id", "idempotency_key", "execution_id", "reuse_key")
}


@dataclass(frozen=True, slots=True)
class ReuseKey:
    """All of it must be equal for an analysis to be served again; another name is another failure."""

    workspace_id: str
    workflow_id: str
    workflow_version: int | None
    step_path: str | None
    group_root: str
    entities: tuple[tuple[str, str], ...]
    context_hash: str

    @property
    def digest(self) -> str:
        content = {name: getattr(self, name) for name in self.__slots__}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


class FixDraft(Frozen):
    """A suggested fix to be stored; `fix` is what its type reads back."""

    fix_id: str
    fix_type: str
    fix: dict[str, JsonValue]
    preview: Preview | None = None


class StoredFix(FixDraft):
    """A fix with where it came from: all that previewing and applying it needs.

    `analysis_id` is None for one that was suggested before a run.
    """

    analysis_id: str | None
    workflow_id: str


@dataclass(frozen=True, slots=True)
class FinishedAnalysis:
    """What `Analyses.finish` stores. `idempotency_key` is also the key of its reservation.

    failed: whether its run has; one that only waits counts as no failure. consultation: of the
    model that was to be asked for it.
    """

    idempotency_key: str
    failure: Failure
    report: Report
    reuse: ReuseKey
    fixes: Sequence[FixDraft]
    credits: int
    reason: str
    asked_by: str | None = None
    occurrence: int | None = None
    failed: bool = True
    consultation: Consultation | None = None


def again(key: str) -> str:
    """Under which key a request goes on that a crash has interrupted."""
    return f"{key}~"


class Analyses:
    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._database = database
        self._ledger = ledger
        #: Each is told of every new analysis, once it is stored.
        self.listeners: list[Callable[[Report], None]] = []

    def finish(self, analysis: FinishedAnalysis) -> Report:
        """Store failure, analysis and fixes and settle the credits, all in one commit.

        The report comes back with its receipt. When this idempotency key is finished already, the
        stored report comes back and nothing else happens. Raises NotFound without a reservation.
        """
        with self._database.write() as connection:
            # settling comes first: on Postgres it makes a second writer of this key wait
            receipt = self._ledger.settle_in(
                connection,
                analysis.failure.workspace_id,
                analysis.idempotency_key,
                credits=analysis.credits,
                reason=analysis.reason,
            )
            key = analysis.idempotency_key
            row = _find(connection, analysis.failure.workspace_id, "idempotency_key", key)
            if row is not None:
                return Report.model_validate_json(row.report)
            report = _paid(analysis, receipt)
            _insert(connection, analysis, report)
        return self._told(report)

    def answer(self, analysis: FinishedAnalysis, *, price: int) -> Report:
        """`finish` with its reservation of *price* in the same commit: nobody outside was asked.

        A key whose reservation was given back, after a crash, goes on under a second one of its
        own, so that it is answered once all the same. Raises InsufficientCredits; then nothing is
        stored.
        """
        try:
            return self._answer(analysis, price)
        except (IntegrityError, InsufficientCredits):
            # on Postgres the same request may just have won in another thread
            known = self.by_key(analysis.failure.workspace_id, analysis.idempotency_key)
            if known is None:
                raise
            return known

    def _answer(self, analysis: FinishedAnalysis, price: int) -> Report:
        workspace_id, key = analysis.failure.workspace_id, analysis.idempotency_key
        credits, reason = analysis.credits, analysis.reason
        with self._database.write() as connection:
            reserved = find_reservation(connection, workspace_id, key)
            if reserved is not None and reserved.settled is not None:
                row = _find(connection, workspace_id, "idempotency_key", key)
                if row is not None:
                    return Report.model_validate_json(row.report)
                key = again(key)
                row = _find(connection, workspace_id, "idempotency_key", key)
                if row is not None:
                    return Report.model_validate_json(row.report)
                reserved = None
            if reserved is None:
                self._ledger.reserve_in(connection, workspace_id, key, price=price)
            receipt = self._ledger.settle_in(
                connection, workspace_id, key, credits=credits, reason=reason
            )
            report = _paid(analysis, receipt)
            _insert(connection, replace(analysis, idempotency_key=key), report)
        return self._told(report)

    def get(self, workspace_id: str, analysis_id: str) -> Report:
        """Raises NotFound, also for another workspace's."""
        with self._database.read() as connection:
            row = _find(connection, workspace_id, "analysis_id", analysis_id)
        if row is None:
            raise NotFound("analysis")
        return Report.model_validate_json(row.report)

    def by_key(self, workspace_id: str, idempotency_key: str) -> Report | None:
        """The answer an earlier request with this key got, if it was finished."""
        return self._newest(workspace_id, "idempotency_key", idempotency_key)

    def of_run(self, workspace_id: str, execution_id: str) -> Report | None:
        """The newest analysis of a run."""
        return self._newest(workspace_id, "execution_id", execution_id)

    def reusable(self, key: ReuseKey) -> Report | None:
        """The newest analysis of the same failure, with the same names, in the same surroundings."""
        return self._newest(key.workspace_id, "reuse_key", key.digest)

    def fix(self, workspace_id: str, fix_id: str) -> StoredFix:
        """Raises NotFound, also for another workspace's."""
        with self._database.read() as connection:
            row = _FIX.first(connection, {"fix": fix_id, "workspace": workspace_id})
            row = row or find_advised(connection, workspace_id, fix_id)
        if row is None:
            raise NotFound("fix")
        return _fix(row)

    def add_fixes(self, workspace_id: str, analysis_id: str, fixes: Sequence[FixDraft]) -> None:
        """More fixes of an analysis that is told again; one whose id is there already stays.

        Raises NotFound, also for another workspace's.
        """
        found = select(ANALYSIS.c.workflow_id).where(
            ANALYSIS.c.analysis_id == analysis_id, ANALYSIS.c.workspace_id == workspace_id
        )
        with self._database.write() as connection:
            workflow_id = connection.execute(found).scalar_one_or_none()
            if workflow_id is None:
                raise NotFound("analysis")
            of = (workspace_id, analysis_id, workflow_id)
            for position, fix in enumerate(fixes, start=_ADDED_LATER):
                insert_new(connection, SUGGESTED_FIX, _fix_row(fix, of, position))

    def fixes(self, workspace_id: str, analysis_id: str) -> Sequence[StoredFix]:
        """All fixes of one analysis, in the order they were suggested."""
        wanted = (
            select(SUGGESTED_FIX)
            .where(
                SUGGESTED_FIX.c.workspace_id == workspace_id,
                SUGGESTED_FIX.c.analysis_id == analysis_id,
            )
            .order_by(SUGGESTED_FIX.c.position)
        )
        with self._database.read() as connection:
            return tuple(_fix(row) for row in connection.execute(wanted))

    def _told(self, report: Report) -> Report:
        for listener in self.listeners:
            listener(report)
        return report

    def _newest(self, workspace_id: str, column: str, value: str) -> Report | None:
        with self._database.read() as connection:
            row = _find(connection, workspace_id, column, value)
        return None if row is None else Report.model_validate_json(row.report)


def _find(connection: Connection, workspace_id: str, column: str, value: str) -> Any:
    """A row with the report, or None."""
    return _NEWEST[column].first(connection, {"workspace": workspace_id, "value": value})


def _paid(analysis: FinishedAnalysis, receipt: Receipt) -> Report:
    """The report with its receipt, what the provider charged on it."""
    if analysis.consultation is not None:
        receipt = receipt.model_copy(update={"cost_usd": analysis.consultation.cost_usd})
    return analysis.report.model_copy(update={"receipt": receipt})


def _insert(connection: Connection, analysis: FinishedAnalysis, report: Report) -> None:
    failure, failure_id = analysis.failure, None
    if analysis.failed:
        failure_id = record_failure(connection, failure, occurrence=analysis.occurrence)
    row: dict[str, Any] = {
        "analysis_id": report.analysis_id,
        "workspace_id": failure.workspace_id,
        "execution_id": failure.execution_id,
        "idempotency_key": analysis.idempotency_key,
        "failure_id": failure_id,
        "workflow_id": failure.workflow_id,
        "workflow_version": failure.workflow_version,
        "step_path": failure.step_path,
        "signature": failure.signature,
        "reuse_key": analysis.reuse.digest,
        "root_cause": report.root_cause,
        "produced_by": report.produced_by,
        "asked_by": analysis.asked_by,
        "credits": report.receipt.credits,
        "report": report.model_dump_json(),
        "created_at": report.created_at,
    }
    _INSERT.run(connection, row)
    if analysis.consultation is not None:
        insert_consultation(
            connection, failure.workspace_id, report.analysis_id, analysis.consultation
        )
    of = (failure.workspace_id, report.analysis_id, failure.workflow_id)
    for position, fix in enumerate(analysis.fixes):
        _INSERT_FIX.run(connection, _fix_row(fix, of, position))


def _fix_row(fix: FixDraft, of: tuple[str, str, str], position: int) -> dict[str, Any]:
    """of: workspace, analysis and workflow."""
    workspace_id, analysis_id, workflow_id = of
    return {
        "fix_id": fix.fix_id,
        "workspace_id": workspace_id,
        "analysis_id": analysis_id,
        "workflow_id": workflow_id,
        "position": position,
        "fix_type": fix.fix_type,
        "fix": _JSON.dump_json(fix.fix).decode(),
        "preview": fix.preview.model_dump_json() if fix.preview else None,
    }


def _fix(row: Any) -> StoredFix:
    return StoredFix(
        fix_id=row.fix_id,
        analysis_id=row.analysis_id,
        workflow_id=row.workflow_id,
        fix_type=row.fix_type,
        fix=_JSON.validate_json(row.fix),
        preview=Preview.model_validate_json(row.preview) if row.preview else None,
    )
