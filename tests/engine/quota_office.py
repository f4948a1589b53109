"""An engine with a quota and a clock to turn, for tests of runs that the quota stops."""

import asyncio
import textwrap
from contextlib import contextmanager
from datetime import timedelta

from engine.definition import load_workflow
from engine.dispatch.inline import InlineDispatcher
from engine.testing import (
    WORKSPACE,
    FrozenClock,
    FunctionAction,
    HeardEvents,
    actions,
    inline_engine,
    tool,
    workflow,
)

from .quotas import NINE, Invite, Listed, quota

MIDNIGHT = NINE + timedelta(hours=15)


async def post():
    await asyncio.sleep(30)


class Office:
    """An engine with a quota of 100 invitations a day, and a clock to turn."""

    def __init__(self, engine, clock, queue, invite, heard):
        self.engine = engine
        self.clock = clock
        self.queue = queue
        self.invite = invite
        self.heard = heard

    def start(self, *counts, name="w", test_mode=False, **settings):
        """A run that makes a step of each of *counts*, after one that has no quota."""
        steps = [tool(f"i{n}", "invite", count=count) for n, count in enumerate(counts, 1)]
        flow = workflow(tool("a", value="first"), *steps, **settings)
        stored = self.engine.put_workflow(WORKSPACE, flow, workflow_id=name)
        run = self.engine.submit(WORKSPACE, stored.workflow_id, test_mode=test_mode)
        return self.get(run.id)

    def start_text(self, text):
        flow = load_workflow(textwrap.dedent(text), source="w.yaml")
        stored = self.engine.put_workflow(WORKSPACE, flow)
        return self.get(self.engine.submit(WORKSPACE, stored.workflow_id).id)

    def get(self, run_id):
        return self.engine.execution(WORKSPACE, run_id)

    def tick(self, moment=None):
        moment = moment or self.clock.now()
        self.clock.advance((moment - self.clock.now()).total_seconds())
        self.engine.parked.tick(moment)

    def waiting(self):
        return self.engine.allowances.waiting(WORKSPACE)


@contextmanager
def open_office(folder, *quotas, invite=None, hold=False):
    """What is started is carried out at once, unless *hold*."""
    clock, queue, heard = FrozenClock(NINE), InlineDispatcher(hold=hold), HeardEvents()
    action = invite or Invite()
    with inline_engine(
        folder,
        dispatcher=queue,
        clock=clock,
        actions=actions(invite=action, post=FunctionAction(post, repeatable=False)),
        quotas=Listed(LinkedIn=quotas or [quota()]),
        listening=lambda _begun: heard,
    ) as engine:
        yield Office(engine, clock, queue, action, heard)
