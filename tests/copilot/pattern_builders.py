"""Runs that have ended, one after the other, and a reader that lets the patterns see them."""

from collections.abc import Sequence
from datetime import timedelta

from copilot.pipeline.detect import Thresholds, observe
from copilot.storage.failures import record_failures
from copilot.storage.patterns import StoredPattern
from copilot.storage.store import Store
from copilot.types import ErrorRecord, Failure, RunRecord, RunStatus, StepRecord, StepStatus
from copilot.types.pattern import PatternState
from tests.copilot.storage_builders import START

Ended = tuple[RunRecord, tuple[Failure, ...]]
FIVE_OF_TEN = Thresholds(threshold=5, window=10, passes=3)


class History:
    """The runs of a workflow: 'F' fails with the template, 'x' with something else, 's' succeeds.

    Each ends a minute after the one before.
    """

    def __init__(
        self,
        store: Store,
        *,
        workspace_id: str = "acme",
        workflow_id: str = "outreach",
        signature: str = "n1:template",
        name: str = "xyz",
    ) -> None:
        self.store = store
        self.workspace_id = workspace_id
        self.workflow_id = workflow_id
        self.signature = signature
        self.name = name
        self.version = 1
        self.minute = 0
        self.thresholds = FIVE_OF_TEN

    def add(self, letters: str, *, at_once: bool = False, test_mode: bool = False) -> None:
        """*at_once*: all taken in together."""
        runs = [self.run(letter, test_mode=test_mode) for letter in letters]
        for batch in [runs] if at_once else [[run] for run in runs]:
            self.take_in(batch)

    def take_in(self, batch: Sequence[Ended], verified: Sequence[str] = ()) -> None:
        failures = [failure for _, found in batch for failure in found]
        with self.store.database.write() as connection:
            record_failures(connection, self.workspace_id, failures)
            observe(
                connection,
                self.workspace_id,
                batch,
                verified=verified,
                thresholds=self.thresholds,
                now=START + timedelta(days=9),
            )

    def pattern(self) -> StoredPattern | None:
        return self.store.patterns.of_workflow(
            self.workspace_id, self.workflow_id, {self.signature}
        ).get(self.signature)

    def state(self) -> PatternState | None:
        found = self.pattern()
        return found and found.state

    def turns(self) -> list[str]:
        """States in their order."""
        found = self.pattern()
        assert found is not None
        life = self.store.patterns.life(self.workspace_id, found)
        return [turn.state.value for turn in reversed(life.turns)]

    def reason(self) -> str:
        """Of the last turn."""
        found = self.pattern()
        assert found is not None
        return self.store.patterns.life(self.workspace_id, found).turns[0].reason

    def run(self, letter: str, *, test_mode: bool = False) -> Ended:
        self.minute += 1
        at = START + timedelta(minutes=self.minute)
        run = RunRecord(
            source="engine",
            workspace_id=self.workspace_id,
            execution_id=f"{self.workflow_id}-{self.minute}",
            workflow_id=self.workflow_id,
            workflow_name="Outreach",
            workflow_version=self.version,
            status=RunStatus.SUCCEEDED if letter == "s" else RunStatus.FAILED,
            trigger="schedule" if self.minute % 3 else "manual",
            test_mode=test_mode,
            finished_at=at,
            steps=(
                StepRecord(
                    number=1,
                    path="/step1",
                    action="send_email",
                    status=StepStatus.SUCCEEDED,
                    tokens=100,
                ),
            ),
        )
        if letter == "s":
            return run, ()
        signature = self.signature if letter == "F" else f"n1:{letter}"
        failure = Failure(
            workspace_id=self.workspace_id,
            workflow_id=self.workflow_id,
            workflow_version=self.version,
            execution_id=run.execution_id,
            test_mode=test_mode,
            step_path="/step3",
            step_number=3,
            action="send_email",
            error=ErrorRecord(
                message=f"Template '{self.name}' not found",
                code="template_not_found",
                details={"name": self.name},
            ),
            occurred_at=at,
            signature=signature,
            key="template <*> not found",
            label="Template not found",
            entities=(("str", self.name),),
        )
        return run, (failure,)
