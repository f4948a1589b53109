"""A workspace whose fixes of one type have held, with a standing approval for more of them."""

import dataclasses
import time
from datetime import timedelta

from copilot.demo import URGENT_MAIL, workflow_text
from copilot.service.standing_fixes import StandingFixes
from copilot.sources.engine import EngineSource
from copilot.types.learning import Level
from copilot.types.standing import StandingTerms
from engine.actions import parameter_models
from engine.definition import load_workflow


class Held:
    """A workspace in which so many fixes of a type have held, and the type may go by itself.

    A failure has been analysed, and nobody has signed for anything.
    """

    type = "replace_value"

    def __init__(self, bench, held=5):
        self.bench, self.service = bench, bench.service
        self.service.account.set_settings({"verify_runs": 1, "standing_floor": 0.5})
        for number in range(held):
            assert self._held(f"held-{number}") == self.type
        self._explain_and_raise()
        self.tried = []

    def _explain_and_raise(self):
        self.service.learning.set_level(self.type, Level.STANDING)
        self.explain()

    def explain(self):
        self.failed = self.bench.run()
        self.report = self.bench.analyze(self.failed)

    def sign(self, **given):
        now = self.bench.app.store.database.now()
        terms = {"fix_type": self.type, "max_uses": 5, "expires_at": now + timedelta(days=1)}
        owner = self.bench.app.owner(self.bench.workspace)
        return owner.standing.create(StandingTerms(**(terms | given)))

    def _held(self, name):
        text = workflow_text(URGENT_MAIL)
        made = load_workflow(text, source=name, actions=parameter_models())
        self.bench.engine.put_workflow(self.bench.workspace, made, workflow_id=name)
        fix_id = self.bench.first_fix(self.bench.analyze(self.bench.run(name)))
        change = self.service.fixes.apply(self.bench.approve(fix_id).approval_id)
        self.bench.run(name)
        assert self.service.fixes.outcome(change.change_id).state == "verified"
        return change.fix_type

    def fixes(self, answer="passed", takes=0.0):
        """Where a dry run *takes* so many seconds, or as many as it has, and ends with *answer*."""

        def dry_run(_workspace_id, fix_id, execution_id, seconds):
            self.tried.append((fix_id, execution_id))
            time.sleep(min(takes, seconds))
            return answer

        return StandingFixes(dataclasses.replace(self.bench.app.copilot._parts, dry_run=dry_run))

    def run(self):
        return EngineSource(self.bench.engine).run(self.bench.workspace, self.failed.id)

    def look(self, answer="passed", report=None):
        """What is applied by itself, where a dry run ends with *answer*."""
        return self.fixes(answer).look_at(self.run(), report or self.report).change

    def told(self, seconds, **how):
        """What the report says of the fixes of the type, with *seconds* left of the analysis."""
        until = time.monotonic() + seconds
        answer = self.fixes(**how).answered(self.run(), self.report, until)
        fixes = answer.suggested_fixes
        return [fix.not_applied_because for fix in fixes if fix.type == self.type and fix.fix_id]

    def changes(self):
        return self.service.fixes.changes(URGENT_MAIL)


class Trusted(Held):
    """The same, with an owner who has signed for more; the type may go by itself only since."""

    def __init__(self, bench):
        super().__init__(bench)
        self.sign()

    def _explain_and_raise(self):
        self.explain()
        self.service.learning.set_level(self.type, Level.STANDING)
