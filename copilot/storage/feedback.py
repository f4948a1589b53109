"""People's thumbs on analyses: one a person and analysis, the last one counts."""

from collections.abc import Sequence

from sqlalchemy import Column, func, select, true, update

from ..errors import NotFound
from ..types.frozen import storable
from ..types.learning import Feedback, Thumbs
from ..types.principal import Principal
from .database import Database, insert_new
from .learning_tables import FEEDBACK
from .tables import ANALYSIS


class FeedbackStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def give(self, by: Principal, analysis_id: str, *, helpful: bool, reason: str) -> Feedback:
        """Store it in the place of what the same person said before. Raises NotFound."""
        given = Feedback(
            analysis_id=analysis_id,
            helpful=helpful,
            reason=reason,
            by_name=storable(by.name),
            at=self._database.now(),
        )
        known = select(ANALYSIS.c.analysis_id).where(
            ANALYSIS.c.analysis_id == analysis_id, ANALYSIS.c.workspace_id == by.workspace_id
        )
        said = {
            "by_name": given.by_name,
            "helpful": helpful,
            "reason": reason,
            "given_at": given.at,
        }
        key = {"workspace_id": by.workspace_id, "analysis_id": analysis_id, "by": storable(by.id)}
        with self._database.write() as connection:
            if connection.execute(known).first() is None:
                raise NotFound("analysis")
            if not insert_new(connection, FEEDBACK, key | said):
                mine = [FEEDBACK.c[name] == value for name, value in key.items()]
                connection.execute(update(FEEDBACK).where(*mine).values(**said))
        return given

    def by_runtime(self, workspace_id: str) -> Sequence[Thumbs]:
        return self._counted(workspace_id, ANALYSIS.c.produced_by)

    def by_cause(self, workspace_id: str) -> Sequence[Thumbs]:
        return self._counted(workspace_id, ANALYSIS.c.root_cause)

    def _counted(self, workspace_id: str, by: Column[str]) -> Sequence[Thumbs]:
        helpful = func.count().filter(FEEDBACK.c.helpful == true())
        wanted = (
            select(by.label("name"), func.count().label("all"), helpful.label("helpful"))
            .select_from(FEEDBACK.join(ANALYSIS, ANALYSIS.c.analysis_id == FEEDBACK.c.analysis_id))
            .where(FEEDBACK.c.workspace_id == workspace_id)
            .group_by(by)
            .order_by(func.count().desc(), by)
        )
        with self._database.read() as connection:
            return tuple(
                Thumbs(name=row.name, helpful=row.helpful, not_helpful=row.all - row.helpful)
                for row in connection.execute(wanted)
            )
