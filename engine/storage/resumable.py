"""A run as a resume would find it, looked at without changing anything."""

from dataclasses import dataclass

import sqlalchemy as sa

from ..execution import Execution
from . import records
from .database import reading
from .definitions import DefinitionStore, StoredWorkflow
from .journal import LiveStep, live_steps
from .tables import STEP_RUN


@dataclass(frozen=True, slots=True)
class Resumable:
    """`workflow` is the newest version, which the next round follows.

    `too_large`: what its steps gave is more than was asked for, and left out.
    """

    run: Execution
    dispatch: int
    steps: tuple[LiveStep, ...]
    workflow: StoredWorkflow
    too_large: bool = False


class ResumableStore:
    """Every method is one transaction, and only reads."""

    def __init__(self, engine: sa.Engine, definitions: DefinitionStore) -> None:
        self._engine = engine
        self._definitions = definitions

    def find(
        self, workspace_id: str, execution_id: str, *, most_output: int | None = None
    ) -> Resumable:
        """Raises `NotFound`. With *most_output* steps come with what they gave, unless that is
        more characters in all."""
        with reading(self._engine) as connection:
            row = records.find_execution(connection, workspace_id, execution_id)
            asked = most_output is not None
            too_large = asked and _size(connection, execution_id) > most_output
            return Resumable(
                run=records.execution(row),
                dispatch=int(row.dispatch),
                steps=live_steps(connection, execution_id, outputs=asked and not too_large),
                workflow=self._definitions.read_workflow(connection, workspace_id, row.workflow_id),
                too_large=too_large,
            )


def _size(connection: sa.Connection, execution_id: str) -> int:
    """Characters that the steps which count have given."""
    query = sa.select(sa.func.sum(sa.func.length(STEP_RUN.c.output))).where(
        STEP_RUN.c.execution_id == execution_id, STEP_RUN.c.superseded_in.is_(None)
    )
    return int(connection.scalar(query) or 0)
