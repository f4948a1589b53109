"""Which failures are tried again: every class of the closed set, in every kind of step."""

import asyncio
from decimal import Decimal

import pytest

from engine import errors
from engine.errors import PluginFailed, StepError, ValidationFailed
from engine.run.reach import Reach
from engine.testing import (
    CountingRefresher,
    FrozenClock,
    FunctionAction,
    KnownSecrets,
    ScriptedModel,
    actions,
    agent,
    calling,
    inline_engine,
    step_bench,
    tool,
)
from engine.workspace import Integration, Resources
from tests.engine import nested

#: D12, as a table of its own, so that a changed class is seen here.
TRANSIENT = {
    errors.RateLimited,
    errors.NetworkFailed,
    errors.StepTimeout,
    errors.UpstreamFailed,
    errors.AgentFailed,
}


def classes(kind):
    found = {kind}
    for one in kind.__subclasses__():
        found |= classes(one)
    return found


CLASSES = sorted(classes(StepError), key=lambda one: one.__name__)
FOREIGN = [
    (TimeoutError, True),
    (ConnectionResetError, True),
    (ValueError, False),
    (OSError, False),
]
KINDS = ["tool", "effect", "agent", "agent with tools", "agent after an effect"]


def carried_out(folder, kind, error, *, retries=2):
    """A step of *kind* that always fails with *error*; how often its work was begun."""
    begun = []

    def fail():
        begun.append(1)
        raise error

    class Failing(ScriptedModel):
        async def complete(self, question):
            if kind == "agent after an effect" and not self.asked:
                return await super().complete(question)
            begun.append(1)
            raise error

    send = FunctionAction(lambda: "sent", repeatable=False)
    known = actions(fail=FunctionAction(fail, repeatable=kind != "effect"), send=send)
    bench = step_bench(folder, actions=known, model=Failing([calling("send")]))
    tools = {"agent": (), "agent with tools": ("echo",), "agent after an effect": ("send",)}
    if kind in tools:
        step = agent("a", "go", retries=retries, tools=tools[kind])
    else:
        step = tool("a", "fail", retries=retries)
    return bench.do(step), len(begun)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_class_in_every_kind_of_step(tmp_path, cls, kind):
    done, begun = carried_out(tmp_path, kind, cls("nope"))
    if cls not in TRANSIENT or kind == "agent after an effect":
        expected = 1
    elif kind == "effect":
        expected = 1 if cls is errors.StepTimeout else 3
    else:
        expected = 3
    assert (done.attempts, begun) == (expected, expected)
    assert done.error.code == cls.code
    lines = tuple(f"Attempt {n} failed: nope" for n in range(1, expected + 1))
    last = ("Agent execution failed: nope",) if kind.startswith("agent") else ()
    assert done.feedback == lines + last


def held_by(kind, step):
    """*step* as the only one inside a step of *kind*."""
    match kind:
        case "branch":
            return nested.branch("held", ("way", "true", [step]))
        case "parallel":
            return nested.parallel("held", lane=[step])
        case "loop":
            return nested.loop("held", step, for_each=[1])
        case "approval":
            return nested.approval("held", on_reject=[step])


def rejected(engine, run):
    decider = engine.workspace("acme", actor="ada", actor_kind="person").executions
    for asked in decider.waiting():
        decider.decide(run.id, asked.path, decision="rejected")


@pytest.mark.parametrize("kind", ["branch", "parallel", "loop", "approval"])
def test_what_is_inside_is_tried_again_by_its_class_and_what_holds_it_never(tmp_path, kind):
    failing = []

    def fail():
        raise failing[-1]("nope")

    clock = FrozenClock()
    with inline_engine(tmp_path, actions=actions(fail=fail), clock=clock) as engine:
        for cls in CLASSES:
            failing.append(cls)
            run = nested.start(engine, held_by(kind, nested.call("work", "fail", retries=2)))
            rejected(engine, run)
            held, inside = engine.steps("acme", run.id)
            expected = (3 if cls in TRANSIENT else 1), cls.code
            assert (inside.attempts, inside.error.code) == expected
            assert (held.attempts, held.error.code) == (1, cls.code)
            assert held.error.details["failed_path"] == inside.path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("cls", "passes"), FOREIGN)
def test_foreign_classes_in_every_kind_of_step(tmp_path, cls, passes, kind):
    done, begun = carried_out(tmp_path, kind, cls("gone"))
    is_safe = kind not in {"effect", "agent after an effect"}
    expected = 3 if passes and is_safe else 1
    assert (done.attempts, begun) == (expected, expected)


def test_the_table_is_the_classes_own_word():
    assert {one for one in CLASSES if one.retryable} == TRANSIENT
    assert ValidationFailed in CLASSES
    assert PluginFailed in CLASSES


@pytest.mark.parametrize("retries", [0, 1, 4])
def test_there_are_at_most_one_and_max_retries_attempts(tmp_path, retries):
    done, begun = carried_out(tmp_path, "tool", errors.UpstreamFailed("503"), retries=retries)
    assert (done.attempts, begun) == (1 + retries, 1 + retries)


def test_feedback_adds_up_and_every_attempt_is_told_all_of_it(tmp_path):
    model = ScriptedModel([errors.AgentFailed("one"), errors.AgentFailed("two"), "fine"])
    done = step_bench(tmp_path, model=model).do(agent("a", "go", retries=2))
    assert [question.prompt for question in model.asked] == [
        "go",
        "go\n\nAttempt 1 failed: one",
        "go\n\nAttempt 1 failed: one\nAttempt 2 failed: two",
    ]
    assert (done.output, done.attempts) == ("fine", 3)


@pytest.mark.parametrize(
    ("asked", "slept"), [(30, [30.0]), (0.5, [2.0]), (300, [300.0]), (301, [])]
)
def test_retry_after_is_honoured_up_to_five_minutes(tmp_path, asked, slept):
    clock = FrozenClock()

    def limited():
        raise errors.RateLimited("slow down", retry_after=asked)

    bench = step_bench(tmp_path, actions=actions(limited=limited), clock=clock)
    bench.do(tool("a", "limited", retries=1, backoff=2))
    assert clock.slept == slept


def test_a_cancelled_step_is_not_tried_again(tmp_path):
    async def cancelled():
        started = asyncio.Event()

        async def wait():
            started.set()
            await asyncio.sleep(30)

        bench = step_bench(tmp_path, actions=actions(wait=wait))
        task = asyncio.create_task(bench.carry_out(tool("a", "wait", retries=3)))
        await started.wait()
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())


# ---------------------------------------------------------------- expired tokens


class Crm:
    """Takes the newest token only."""

    def __init__(self, *, repeatable=True):
        self.calls = 0
        self.action = FunctionAction(self.ask, repeatable=repeatable)

    def ask(self, context, integration="crm", **_ignored):
        self.calls += 1
        if context.secrets.get("acme", "CRM_TOKEN") != "new":
            raise errors.AuthFailed("Token expired")
        return "ok"


class Renewing(CountingRefresher):
    """Puts a new token into the secrets."""

    secrets: KnownSecrets

    async def refresh(self, workspace_id, integration):
        answer = await super().refresh(workspace_id, integration)
        if answer:
            self.secrets.values["CRM_TOKEN"] = "new"
        return answer


CRM = Resources(integrations={"CRM": Integration(type="crm", settings={"token": "CRM_TOKEN"})})


def crm_bench(folder, crm, *, gone=(), **more):
    refresher = Renewing(frozenset(gone))
    refresher.secrets = KnownSecrets({"CRM_TOKEN": "old"})
    bench = step_bench(
        folder,
        actions=actions(ask=crm.action),
        secrets=refresher.secrets,
        resources=CRM,
        reach=Reach(refresher=refresher),
        **more,
    )
    return bench, refresher


@pytest.mark.parametrize("repeatable", [True, False])
@pytest.mark.parametrize(
    "given",
    [{"integration": "crm"}, {"headers": {"Authorization": {"secret": "CRM_TOKEN"}}}],
    ids=["by name", "by its secret"],
)
def test_an_expired_token_is_renewed_once_and_the_call_made_again(tmp_path, given, repeatable):
    crm = Crm(repeatable=repeatable)
    bench, refresher = crm_bench(tmp_path, crm)
    done = bench.do(tool("a", "ask", retries=0, **given))
    assert (done.error, done.output, done.attempts, crm.calls) == (None, "ok", 1, 2)
    assert done.feedback == ("The access to CRM was renewed: Token expired",)
    assert refresher.asked == [("acme", "CRM")]


def test_a_token_that_can_not_be_renewed_fails_the_step(tmp_path):
    crm = Crm()
    bench, refresher = crm_bench(tmp_path, crm, gone={"CRM"})
    done = bench.do(tool("a", "ask", retries=2, integration="CRM"))
    assert (done.error.code, done.attempts, crm.calls) == ("auth_failed", 1, 1)
    assert refresher.asked == [("acme", "CRM")]


def test_a_renewed_token_that_is_refused_again_is_not_renewed_a_second_time(tmp_path):
    def refuse(**_given):
        raise errors.AuthFailed("Token expired")

    refresher = CountingRefresher()
    bench = step_bench(
        tmp_path,
        actions=actions(refuse=refuse),
        resources=CRM,
        reach=Reach(refresher=refresher),
    )
    done = bench.do(tool("a", "refuse", retries=2, integration="CRM"))
    assert (done.error.code, len(refresher.asked)) == ("auth_failed", 1)


def test_without_an_account_or_a_refresher_nothing_is_renewed(tmp_path):
    bench, refresher = crm_bench(tmp_path, Crm())
    assert bench.do(tool("a", "ask")).error.code == "auth_failed"
    assert refresher.asked == []
    bare = step_bench(tmp_path, actions=actions(ask=Crm().action), resources=CRM)
    assert bare.do(tool("a", "ask", integration="CRM")).error.code == "auth_failed"


def test_an_agents_tool_renews_its_token_too(tmp_path):
    crm = Crm()
    model = ScriptedModel([calling("ask"), "done"])
    bench, refresher = crm_bench(tmp_path, crm, model=model)
    fixed = {"integration": "crm", "token": {"secret": "CRM_TOKEN"}}
    done = bench.do(agent("a", "go", tools=[{"name": "ask", "with": fixed}]))
    assert (done.output, crm.calls, refresher.asked) == ("done", 2, [("acme", "CRM")])
    assert model.asked[1].messages[-1].results[0].text == "ok"
    assert done.usage.cost_usd == Decimal("0.02")
