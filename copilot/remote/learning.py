"""What is learned from fixes and people, and how far fixes may go, on a server."""

from collections.abc import Sequence

from ..types.learning import Feedback, GoldenCase, LearningSummary, Level, LevelSetting
from .workspace import Workspace


class RemoteLearning:
    """Implements `Learning`."""

    def __init__(self, workspace: Workspace) -> None:
        self._learning = workspace.at("learning", missing="workspace")
        self._analyses = workspace.at("analyses", missing="analysis")
        self._autonomy = workspace.at("autonomy", missing="fix type")
        self._changes = workspace.at("changes", missing="change")

    def summary(self) -> LearningSummary:
        return self._learning.one(LearningSummary, "GET")

    def feedback(self, analysis_id: str, *, helpful: bool, reason: str = "") -> Feedback:
        body = {"helpful": helpful, "reason": reason}
        return self._analyses.one(Feedback, "POST", analysis_id, "feedback", body=body)

    def levels(self) -> Sequence[LevelSetting]:
        return self._autonomy.many(LevelSetting, self._autonomy.ask("GET"), "levels")

    def set_level(self, fix_type: str, level: Level) -> Sequence[LevelSetting]:
        body = {"fix_type": fix_type, "level": Level(level).value}
        data = self._autonomy.ask("PUT", body=body)
        return self._autonomy.many(LevelSetting, data, "levels")

    def case(self, change_id: str) -> GoldenCase:
        return self._changes.one(GoldenCase, "GET", change_id, "case")
