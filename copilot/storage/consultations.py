"""What models were asked for analyses: the exact words, and what it has cost."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from ..errors import NotFound
from ..types.consultation import Consultation, ModelCall, StoredPrompt
from .database import Database, insert_new
from .model_tables import CONSULTATION, MODEL_CALL, SYSTEM_TEXT

_NANO = Decimal(1_000_000_000)
#: Answers of a runtime whose times are looked at, the newest.
MOST_MEASURED = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """How one runtime has done in a workspace: `milliseconds` are of its answers, sorted."""

    asked: int
    answered: int
    milliseconds: tuple[int, ...]


class Consultations:
    def __init__(self, database: Database) -> None:
        self._database = database

    def of_analysis(self, workspace_id: str, analysis_id: str) -> StoredPrompt:
        """Raises NotFound, also for an analysis for which no model was asked."""
        return self._newest(workspace_id, CONSULTATION.c.analysis_id == analysis_id)

    def of_run(self, workspace_id: str, execution_id: str) -> StoredPrompt:
        """The newest of a run. Raises NotFound."""
        return self._newest(workspace_id, CONSULTATION.c.execution_id == execution_id)

    def share(self, workspace_id: str) -> tuple[int, int]:
        """Analyses that a model answered in time, and those for which one was to be asked."""
        wanted = select(func.count().filter(CONSULTATION.c.answered), func.count()).where(
            CONSULTATION.c.workspace_id == workspace_id
        )
        with self._database.read() as connection:
            row = connection.execute(wanted).one()
        return row[0], row[1]

    def answering(self, workspace_id: str) -> Mapping[str, Answering]:
        """By runtime, over its newest calls."""
        wanted = (
            select(MODEL_CALL.c.runtime, MODEL_CALL.c.outcome, MODEL_CALL.c.milliseconds)
            .where(MODEL_CALL.c.workspace_id == workspace_id)
            .order_by(MODEL_CALL.c.asked_at.desc())
            .limit(MOST_MEASURED)
        )
        with self._database.read() as connection:
            rows = connection.execute(wanted).all()
        return {name: _answering(rows, name) for name in sorted({row.runtime for row in rows})}

    def _newest(self, workspace_id: str, which: Any) -> StoredPrompt:
        wanted = (
            select(CONSULTATION, SYSTEM_TEXT.c.content)
            .join(
                SYSTEM_TEXT,
                (SYSTEM_TEXT.c.workspace_id == CONSULTATION.c.workspace_id)
                & (SYSTEM_TEXT.c.digest == CONSULTATION.c.system_digest),
            )
            .where(CONSULTATION.c.workspace_id == workspace_id, which)
            .order_by(CONSULTATION.c.asked_at.desc())
            .limit(1)
        )
        with self._database.read() as connection:
            row = connection.execute(wanted).one_or_none()
            if row is None:
                raise NotFound("prompt")
            calls = connection.execute(
                select(MODEL_CALL)
                .where(MODEL_CALL.c.analysis_id == row.analysis_id)
                .order_by(MODEL_CALL.c.position)
            ).all()
        return _prompt(row, calls)


def insert_consultation(
    connection: Connection, workspace_id: str, analysis_id: str, one: Consultation
) -> None:
    """Store it beside its analysis, in the caller's transaction."""
    digest = hashlib.sha256(one.system.encode("utf-8", "surrogatepass")).hexdigest()
    system = {"workspace_id": workspace_id, "digest": digest, "content": one.system}
    insert_new(connection, SYSTEM_TEXT, system)
    connection.execute(
        insert(CONSULTATION),
        {
            "analysis_id": analysis_id,
            "workspace_id": workspace_id,
            "execution_id": one.execution_id,
            "template": one.template,
            "system_digest": digest,
            "user_text": one.user,
            "runtime": one.runtime,
            "model": one.model,
            "parameters": json.dumps(one.parameters, sort_keys=True),
            "answered": one.answered,
            "reason": one.reason,
            "cost_nano_usd": _nano(one.cost_usd),
            "milliseconds": one.milliseconds,
            "asked_at": one.asked_at,
        },
    )
    for position, call in enumerate(one.calls):
        row = call.model_dump() | {
            "analysis_id": analysis_id,
            "position": position,
            "workspace_id": workspace_id,
            "cost_nano_usd": _nano(call.cost_usd),
            "asked_at": one.asked_at,
        }
        del row["cost_usd"]
        connection.execute(insert(MODEL_CALL), row)


def _answering(rows: Sequence[Any], runtime: str) -> Answering:
    own = [row for row in rows if row.runtime == runtime]
    times = sorted(row.milliseconds for row in own if row.outcome == "answered")
    return Answering(asked=len(own), answered=len(times), milliseconds=tuple(times))


def _prompt(row: Row[Any], calls: Sequence[Row[Any]]) -> StoredPrompt:
    return StoredPrompt(
        execution_id=row.execution_id,
        analysis_id=row.analysis_id,
        template=row.template,
        system=row.content,
        user=row.user_text,
        runtime=row.runtime,
        model=row.model,
        parameters=json.loads(row.parameters),
        answered=row.answered,
        reason=row.reason,
        calls=tuple(map(_call, calls)),
        asked_at=row.asked_at,
    )


def _call(row: Row[Any]) -> ModelCall:
    return ModelCall(
        runtime=row.runtime,
        model=row.model,
        outcome=row.outcome,
        is_repair=row.is_repair,
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        cached_tokens=row.cached_tokens,
        cost_usd=None if row.cost_nano_usd is None else Decimal(row.cost_nano_usd) / _NANO,
        milliseconds=row.milliseconds,
    )


def _nano(usd: Decimal | None) -> int | None:
    return None if usd is None else int((usd * _NANO).to_integral_value())
