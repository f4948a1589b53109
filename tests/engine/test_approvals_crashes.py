"""Runs that ask, in processes that die at any commit: everybody is asked once, and heard."""

from datetime import UTC, datetime

import pytest

from engine.dispatch.inline import InlineDispatcher
from engine.errors import ApprovalClosed, QuotaExhausted
from engine.storage.approvals import Verdict
from engine.testing import (
    Died,
    FrozenClock,
    FunctionAction,
    MortalWriter,
    actions,
    inline_engine,
)
from tests.engine.nested import (
    PAUSED,
    SUCCEEDED,
    approval,
    call,
    definition,
    echo,
    loop,
    parallel,
    start,
)
from tests.engine.stepped import Process

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
MOST_COMMITS = 30
LIVES_ON = (10**9, False)

ASKING = (
    parallel(
        "fan",
        a=[
            approval(
                "ok",
                on_reject=[approval("sure", on_reject=[echo("x")]), call("mail", "send")],
            )
        ],
        b=[call("note", "send"), loop("each", approval("too"), for_each=[1, 2])],
    ),
    echo("last", "{{ fan.a.output }}"),
)
QUOTA = (
    parallel("fan", a=[approval("ok"), echo("x")], b=[call("mail", "limited")]),
    echo("last", "{{ fan.b }}"),
)


class World:
    """What is sent, over all processes; `limited` sends nothing before noon."""

    def __init__(self):
        self.clock = FrozenClock()
        self.sent = []

    def send(self, context):
        self.sent.append(context.path)
        return "sent"

    def limited(self, context):
        if self.clock.now() < NOON:
            raise QuotaExhausted("used up", resets_at=NOON.isoformat(), name="X")
        return self.send(context)

    def actions(self):
        return actions(
            send=FunctionAction(self.send, repeatable=False),
            limited=FunctionAction(self.limited, repeatable=False),
        )

    async def complete(self, _question):
        raise AssertionError("nobody asks a model here")


class Life:
    """One run from its start to its end; the process dies once, and another goes on."""

    def __init__(self, folder, steps, answers, *, dies):
        self.folder, self.answers, self.dies = folder, answers, dies
        self.has_died = False
        self.world = World()
        self.process = Process(folder, self.world)
        self.process.start()
        self.process.engine.put_workflow("acme", definition(*steps), workflow_id="w")
        self.do(self._submit)

    def _submit(self, engine):
        self.run_id = engine.submit("acme", "w").id

    def do(self, move):
        """*move* and the work that follows from it, in a process that may die on the way."""
        writer = self.process.engine._writer
        writer.left, writer.after_commit = self.dies
        try:
            move(self.process.engine)
            self.process.queue.work()
        except Died:
            self.has_died, self.dies = True, LIVES_ON
            self.process.kill()
            self.process = Process(self.folder, self.world)
            self.process.start()
        else:
            self.dies = (writer.left, writer.after_commit)
            writer.left = LIVES_ON[0]

    @property
    def now(self):
        return self.process.engine.execution("acme", self.run_id)

    @property
    def asked(self):
        return self.process.engine.runs.questions.of_execution("acme", self.run_id)

    def live(self):
        """Until nothing happens any more: people answer, and noon comes."""
        for _ in range(20):
            waiting = self.process.engine.runs.waiting("acme")
            if waiting:
                self.do(lambda engine, path=waiting[0].path: self._answer(engine, path))
            elif self.now.status is PAUSED:
                self.world.clock.advance(3 * 3600)
                self.do(lambda engine: engine.parked.tick(self.world.clock.now()))
            else:
                return self.now
        raise AssertionError(f"it came to no end: {self.now}")

    def _answer(self, engine, path):
        decision = self.answers.get(path, "approved")
        try:
            engine.runs.decide("acme", self.run_id, path, Verdict(decision=decision, by="ann"))
        except ApprovalClosed:
            raise AssertionError(f"{path} is not open") from None

    def end(self):
        self.process.stop()


SENT = ["/fan/a/ok/reject/mail", "/fan/b/note"]
ASKED = ["/fan/a/ok", "/fan/a/ok/reject/sure", "/fan/b/each/1/too", "/fan/b/each/2/too"]


SCENES = pytest.mark.parametrize(
    ("steps", "answers", "expected"),
    [
        (ASKING, {"/fan/a/ok": "rejected"}, ("sent", SENT, ASKED)),
        (QUOTA, {}, ("sent", ["/fan/b/mail"], ["/fan/a/ok"])),
    ],
    ids=["rejected", "parked"],
)


def live_and_die(folder, steps, answers, expected, *, dies):
    """Whether the process has died on the way, and whether the run has ended well."""
    folder.mkdir()
    with inline_engine(folder, actions=actions()):
        pass  # so that no process has to bring the schema up
    life = Life(folder, steps, answers, dies=dies)
    ended = life.live()
    asked = [one.path for one in life.asked]
    life.end()
    assert sorted(set(asked)) == sorted(asked), "somebody was asked twice"
    if ended.status is SUCCEEDED:
        assert (ended.output, sorted(life.world.sent), sorted(asked)) == expected
    else:  # between the intent of an effect and its end
        assert (ended.error.details["kind"], life.has_died) == ("interrupted_effect", True)
    return life.has_died, ended.status is SUCCEEDED


@SCENES
@pytest.mark.parametrize("dies", [(5, True), (8, False), (11, True), (14, False)])
def test_when_a_process_dies_nobody_is_asked_twice(tmp_path, steps, answers, expected, dies):
    live_and_die(tmp_path / "life", steps, answers, expected, dies=dies)


@SCENES
@pytest.mark.long
@pytest.mark.parametrize("after_commit", [False, True])
def test_whenever_a_process_dies_nobody_is_asked_twice(
    tmp_path, steps, answers, expected, after_commit
):
    went_well = []
    for at in range(1, MOST_COMMITS):
        dies = (at, after_commit)
        died, well = live_and_die(tmp_path / str(at), steps, answers, expected, dies=dies)
        went_well.append(well)
        if not died:
            break
    else:
        raise AssertionError("there are more commits than that")
    assert went_well.count(False) < len(went_well) / 2


def test_what_a_lost_process_has_left_is_settled_when_a_person_resumes_its_run(tmp_path):
    """Ann has approved while the mail was under way; then the process has died."""
    queue, sent = InlineDispatcher(hold=True), []

    def send():
        if not sent:
            verdict = Verdict(decision="approved", by="ann")
            engine.runs.decide("acme", run.id, "/fan/a/ok", verdict)
        sent.append("x")

    chosen = actions(send=FunctionAction(send, repeatable=False))
    lanes = parallel("fan", a=[approval("ok")], b=[echo("x"), call("mail", "send")])
    with inline_engine(
        tmp_path, actions=chosen, dispatcher=queue, writer=lambda one: MortalWriter(one, at=5)
    ) as engine:
        run = start(engine, lanes)
        with pytest.raises(Died):
            queue.run()
    queue = InlineDispatcher(hold=True)
    with inline_engine(tmp_path, actions=chosen, dispatcher=queue) as engine:
        now = engine.execution("acme", run.id)
        assert (now.status.value, len(sent)) == ("running", 1)
        queue.cancel(run.id, 2)  # nobody works on it
        engine.resume("acme", run.id, mode="partial", repeat_effects=True)
        queue.run()
        assert engine.execution("acme", run.id).status is SUCCEEDED
        rows = {one.path: one for one in engine.history("acme", run.id) if one.round == 1}
        assert (rows["/fan/a/ok"].status.value, rows["/fan/a/ok"].output["by"]) == (
            "succeeded",
            "ann",
        )
        mail = rows["/fan/b/mail"]
        assert (mail.status.value, mail.error.details["kind"]) == ("failed", "interrupted_effect")
        assert len(engine.runs.questions.of_execution("acme", run.id)) == 1
