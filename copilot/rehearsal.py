"""The words a model would be asked with about a run that somebody has pasted; nobody is asked."""

from datetime import UTC, datetime

from knowledge_base import KnowledgeBase

from .pipeline.examine import examine, explain
from .pipeline.findings import Findings
from .pipeline.locate import locate
from .pipeline.offers import offers_for
from .pipeline.report import Surroundings, compose
from .pipeline.words import Words
from .types import Pattern, RunRecord
from .types.consultation import StoredPrompt


def rehearse(run: RunRecord, knowledge: KnowledgeBase, words: Words) -> StoredPrompt:
    """What the rules alone can say about *run* is the frame. Raises NotAnalysable."""
    failure = examine(run)
    diagnosis = explain(failure, knowledge)
    around = Surroundings()
    report = compose(
        failure,
        diagnosis,
        pattern=Pattern(is_pattern=False, error_message=failure.label, failure_count=1, window=1),
        around=around,
        offers=offers_for(failure, diagnosis, around, checker=None, is_parked=False),
        now=datetime.now(UTC),
        knowledge=knowledge,
    )
    report = report.model_copy(update=Findings(locate(run), diagnosis).of_this_run())
    return words.rehearsed(run, words.prompt(run, failure, diagnosis, report, around))
