"""Fixes suggested before a run, found like those of an analysis, and dismissed suggestions."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue
from sqlalchemy import Connection, Row, delete, insert, literal, null, select

from ..types import Change
from ..types.frozen import storable
from ..types.principal import Principal
from ..types.suggestion import SuggestionDismissal, SuggestionKind
from .database import Database, insert_new, leaving_old
from .suggestion_tables import ADVISED_FIX, DISMISSED_SUGGESTION
from .tables import OUTCOME

#: By whom these fixes are suggested, and for which root cause: there was no failure.
OPTIMIZER, NO_FAILURE = "optimizer", "unknown"


class SuggestionStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(
        self,
        workspace_id: str,
        workflow_id: str,
        kind: SuggestionKind,
        fix: Mapping[str, JsonValue],
    ) -> str:
        """The id under which *fix* can be previewed, approved and applied; the same each time."""
        written = json.dumps(fix, sort_keys=True)
        about = json.dumps([workspace_id, workflow_id, written])
        fix_id = f"fix_{hashlib.sha256(about.encode()).hexdigest()[:32]}"
        known = select(ADVISED_FIX.c.fix_id).where(ADVISED_FIX.c.fix_id == fix_id)
        with self._database.read() as connection:
            if connection.execute(known).first() is not None:
                return fix_id
        row = {
            "fix_id": fix_id,
            "workspace_id": workspace_id,
            "workflow_id": workflow_id,
            "kind": kind.value,
            "fix_type": str(fix["type"]),
            "fix": written,
            "created_at": self._database.now(),
        }
        with self._database.write() as connection:
            insert_new(connection, ADVISED_FIX, row)
        return fix_id

    def dismissed(self, workspace_id: str, workflow_id: str) -> Mapping[str, float]:
        """How much there was of each suggestion when it was dismissed, by its id."""
        wanted = select(DISMISSED_SUGGESTION.c.suggestion_id, DISMISSED_SUGGESTION.c.weight).where(
            DISMISSED_SUGGESTION.c.workspace_id == workspace_id,
            DISMISSED_SUGGESTION.c.workflow_id == workflow_id,
        )
        with self._database.read() as connection:
            return {row.suggestion_id: row.weight for row in connection.execute(wanted)}

    def dismiss(
        self,
        by: Principal,
        workflow_id: str,
        suggestion_id: str,
        *,
        kind: SuggestionKind,
        weight: float,
        reason: str,
    ) -> SuggestionDismissal:
        """A second dismissal takes the place of the first."""
        done = SuggestionDismissal(
            workflow_id=workflow_id,
            suggestion_id=suggestion_id,
            kind=kind,
            by_name=storable(by.name),
            at=self._database.now(),
            reason=reason,
        )
        row = {
            "workspace_id": by.workspace_id,
            "workflow_id": workflow_id,
            "suggestion_id": suggestion_id,
            "kind": kind.value,
            "weight": weight,
            "by": storable(by.id),
            "by_name": done.by_name,
            "reason": reason,
            "dismissed_at": done.at,
        }
        table = DISMISSED_SUGGESTION
        same = [table.c[name] == row[name] for name in table.primary_key.columns.keys()]  # noqa: SIM118
        with self._database.write() as connection:
            connection.execute(delete(table).where(*same))
            connection.execute(insert(table), row)
        return done


def find_advised(
    connection: Connection, workspace_id: str, fix_id: str
) -> Row[*tuple[Any, ...]] | None:
    """A suggested fix in the columns that an analysis's has; no analysis is behind it."""
    wanted = select(
        ADVISED_FIX.c.fix_id,
        ADVISED_FIX.c.workflow_id,
        ADVISED_FIX.c.fix_type,
        ADVISED_FIX.c.fix,
        null().label("analysis_id"),
        null().label("preview"),
    ).where(ADVISED_FIX.c.fix_id == fix_id, ADVISED_FIX.c.workspace_id == workspace_id)
    return connection.execute(wanted).one_or_none()


def watch_advised(connection: Connection, change: Change, values: Mapping[str, Any]) -> None:
    """Judge a suggested fix by the workflow's runs as a whole: it was made for no failure.

    *values*: of the watch, those that come from an analysis are put in place here.
    """
    own = {
        **values,
        "workspace_id": ADVISED_FIX.c.workspace_id,
        "workflow_id": ADVISED_FIX.c.workflow_id,
        "root_cause": literal(NO_FAILURE),
        "produced_by": literal(OPTIMIZER),
        "step_path": null(),
        "signature": literal(""),
    }
    source = select(*own.values()).where(
        ADVISED_FIX.c.fix_id == change.fix_id,
        ADVISED_FIX.c.workspace_id == change.workspace_id,
    )
    fresh = leaving_old(connection.dialect.name, OUTCOME)
    connection.execute(fresh.from_select(list(own), source))
