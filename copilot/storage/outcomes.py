"""Watches over applied changes: what each run since has said about them, and how they stand."""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, false, func, literal, select, true, update

from ..errors import NotFound
from ..types import Change, OutcomeState
from .database import Database, insert_new, leaving_old
from .findings import Edit, Finding
from .suggestions import watch_advised
from .tables import ANALYSIS, CHANGE, JUDGED_RUN, OUTCOME, SUGGESTED_FIX


@dataclass(frozen=True, slots=True)
class Watch:
    """A change under watch. `version` contains it, `base_version` is the one before.

    passed, unreached, undecided, carried: runs by what they said; regressed_in: the run in which
    the same failure came back; edit: that ended the watch. applied_at: since when it is in place.
    """

    change_id: str
    workspace_id: str
    workflow_id: str
    fix_type: str
    version: int
    base_version: int
    step_path: str | None
    signature: str
    needed: int
    state: OutcomeState
    passed: int = 0
    unreached: int = 0
    undecided: int = 0
    regressed_in: str | None = None
    carried: int = 0
    edit: Edit | None = None
    applied_at: datetime | None = None

    @property
    def is_advised(self) -> bool:
        """Whether the change was made for no failure, but to make the workflow better."""
        return not self.signature


_STORED = tuple(name for name in Watch.__slots__ if name != "edit")
#: The columns of a watch. How often a run has carried its use along is counted where it is read.
WATCH_COLUMNS: Sequence[Any] = (
    *OUTCOME.c,
    select(func.count())
    .where(JUDGED_RUN.c.change_id == OUTCOME.c.change_id, JUDGED_RUN.c.finding == Finding.CARRIED)
    .scalar_subquery()
    .label("carried"),
    select(CHANGE.c.applied_at)
    .where(CHANGE.c.change_id == OUTCOME.c.change_id)
    .correlate(OUTCOME)
    .scalar_subquery()
    .label("applied_at"),
)


@dataclass(frozen=True, slots=True)
class FixRate:
    """How fixes of one type, for one root cause, suggested by one runtime, have held.

    entry: of the knowledge base, that explained the failure. model: that answered, if one did.
    under_watch: in place and not judged yet. undecided: edited before they were judged, taken back
    since or not. taken_back: before they were judged.
    """

    fix_type: str
    root_cause: str
    produced_by: str
    verified: int
    regressed: int
    under_watch: int
    entry: str | None = None
    model: str | None = None
    taken_back: int = 0
    undecided: int = 0


class Outcomes:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, workspace_id: str, change_id: str) -> Watch:
        """Raises NotFound, also for another workspace's."""
        with self._database.read() as connection:
            return _get(connection, workspace_id, change_id)

    def open_watches(self, workspace_id: str, *workflows: str) -> Sequence[Watch]:
        """Changes of these workflows that are still in place and have not regressed."""
        with self._database.read() as connection:
            return find_open_watches(connection, workspace_id, workflows)

    def watched(self) -> Sequence[str]:
        """The workspaces that have a change under watch."""
        wanted = select(OUTCOME.c.workspace_id).where(OUTCOME.c.open == true()).distinct()
        with self._database.read() as connection:
            return tuple(connection.execute(wanted.order_by(OUTCOME.c.workspace_id)).scalars())

    def runs_behind(self, workspace_id: str, execution_ids: Collection[str]) -> frozenset[str]:
        """Those of *execution_ids* that a fix was made for, or judged by, whose watch goes on."""
        watching = (
            OUTCOME.c.workspace_id == workspace_id,
            OUTCOME.c.open == true(),
            OUTCOME.c.state != OutcomeState.VERIFIED,
        )
        made_for = (
            select(ANALYSIS.c.execution_id)
            .select_from(
                OUTCOME.join(CHANGE, CHANGE.c.change_id == OUTCOME.c.change_id)
                .join(SUGGESTED_FIX, SUGGESTED_FIX.c.fix_id == CHANGE.c.fix_id)
                .join(ANALYSIS)
            )
            .where(*watching, ANALYSIS.c.execution_id.in_(execution_ids))
        )
        judged_by = (
            select(JUDGED_RUN.c.execution_id)
            .join(OUTCOME, OUTCOME.c.change_id == JUDGED_RUN.c.change_id)
            .where(*watching, JUDGED_RUN.c.execution_id.in_(execution_ids))
        )
        with self._database.read() as connection:
            return frozenset(connection.execute(made_for.union(judged_by)).scalars())

    def rates(self, workspace_id: str) -> tuple[FixRate, ...]:
        """How applied fixes have held, those taken back included."""

        def count(*states: OutcomeState, among: Sequence[Any] = ()) -> Any:
            return func.count().filter(OUTCOME.c.state.in_(states), *among)

        unjudged = (OutcomeState.NOT_EXERCISED, OutcomeState.WATCHING)
        in_place, gone = (OUTCOME.c.open == true(),), (OUTCOME.c.open == false(),)
        kind = (OUTCOME.c.fix_type, OUTCOME.c.root_cause, OUTCOME.c.produced_by)
        source = (OUTCOME.c.entry, OUTCOME.c.model)
        wanted = (
            select(
                *kind,
                count(OutcomeState.VERIFIED),
                count(OutcomeState.REGRESSED),
                count(*unjudged, among=in_place),
                *source,
                count(*unjudged, among=gone),
                count(OutcomeState.UNDECIDED),
            )
            .where(OUTCOME.c.workspace_id == workspace_id)
            .group_by(*kind, *source)
            .order_by(*kind, *source)
        )
        with self._database.read() as connection:
            return tuple(FixRate(*row) for row in connection.execute(wanted))


def find_open_watches(
    connection: Connection, workspace_id: str, workflows: Collection[str]
) -> Sequence[Watch]:
    """`Outcomes.open_watches` of several workflows, in one query."""
    wanted = select(*WATCH_COLUMNS).where(
        OUTCOME.c.workspace_id == workspace_id,
        OUTCOME.c.workflow_id.in_(sorted(workflows)),
        OUTCOME.c.open == true(),
    )
    return tuple(watch_in(row) for row in connection.execute(wanted))


def record_finding(
    connection: Connection,
    watch: Watch,
    execution_id: str,
    finding: Finding,
    *,
    conclude: Callable[[Watch], OutcomeState],
    now: datetime,
    edit: Edit | None = None,
) -> Watch:
    """Store what a run said and how the change stands with it; a closed watch stays as it is.

    edit: what the finding `edited` is about; it ends the watch. now: when it was judged, if it
    stands otherwise than before.

    The same run again replaces what it said, so that a resumed run is one run. All of it happens
    in the caller's transaction.
    """
    mine = (OUTCOME.c.change_id == watch.change_id) & (OUTCOME.c.workspace_id == watch.workspace_id)
    # the first statement takes the row, so that two runs ending at once are counted in turn
    touch = update(OUTCOME).where(mine, OUTCOME.c.open == true()).values(open=true())
    if not connection.execute(touch).rowcount:
        return _get(connection, watch.workspace_id, watch.change_id)
    _say(connection, watch, execution_id, finding, now=now)
    counted = replace(_count(connection, watch), edit=edit)
    if finding is Finding.REGRESSED:
        counted = replace(counted, regressed_in=execution_id)
    counted = replace(counted, state=conclude(counted))
    judged = literal(now, type_=OUTCOME.c.judged_at.type)
    stand = (
        update(OUTCOME)
        .where(mine)
        .values(
            state=counted.state,
            judged_at=case((OUTCOME.c.state == counted.state, OUTCOME.c.judged_at), else_=judged),
            passed=counted.passed,
            unreached=counted.unreached,
            undecided=counted.undecided,
            regressed_in=counted.regressed_in,
            edited_since=None if edit is None else edit.version or watch.version,
            open=counted.state is not OutcomeState.REGRESSED and edit is None,
        )
    )
    connection.execute(stand)
    return counted


def start_watch(
    connection: Connection, change: Change, version: int, *, needed: int, now: datetime
) -> None:
    """Judge the fix on what its analysis was about: that step, that failure."""
    values = {
        "change_id": literal(change.change_id),
        "workspace_id": ANALYSIS.c.workspace_id,
        "workflow_id": ANALYSIS.c.workflow_id,
        "fix_type": literal(change.fix_type),
        "root_cause": ANALYSIS.c.root_cause,
        "produced_by": ANALYSIS.c.produced_by,
        "version": literal(version),
        "base_version": literal(change.base_version),
        "step_path": ANALYSIS.c.step_path,
        "signature": ANALYSIS.c.signature,
        "needed": literal(needed),
        "open": true(),
        "state": literal(OutcomeState.NOT_EXERCISED.value),
        "passed": literal(0),
        "unreached": literal(0),
        "undecided": literal(0),
        "judged_at": literal(now, type_=OUTCOME.c.judged_at.type),
    }
    source = (
        select(*values.values())
        .select_from(SUGGESTED_FIX.join(ANALYSIS))
        .where(
            SUGGESTED_FIX.c.fix_id == change.fix_id,
            SUGGESTED_FIX.c.workspace_id == change.workspace_id,
        )
    )
    fresh = leaving_old(connection.dialect.name, OUTCOME)
    connection.execute(fresh.from_select(list(values), source))
    _name_source(connection, change)
    watch_advised(connection, change, values)


def _name_source(connection: Connection, change: Change) -> None:
    """Which entry explained the failure, and which model answered, are in the report alone."""
    wanted = (
        select(ANALYSIS.c.report)
        .select_from(SUGGESTED_FIX.join(ANALYSIS))
        .where(SUGGESTED_FIX.c.fix_id == change.fix_id)
    )
    row = connection.execute(wanted).first()
    if row is None:
        return
    report: dict[str, Any] = json.loads(row.report)
    entries = [one["entry"] for one in report.get("evidence", ()) if one.get("entry")]
    model: dict[str, Any] = report.get("model") or {}
    named: dict[str, str | None] = {
        "entry": report.get("own_entry") or (entries[0] if entries else None),
        "model": model.get("model") if model.get("answered") else None,
    }
    connection.execute(
        update(OUTCOME).where(OUTCOME.c.change_id == change.change_id).values(**named)
    )


def end_watch(connection: Connection, change_id: str) -> None:
    """The change is taken back: later runs say nothing about it any more."""
    watched = OUTCOME.c.change_id == change_id
    connection.execute(update(OUTCOME).where(watched).values(open=false()))


def _say(
    connection: Connection, watch: Watch, execution_id: str, finding: Finding, *, now: datetime
) -> None:
    said = {
        "change_id": watch.change_id,
        "execution_id": execution_id,
        "workspace_id": watch.workspace_id,
        "finding": finding,
        "judged_at": now,
    }
    if not insert_new(connection, JUDGED_RUN, said):
        before = (JUDGED_RUN.c.change_id == watch.change_id) & (
            JUDGED_RUN.c.execution_id == execution_id
        )
        connection.execute(update(JUDGED_RUN).where(before).values(finding=finding, judged_at=now))


def _count(connection: Connection, watch: Watch) -> Watch:
    wanted = (
        select(JUDGED_RUN.c.finding, func.count().label("runs"))
        .where(JUDGED_RUN.c.change_id == watch.change_id)
        .group_by(JUDGED_RUN.c.finding)
    )
    runs: dict[str, int] = {row.finding: row.runs for row in connection.execute(wanted)}
    return replace(
        watch,
        passed=runs.get(Finding.PASSED, 0),
        unreached=runs.get(Finding.UNREACHED, 0),
        undecided=runs.get(Finding.UNDECIDED, 0),
        carried=runs.get(Finding.CARRIED, 0),
    )


def _get(connection: Connection, workspace_id: str, change_id: str) -> Watch:
    wanted = select(*WATCH_COLUMNS).where(
        OUTCOME.c.change_id == change_id, OUTCOME.c.workspace_id == workspace_id
    )
    row = connection.execute(wanted).one_or_none()
    if row is None:
        raise NotFound("outcome")
    return watch_in(row)


def watch_in(row: Any) -> Watch:
    """The watch in a row with the columns of a watch."""
    facts: dict[str, Any] = {name: getattr(row, name) for name in _STORED}
    facts |= {"state": OutcomeState(row.state), "edit": _edit_in(row)}
    return Watch(**facts)


def _edit_in(row: Any) -> Edit | None:
    """Since the version of the change itself only what makes no versions can be edited."""
    if row.edited_since is None:
        return None
    return Edit(row.edited_since if row.edited_since > row.version else None)
