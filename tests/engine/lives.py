"""The life of one run: through processes that die, resumes, people and time, and always watched."""

import asyncio
from collections import Counter
from dataclasses import dataclass

from engine.engine import Engine
from engine.errors import EffectWouldRepeat
from engine.execution import ExecutionStatus, StepStatus
from engine.testing import FrozenClock, settings
from tests.engine.random_flows import Author, Seeded, every, read
from tests.engine.random_world import TOKENS, World
from tests.engine.stepped import Process
from tests.engine.witness import ENDED, Witness

MOST_TRIES = 60
INTERFERING = ("cancelled", "taken over")
#: Rows that tell of a step nobody may have begun, or begun in vain.
_STOPPED = {"step_stopped", "run_timeout", "conflict"}


@dataclass(frozen=True)
class Mischief:
    """What happens while the run is worked on: at the commit, or in the body, of this number."""

    kind: str = "nothing"  # dies before, dies after, cancelled, taken over
    at: int = 0

    @property
    def dies(self):
        return (self.at, self.kind == "dies after") if self.kind.startswith("dies") else None


NOTHING = Mischief()


class Life:
    """A workflow, a run of it, and the process that works on it if there is one."""

    def __init__(self, folder, *, url=None):
        self.folder, self.url = folder, url
        self.world = World(FrozenClock())
        chosen = settings(folder, **({"url": url} if url else {}))
        self.reader = Engine(chosen, clock=self.world.clock)  # never started
        self.flows = {}
        self.author = None
        self.process = None
        self.witness = None
        self._carried = Counter()
        self._protected = {}
        self._left_free = {}

    @property
    def run(self):
        return self.reader.execution("acme", self.witness.run_id)

    @property
    def status(self):
        """None before the first run."""
        return None if self.witness is None else self.run.status

    @property
    def names(self):
        """Of every step of the newest version."""
        return [step["id"] for step in every(self.flows[max(self.flows)]["steps"])]

    @property
    def can_resume(self):
        """Whether it failed, was cancelled under way, or waits for a quota."""
        if self.status is None or self.run.started_at is None:
            return False
        is_over = self.status.is_terminal and self.status is not ExecutionStatus.SUCCEEDED
        return is_over or self.is_parked

    @property
    def is_parked(self):
        return self.status is ExecutionStatus.PAUSED and self.run.error is not None

    def begin(self, flow, author):
        self.author = author
        self.revive()
        self._put(flow)

    def end(self):
        if self.process is not None and self.process.is_alive:
            self.process.stop()
        self.reader.database.dispose()

    def revive(self, mischief=NOTHING):
        self.process = Process(self.folder, self.world, url=self.url)
        self._do(Engine.start, mischief)

    def kill(self):
        self.process.kill()

    def stop(self):
        self.process.stop()

    def submit(self, mischief=NOTHING, *, cancelled=False, **more):
        """A run of its own; *cancelled* before anybody has begun with it."""

        def submit(engine):
            run = engine.submit("acme", "w", **more)
            self.witness = Witness(self.reader, run.id, self.flows)
            self._carried, self._protected, self._left_free = Counter(), {}, {}
            if cancelled:
                engine.cancel("acme", run.id)

        self._do(submit, mischief)

    def resume(self, mode, mischief=NOTHING, *, repeat_effects=False):
        """The next round, or nothing if effects would have to be repeated for it."""

        def resume(engine):
            try:
                engine.resume("acme", self.witness.run_id, mode=mode, repeat_effects=repeat_effects)
            except EffectWouldRepeat:
                assert not repeat_effects
            else:
                self._check_report()

        self._protect(repeat_effects=repeat_effects)
        self._do(resume, mischief)

    def break_steps(self, broken):
        """From now on steps fail, each as often as there are failures for it."""
        names = self.names
        self.world.failing = {names[which % len(names)]: list(f) for which, f in broken.items()}

    def decide(self, which, decision, mischief=NOTHING):
        """One of the questions that wait; nothing if they have all expired."""

        def decide(engine):
            people = engine.workspace("acme", actor="ada", actor_kind="person").executions
            waiting = [one for one in people.waiting() if one.execution_id == self.witness.run_id]
            if waiting:
                path = waiting[which % len(waiting)].path
                people.decide(self.witness.run_id, path, decision=decision)

        self._do(decide, mischief)

    def cancel(self):
        self._do(lambda engine: engine.cancel("acme", self.witness.run_id))

    def pass_time(self, seconds, mischief=NOTHING):
        """Timers go off, if somebody is there to notice."""
        self.world.clock.advance(seconds)
        if self.is_parked and self.process.is_alive:  # its next round begins by itself
            self._protect(repeat_effects=False)

        def notice(engine):
            engine.parked.tick(self.world.clock.now())
            engine._reconciler.run_once()

        if self.process.is_alive:
            self._do(notice, mischief)

    def change(self, seed):
        """A new version of the workflow; runs follow it from their next round on."""
        newest = self.flows[max(self.flows)]
        self.author.chooser = Seeded(seed)
        flow, _ = self.author.changed(newest)
        self._put(flow)

    def look(self):
        """What always holds, at this moment."""
        if self.witness is None:
            return
        run = self.witness.look(working=not self.process.is_alive)
        for path, times in self._protected.items():
            assert self._effects(path) == times, f"the effect of {path} was repeated"
        most = max(self.world.effects.values(), default=0)
        assert most <= 1, "an effect was done twice in one round"
        cap = self.flows[run.workflow_version].get("budget", {}).get("max_tokens")
        if cap is not None:
            used = sum(step.tokens_used for _, step in self.witness.ended.items())
            assert used < cap + TOKENS

    def finish(self):
        """Nothing fails any more: the run comes to a good end, whatever has been done to it."""
        self.world.calm = True
        resumed = 0
        for _ in range(MOST_TRIES):
            if not self.process.is_alive:
                self.revive()
            match self.status:
                case None | ExecutionStatus.SUCCEEDED:
                    return
                case ExecutionStatus.PAUSED if not self.is_parked:
                    if self.reader.runs.waiting("acme"):
                        self.decide(0, "approved")
                    else:
                        self.pass_time(3600)
                case ExecutionStatus.CANCELLED if self.run.started_at is None:
                    return
                case _:
                    if self.run.error is not None and self.run.error.code == "budget_exceeded":
                        return  # for good
                    resumed += 1
                    self.resume("full" if resumed > 2 else "partial", repeat_effects=True)
            self.look()
        raise AssertionError(f"the run came to no end: {self.run}")

    def _put(self, flow):
        stored = self.process.engine.put_workflow("acme", read(flow), workflow_id="w")
        self.flows[stored.version] = flow

    def _do(self, move, mischief=NOTHING):
        """*move*, and the work that follows from it, with *mischief* on the way."""
        before = set() if self.witness is None else set(self.witness.ended)
        answered, left = self.world.answered.copy(), [mischief.at]
        fired = []

        async def meanwhile():
            self.witness.progressed()
            left[0] -= 1
            if left[0] == 0 and mischief.kind in INTERFERING:
                fired.append(mischief.kind)
                await self._interfere(mischief.kind)

        self.world.meanwhile = meanwhile
        self.process.do(move, dies=mischief.dies)
        self.world.meanwhile = None
        if self.witness is not None:
            self.look()
            self._count(before, answered, exactly="taken over" not in fired)

    async def _interfere(self, kind):
        engine = self.process.engine
        if kind == "cancelled":
            await asyncio.to_thread(engine.cancel, "acme", self.witness.run_id)
            await asyncio.sleep(0.05)  # by when this body has been cancelled
        else:  # as by a worker that takes this one for dead; this one goes on as a zombie
            for key in self.process.queue.under_way:
                await engine._interpreter.carry_out(*key)

    def _count(self, before, answered, *, exactly):
        """Bodies and answers agree with the attempts and tokens of the rows written since."""
        run_id = self.witness.run_id
        for (round, path), step in self.witness.ended.items():
            key = f"{run_id}:{round}:{path}"
            if (round, path) in before:
                begun = self._carried.get(key, self.world.begun[key])
                assert begun == self.world.begun[key], f"{path} was done again after its end"
            elif exactly and not (step.error and step.error.code in _STOPPED):
                if step.kind == "tool":
                    tries = step.attempts + (step.fallback.attempts if step.fallback else 0)
                    assert self.world.begun[key] - self._carried.get(key, 0) == tries, step
                elif step.kind == "agent":
                    name = (step.step_id, "/".join(p for p in path.split("/") if p.isdigit()))
                    answers = self.world.answered[name] - answered[name]
                    assert step.tokens_used == TOKENS * answers, step
            self._carried[key] = self.world.begun[key]
        self._carried.update(
            {key: times - self._carried[key] for key, times in self.world.begun.items()}
        )

    def _check_report(self):
        """What a resume says that it keeps is what it keeps."""
        rows = self.reader.history("acme", self.witness.run_id)
        run = self.run
        report = run.resume_report
        live = [s for s in self.reader.steps("acme", run.id) if s.status is StepStatus.SUCCEEDED]
        kept = set(report.reused) | set(report.kept_effects)
        assert {step.path for step in live} == kept
        assert report.reused_total == len(report.reused)
        known = {row.path for row in rows}
        assert {one.path for one in report.stale} <= known
        assert not {one.path for one in report.stale} & kept

    def _protect(self, *, repeat_effects):
        """What a round that begins now must not do again: whatever has had its effect.

        A leave to repeat it holds until it is used.
        """
        keys = (key.split(":", 2) for key in self.world.effects)
        mine = {path for run_id, _, path in keys if run_id == self.witness.run_id}
        done = {path: self._effects(path) for path in mine}
        if repeat_effects:
            self._protected, self._left_free = {}, done
        else:
            used = {
                path: times for path, times in done.items() if times > self._left_free.get(path, 0)
            }
            self._protected |= used

    def _effects(self, path):
        """How often it was done, over all rounds."""
        run_id = self.witness.run_id
        return sum(
            times
            for key, times in self.world.effects.items()
            if key.startswith(f"{run_id}:") and key.endswith(f":{path}")
        )


def new_life(folder, flow, author, *, url=None):
    """A life that has begun, with *flow* as its workflow."""
    life = Life(folder, url=url)
    life.begin(flow, author)
    return life


__all__ = ["ENDED", "Author", "Life", "Mischief", "new_life"]
