"""A fix that something new has come to need: going back is refused, and the application starts."""

from contextlib import contextmanager

import pytest

from copilot.bootstrap import open_app
from copilot.errors import EditedMeanwhile, NotFound
from copilot.pipeline.apply import restored
from copilot.rollbacks import Rollbacks, reversal_id
from copilot.settings import load
from copilot.storage.rollbacks import POLICY
from copilot.targets.engine import EngineTarget
from copilot.testing import SimulatedCrash
from copilot.types import ChangeState
from engine.ports import Completion
from tests.copilot.test_fixes_shape_engine import LEADS, REVIEWS, REVIEWS_READ, SmallModel, ask
from tests.copilot.workflow_bench import Bench, render

SUMMARY = ask("sum", "What do they say? {{ read }}")
SEEN = render("seen", "Said: {what}", what="{{ sum }}")
WORDS = (
    "Without the fix the workflow would not be valid: definition: also: with.values.x: sum_parts "
    "refers to a step that does not exist. So nothing was taken back."
)


class WordyModel(SmallModel):
    """As long as it is `wordy`, no answer of it can be read by the next step."""

    wordy = False

    async def complete(self, question):
        answer = await super().complete(question)
        return Completion("x" * 120, 10, 5) if self.wordy else answer


class Fixed:
    """A workspace in which a step was split into a loop and a summary of its parts."""

    def __init__(self, app, model):
        model.wordy = False
        self.bench = Bench(app)
        self.model, self.workspace, self.fixes = model, self.bench.workspace, None
        self.bench.files(leads_csv=LEADS, reviews_csv=REVIEWS)
        self.bench.put(REVIEWS_READ, SUMMARY, SEEN)
        run = self.bench.run()
        self.change = self.bench.apply(self.bench.report(run), "split_step")
        self.bench.resume(run)
        self.on(app)

    def on(self, app):
        """The same workspace in an application that was started since."""
        self.app, self.service = app, app.owner(self.workspace)
        self.bench.app, self.bench.service = app, self.service
        return self

    def edit(self, *more):
        """A person adds steps; the loop of the fix is the second one."""
        now = self.service.workflows.get("w")
        steps = [one for one in now.definition["steps"] if one["id"] != "also"]
        definition = {**now.definition, "steps": [*steps, *more]}
        self.service.workflows.replace("w", definition, expected_version=now.version)

    def needs_the_loop(self):
        self.edit(render("also", "Parts: {x}", x="{{ sum_parts }}"))

    def revert(self):
        return self.service.fixes.revert(self.change.change_id)

    def fails_again(self):
        self.service.account.set_settings({"on_regression": "roll_back"})
        self.model.wordy = True
        return self.bench.report()

    def state(self):
        return self.app.store.changes.get(self.workspace, self.change.change_id).change.state

    def begin_to_go_back(self, by, change_id=None):
        """What an earlier version left when the engine refused what it had begun."""
        changes = self.app.store.changes
        original = changes.get(self.workspace, self.change.change_id)
        current = EngineTarget(self.app.engine).snapshot(self.workspace, "w")
        record = changes.begin_reversal(
            original.change,
            "revert",
            before=current,
            after=restored(original, current),
            actor=by,
            reversal_id=change_id,
        )
        return record.change.change_id


@pytest.fixture
def model():
    return WordyModel()


@pytest.fixture
def opened(tmp_path, model):
    @contextmanager
    def opened():
        with open_app(load({}, data=tmp_path), model=model) as app:
            yield app

    return opened


def test_a_person_is_told_what_would_be_broken_and_can_go_back_once_that_is_changed(opened, model):
    with opened() as app:
        fixed = Fixed(app, model)
        fixed.needs_the_loop()
        before = fixed.service.workflows.get("w")
        for _ in range(2):
            with pytest.raises(EditedMeanwhile) as caught:
                fixed.revert()
            assert str(caught.value).startswith(WORDS)
            assert "id: also" in caught.value.diff
        assert fixed.service.workflows.get("w") == before
        assert fixed.state() is ChangeState.APPLIED
        fixed.edit(render("also", "Parts"))
        fixed.revert()
        assert [one["id"] for one in fixed.service.workflows.get("w").definition["steps"]] == [
            "read",
            "sum",
            "seen",
            "also",
        ]


def test_the_policy_leaves_it_to_a_person_and_the_failure_is_explained(opened, model):
    with opened() as app:
        fixed = Fixed(app, model)
        fixed.needs_the_loop()
        assert fixed.fails_again().root_cause == "context_length"
        told = fixed.service.fixes.outcome(fixed.change.change_id)
        assert (told.rollback, told.rollback_proposed) == ("refused", True)
        assert told.rollback_note.startswith(WORDS)
    with opened() as app:
        assert fixed.on(app).state() is ChangeState.APPLIED


def test_a_reversal_that_was_left_under_way_is_settled_by_the_next_start(opened, model):
    with opened() as app:
        fixed = Fixed(app, model)
        fixed.needs_the_loop()
        left = fixed.begin_to_go_back("ana")
    with opened() as app:
        fixed.on(app)
        assert app.store.changes.get(fixed.workspace, left).change.state is ChangeState.FAILED
        with pytest.raises(EditedMeanwhile, match="would not be valid"):
            fixed.revert()
        fixed.edit()
        fixed.revert()
        assert fixed.state() is ChangeState.REVERTED


def test_so_is_one_of_the_policy_that_kept_the_application_from_starting(
    opened, model, monkeypatch
):
    with opened() as app:
        fixed = Fixed(app, model)
        fixed.needs_the_loop()

        def broke_off(*_arguments, **_options):
            raise SimulatedCrash("as it did")

        with monkeypatch.context() as patch:
            patch.setattr(Rollbacks, "_take_back", broke_off)
            with pytest.raises(SimulatedCrash):
                fixed.fails_again()
        fixed.begin_to_go_back(POLICY, reversal_id(fixed.change.change_id))
    with opened() as app:
        told = fixed.on(app).service.fixes.outcome(fixed.change.change_id)
        assert (told.state, told.rollback) == ("regressed", "refused")
        assert told.rollback_note.startswith(WORDS)
        assert fixed.state() is ChangeState.APPLIED
        actions = [one.action for one in app.store.audit.page(fixed.workspace).items]
        assert actions[:2] == ["refuse_rollback", "abandon_fix"]


def test_one_workspace_in_which_nothing_can_be_done_stops_no_other(
    opened, model, monkeypatch, caplog
):
    with opened() as app:
        both = [Fixed(app, model), Fixed(app, model)]
        with monkeypatch.context() as patch:
            patch.setattr(Rollbacks, "carry_on", lambda *_arguments, **_options: 0)
            for fixed in both:
                fixed.fails_again()
    first, second = both
    whole = EngineTarget.snapshot

    def without_the_first(self, workspace_id, *arguments, **options):
        if workspace_id == first.workspace:
            raise NotFound("workflow")
        return whole(self, workspace_id, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(EngineTarget, "snapshot", without_the_first)
        with opened() as app:
            assert second.on(app).state() is ChangeState.REVERTED
            assert first.on(app).state() is ChangeState.APPLIED
    assert f"{first.change.change_id} is left for later: not_found." in caplog.text
    with opened() as app:
        assert first.on(app).state() is ChangeState.REVERTED
