"""Accounts with quotas, and a gate in front of them, for tests."""

import asyncio
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from engine.actions import ActionContext
from engine.quota import Quota, QuotaUse, split_name
from engine.run.context import NoSecrets
from engine.run.quota import QuotaGate, metered
from engine.storage.database import connect
from engine.storage.migrations import upgrade
from engine.storage.quota_windows import Account
from engine.storage.quotas import QuotaStore
from engine.storage.writer import Writer
from engine.testing import AnyParameters, FrozenClock
from engine.workspace import Integration, Resources

NINE = datetime(2026, 1, 5, 9, tzinfo=UTC)  # a Monday
LINKEDIN = Account("acme", "LinkedIn")


def quota(name="invitations/day", limit=100, **settings):
    unit, window = split_name(name)
    return Quota(
        name=name, limit=limit, unit=unit, window=window, date=date(2026, 1, 1), **settings
    )


class Listed:
    """A source that knows what it is given, by account or service."""

    def __init__(self, **quotas):
        self.quotas = {name: tuple(given) for name, given in quotas.items()}

    def limits(self, workspace_id, integration):
        return self.quotas.get(integration, ())


class Invite:
    """Invites *count* people through LinkedIn. `raises` is raised instead, and used up by it."""

    Parameters = AnyParameters
    repeatable = False

    def __init__(self, *raises):
        self.sent = []
        self.raises = list(raises)
        self.tried = 0

    def quota_use(self, parameters):
        given = parameters.given()
        account = given.get("integration", "LinkedIn")
        return account and QuotaUse(account, {"invitations": given.get("count", 1), "requests": 1})

    async def run(self, parameters, context):
        self.tried += 1
        await asyncio.sleep(0)
        if self.raises and (error := self.raises.pop(0)) is not None:
            raise error
        self.sent.append(parameters.given().get("count", 1))
        return {"invited": self.sent[-1]}


class Counter:
    """A gate over a database of its own, and the action behind it."""

    def __init__(self, url, source, clock, action):
        self.database = connect(url)
        upgrade(self.database)
        self.writer = Writer(self.database)
        self.store = QuotaStore(self.database)
        self.clock = clock
        self.action = action
        self.gate = QuotaGate(source, self.store, self.writer, clock)
        self.metered = metered({"invite": action, "other": object()}, self.gate)

    async def use(self, *, workspace="acme", execution="run-1", types=None, **given):
        known = {name: Integration(type=kind) for name, kind in (types or {}).items()}
        context = ActionContext(
            workspace_id=workspace,
            execution_id=execution,
            path="/a",
            effect_key="key",
            resources=Resources(integrations=known),
            files=Path(),
            documents=(),
            secrets=NoSecrets(),
        )
        return await self.metered["invite"].run(AnyParameters(**given), context)

    def call(self, **given):
        return asyncio.run(self.use(**given))

    def used(self, *quotas, account=LINKEDIN):
        states = self.store.used(account, quotas or [quota()], now=self.clock.now())
        return [state.used for state in states]


@contextmanager
def open_counter(url, *quotas, clock=None, action=None):
    given = Listed(LinkedIn=quotas or [quota()])
    counter = Counter(url, given, clock or FrozenClock(NINE), action or Invite())
    counter.writer.start()
    try:
        yield counter
    finally:
        counter.writer.close()
        counter.database.dispose()
